"""Compiled steps from priced plans to a plan that keeps the rules: rebalancing sweeps and single-customer moves."""

import numpy as np
from numba import njit

from models.allocation.kernels import (
    best_contacts,
    change_room,
    gather,
    load_room,
    longest_row,
    search_space,
)

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
def rebalance(stride, batch, table, conflict, caps, base_gain, links, coupling, multipliers, stiffness, use, chosen):
    """One pass in which each customer answers the prices, and prices answer each change of use.

    The price of rule r is its multiplier plus stiffness[r] x (use - limit), kept within 0 and the soft price, so
    customers on the edge move first and only as many as the rule needs. Returns the number of customers changed.
    """
    sign, limit, top = coupling
    start, activity, value, response = table
    n, m = len(start) - 1, len(sign)
    most = longest_row(start, 0, n)
    weight, item, where = np.empty(most), np.empty(most, dtype=np.int64), np.empty(most, dtype=np.int64)
    best, space = np.empty(most + 1, dtype=np.int64), search_space(most)
    room = np.zeros(len(caps[2]), dtype=np.int64)
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
                wanted = multipliers[r] + stiffness[r] * sign[r] * (use[r] - limit[r])
                pressure[r] = min(max(wanted, 0.0), top[r])
            set_prices(base_gain, links, sign, pressure, prices)
            is_stale, since = False, 0
        q = gather(i, table, prices, weight, item, where)
        most_contacts = load_room(i, caps, room)
        size, worth, _, _ = best_contacts(q, weight, item, conflict, caps, room, most_contacts, space, best)
        now = 0.0
        for p in range(start[i], start[i + 1]):
            if chosen[p]:
                a = activity[p]
                now += value[p] * prices[0][a] - prices[1][a] - prices[2][a] * response[p]
        if worth > now + 1e-9 * (1.0 + abs(now)):
            for p in range(start[i], start[i + 1]):
                if chosen[p]:
                    chosen[p] = 0
                    add_use(p, table, links, use, -1.0)
            for j in range(size):
                chosen[where[best[j]]] = 1
                add_use(where[best[j]], table, links, use, 1.0)
            changed += 1
            is_stale = True
    return changed


@njit(cache=True, nogil=True)
def _add_change(p, step, table, links, change, touched, n_touched):
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
def _penalty_change(coupling, penalty, use, change, touched, n_touched):
    sign, limit, _ = coupling
    total = 0.0
    for t in range(n_touched):
        r = touched[t]
        over = sign[r] * (use[r] - limit[r])
        total += penalty[r] * (max(0.0, over + sign[r] * change[r]) - max(0.0, over))
    return total


@njit(cache=True, nogil=True)
def _is_free(a, caps, room):
    for c in range(caps[0][a], caps[0][a + 1]):
        if room[caps[1][c]] <= 0:
            return False
    return True


@njit(cache=True, nogil=True)
def improve(stride, least, table, conflict, caps, base_gain, links, coupling, penalty, use, chosen):
    """One pass of the best single move of each customer: drop one, add one (its conflicts leave), or both.

    A move is made when value less penalty x violation rises by more than `least`. Returns the number of moves.
    """
    start, activity, value, response = table
    n, m = len(start) - 1, len(use)
    most = longest_row(start, 0, n)
    held = np.empty(most + 1, dtype=np.int64)
    change, touched = np.zeros(m), np.empty(m + 1, dtype=np.int64)
    room = np.zeros(len(caps[2]), dtype=np.int64)
    moves = 0
    for k in range((n + CHUNK - 1) // CHUNK * CHUNK):
        i = customer_at(k, n, stride)
        if i >= n or start[i] == start[i + 1]:
            continue
        n_held = 0
        load_room(i, caps, room)
        for p in range(start[i], start[i + 1]):
            if chosen[p]:
                held[n_held] = p
                n_held += 1
                change_room(activity[p], caps, room, -1)
        best_gain, best_drop, best_add = least, -1, -1
        for d in range(-1, n_held):
            if d >= 0:
                change_room(activity[held[d]], caps, room, 1)
            for p in range(start[i] - 1, start[i + 1]):
                if p < start[i]:
                    if d < 0:
                        continue
                elif chosen[p]:
                    continue
                total, n_touched = 0.0, 0
                if d >= 0:
                    total -= value[held[d]] * base_gain[activity[held[d]]]
                    n_touched = _add_change(held[d], -1.0, table, links, change, touched, n_touched)
                if p >= start[i]:
                    a = activity[p]
                    n_out = 0
                    for h in range(n_held):
                        if h != d and conflict[a, activity[held[h]]]:
                            change_room(activity[held[h]], caps, room, 1)
                            total -= value[held[h]] * base_gain[activity[held[h]]]
                            n_touched = _add_change(held[h], -1.0, table, links, change, touched, n_touched)
                            n_out += 1
                    is_free = _is_free(a, caps, room)
                    if n_out:
                        for h in range(n_held):
                            if h != d and conflict[a, activity[held[h]]]:
                                change_room(activity[held[h]], caps, room, -1)
                    if not is_free:
                        continue
                    total += value[p] * base_gain[a]
                    n_touched = _add_change(p, 1.0, table, links, change, touched, n_touched)
                total -= _penalty_change(coupling, penalty, use, change, touched, n_touched)
                if total > best_gain:
                    best_gain, best_drop, best_add = total, d, p
            if d >= 0:
                change_room(activity[held[d]], caps, room, -1)
        if best_gain > least:
            moves += 1
            if best_drop >= 0:
                chosen[held[best_drop]] = 0
                add_use(held[best_drop], table, links, use, -1.0)
            if best_add >= start[i]:
                for h in range(n_held):
                    if h != best_drop and conflict[activity[best_add], activity[held[h]]]:
                        chosen[held[h]] = 0
                        add_use(held[h], table, links, use, -1.0)
                chosen[best_add] = 1
                add_use(best_add, table, links, use, 1.0)
    return moves


@njit(cache=True, nogil=True)
def fill_greedily(order, owner, table, conflict, caps, base_gain, links, coupling, only_short, use, chosen):
    """Walk pairs in the given order and take each one that breaks no rule; with only_short, that helps a minimum."""
    start, activity, value, response = table
    sign, limit, _ = coupling
    link_start, link_rule, contacts, sales, worth = links
    room = np.zeros(len(caps[2]), dtype=np.int64)
    for k in range(len(order)):
        p = order[k]
        if chosen[p]:
            continue
        i, a = owner[p], activity[p]
        fits, helps = True, not only_short
        for t in range(link_start[a], link_start[a + 1]):
            r = link_rule[t]
            counts = contacts[t] + sales[t] * response[p] + worth[t] * value[p]
            if sign[r] > 0.0 and use[r] + counts > limit[r]:
                fits = False
                break
            if sign[r] < 0.0 and use[r] < limit[r] and counts > 0.0:
                helps = True
        if not (fits and helps):
            continue
        load_room(i, caps, room)
        for h in range(start[i], start[i + 1]):
            if chosen[h]:
                change_room(activity[h], caps, room, -1)
                if conflict[a, activity[h]]:
                    fits = False
                    break
        if fits and _is_free(a, caps, room):
            chosen[p] = 1
            add_use(p, table, links, use, 1.0)
