"""How fast values become tokens and records get their ids: the ways of the library beside each other, by CPU."""

from __future__ import annotations

import hmac
import json
import time
from collections.abc import Callable
from hashlib import blake2b, sha256

import numpy as np
import pandas as pd
import pyarrow as pa
import typer

from jobs.people.record_mac import RecordMac, block_of
from jobs.people.tokens import Tokenizer

KEY = bytes(range(32))
FIELDS = 3  # of a business key


def bench_tokens(rows: int = 5_000_000, distinct: int = 1_000_000) -> dict[str, dict[str, float]]:
    """CPU seconds and items a second: tokens of numbers that repeat, and ids of records of which none does."""
    drawn = np.random.default_rng(0)
    numbers = 13_800_000_000 + drawn.integers(0, distinct, rows)
    values = pa.array(np.unique(numbers)).cast(pa.string())
    words = [block_of(*drawn.integers(0, 2**63, (2, rows // FIELDS), dtype=np.uint64)) for _ in range(FIELDS)]
    tokenizer, mac = Tokenizer(KEY), RecordMac(KEY)
    return {
        "encode_distinct_numbers": _measured(rows, lambda: pd.factorize(numbers)),
        "tokens_blake2b": _measured(len(values), lambda: tokenizer.tokens("MSISDN", values)),
        "tokens_hmac_sha256": _measured(len(values), lambda: _one_by_one(values, _hmac)),
        "record_ids_aes_cmac": _measured(rows // FIELDS, lambda: mac.of(words)),
        "record_ids_blake2b": _measured(rows // FIELDS, lambda: _one_by_one(_messages(words), _blake2b)),
    }


def _hmac(value: bytes) -> bytes:
    return hmac.digest(KEY, value, sha256)[:8]


def _blake2b(value: bytes) -> bytes:
    return blake2b(value, key=KEY, digest_size=8).digest()


def _one_by_one(values: pa.Array, of_value: Callable[[bytes], bytes]) -> np.ndarray:
    return np.frombuffer(b"".join(map(of_value, values.cast(pa.binary()).to_pylist())), np.int64)


def _messages(blocks: list[np.ndarray]) -> pa.Array:
    packed = np.ascontiguousarray(np.hstack(blocks))
    size = packed.shape[1] * packed.itemsize
    return pa.FixedSizeBinaryArray.from_buffers(pa.binary(size), len(packed), [None, pa.py_buffer(packed)])


def _measured(items: int, work: Callable[[], object]) -> dict[str, float]:
    work()  # the first run also pays for fresh memory
    began = time.process_time()
    work()
    cpu = time.process_time() - began
    return {"items": items, "cpu_s": round(cpu, 2), "items_per_cpu_second": round(items / max(cpu, 1e-9))}


def main(rows: int = 5_000_000, distinct: int = 1_000_000) -> None:
    """Print the figures as JSON; `--rows` values, of which `--distinct` differ."""
    typer.echo(json.dumps(bench_tokens(rows, distinct), indent=2))


if __name__ == "__main__":
    typer.run(main)
