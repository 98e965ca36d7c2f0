"""Text columns: bytes of one field over all lines, decoded in one go, as an Arrow string array (blank = null)."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from jobs.ingest.byte_lines import LF, gather


def text_array(
    data: np.ndarray, starts: np.ndarray, ends: np.ndarray, codec: str, is_utf8: np.ndarray | None = None
) -> tuple[pa.Array, np.ndarray]:
    """The fields as strings, and which of them cannot be decoded (those are null); `is_utf8` lines are read as UTF-8."""
    array = _plain(data, starts, ends)
    if array is not None:
        return array, np.zeros(len(starts), dtype=bool)
    if is_utf8 is None or not is_utf8.any():
        return _in_one_encoding(data, starts, ends, codec)
    others, broken = _in_one_encoding(data, starts, np.where(is_utf8, starts, ends).astype(np.int32), codec)
    utf8, broken_utf8 = _in_one_encoding(data, starts, np.where(is_utf8, ends, starts).astype(np.int32), "utf-8")
    return pc.coalesce(others, utf8), broken | broken_utf8


def _in_one_encoding(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, codec: str) -> tuple[pa.Array, np.ndarray]:
    undecodable = np.zeros(len(starts), dtype=bool)
    try:
        return _decoded(data, starts, ends, codec), undecodable
    except UnicodeDecodeError:
        undecodable = find_undecodable(data, starts, ends, codec)
        good_ends = np.where(undecodable, starts, ends).astype(np.int32)
        return _decoded(data, starts, good_ends, codec), undecodable


def binary_array(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pa.Array:
    """The fields' bytes as they are."""
    out, offsets, _ = _gathered(data, starts, ends, -1)
    return pa.Array.from_buffers(pa.binary(), len(starts), [None, pa.py_buffer(offsets), pa.py_buffer(out)])


def find_undecodable(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, codec: str) -> np.ndarray:
    """Which fields cannot be decoded, looked at one by one (only when a whole column failed)."""
    failed = np.zeros(len(starts), dtype=bool)
    for row in np.flatnonzero(ends > starts):
        content = data[starts[row] : ends[row]]
        if (content >= 0x80).any():
            try:
                content.tobytes().decode(codec)
            except UnicodeDecodeError:
                failed[row] = True
    return failed


def _gathered(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, glue: int) -> tuple[np.ndarray, np.ndarray, bool]:
    size = int((ends - starts).sum(dtype=np.int64)) + (len(starts) if glue >= 0 else 0)
    out = np.empty(max(size, 1), dtype=np.uint8)
    offsets = np.empty(len(starts) + 1, dtype=np.int32)
    high = gather(data, starts, ends, glue, out, offsets)
    return out, offsets, high


def _plain(data: np.ndarray, starts: np.ndarray, ends: np.ndarray) -> pa.Array | None:
    """ASCII only: the bytes are the text. None when any byte is not ASCII."""
    out, offsets, high = _gathered(data, starts, ends, -1)
    return None if high else _strings(out, offsets, ends > starts)


def _decoded(data: np.ndarray, starts: np.ndarray, ends: np.ndarray, codec: str) -> pa.Array:
    """Decode the whole column at once: line ends hold the fields apart, as no field can contain one."""
    out, _, _ = _gathered(data, starts, ends, LF)
    text = out[: len(out) if len(starts) else 0].tobytes().decode(codec).encode("utf-8")
    encoded = np.frombuffer(text, dtype=np.uint8)
    at_ends = np.flatnonzero(encoded == LF)
    offsets = np.zeros(len(starts) + 1, dtype=np.int32)
    offsets[1:] = at_ends - np.arange(len(starts))
    return _strings(encoded[encoded != LF], offsets, ends > starts)


def _strings(out: np.ndarray, offsets: np.ndarray, present: np.ndarray) -> pa.Array:
    validity = None if present.all() else pa.py_buffer(np.packbits(present, bitorder="little"))
    return pa.Array.from_buffers(pa.string(), len(offsets) - 1, [validity, pa.py_buffer(offsets), pa.py_buffer(out)])
