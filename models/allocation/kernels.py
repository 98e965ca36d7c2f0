"""Compiled inner loops: the exact best set of contacts of one customer, and its sum over blocks of customers.

Every loop walks customers in their canonical order and every sum is taken inside a fixed block, so the result does
not depend on how blocks are spread over threads or machines.
"""

import numpy as np
from numba import njit

QUICK_NODES = 400
NESTED_NODES = 20_000
BY_DAY_NODES = 200_000
ROUNDING = 2e-13


@njit(cache=True, nogil=True)
def order_is_canonical(customer, rank, activity):
    """Return 0 when pairs ascend by (customer rank, activity), 1 when they do not, 2 + p when p repeats p - 1."""
    code = 0
    for p in range(1, len(customer)):
        before, here = rank[customer[p - 1]], rank[customer[p]]
        if before > here or (before == here and activity[p - 1] > activity[p]):
            return 1
        if before == here and activity[p - 1] == activity[p]:
            code = 2 + p
            return code
    return code


@njit(cache=True, nogil=True)
def counting_order(customer, rank, activity, n_customers, n_activities):
    """Stable two-pass counting sort of pairs by (customer rank, activity)."""
    size = len(customer)
    start = np.zeros(n_activities + 1, dtype=np.int64)
    for p in range(size):
        start[activity[p] + 1] += 1
    for a in range(n_activities):
        start[a + 1] += start[a]
    by_activity = np.empty(size, dtype=np.int64)
    for p in range(size):
        by_activity[start[activity[p]]] = p
        start[activity[p]] += 1
    begin = np.zeros(n_customers + 1, dtype=np.int64)
    for p in range(size):
        begin[rank[customer[p]] + 1] += 1
    for i in range(n_customers):
        begin[i + 1] += begin[i]
    order = np.empty(size, dtype=np.int64)
    for k in range(size):
        p = by_activity[k]
        c = rank[customer[p]]
        order[begin[c]] = p
        begin[c] += 1
    return order


@njit(cache=True, nogil=True)
def first_repeat(order, customer, activity):
    """Return the first position in canonical order whose pair repeats the one before it, or -1."""
    for k in range(1, len(order)):
        p, before = order[k], order[k - 1]
        if customer[p] == customer[before] and activity[p] == activity[before]:
            return k
    return -1


@njit(cache=True, nogil=True)
def row_starts(customer, rank, n_customers):
    """Start of each customer's pairs in canonical order."""
    start = np.zeros(n_customers + 1, dtype=np.int64)
    for p in range(len(customer)):
        start[rank[customer[p]] + 1] += 1
    for i in range(n_customers):
        start[i + 1] += start[i]
    return start


@njit(cache=True, nogil=True)
def pairs_of(customers, start):
    """List the pairs of some customers in order, and where each of those customers then starts."""
    begin = np.zeros(len(customers) + 1, dtype=np.int64)
    for k in range(len(customers)):
        begin[k + 1] = begin[k] + start[customers[k] + 1] - start[customers[k]]
    pairs = np.empty(begin[-1], dtype=np.int64)
    for k in range(len(customers)):
        for j in range(begin[k + 1] - begin[k]):
            pairs[begin[k] + j] = start[customers[k]] + j
    return pairs, begin


@njit(cache=True, nogil=True)
def is_free(a, caps, room):
    """Say whether every per-customer rule that covers activity a has room for one more contact."""
    for c in range(caps[0][a], caps[0][a + 1]):  # noqa: SIM110 (all() of a generator does not compile)
        if room[caps[1][c]] <= 0:
            return False
    return True


@njit(cache=True, nogil=True)
def is_allowed(j, depth, stack, item, conflict, caps, room):
    """Say whether item j conflicts with none of stack[:depth] and every per-customer rule has room for it."""
    for k in range(depth):
        if conflict[item[stack[k]], item[j]]:
            return False
    return is_free(item[j], caps, room)


@njit(cache=True, nogil=True)
def change_room(a, caps, room, step):
    """Give back (+1) or take (-1) one contact of activity a in the per-customer rules that cover it."""
    for c in range(caps[0][a], caps[0][a + 1]):
        room[caps[1][c]] += step


@njit(cache=True, nogil=True)
def _search(forced, q, weight, item, conflict, caps, room, limit, suffix, node_limit, floor, space, best):
    """Depth-first search for a set worth more than `floor` among items sorted by falling weight.

    With forced >= 0 only items forced.. are used and `forced` is taken. Returns (size or -1, value, finished).
    """
    stack, so_far, prefix = space[0], space[1], space[2]
    tolerance = 1e-13 * prefix[limit]
    best_value, n_best, depth, current, nodes = floor, -1, 0, 0.0, 0
    j = max(forced, 0)
    while True:
        end = min(j + limit - depth, q)
        is_open = j < q and depth < limit and (forced < 0 or depth > 0 or j == forced)
        if is_open and current + min(prefix[end] - prefix[j], suffix[j]) > best_value + tolerance:
            nodes += 1
            if nodes > node_limit:
                for k in range(depth):
                    change_room(item[stack[k]], caps, room, 1)
                return n_best, best_value, nodes
            if is_allowed(j, depth, stack, item, conflict, caps, room):
                change_room(item[j], caps, room, -1)
                stack[depth] = j
                so_far[depth] = current
                current += weight[j]
                depth += 1
                if current > best_value:
                    best_value = current
                    n_best = depth
                    best[:depth] = stack[:depth]
            j += 1
        else:
            if depth == 0:
                return n_best, best_value, nodes
            depth -= 1
            j = stack[depth]
            current = so_far[depth]
            change_room(item[j], caps, room, 1)
            j += 1


@njit(cache=True, nogil=True)
def _clique_bound(q, item, weight, conflict, limit):
    """Upper bound: at most one item of each clique of mutually conflicting items, at most `limit` in all."""
    group = np.empty(q, dtype=np.int64)
    n_groups = 0
    total = 0.0
    for j in range(q):
        group[j] = n_groups
        for g in range(n_groups):
            fits = True
            for k in range(j):
                if group[k] == g and not conflict[item[k], item[j]]:
                    fits = False
                    break
            if fits:
                group[j] = g
                break
        if group[j] == n_groups:
            n_groups += 1
            if n_groups <= limit:
                total += weight[j]
    return total


@njit(cache=True, nogil=True)
def _nested_search(q, weight, item, conflict, caps, room, limit, node_limit, space, best):
    """Solve items q-1.., then q-2.., and so on, each search bounded by the ones before (Russian dolls).

    Returns (size or -1, value, finished) with the set in best[:size].
    """
    suffix = np.zeros(q + 1)
    found = np.empty(q + 1, dtype=np.int64)
    n_found = 0
    left = node_limit
    for j in range(q - 1, -1, -1):
        suffix[j] = np.inf
        size, value, nodes = _search(
            j, q, weight, item, conflict, caps, room, limit, suffix, left, suffix[j + 1], space, best
        )
        if nodes > left:
            return -1, 0.0, False
        left -= nodes
        suffix[j] = value
        if size >= 0:
            n_found = size
            found[:size] = best[:size]
    best[:n_found] = found[:n_found]
    return n_found, suffix[0], True


@njit(cache=True, nogil=True)
def _nested_by_day(q, weight, item, conflict, caps, room, limit, space, best):
    """As _nested_search with the items in order of their days, where lags make the nested bounds tight."""
    order = np.argsort(caps[5][item[:q]], kind="mergesort")
    by_day = weight[:q][order]
    prefix = space[2].copy()
    for j in range(q + 1):
        # Weights no longer fall, so the sum of the next items bounds nothing: make it too large to matter.
        prefix[j] = j * space[2][limit]
    size, value, finished = _nested_search(
        q,
        by_day,
        item[:q][order],
        conflict,
        caps,
        room,
        limit,
        BY_DAY_NODES,
        (space[0], space[1], prefix, space[3]),
        best,
    )
    for k in range(size):
        best[k] = order[best[k]]
    return size, value, finished


@njit(cache=True, nogil=True)
def best_contacts(q, weight, item, conflict, caps, room, limit, space, best):
    """Find the best allowed set among q items sorted by falling weight, at most `limit` of them.

    Returns (size, value, upper bound, exact) with positions in best[:size]. Nearly every customer ends in the quick
    search; hard ones go to nested searches, and past the node limit the upper bound is a relaxation.
    """
    limit = min(limit, q)
    if limit <= 0:
        return 0, 0.0, 0.0, True
    prefix = space[2]
    prefix[0] = 0.0
    for j in range(q):
        prefix[j + 1] = prefix[j] + weight[j]
    rounding = ROUNDING * prefix[limit]
    size, value, nodes = _search(
        -1, q, weight, item, conflict, caps, room, limit, space[3], QUICK_NODES, 0.0, space, best
    )
    if nodes <= QUICK_NODES:
        return max(size, 0), value, value + rounding, True
    kept = best[: max(size, 0)].copy()
    rounding *= q * limit
    n_more, better, is_finished = _nested_search(
        q, weight, item, conflict, caps, room, limit, NESTED_NODES, space, best
    )
    if not is_finished:
        n_more, better, is_finished = _nested_by_day(q, weight, item, conflict, caps, room, limit, space, best)
    if is_finished and better >= value:
        return n_more, better, better + rounding, True
    best[: len(kept)] = kept
    if is_finished:
        return len(kept), value, value + rounding, True
    return len(kept), value, min(prefix[limit], _clique_bound(q, item, weight, conflict, limit)) + rounding, False


@njit(cache=True, nogil=True)
def load_room(i, caps, room):
    """Fill room[c] with what per-customer rule c leaves customer i; return how many contacts in all at most."""
    limit = len(caps[0])
    for c in range(len(room)):
        room[c] = caps[2][c]
        if caps[4].shape[0] > 0:
            room[c] -= caps[4][i, c]
        if caps[3][c] and room[c] < limit:
            limit = room[c]
    return max(limit, 0)


@njit(cache=True, nogil=True)
def gather(i, table, prices, weight, item, where):
    """Collect the pairs of customer i worth more than their price, sorted by falling worth, ties in pair order."""
    start, activity, value, response = table
    gain, price, sales_price = prices
    q = 0
    for p in range(start[i], start[i + 1]):
        a = activity[p]
        worth = value[p] * gain[a] - price[a] - sales_price[a] * response[p]
        if worth > 0.0:
            k = q
            while k > 0 and weight[k - 1] < worth:
                weight[k] = weight[k - 1]
                item[k] = item[k - 1]
                where[k] = where[k - 1]
                k -= 1
            weight[k] = worth
            item[k] = a
            where[k] = p
            q += 1
    return q


@njit(cache=True, nogil=True)
def best_single(i, table, prices, caps, room):
    """Find the pair of customer i most above its price, for customers who can get one contact: (pair or -1, worth)."""
    start, activity, value, response = table
    gain, price, sales_price = prices
    top, where = 0.0, -1
    for p in range(start[i], start[i + 1]):
        a = activity[p]
        worth = value[p] * gain[a] - price[a] - sales_price[a] * response[p]
        if worth > top and is_free(a, caps, room):
            top, where = worth, p
    return where, top


@njit(cache=True, nogil=True)
def solve_customer(i, table, conflict, caps, prices, work):
    """Solve customer i at the prices: (size, value, upper bound, exact), with the pairs in work[2][work[3][:size]]."""
    weight, item, where, best, space, room = work
    limit = load_room(i, caps, room)
    if limit == 1:
        p, worth = best_single(i, table, prices, caps, room)
        where[0] = p
        best[0] = 0
        return (1 if p >= 0 else 0), worth, worth + ROUNDING * worth, True
    q = gather(i, table, prices, weight, item, where)
    return best_contacts(q, weight, item, conflict, caps, room, limit, space, best)


@njit(cache=True, nogil=True)
def work_space(most, n_caps):
    """Make the scratch arrays of solve_customer for customers with at most `most` pairs."""
    return (
        np.empty(most),
        np.empty(most, dtype=np.int64),
        np.empty(most, dtype=np.int64),
        np.empty(most + 1, dtype=np.int64),
        search_space(most),
        np.zeros(n_caps, dtype=np.int64),
    )


@njit(cache=True, nogil=True)
def search_space(most):
    """Make the scratch arrays of best_contacts for customers with at most `most` pairs."""
    return (np.empty(most + 1, dtype=np.int64), np.empty(most + 1), np.empty(most + 1), np.full(most + 2, np.inf))


@njit(cache=True, nogil=True)
def longest_row(start, first, last):
    """Most pairs that one customer of first..last-1 has, at least 1."""
    most = 1
    for i in range(first, last):
        most = max(most, start[i + 1] - start[i])
    return most


@njit(cache=True, nogil=True)
def evaluate_blocks(first, last, block, table, conflict, caps, prices, totals, stats, chosen):
    """Solve every customer of blocks first..last-1 at the given prices and sum inside each block.

    Row b of `totals` gets (upper bound, worth, customers not solved exactly), of `stats` contacts, sales and value by
    activity. `chosen` (one byte a pair, or empty) gets the plan.
    """
    start, activity, value, response = table
    n = len(start) - 1
    work = work_space(longest_row(start, first * block, min(last * block, n)), len(caps[2]))
    where, best = work[2], work[3]
    for b in range(first, last):
        for i in range(b * block, min((b + 1) * block, n)):
            size, worth, upper, is_exact = solve_customer(i, table, conflict, caps, prices, work)
            totals[b, 0] += upper
            totals[b, 1] += worth
            if not is_exact:
                totals[b, 2] += 1.0
            for k in range(size):
                p = where[best[k]]
                a = activity[p]
                stats[0, b, a] += 1.0
                stats[1, b, a] += response[p]
                stats[2, b, a] += value[p]
            if len(chosen):
                chosen[start[i] : start[i + 1]] = 0
                for k in range(size):
                    chosen[where[best[k]]] = 1
