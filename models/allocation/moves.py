"""Compiled steps from priced plans to a plan that keeps the rules: rebalancing sweeps and single-customer moves."""

import numpy as np
from numba import njit

from models.allocation.kernels import change_room, is_free, load_room, longest_row, solve_customer, work_space

CHUNK = 64


@njit(cache=True, nogil=True)
def customer_at(k, n, stride):
    """Return the k-th customer of a fixed scattered order: chunks of neighbours, chunk after chunk by the stride."""
    n_chunks = (n + CHUNK - 1) // CHUNK
    return ((k // CHUNK) * stride % n_chunks) * CHUNK + k % CHUNK


@njit(cache=True, nogil=True)
def set_prices(base_gain, links, sign, pressure, prices):
    """Write gain, price and sales price of each activity for the rule multipliers in `pressure`."""
    gain, price, sales_price = prices
    start, rule, contacts, sales, worth = links
    for a in range(len(base_gain)):
        gain[a] = base_gain[a]
        price[a] = 0.0
        sales_price[a] = 0.0
        for k in range(start[a], start[a + 1]):
            signed = pressure[rule[k]] * sign[rule[k]]
            gain[a] -= signed * worth[k]
            price[a] += signed * contacts[k]
            sales_price[a] += signed * sales[k]


@njit(cache=True, nogil=True)
def add_use(p, table, links, use, step):
    """Add step x what pair p counts for in every rule that covers it."""
    start, rule, contacts, sales, worth = links
    a = table[1][p]
    for k in range(start[a], start[a + 1]):
        use[rule[k]] += step * (contacts[k] + sales[k] * table[3][p] + worth[k] * table[2][p])


@njit(cache=True, nogil=True)
def count_use(table, links, chosen, use):
    """Recompute the use of every rule from the chosen pairs."""
    use[:] = 0.0
    for p in range(len(chosen)):
        if chosen[p]:
            add_use(p, table, links, use, 1.0)


@njit(cache=True, nogil=True)
def _worth_now(i, table, prices, chosen):
    start, activity, value, response = table
    worth = 0.0
    for p in range(start[i], start[i + 1]):
        if chosen[p]:
            a = activity[p]
            worth += value[p] * prices[0][a] - prices[1][a] - prices[2][a] * response[p]
    return worth


@njit(cache=True, nogil=True)
def _replace_contacts(i, size, where, best, table, links, use, chosen):
    start = table[0]
    for p in range(start[i], start[i + 1]):
        if chosen[p]:
            chosen[p] = 0
            add_use(p, table, links, use, -1.0)
    for k in range(size):
        chosen[where[best[k]]] = 1
        add_use(where[best[k]], table, links, use, 1.0)


@njit(cache=True, nogil=True)
def rebalance(stride, batch, table, conflict, caps, base_gain, links, coupling, multipliers, stiffness, use, chosen):
    """One pass in which each customer answers the prices, and prices answer each change of use.

    The price of rule r is its multiplier plus stiffness[r] x (use - limit), kept within 0 and the soft price, so
    customers on the edge move first and only as many as the rule needs. Returns the number of customers changed.
    """
    sign, limit, top = coupling
    start = table[0]
    n, m = len(start) - 1, len(sign)
    work = work_space(longest_row(start, 0, n), len(caps[2]))
    where, best = work[2], work[3]
    size_a = len(base_gain)
    prices = (np.empty(size_a), np.empty(size_a), np.empty(size_a))
    pressure = np.empty(m)
    changed, is_stale, since = 0, True, batch
    for k in range((n + CHUNK - 1) // CHUNK * CHUNK):
        i = customer_at(k, n, stride)
        if i >= n or start[i] == start[i + 1]:
            continue
        since += 1
        if is_stale and since >= batch:
            for r in range(m):
                pressure[r] = min(max(multipliers[r] + stiffness[r] * sign[r] * (use[r] - limit[r]), 0.0), top[r])
            set_prices(base_gain, links, sign, pressure, prices)
            is_stale, since = False, 0
        size, worth, _, _ = solve_customer(i, table, conflict, caps, prices, work)
        now = _worth_now(i, table, prices, chosen)
        if worth > now + 1e-9 * (1.0 + abs(now)):
            _replace_contacts(i, size, where, best, table, links, use, chosen)
            changed += 1
            is_stale = True
    return changed


@njit(cache=True, nogil=True)
def _note_change(p, step, table, links, scratch, n_touched):
    """Add step x the counts of pair p to the pending changes of use; returns how many rules are touched."""
    change, touched = scratch
    start, rule, contacts, sales, worth = links
    a = table[1][p]
    for k in range(start[a], start[a + 1]):
        r = rule[k]
        known = False
        for t in range(n_touched):
            if touched[t] == r:
                known = True
                break
        if not known:
            touched[n_touched] = r
            change[r] = 0.0
            n_touched += 1
        change[r] += step * (contacts[k] + sales[k] * table[3][p] + worth[k] * table[2][p])
    return n_touched


@njit(cache=True, nogil=True)
def _penalty_change(coupling, penalty, use, scratch, n_touched):
    sign, limit, _ = coupling
    change, touched = scratch
    total = 0.0
    for t in range(n_touched):
        r = touched[t]
        over = sign[r] * (use[r] - limit[r])
        total += penalty[r] * (max(0.0, over + sign[r] * change[r]) - max(0.0, over))
    return total


@njit(cache=True, nogil=True)
def _find_relief(coupling, penalty, use, links, helps):
    """Mark activities whose coming (helps[0]) or going (helps[1]) eases a broken rule; return what all would ease."""
    sign, limit, _ = coupling
    start, rule = links[0], links[1]
    relief = 0.0
    for r in range(len(use)):
        over = sign[r] * (use[r] - limit[r])
        if over > 0.0:
            relief += penalty[r] * over
    for a in range(len(start) - 1):
        helps[0, a] = False
        helps[1, a] = False
        if relief > 0.0:
            for k in range(start[a], start[a + 1]):
                r = rule[k]
                if sign[r] * (use[r] - limit[r]) > 0.0:
                    helps[0 if sign[r] < 0.0 else 1, a] = True
                    if links[4][k] != 0.0:
                        helps[0, a] = True
                        helps[1, a] = True
    return relief


@njit(cache=True, nogil=True)
def _leaves(h, d, a, held, activity, conflict):
    """Say whether held pair h must go when held pair d is dropped and activity a comes (-1: none comes)."""
    return h == d or (a >= 0 and conflict[a, activity[held[h]]])


@njit(cache=True, nogil=True)
def _value_change(d, p, n_held, held, table, conflict, caps, base_gain, room, helps):
    """Value won by dropping held pair d (-1: none) for pair p (-1: none), and whether it may and can help."""
    activity, value = table[1], table[2]
    a = activity[p] if p >= 0 else -1
    total, can_help = 0.0, False
    if p >= 0:
        total += value[p] * base_gain[a]
        can_help = helps[0, a]
    for h in range(n_held):
        if _leaves(h, d, a, held, activity, conflict):
            gone = activity[held[h]]
            change_room(gone, caps, room, 1)
            total -= value[held[h]] * base_gain[gone]
            can_help = can_help or helps[1, gone]
    may = p < 0 or is_free(a, caps, room)
    for h in range(n_held):
        if _leaves(h, d, a, held, activity, conflict):
            change_room(activity[held[h]], caps, room, -1)
    return total, may, can_help


@njit(cache=True, nogil=True)
def _note_move(d, p, n_held, held, table, conflict, links, scratch):
    a = table[1][p] if p >= 0 else -1
    n_touched = 0
    for h in range(n_held):
        if _leaves(h, d, a, held, table[1], conflict):
            n_touched = _note_change(held[h], -1.0, table, links, scratch, n_touched)
    if p >= 0:
        n_touched = _note_change(p, 1.0, table, links, scratch, n_touched)
    return n_touched


@njit(cache=True, nogil=True)
def _make_move(d, p, n_held, held, table, conflict, links, use, chosen):
    a = table[1][p] if p >= 0 else -1
    for h in range(n_held):
        if _leaves(h, d, a, held, table[1], conflict):
            chosen[held[h]] = 0
            add_use(held[h], table, links, use, -1.0)
    if p >= 0:
        chosen[p] = 1
        add_use(p, table, links, use, 1.0)


@njit(cache=True, nogil=True)
def _is_promising(p, wanted, relief, only_relief, drop_helps, table, base_gain, helps):
    """Say cheaply whether adding pair p could win more than `wanted`."""
    a = table[1][p]
    eases = drop_helps or helps[0, a]
    if only_relief and not eases:
        return False
    return table[2][p] * base_gain[a] + (relief if eases else 0.0) > wanted


@njit(cache=True, nogil=True)
def _load_held(i, table, caps, base_gain, helps, chosen, held, room):
    """List the held pairs of customer i, take their room; returns (held, value won by dropping losses, eases)."""
    start, activity, value, _ = table
    n_held, won_by_drops, drop_helps = 0, 0.0, False
    load_room(i, caps, room)
    for p in range(start[i], start[i + 1]):
        if chosen[p]:
            a = activity[p]
            held[n_held] = p
            n_held += 1
            change_room(a, caps, room, -1)
            won_by_drops += max(0.0, -value[p] * base_gain[a])
            drop_helps = drop_helps or helps[1, a]
    return n_held, won_by_drops, drop_helps


@njit(cache=True, nogil=True)
def _best_move(
    i, least, only_relief, relief, table, conflict, caps, base_gain, links, coupling, penalty, use, chosen, work
):
    """Find the move of customer i that wins most beyond `least`: (won, held to drop or -1, pair to add or -1, held)."""
    held, scratch, helps, room = work
    start = table[0]
    n_held, won_by_drops, drop_helps = _load_held(i, table, caps, base_gain, helps, chosen, held, room)
    best_gain, best_drop, best_add = least, -1, -1
    for p in range(start[i] - 1, start[i + 1]):
        add = p if p >= start[i] else -1
        if add >= 0 and (
            chosen[p]
            or not _is_promising(p, best_gain - won_by_drops, relief, only_relief, drop_helps, table, base_gain, helps)
        ):
            continue
        for d in range(-1 if add >= 0 else 0, n_held):
            won, may, can_help = _value_change(d, add, n_held, held, table, conflict, caps, base_gain, room, helps)
            hope = won + relief if can_help else won
            if not may or hope <= best_gain or (only_relief and not can_help):
                continue
            n_touched = _note_move(d, add, n_held, held, table, conflict, links, scratch)
            won -= _penalty_change(coupling, penalty, use, scratch, n_touched)
            if won > best_gain:
                best_gain, best_drop, best_add = won, d, add
    return best_gain, best_drop, best_add, n_held


@njit(cache=True, nogil=True)
def improve(stride, least, only_relief, table, conflict, caps, base_gain, links, coupling, penalty, use, chosen):
    """One pass of the best single move of each customer: drop one, add one (its conflicts leave), or both.

    A move is made when value less penalty x violation rises by more than `least`; with only_relief it must also ease
    a broken rule, and the pass ends once none is broken. Returns the number of moves.
    """
    start = table[0]
    n, m = len(start) - 1, len(use)
    held = np.empty(longest_row(start, 0, n) + 1, dtype=np.int64)
    helps = np.zeros((2, len(base_gain)), dtype=np.bool_)
    scratch = (np.zeros(m), np.empty(m + 1, dtype=np.int64))
    work = (held, scratch, helps, np.zeros(len(caps[2]), dtype=np.int64))
    moves = 0
    relief = _find_relief(coupling, penalty, use, links, helps)
    for k in range((n + CHUNK - 1) // CHUNK * CHUNK):
        i = customer_at(k, n, stride)
        if i >= n or start[i] == start[i + 1]:
            continue
        if only_relief and relief == 0.0:
            break
        won, drop, add, n_held = _best_move(
            i, least, only_relief, relief, table, conflict, caps, base_gain, links, coupling, penalty, use, chosen, work
        )
        if won > least:
            moves += 1
            _make_move(drop, add, n_held, held, table, conflict, links, use, chosen)
            if relief > 0.0:
                relief = _find_relief(coupling, penalty, use, links, helps)
    return moves


@njit(cache=True, nogil=True)
def _greedy_fit(p, table, links, coupling, use):
    """Say whether every maximum has room for pair p, whether it helps a minimum still short, and whether none of its activity fits."""
    sign, limit, _ = coupling
    start, rule, contacts, sales, worth = links
    helps = False
    a = table[1][p]
    for t in range(start[a], start[a + 1]):
        r = rule[t]
        counts = contacts[t] + sales[t] * table[3][p] + worth[t] * table[2][p]
        if sign[r] > 0.0 and use[r] + counts > limit[r]:
            return False, False, sales[t] == 0.0 and worth[t] == 0.0
        if sign[r] < 0.0 and use[r] < limit[r] and counts > 0.0:
            helps = True
    return True, helps, False


@njit(cache=True, nogil=True)
def fill_greedily(order, owner, kind, table, conflict, caps, links, coupling, only_short, use, chosen):
    """Walk pairs in the given order and take each one that breaks no rule; with only_short, that helps a minimum.

    `owner` and `kind` are customer and activity of each pair in that order, so that pairs of customers who are full and of activities
    that are used up are passed over without reading anything else.
    """
    start, activity = table[0], table[1]
    room = np.zeros(len(caps[2]), dtype=np.int64)
    is_full = np.zeros(len(start) - 1, dtype=np.bool_)
    is_used_up = np.zeros(len(links[0]) - 1, dtype=np.bool_)
    for k in range(len(order)):
        i, a = owner[k], kind[k]
        if is_used_up[a] or is_full[i]:
            continue
        p = order[k]
        fits, helps, is_used_up[a] = _greedy_fit(p, table, links, coupling, use)
        if chosen[p] or not fits or (only_short and not helps):
            continue
        limit = load_room(i, caps, room)
        for h in range(start[i], start[i + 1]):
            if chosen[h]:
                limit -= 1
                change_room(activity[h], caps, room, -1)
                fits = fits and not conflict[a, activity[h]]
        if fits and limit > 0 and is_free(a, caps, room):
            chosen[p] = 1
            is_full[i] = limit == 1
            add_use(p, table, links, use, 1.0)
