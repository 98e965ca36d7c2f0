"""Our code for the Python workers of a Spark cluster: it travels with each session, so that no node needs a copy of its own.

The packages it imports (numpy, pyarrow, lightgbm, pydantic, PyYAML, numba) belong to the workers' Python: `pip install` of
requirements.lock there, or an environment the cluster brings itself (spark.pyspark.python).
"""

from __future__ import annotations

import io
import zipfile
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from conf.files import write_whole
from conf.reading import ROOT
from conf.settings import Settings

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

PACKAGES = ("conf", "expectations", "jobs", "models")
SAME_TIME = (1980, 1, 1, 0, 0, 0)  # the same code gives the same bytes, and so the same name


def bring_code(spark: SparkSession, settings: Settings) -> None:
    """Give a session's workers our packages; nothing to do on a server we start ourselves, which has them."""
    if not settings.spark.is_our_server:
        spark.addArtifacts(str(pack(settings.path("run", "code"), ROOT, PACKAGES)), pyfile=True)


def pack(folder: Path, root: Path, packages: tuple[str, ...]) -> Path:
    """The packages' Python files as one ZIP in `folder`, named by its content and written once."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(path for name in packages for path in (root / name).rglob("*.py")):
            entry = zipfile.ZipInfo(str(file.relative_to(root)), SAME_TIME)
            archive.writestr(entry, file.read_bytes(), zipfile.ZIP_DEFLATED)
    content = buffer.getvalue()
    target = folder / f"closedloop-{sha256(content).hexdigest()[:16]}.zip"
    if not target.is_file():
        write_whole(target, content)
    return target
