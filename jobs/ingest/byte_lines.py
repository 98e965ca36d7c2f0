"""Where lines and fields lie in the bytes of a file: compiled loops over bytes, aware of two-byte characters."""

from __future__ import annotations

import numba as nb
import numpy as np

LF, CR, SPACE = 10, 13, 32
NO_PAIRS, PAIRS, PAIRS_AND_FOURS = 0, 1, 2  # characters of code page 936 have two bytes, of GB18030 also four


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
def _pair_size(data, at, end, pairs):
    """Bytes of the Chinese character that may begin at a byte >= 0x80: two, of GB18030 also four; 1 where none begins."""
    if pairs == NO_PAIRS or data[at] == 0x80 or data[at] == 0xFF or at + 1 >= end:
        return 1
    second = data[at + 1]
    if second >= 0x40 and second != 0x7F and second != 0xFF:
        return 2
    if pairs != PAIRS_AND_FOURS or second < 0x30 or second > 0x39 or at + 3 >= end:
        return 1
    third, fourth = data[at + 2], data[at + 3]
    return 4 if 0x81 <= third <= 0xFE and 0x30 <= fourth <= 0x39 else 1


@nb.njit(nogil=True, cache=True)
def _utf8_size(data, at, end):
    """Bytes of the UTF-8 character that begins at a byte >= 0x80, 0 when it is none."""
    first = data[at]
    size = 2 if 0xC2 <= first <= 0xDF else 3 if 0xE0 <= first <= 0xEF else 4 if 0xF0 <= first <= 0xF4 else 0
    if size == 0 or at + size > end:
        return 0
    for i in range(at + 1, at + size):
        if data[i] < 0x80 or data[i] > 0xBF:
            return 0
    second = data[at + 1]  # no long form of a short character, no surrogates, nothing beyond U+10FFFF
    if (first == 0xE0 and second < 0xA0) or (first == 0xED and second > 0x9F):
        return 0
    return 0 if (first == 0xF0 and second < 0x90) or (first == 0xF4 and second > 0x8F) else size


@nb.njit(nogil=True, cache=True)
def _is_utf8(data, at, end, separator, least):
    """Whether a line is UTF-8 beside its separators, with a character of at least that many bytes."""
    longest = 0
    while at < end:
        size = 1
        if data[at] >= 0x80 and data[at] != separator:
            size = _utf8_size(data, at, end)
            if size == 0:
                return False
            longest = max(longest, size)
        at += size
    return longest >= least


@nb.njit(nogil=True, cache=True)
def scan_fields(data, starts, ends, separator, pairs, utf8_bytes, bounds, counts, is_utf8):
    """One pass over the bytes of each line: field bounds, number of fields, and whether it is UTF-8 in a mixed feed.

    `bounds[line, j]` is where field j starts; `bounds[line, j + 1] - 1` is where it ends. A byte that begins a character
    (see `_pair_size`) consumes the rest of it, so only a separator between characters splits. With `utf8_bytes` above 0 a
    line that is whole in UTF-8 with a character of at least that many bytes is read as UTF-8.
    """
    most = bounds.shape[1] - 1
    for line in range(len(starts)):
        at, end = starts[line], ends[line]
        found = 0
        utf8 = False
        undecided = utf8_bytes > 0
        if most > 0:
            bounds[line, 0] = at
        while at < end:
            byte = data[at]
            if byte == separator:
                found += 1
                if found < most:
                    bounds[line, found] = at + 1
            elif byte >= 0x80:
                if undecided:  # everything before is ASCII or separators
                    utf8 = _is_utf8(data, at, end, separator, utf8_bytes)
                    undecided = False
                at += (_utf8_size(data, at, end) if utf8 else _pair_size(data, at, end, pairs)) - 1
            at += 1
        if most > 0 and found < most:
            bounds[line, found + 1] = end + 1
        counts[line] = found + 1
        is_utf8[line] = utf8


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
def mark_news(tokens, prints, days, known_tokens, known_prints, known_days, is_news):
    """Mark tokens never seen before, or with an earlier day or another print than before; returns how many are new.

    `known_*` are one open-addressing table by token with 2**k rows, token 0 = free; the caller keeps it at most half full.
    """
    mask = np.int64(len(known_tokens) - 1)
    added = 0
    for row in range(len(tokens)):
        token = tokens[row]
        at = token & mask
        while known_tokens[at] != 0 and known_tokens[at] != token:
            at = (at + 1) & mask
        if known_tokens[at] == 0:
            known_tokens[at] = token
            known_prints[at] = prints[row]
            known_days[at] = days[row]
            added += 1
            is_news[row] = True
        elif known_prints[at] != prints[row]:
            is_news[row] = True
        elif days[row] < known_days[at]:
            known_days[at] = days[row]
            is_news[row] = True
    return added


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
