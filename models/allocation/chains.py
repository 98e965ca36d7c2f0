"""Moves over two and three customers at once: what one gives up of a rule another uses, where no single move is left."""

import numpy as np
import numpy.typing as npt
from numba import njit

from models.allocation.moves import _load_held, _make_move, _note_move, _value_change
from models.allocation.primal import Chosen, PlanSearch
from models.allocation.problem import Floats

MOST_LISTED = 60_000
MOST_MOVES = 3_000
MOST_TRIPLE_MOVES = 400
MOST_LOOKS = 5_000_000
LISTINGS = 200
MOST_TOUCHED = 24
LARGE_GAIN = 0.03
NEAR = 0.3


@njit(cache=True, nogil=True)
def _record(size, won, n_touched, sign, multipliers, scratch, found):
    """Write what a move wins and changes as entry `size`; return its worth at the prices, -inf when it touches too many rules."""
    _, gains, rules, changes, sizes = found
    worth, n = won, 0
    for t in range(n_touched):
        r = scratch[1][t]
        change = sign[r] * scratch[0][r]
        worth -= multipliers[r] * change
        if change != 0.0:
            if n == rules.shape[1]:
                return -np.inf
            rules[size, n] = r
            changes[size, n] = change
            n += 1
    gains[size, 0], gains[size, 1] = worth, won
    sizes[size] = n
    return worth


@njit(cache=True, nogil=True)
def list_moves(customers, ceiling, table, conflict, caps, base_gain, links, coupling, multipliers, chosen, found):
    """List the single moves of some customers that lose at most `ceiling` at the prices; returns how many.

    `found` takes per move (customer, held pair to drop or -1, pair to add or -1), (worth at the prices, value), and the rules it
    touches with the change of their use; moves that touch more rules than there is room for are left out.
    """
    which = found[0]
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
                worth = _record(size, won, n_touched, sign, multipliers, scratch, found)
                if worth >= -ceiling:
                    which[size, 0], which[size, 1], which[size, 2] = i, held[d] if d >= 0 else -1, add
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
def _last(begin, a, b, so_far, least, hope, moves, over, price, taken):
    """Find the first move from `begin` on that completes moves a and b: (move or -1, gain of all, moves looked at)."""
    which, gains, rules, changes, sizes = moves
    gain, broken, worth = so_far
    for c in range(begin, len(sizes)):
        if worth + gains[c, 0] + hope <= least:
            return -1, 0.0, c - begin
        if taken[c] != 0 or which[c, 0] == which[a, 0] or which[c, 0] == which[b, 0]:
            continue
        cost, more = _look(c, rules, changes, sizes, over, price)
        if broken + more <= 0 and gain + gains[c, 1] - cost > least:
            return c, gain + gains[c, 1] - cost, c - begin
    return -1, 0.0, len(sizes) - begin


@njit(cache=True, nogil=True)
def _two_more(a, so_far, least, hope, left, moves, over, price, taken):
    """Find two moves that complete move a and lay the first: (first, second or -1, gain of all, moves looked at)."""
    which, gains, rules, changes, sizes = moves
    gain, broken, worth = so_far
    looks = 0
    for b in range(a + 1, len(sizes)):
        if worth + gains[b, 0] + hope <= least or looks > left:
            break
        if taken[b] != 0 or which[b, 0] == which[a, 0]:
            continue
        cost, more = _lay(b, 1.0, rules, changes, sizes, over, price)
        both = (gain + gains[b, 1] - cost, broken + more, worth + gains[b, 0])
        c, total, looked = _last(b + 1, a, b, both, least, hope, moves, over, price, taken)
        looks += looked + 1
        if c >= 0:
            return b, c, total, looks
        _lay(b, -1.0, rules, changes, sizes, over, price)
    return -1, -1, 0.0, looks


@njit(cache=True, nogil=True)
def join_moves(depth, least, most_looks, moves, over, price, multipliers, taken):
    """Mark with 1 in `taken` the moves to make: sets of up to `depth` (2 or 3) moves of customers that win more than `least`.

    Moves come by falling worth; a customer moves once. Returns the gain of all.
    """
    which, gains, rules, changes, sizes = moves
    won, looks = 0.0, 0
    hope = _still_hoped(over, price, multipliers)
    for a in range(len(sizes)):
        if gains[a, 0] + hope <= least or looks > most_looks:
            break
        if taken[a] != 0:
            continue
        cost, broken = _lay(a, 1.0, rules, changes, sizes, over, price)
        b, c, total, looked = -1, -1, gains[a, 1] - cost, 0
        is_done = broken <= 0 and total > least
        so_far = (total, broken, gains[a, 0])
        if not is_done and depth == 2:
            c, total, looked = _last(a + 1, a, a, so_far, least, hope, moves, over, price, taken)
        elif not is_done:
            b, c, total, looked = _two_more(a, so_far, least, hope, most_looks - looks, moves, over, price, taken)
        looks += looked
        if not is_done and c < 0:
            _lay(a, -1.0, rules, changes, sizes, over, price)
            continue
        if c >= 0:
            _lay(c, 1.0, rules, changes, sizes, over, price)
        for k in (a, b, c):
            if k >= 0:
                taken[k] = 1
                _close_customer(which[k, 0], k, which, taken)
        won += total
        hope = _still_hoped(over, price, multipliers)
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
        np.empty((room, 3), dtype=np.int64),
        np.empty((room, 2)),
        np.empty((room, MOST_TOUCHED), dtype=np.int64),
        np.empty((room, MOST_TOUCHED)),
        np.empty(room, dtype=np.int64),
    )
    price = search.rules.soft_price
    is_large, depth = True, 2
    use = search.count_use(chosen)
    for _ in range(LISTINGS):
        if search.is_over():
            return
        over = search.rules.sign * (use - search.limit)
        hope = float(_still_hoped(over, price, multipliers))
        size = list_moves(
            customers,
            hope + NEAR * search.typical,
            canonical.table,
            canonical.conflict,
            canonical.caps,
            search.gain,
            search.links,
            search.coupling,
            multipliers,
            chosen,
            found,
        )
        most = MOST_MOVES if depth == 2 else MOST_TRIPLE_MOVES
        order = np.argsort(-found[1][:size, 0], kind="stable")[:most]
        which, gains, rules, changes, sizes = (np.ascontiguousarray(part[order]) for part in found)
        moves = (which, gains, rules, changes, sizes)
        least = max(LARGE_GAIN * hope if is_large else 0.0, 1e-9 * search.typical)
        taken = np.zeros(len(order), dtype=np.uint8)
        won = join_moves(depth, least, MOST_LOOKS, moves, over, price, multipliers, taken)
        if won > 0.0:
            make_moves(
                which,
                taken,
                canonical.table,
                canonical.conflict,
                canonical.caps,
                search.gain,
                search.links,
                use,
                chosen,
            )
            depth = 2
        elif is_large and depth == 2:
            is_large = False
        elif depth == 2:
            depth = 3
        else:
            return
