"""Compiles the optimiser's loops into the checkout's cache, once: `python models/allocation/compiled.py`, for set-up.

Run by its path and not as a module, so that a second run, which finds everything compiled, loads nothing and ends at once.
"""

import hashlib
import sys
from importlib.metadata import version
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
STAMP = FOLDER / "__pycache__" / "compiled.stamp"


def state(folder: Path = FOLDER) -> str:
    """What the compiled code depends on: the interpreter, Numba, and size and time of each source file."""
    parts = [sys.version, version("numba")]
    for file in sorted(folder.glob("*.py")):
        found = file.stat()
        parts.append(f"{file.name} {found.st_size} {found.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def main() -> None:
    """Compile what is not compiled yet. Never fails: what could not be compiled now is compiled at first use."""
    try:
        now = state()
        if STAMP.exists() and STAMP.read_text() == now:
            return
        sys.path[0] = str(FOLDER.parents[1])
        from models.allocation.solver import warm_up

        warm_up()
        STAMP.parent.mkdir(exist_ok=True)
        STAMP.write_text(now)
    except Exception as error:
        sys.stderr.write(f"  the optimiser is compiled at first use instead: {type(error).__name__}: {error}\n")


if __name__ == "__main__":
    main()
