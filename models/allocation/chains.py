"""Moves over two and three customers at once: what one gives up of a rule another uses, where no single move is left."""

import numpy as np
import numpy.typing as npt
from numba import njit

from models.allocation.moves import _load_held, _make_move, _note_move, _value_change
from models.allocation.primal import Chosen, PlanSearch
from models.allocation.problem import Floats

MOST_LISTED = 60_000
MOST_MOVES = 2_500
MOST_TRIPLE_MOVES = 400
MOST_LOOKS = 20_000_000
LISTINGS = 30
MOST_TOUCHED = 24
LARGE_GAIN = 0.03


@njit(cache=True, nogil=True)
def list_moves(customers, ceiling, table, conflict, caps, base_gain, links, coupling, multipliers, chosen, found):
    """List the single moves of some customers that lose at most `ceiling` at the prices; returns how many.

    `found` takes per move (customer, held pair to drop or -1, pair to add or -1), (worth at the prices, value), and the rules it
    touches with the change of their use; moves that touch more rules than there is room for are left out.
    """
    which, gains, touched_rules, changes, sizes = found
    start = table[0]
    sign, limit = coupling[0], coupling[1]
    most = 1
    for i in customers:
        most = max(most, start[i + 1] - start[i])
    held = np.empty(most + 1, dtype=np.int64)
    helps = np.zeros((2, len(base_gain)), dtype=np.bool_)
    scratch = (np.zeros(len(limit)), np.empty(len(limit) + 1, dtype=np.int64))
    room = np.zeros(len(caps[2]), dtype=np.int64)
    size = 0
    for i in customers:
        n_held, _, _ = _load_held(i, table, caps, base_gain, helps, chosen, held, room)
        for p in range(start[i] - 1, start[i + 1]):
            add = p if p >= start[i] else -1
            if add >= 0 and chosen[p]:
                continue
            for d in range(-1 if add >= 0 else 0, n_held):
                won, may, _ = _value_change(d, add, n_held, held, table, conflict, caps, base_gain, room, helps)
                if not may or size == len(which):
                    continue
                n_touched = _note_move(d, add, n_held, held, table, conflict, links, scratch)
                worth, n = won, 0
                for t in range(n_touched):
                    r = scratch[1][t]
                    change = sign[r] * scratch[0][r]
                    worth -= multipliers[r] * change
                    if change != 0.0:
                        if n < touched_rules.shape[1]:
                            touched_rules[size, n] = r
                            changes[size, n] = change
                        n += 1
                if worth >= -ceiling and n <= touched_rules.shape[1]:
                    which[size, 0], which[size, 1], which[size, 2] = i, held[d] if d >= 0 else -1, add
                    gains[size, 0], gains[size, 1] = worth, won
                    sizes[size] = n
                    size += 1
    return size


@njit(cache=True, nogil=True)
def _lay(a, step, rules, changes, sizes, over, price):
    """Add step x move a to the excess of its rules; returns (change of what soft rules cost, of the hard rules broken)."""
    cost, broken = 0.0, 0
    for t in range(sizes[a]):
        r = rules[a, t]
        before = over[r]
        after = before + step * changes[a, t]
        over[r] = after
        if price[r] == np.inf:
            broken += (1 if after > 0.0 else 0) - (1 if before > 0.0 else 0)
        else:
            cost += price[r] * (max(0.0, after) - max(0.0, before))
    return cost, broken


@njit(cache=True, nogil=True)
def _look(c, rules, changes, sizes, over, price):
    """As _lay with step 1, and nothing changed."""
    cost, broken = 0.0, 0
    for t in range(sizes[c]):
        before = over[rules[c, t]]
        after = before + changes[c, t]
        if price[rules[c, t]] == np.inf:
            broken += (1 if after > 0.0 else 0) - (1 if before > 0.0 else 0)
        else:
            cost += price[rules[c, t]] * (max(0.0, after) - max(0.0, before))
    return cost, broken


@njit(cache=True, nogil=True)
def _still_hoped(over, price, multipliers):
    """What better use of the rules could win at the prices."""
    total = 0.0
    for r in range(len(over)):
        total -= multipliers[r] * over[r]
        if price[r] != np.inf:
            total += price[r] * max(0.0, over[r])
    return total


@njit(cache=True, nogil=True)
def join_moves(depth, least, most_looks, which, gains, rules, changes, sizes, over, price, multipliers, taken):
    """Mark in `taken` the moves to make: sets of up to `depth` (2 or 3) moves of different customers that win more than `least`.

    Moves come by falling worth; a customer moves once. Returns the gain of all.
    """
    size = len(sizes)
    won = 0.0
    hope = _still_hoped(over, price, multipliers)
    looks = 0
    for a in range(size):
        if gains[a, 0] + hope <= least or looks > most_looks:
            break
        if taken[a] != 0:
            continue
        cost_a, broken_a = _lay(a, 1.0, rules, changes, sizes, over, price)
        is_done = False
        gain = gains[a, 1] - cost_a
        if broken_a <= 0 and gain > least:
            is_done = True
        for b in range(a + 1, size):
            if is_done or gains[a, 0] + gains[b, 0] + hope <= least:
                break
            if taken[b] != 0 or which[b, 0] == which[a, 0]:
                continue
            looks += 1
            if depth == 2:
                cost, broken = _look(b, rules, changes, sizes, over, price)
                if broken_a + broken <= 0 and gain + gains[b, 1] - cost > least:
                    _lay(b, 1.0, rules, changes, sizes, over, price)
                    gain += gains[b, 1] - cost
                    taken[b] = 1
                    _close_customer(which[b, 0], b, which, taken)
                    is_done = True
                continue
            cost_b, broken_b = _lay(b, 1.0, rules, changes, sizes, over, price)
            for c in range(b + 1, size):
                if gains[a, 0] + gains[b, 0] + gains[c, 0] + hope <= least:
                    break
                looks += 1
                if taken[c] != 0 or which[c, 0] == which[a, 0] or which[c, 0] == which[b, 0]:
                    continue
                cost, broken = _look(c, rules, changes, sizes, over, price)
                total = gain + gains[b, 1] + gains[c, 1] - cost_b - cost
                if broken_a + broken_b + broken <= 0 and total > least:
                    _lay(c, 1.0, rules, changes, sizes, over, price)
                    gain = total
                    for k in (b, c):
                        taken[k] = 1
                        _close_customer(which[k, 0], k, which, taken)
                    is_done = True
                    break
            if not is_done:
                _lay(b, -1.0, rules, changes, sizes, over, price)
            if looks > most_looks:
                break
        if is_done:
            taken[a] = 1
            _close_customer(which[a, 0], a, which, taken)
            won += gain
            hope = _still_hoped(over, price, multipliers)
        else:
            _lay(a, -1.0, rules, changes, sizes, over, price)
    return won


@njit(cache=True, nogil=True)
def _close_customer(i, kept, which, taken):
    for k in range(len(which)):
        if k != kept and which[k, 0] == i:
            taken[k] = 2


@njit(cache=True, nogil=True)
def make_moves(which, taken, table, conflict, caps, base_gain, links, use, chosen):
    """Make the taken moves."""
    start = table[0]
    helps = np.zeros((2, len(base_gain)), dtype=np.bool_)
    room = np.zeros(len(caps[2]), dtype=np.int64)
    for k in range(len(which)):
        if taken[k] != 1:
            continue
        i = which[k, 0]
        held = np.empty(start[i + 1] - start[i] + 1, dtype=np.int64)
        n_held, _, _ = _load_held(i, table, caps, base_gain, helps, chosen, held, room)
        drop = -1
        for h in range(n_held):
            if held[h] == which[k, 1]:
                drop = h
        _make_move(drop, which[k, 2], n_held, held, table, conflict, links, use, chosen)


def improve_by_chains(
    search: PlanSearch, multipliers: Floats, customers: npt.NDArray[np.int64], chosen: Chosen
) -> None:
    """Improve a plan that keeps the hard rules by moves of two customers, and of three where no two help."""
    canonical = search.canonical
    sizes_of = np.diff(canonical.start)[customers]
    room = min(3 * int((sizes_of + 1).sum()), MOST_LISTED)
    found = (
        np.empty((room, 3), dtype=np.int64), np.empty((room, 2)), np.empty((room, MOST_TOUCHED), dtype=np.int64),
        np.empty((room, MOST_TOUCHED)), np.empty(room, dtype=np.int64),
    )  # fmt: skip
    price = search.rules.soft_price
    is_large, depth = True, 2
    for _ in range(LISTINGS):
        if search.is_over():
            return
        use = search.count_use(chosen)
        over = search.rules.sign * (use - search.limit)
        hope = float(_still_hoped(over, price, multipliers))
        size = list_moves(
            customers, hope + 1e-9 * search.typical, canonical.table, canonical.conflict, canonical.caps, search.gain,
            search.links, search.coupling, multipliers, chosen, found,
        )  # fmt: skip
        most = MOST_MOVES if depth == 2 else MOST_TRIPLE_MOVES
        order = np.argsort(-found[1][:size, 0], kind="stable")[:most]
        which, gains, rules, changes, sizes = (np.ascontiguousarray(part[order]) for part in found)
        least = max(LARGE_GAIN * hope if is_large else 0.0, 1e-9 * search.typical)
        taken = np.zeros(len(order), dtype=np.uint8)
        won = join_moves(
            depth, least, MOST_LOOKS, which, gains, rules, changes, sizes, over, price, multipliers, taken
        )  # fmt: skip
        if won > 0.0:
            make_moves(
                which, taken, canonical.table, canonical.conflict, canonical.caps, search.gain, search.links, use, chosen
            )  # fmt: skip
            depth = 2
        elif is_large and depth == 2:
            is_large = False
        elif depth == 2:
            depth = 3
        else:
            return
