"""What it costs to force a pair in or out: customers near indifference are those where it costs little."""

import numpy as np
from numba import njit

from models.allocation.kernels import (
    best_contacts,
    change_room,
    gather,
    is_free,
    load_room,
    longest_row,
    work_space,
)


@njit(cache=True, nogil=True)
def _single(i, table, prices, caps, room, regret):
    """Regrets of a customer who can get one contact: the distance to the best, and to the second best for the best."""
    start, activity, value, response = table
    gain, price, sales_price = prices
    top, second, where = 0.0, 0.0, -1
    for p in range(start[i], start[i + 1]):
        a = activity[p]
        worth = value[p] * gain[a] - price[a] - sales_price[a] * response[p]
        regret[p - start[i]] = worth if is_free(a, caps, room) else -np.inf
        if regret[p - start[i]] > top:
            second, top, where = top, worth, p
        elif regret[p - start[i]] > second:
            second = worth
    for p in range(start[i], start[i + 1]):
        regret[p - start[i]] = top - second if p == where else top - regret[p - start[i]]


@njit(cache=True, nogil=True)
def _others(p, is_in, q, work, spare, conflict, a):
    """Copy the customer's contacts that stay possible when pair p of activity a is forced in or out; returns how many."""
    weight, item, where = work[0], work[1], work[2]
    n = 0
    for k in range(q):
        if where[k] != p and not (is_in and conflict[a, item[k]]):
            spare[0][n] = weight[k]
            spare[1][n] = item[k]
            n += 1
    return n


@njit(cache=True, nogil=True)
def _several(i, limit, table, prices, conflict, caps, work, spare, ceiling, taken, regret):
    """Regrets of a customer who can get several contacts; the first turn of the loop solves him with nothing forced."""
    start, activity, value, response = table
    first, last = start[i], start[i + 1]
    where, room = work[2], work[5]
    q = gather(i, table, prices, work[0], work[1], where)
    best = 0.0
    for p in range(first - 1, last):
        is_in, a, worth = False, -1, 0.0
        if p >= first:
            a = activity[p]
            is_in = taken[p - first] == 0
            regret[p - first] = np.inf
            if is_in:
                worth = value[p] * prices[0][a] - prices[1][a] - prices[2][a] * response[p]
                if worth < -ceiling or not is_free(a, caps, room):
                    continue
                change_room(a, caps, room, -1)
        n = _others(p, is_in, q, work, spare, conflict, a)
        most = limit - 1 if is_in else limit
        # One call for all cases: each place that calls the search is compiled apart, for seconds.
        size, _, upper, _ = best_contacts(n, spare[0], spare[1], conflict, caps, room, most, work[4], spare[2])
        if is_in:
            change_room(a, caps, room, 1)
        if p >= first:
            regret[p - first] = max(best - worth - upper, 0.0)
            continue
        best = upper
        for k in range(size):
            taken[where[spare[2][k]] - first] = 1
    taken[: last - first] = 0


@njit(cache=True, nogil=True)
def regrets(step, table, conflict, caps, prices, ceiling, pairs, found):
    """List the pairs of every step-th customer whose change costs at most `ceiling`, with that cost; returns how many.

    A plan that has a pair in where the priced plan has it out (or out where it has it in) is worth at most the bound
    less the regret of that pair.
    """
    start = table[0]
    n = len(start) - 1
    most = longest_row(start, 0, n)
    work = work_space(most, len(caps[2]))
    spare = (np.empty(most), np.empty(most, dtype=np.int64), np.empty(most + 1, dtype=np.int64))
    taken, regret = np.zeros(most, dtype=np.uint8), np.empty(most)
    size = 0
    for i in range(0, n, step):
        room = work[5]
        limit = load_room(i, caps, room)
        if limit == 0:
            continue
        if limit == 1:
            _single(i, table, prices, caps, room, regret)
        else:
            _several(i, limit, table, prices, conflict, caps, work, spare, ceiling, taken, regret)
        for p in range(start[i], start[i + 1]):
            if regret[p - start[i]] <= ceiling:
                pairs[size] = p
                found[size] = regret[p - start[i]]
                size += 1
    return size
