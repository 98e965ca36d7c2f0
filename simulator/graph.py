"""Who knows whom: communities with a heavy tail of well-connected people; calls, messages and imitation follow it."""

from __future__ import annotations

import numpy as np

CLOSEST = 6
COMMUNITY = 30
FAVOUR = 2.2  # how much more often the first contacts of a list are called than the last


def build_graph(members: np.ndarray, size: int, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Undirected graph over `members`: neighbour lists (`contact_start`, `contacts`) and the six closest of each (`closest`).

    Three of four ties lie inside a community of about 30; the rest prefer the well-connected.
    """
    order = rng.permutation(members)
    place = np.arange(len(order))
    stubs = np.clip(rng.lognormal(1.45, 0.65, len(order)), 1, 45).astype(np.int64)
    source = np.repeat(place, stubs)
    block = source // COMMUNITY * COMMUNITY
    width = np.minimum(COMMUNITY, len(order) - block)
    inside = block + (rng.random(len(source)) * width).astype(np.int64)
    anyone = source[rng.integers(0, len(source), len(source))]
    is_inside = rng.random(len(source)) < 0.75
    target = np.where(is_inside, inside, anyone)
    low, high = np.minimum(source, target), np.maximum(source, target)
    pair = np.unique(low[low != high] * len(order) + high[low != high])
    low, high = pair // len(order), pair % len(order)
    return _neighbour_lists(order[low], order[high], (low // COMMUNITY) == (high // COMMUNITY), size, rng)


def _neighbour_lists(
    one: np.ndarray, other: np.ndarray, is_near: np.ndarray, size: int, rng: np.random.Generator
) -> dict:
    head, tail = np.concatenate([one, other]), np.concatenate([other, one])
    rank = rng.random(len(head)) + np.where(np.concatenate([is_near, is_near]), 0.0, 0.6)
    sequence = np.lexsort((rank, head))
    head, tail = head[sequence], tail[sequence]
    start = np.searchsorted(head, np.arange(size + 1)).astype(np.int64)
    degree = np.diff(start)
    closest = np.full((size, CLOSEST), -1, dtype=np.int32)
    for rank_number in range(CLOSEST):
        has = degree > rank_number
        closest[has, rank_number] = tail[start[:-1][has] + rank_number]
    return {"contact_start": start, "contacts": tail.astype(np.int32), "closest": closest}


def ties(state, people: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """All ties of these people: place of the person in `people`, contact, and the share of the person's calls it gets.

    The shares are those `choose_contact` draws with; a person's add up to 1.
    """
    start = state.contact_start[people]
    degree = (state.contact_start[people + 1] - start).astype(np.int64)
    place = np.repeat(np.arange(len(people)), degree)
    rank = np.arange(len(place)) - np.repeat(np.cumsum(degree) - degree, degree)
    each = degree[place]
    share = ((rank + 1) / each) ** (1 / FAVOUR) - (rank / each) ** (1 / FAVOUR)
    return place, state.contacts[start[place] + rank], share


def choose_contact(state, callers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """One contact for each caller, the closest ones most often; -1 for people without any."""
    start = state.contact_start[callers]
    degree = state.contact_start[callers + 1] - start
    step = (degree * rng.random(len(callers)) ** FAVOUR).astype(np.int64)
    found = state.contacts[np.minimum(start + step, len(state.contacts) - 1)]
    return np.where(degree > 0, found, -1)
