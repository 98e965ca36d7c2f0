"""Where lines and fields lie in the bytes of a file: compiled loops over bytes, aware of two-byte characters."""

from __future__ import annotations

import numba as nb
import numpy as np

LF, CR, SPACE = 10, 13, 32
HAS_HIGH, BROKEN_PAIR = 1, 2  # line flags: bytes >= 0x80 beside separators; a lead byte without a legal second byte
NO_SEPARATOR = -1


def find_lines(data: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Start and end (without CR LF) of every line; data must end with LF. LF is never the second byte of a character."""
    ends = np.flatnonzero(data == LF).astype(np.int32)
    starts = np.empty_like(ends)
    if len(ends):
        starts[0] = 0
        starts[1:] = ends[:-1] + 1
        ends -= ((ends > starts) & (data[np.maximum(ends - 1, 0)] == CR)).astype(np.int32)
    return starts, ends


@nb.njit(nogil=True, cache=True)
def _is_pair(data, at, end):
    """Whether a byte >= 0x80 and the next one may be a character of two bytes."""
    if data[at] == 0x80 or data[at] == 0xFF or at + 1 >= end:
        return False
    second = data[at + 1]
    return second >= 0x40 and second != 0x7F and second != 0xFF


@nb.njit(nogil=True, cache=True)
def scan_fields(data, starts, ends, separator, pairs, bounds, counts, flags):
    """One pass over the bytes of each line: field bounds, number of fields, and whether its characters are whole.

    `bounds[line, j]` is where field j starts; `bounds[line, j + 1] - 1` is where it ends. With `pairs` a byte 0x81-0xFE
    consumes the next one when that may be a second byte, so only an unpaired separator splits (code page 936).
    """
    most = bounds.shape[1] - 1
    for line in range(len(starts)):
        at, end = starts[line], ends[line]
        found, flag = 0, 0
        if most > 0:
            bounds[line, 0] = at
        while at < end:
            byte = data[at]
            if byte == separator:
                found += 1
                if found < most:
                    bounds[line, found] = at + 1
            elif byte >= 0x80:
                flag |= HAS_HIGH
                if pairs and _is_pair(data, at, end):
                    at += 1
                elif pairs:
                    flag |= BROKEN_PAIR
            at += 1
        if most > 0 and found < most:
            bounds[line, found + 1] = end + 1
        counts[line] = found + 1
        flags[line] = flag


@nb.njit(nogil=True, cache=True)
def strip_spaces(data, starts, ends):
    """Move starts and ends inwards over blanks, in place; a blank field ends where it starts."""
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        while at < end and data[at] == SPACE:
            at += 1
        while end > at and data[end - 1] == SPACE:
            end -= 1
        starts[row] = at
        ends[row] = end


@nb.njit(nogil=True, cache=True)
def equals_text(data, starts, ends, wanted):
    """Which fields are exactly these bytes."""
    found = np.zeros(len(starts), dtype=np.bool_)
    size = len(wanted)
    for row in range(len(starts)):
        if ends[row] - starts[row] == size:
            same = True
            for i in range(size):
                if data[starts[row] + i] != wanted[i]:
                    same = False
                    break
            found[row] = same
    return found


@nb.njit(nogil=True, cache=True)
def gather(data, starts, ends, glue, out, offsets):
    """Copy fields one behind the other into `out`, with `glue` (a byte, or -1 for none) behind each.

    Returns whether any byte >= 0x80 was copied.
    """
    at = 0
    seen = 0
    offsets[0] = 0
    for row in range(len(starts)):
        for i in range(starts[row], ends[row]):
            seen |= data[i]
            out[at] = data[i]
            at += 1
        if glue >= 0:
            out[at] = glue
            at += 1
        offsets[row + 1] = at
    return seen >= 0x80


@nb.njit(nogil=True, cache=True)
def hash_lines(data, starts, ends, first, second):
    """128-bit digest of each line's bytes, for finding exact duplicates."""
    m1, m2 = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
    s29, s32, s8 = np.uint64(29), np.uint64(32), np.uint64(8)
    for row in range(len(starts)):
        at, end = starts[row], ends[row]
        a = np.uint64(end - at) * m1
        b = np.uint64(end - at) ^ m2
        while at < end:
            word = np.uint64(0)
            stop = min(at + 8, end)
            for i in range(at, stop):
                word = (word << s8) | np.uint64(data[i])
            at = stop
            a = (a ^ word) * m1
            a ^= a >> s29
            b = (b ^ (word * m2)) * m1
            b ^= b >> s32
        a ^= a >> s32
        a *= m2
        first[row] = a ^ (a >> s29)
        b ^= b >> s29
        b *= m1
        second[row] = b ^ (b >> s32)


@nb.njit(nogil=True, cache=True)
def mark_repeats(groups, first, second, skip, table, slots, repeats):
    """Mark lines whose (group, digest) was seen before; `table` is an open-addressing set kept from chunk to chunk.

    `table` has three unsigned columns (group + 1, digest) and 2**k rows; the caller keeps it at most half full.
    Returns the number of entries added.
    """
    mask = np.uint64(slots - 1)
    added = 0
    for row in range(len(groups)):
        if skip[row]:
            continue
        tag = np.uint64(groups[row] + 1)
        at = (first[row] ^ (tag * np.uint64(0x9E3779B97F4A7C15))) & mask
        while table[at, 0] != 0:
            if table[at, 0] == tag and table[at, 1] == first[row] and table[at, 2] == second[row]:
                repeats[row] = True
                break
            at = (at + np.uint64(1)) & mask
        if not repeats[row]:
            table[at, 0] = tag
            table[at, 1] = first[row]
            table[at, 2] = second[row]
            added += 1
    return added
