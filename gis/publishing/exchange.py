"""Which cells have to be hidden so that no hidden count below k can be told from what is shown.

Cases exchange what they are: their area, their class, their month. A figure that does not separate what is exchanged
stays as it is. Of each cell with 1 to k - 1 cases it is shown, by exchanges that only hidden cells notice, that it
might as well hold k: whoever knows all figures that are shown cannot tell that world from the true one. Where no such
exchange is at hand, the cheapest one is made invisible: the cells that would notice it are hidden too.

This is the idea of the hypercube method (Repsilber 1994; Giessing & Repsilber 2002), on three hierarchies at once, and
with exchanges that add up.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

NEAR = 24
"""So many areas on either side are looked at for an exchange, before all are."""
MOST_MOVES = 200
"""Most exchanges for one cell."""


@njit(cache=True, nogil=True)
def _apart(path, one, other, nodes):  # type: ignore[no-untyped-def]
    """Nodes that hold exactly one of two leaves; all above the one when there is no other. Returns how many."""
    n = 0
    for level in range(path.shape[1]):
        if other < 0:
            nodes[n] = path[one, level]
            n += 1
        elif path[one, level] != path[other, level]:
            nodes[n] = path[one, level]
            nodes[n + 1] = path[other, level]
            n += 2
    return n


@njit(cache=True, nogil=True)
def _room(x, a, c, t, a2, c2, t2):  # type: ignore[no-untyped-def]
    """How many cases can be exchanged: the least count of the corners that lose by it; very many when none does."""
    least = np.int64(1) << 40
    for i in range(2 if a2 >= 0 else 1):
        for j in range(2 if c2 >= 0 else 1):
            for h in range(2 if t2 >= 0 else 1):
                if (i + j + h) & 1:
                    held = x[a2 if i else a, c2 if j else c, t2 if h else t]
                    if held < least:
                        least = held
                        if least == 0:
                            return least
    return least


@njit(cache=True, nogil=True)
def _move(x, a, c, t, a2, c2, t2, by):  # type: ignore[no-untyped-def]
    for i in range(2 if a2 >= 0 else 1):
        for j in range(2 if c2 >= 0 else 1):
            for h in range(2 if t2 >= 0 else 1):
                step = -by if (i + j + h) & 1 else by
                x[a2 if i else a, c2 if j else c, t2 if h else t] += step


@njit(cache=True, nogil=True)
def _lift(x, monthly, within, u, C, lifts, span_l, used):  # type: ignore[no-untyped-def]
    """Give the area of a leaf the cases by which what holds it may grow; as near the leaf as there are cases for it.

    Returns how many exchanges, and how many cases the leaf itself was given.
    """
    n, got = 0, 0
    for r in range(span_l[within[u], C, 0], span_l[within[u], C, 1]):
        c, c2, month, left = lifts[r, 0], lifts[r, 1], lifts[r, 2], lifts[r, 3]
        for step in range(2 * len(x)):
            off = (step + 1) // 2
            i = u + off if step % 2 else u - off
            if left == 0 or n == MOST_MOVES:
                break
            if i < 0 or i >= len(x) or within[i] != within[u]:
                continue
            by = left if c2 < 0 else min(left, monthly[i, c2, month])
            if by > 0:
                _move(x, i, c, 0, -1, c2, -1, by)
                used[n] = (i, c, 0, -1, c2, -1, by, month)
                if c2 >= 0:
                    monthly[i, c2, month] -= by
                n, left = n + 1, left - by
                got += by if i == u else 0
    return n, got


@njit(cache=True, nogil=True)
def _hide(hidden, na, nodes_a, nc, nodes_c, nt, nodes_t):  # type: ignore[no-untyped-def]
    for i in range(na):
        for j in range(nc):
            for h in range(nt):
                hidden[nodes_a[i], nodes_c[j], nodes_t[h]] = True


@njit(cache=True, nogil=True)
def protect(  # type: ignore[no-untyped-def]
    x, worth, hidden, cells, need, within, monthly, lifts, span_l, span_a, span_c, span_t, path_a, path_c, path_t, near,
    moves,
):  # fmt: skip
    """Hide cells, in place, until each of `cells` can change without any shown cell changing.

    Parameters
    ----------
    x
        int64 (areas, classes, times), cases of the leaves; as it was afterwards.
    worth
        float64 (area nodes, class nodes, time nodes): what is lost by hiding a cell.
    hidden
        bool, same shape: cells that are not shown.
    cells
        int64 (n, 3): cells to protect, hidden ones, in the order in which it is done.
    need
        int64 (n,): by how many cases each has to be able to grow.
    within
        int64 (areas,): an area exchanges with those of the same number only, which stand side by side; -1: an area may
        change alone.
    monthly
        int64 (areas, classes, months): the same cases by month; nothing where all of `within` are -1.
    lifts, span_l
        int64 (m, 4): class that gains, class that loses (-1 none), month, cases: by how much what holds some areas may
        grow, and int64 (numbers of `within`, class nodes, 2): the first of these and the one behind the last.
    span_a, span_c, span_t
        int64 (nodes, 2): first leaf of each node, and the one behind its last.
    path_a, path_c, path_t
        int64 (leaves, levels): nodes that hold a leaf, from the root down to itself.
    near
        Areas on either side that are looked at; all where these do not suffice.
    moves
        int64 (most, 8): written with the exchanges found: place in `cells`, area, class, time, their partners (-1
        none), cases. Beyond `most` none are written.

    Returns
    -------
    failed : bool (n,)
        Cells that nothing protects.
    told : int64
        Exchanges found.
    """
    nodes_a, nodes_c, nodes_t = np.empty(32, np.int64), np.empty(32, np.int64), np.empty(32, np.int64)
    used = np.empty((MOST_MOVES + 1, 8), np.int64)
    n_areas, n_classes, n_times = x.shape
    failed, told = np.zeros(len(cells), np.bool_), 0
    for s in range(len(cells)):
        A, C, T = cells[s, 0], cells[s, 1], cells[s, 2]
        got, n_used, reach = 0, 0, near
        if within[span_a[A, 0]] >= 0:
            n_used, got = _lift(x, monthly, within, span_a[A, 0], C, lifts, span_l, used)
        done = got >= need[s]
        while not done and n_used < MOST_MOVES:
            best, b_cap = np.inf, 0
            b0 = b1 = b2 = b3 = b4 = b5 = -1
            for a in range(span_a[A, 0], span_a[A, 1]):
                for step in range(-1, 2 * min(reach, n_areas)):
                    if step < 0:
                        a2 = -1
                        if within[a] >= 0:
                            continue
                    else:
                        off = step // 2 + 1
                        a2 = a + off if step % 2 == 0 else a - off
                        if a2 < 0 or a2 >= n_areas or within[a2] != within[a]:
                            continue
                        if span_a[A, 0] <= a2 < span_a[A, 1]:
                            continue
                    na = _apart(path_a, a, a2, nodes_a)
                    for c in range(span_c[C, 0], span_c[C, 1]):
                        if a2 >= 0:  # the other area has to have what this one gets
                            held = 0
                            for t in range(span_t[T, 0], span_t[T, 1]):
                                held += x[a2, c, t]
                            if held == 0:
                                continue
                        for c2 in range(-1, n_classes):
                            if c2 >= 0 and span_c[C, 0] <= c2 < span_c[C, 1]:
                                continue
                            nc = _apart(path_c, c, c2, nodes_c)
                            for t in range(span_t[T, 0], span_t[T, 1]):
                                for t2 in range(-1, n_times):
                                    if t2 >= 0 and span_t[T, 0] <= t2 < span_t[T, 1]:
                                        continue
                                    cap = min(_room(x, a, c, t, a2, c2, t2), need[s] - got)
                                    if cap <= 0:
                                        continue
                                    nt = _apart(path_t, t, t2, nodes_t)
                                    cost = 0.0
                                    bound = best * cap
                                    for i in range(na):
                                        for j in range(nc):
                                            for h in range(nt):
                                                if not hidden[nodes_a[i], nodes_c[j], nodes_t[h]]:
                                                    cost += worth[nodes_a[i], nodes_c[j], nodes_t[h]]
                                        if cost >= bound and cost > 0:
                                            break
                                    if cost == 0.0:
                                        _move(x, a, c, t, a2, c2, t2, cap)
                                        used[n_used] = (a, c, t, a2, c2, t2, cap, -1)
                                        n_used += 1
                                        got += cap
                                        if got >= need[s] or n_used >= MOST_MOVES:
                                            done = got >= need[s]
                                            break
                                    elif cost < bound:
                                        best, b_cap = cost / cap, cap
                                        b0, b1, b2, b3, b4, b5 = a, c, t, a2, c2, t2
                                if done or n_used >= MOST_MOVES:
                                    break
                            if done or n_used >= MOST_MOVES:
                                break
                        if done or n_used >= MOST_MOVES:
                            break
                    if done or n_used >= MOST_MOVES:
                        break
                if done or n_used >= MOST_MOVES:
                    break
            if done:
                break
            if b_cap > 0:
                na = _apart(path_a, b0, b3, nodes_a)
                nc = _apart(path_c, b1, b4, nodes_c)
                nt = _apart(path_t, b2, b5, nodes_t)
                _hide(hidden, na, nodes_a, nc, nodes_c, nt, nodes_t)
            elif reach < n_areas:
                reach = n_areas
            else:
                break
        for u in range(n_used):
            if told < len(moves) and done:
                moves[told, 0] = s
                moves[told, 1:] = used[u, :7]
                told += 1
            _move(x, used[u, 0], used[u, 1], used[u, 2], used[u, 3], used[u, 4], used[u, 5], -used[u, 6])
            if used[u, 7] >= 0 and used[u, 4] >= 0:
                monthly[used[u, 0], used[u, 4], used[u, 7]] += used[u, 6]
        if not done:
            failed[s] = True
    return failed, told


def paths(parent: NDArray[np.int64]) -> NDArray[np.int64]:
    """Nodes from the root to each leaf, by the parent of each node (-1: root); leaves are all equally deep.

    Examples
    --------
    >>> paths(np.array([-1, 0, 0, 1, 1, 2])).tolist()
    [[0, 1, 3], [0, 1, 4], [0, 2, 5]]
    """
    leaves = np.setdiff1d(np.arange(len(parent)), parent)
    columns = [leaves]
    while (parent[columns[0]] >= 0).all():
        columns.insert(0, parent[columns[0]])
    if (parent[columns[0]] >= 0).any():
        raise ValueError("leaves of different depth")
    return np.column_stack(columns).astype(np.int64)


def spans(path: NDArray[np.int64], n_nodes: int) -> NDArray[np.int64]:
    """First leaf of each node and the one behind its last; leaves of a node stand side by side.

    Examples
    --------
    >>> spans(paths(np.array([-1, 0, 0, 1, 1, 2])), 6).tolist()
    [[0, 3], [0, 2], [2, 3], [0, 1], [1, 2], [2, 3]]
    """
    out = np.zeros((n_nodes, 2), dtype=np.int64)
    for level in range(path.shape[1]):
        node, first, count = np.unique(path[:, level], return_index=True, return_counts=True)
        if (np.diff(path[:, level]) != 0).sum() + 1 != len(node):
            raise ValueError("leaves of a node are apart")
        out[node] = np.column_stack([first, first + count])
    return out


def sums(x: NDArray[np.int64], path_a: NDArray, path_c: NDArray, path_t: NDArray) -> NDArray[np.int64]:  # type: ignore[type-arg]
    """Counts of all nodes, (area nodes, class nodes, time nodes), from those of the leaves."""
    for axis, path in enumerate((path_a, path_c, path_t)):
        moved = np.moveaxis(x, axis, 0)
        out = np.zeros((path.max() + 1, *moved.shape[1:]), dtype=np.int64)
        for level in range(path.shape[1]):
            np.add.at(out, path[:, level], moved)
        x = np.moveaxis(out, 0, axis)
    return x
