"""The shares of many cases: one ray after the other, one stretch between two crossings after the other."""

from __future__ import annotations

import math

import numpy as np

from gis import compiled
from gis.doubt.near import components, polygons, zones
from gis.doubt.rays import circles, crossings
from gis.grouped import raster_of

SIGMAS = 3.7
"""Rays are followed so many standard deviations; the rest, a thousandth, goes to the owner where they end."""


@compiled.kernel(plain=False)
def kernel(
    grouped, filters, rasters, owners, begins, ends, hash_, from_, until, kinds, three, places, duty, of_class, radius,
    x, y, sigma, instant, klass, epoch, wanted, named, certain, aim, things,
):  # fmt: skip
    count = len(aim)
    counts = np.zeros(len(x), np.int64)
    size = 2 * len(x) + 16
    out_department, out_share = np.empty(size, np.int32), np.empty(size)
    out_layer, out_thing = np.empty(size, np.int8), np.empty(size, np.int32)
    rows = 0
    scratch = np.empty(32, np.int64), np.empty(32, np.int64)
    events = np.empty((4096, 3))
    rays = np.empty(count, np.int64)
    line = np.empty((64, 2))
    for i in range(len(x)):
        s = sigma[i]
        # keys of the shares of this case: layer, thing, owner
        keys = np.empty((4, 3), np.int64)
        sums = np.zeros(4)
        m = 0
        if s >= 0 and certain[i] >= 0:
            keys[0, 0], keys[0, 1], keys[0, 2] = -1, named[i], certain[i]
            sums[0], m = 1.0, 1
        elif s >= 0:
            reach = np.int64(s * SIGMAS) + 1
            competent = of_class[epoch[i], klass[i]]
            who = np.empty((16, 3), np.int64)
            n, covered = 0, False
            for layer in range(len(owners)):
                if layer == 0:
                    found, scratch = zones(
                        grouped, begins[0], ends[0], klass[i], instant[i], x[i], y[i], reach, scratch
                    )
                else:
                    found, scratch = polygons(
                        rasters[layer - 1], begins[layer], ends[layer], instant[i], x[i], y[i], reach, scratch
                    )
                for j in range(found):
                    p = scratch[0][j]
                    owner = np.int64(owners[layer][p])
                    if layer > 0 and competent >= 0:
                        owner = competent
                    if owner < 0 and layer > 0:
                        continue
                    if n == len(who):
                        who = np.concatenate((who, np.empty_like(who)))
                    who[n, 0], who[n, 1], who[n, 2] = layer, p, owner
                    n += 1
                    if scratch[1][j]:
                        covered = True
                        break
                if covered:
                    break
            near = np.empty((0, 3))
            number = np.empty(0, np.int64)
            if wanted[i] >= 0:
                far = radius[epoch[i], klass[i]]
                number, near = components(
                    hash_, x[i], y[i], wanted[i], far + reach, instant[i], from_, until, kinds, three, duty, of_class,
                    epoch[i], places,
                )  # fmt: skip
            last = who[0, 2] if n else np.int64(-1)
            same = covered or n == 0
            for j in range(n):
                same = same and who[j, 2] == last
            for j in range(len(near)):
                same = same and (near[j, 2] == last or near[j, 2] < 0)
            if same and (not things or (n <= 1 and len(near) == 0)):
                keys[0, 0], keys[0, 1], keys[0, 2] = (who[0, 0], who[0, 1], last) if n else (-2, -1, -1)
                sums[0], m = 1.0, 1
            else:
                rays[:] = -1
                size_e = 0
                inside = np.zeros(n + len(near), np.bool_)
                for j in range(n):
                    if covered and j == n - 1:
                        inside[j] = True
                        continue
                    p = who[j, 1]
                    if who[j, 0] == 0:
                        raster, p = raster_of(grouped, filters[p]), np.int64(grouped[9][p])
                    else:
                        raster = rasters[who[j, 0] - 1]
                    inside[j], events, size_e = crossings(raster, p, j, x[i], y[i], reach, aim, rays, events, size_e)
                if len(near):
                    events, size_e, held = circles(
                        near, float(radius[epoch[i], klass[i]]), reach, n, aim, rays, events, size_e
                    )
                    inside[n:] = held
                state = np.empty(len(inside), np.bool_)
                for k in range(count):
                    on = 0
                    e = rays[k]
                    while e >= 0:
                        if on + 1 >= len(line):
                            line = np.concatenate((line, np.empty_like(line)))
                        b = on - 1
                        while b >= 0 and line[b, 0] > events[e, 0]:
                            line[b + 1, 0], line[b + 1, 1] = line[b, 0], line[b, 1]
                            b -= 1
                        line[b + 1, 0], line[b + 1, 1] = events[e, 0], events[e, 1]
                        on += 1
                        e = np.int64(events[e, 2])
                    state[:] = inside
                    begin, left = 0.0, 1.0
                    for e in range(on + 1):
                        end = line[e, 0] if e < on else np.inf
                        after = math.exp(-0.5 * (end / s) ** 2) if e < on else 0.0
                        if left > after:
                            middle = (begin + end) / 2 if e < on else begin + 1.0
                            kind, thing, owner = np.int64(-2), np.int64(-1), np.int64(-1)
                            best, least = -1, np.inf
                            for j in range(len(near)):
                                if state[n + j]:
                                    d = near[j, 0] ** 2 + near[j, 1] ** 2
                                    d -= 2 * middle * (near[j, 0] * aim[k, 0] + near[j, 1] * aim[k, 1])
                                    if d < least:
                                        best, least = j, d
                            if best >= 0 and near[best, 2] >= 0:
                                kind, thing, owner = np.int64(-1), number[best], np.int64(near[best, 2])
                            else:
                                for j in range(n):
                                    if state[j]:
                                        kind, thing, owner = who[j, 0], who[j, 1], who[j, 2]
                                        break
                            z = 0
                            while z < m and not (
                                keys[z, 2] == owner and (not things or (keys[z, 0] == kind and keys[z, 1] == thing))
                            ):
                                z += 1
                            if z == m:
                                if m == len(keys):
                                    keys = np.concatenate((keys, np.empty_like(keys)))
                                    sums = np.concatenate((sums, np.zeros_like(sums)))
                                keys[m, 0], keys[m, 1], keys[m, 2] = kind, thing, owner
                                sums[m] = 0.0
                                m += 1
                            sums[z] += left - after
                        begin, left = end, after
                        if e < on and line[e, 1] >= 0:
                            j = int(line[e, 1])
                            state[j] = not state[j]
                total = sums[:m].sum()
                for j in range(m):
                    sums[j] /= total
        if rows + m > size:
            size = 2 * (rows + m)
            out_department = np.concatenate((out_department, np.empty(size - len(out_department), np.int32)))
            out_share = np.concatenate((out_share, np.empty(size - len(out_share))))
            out_layer = np.concatenate((out_layer, np.empty(size - len(out_layer), np.int8)))
            out_thing = np.concatenate((out_thing, np.empty(size - len(out_thing), np.int32)))
        # largest share first, then the lower owner, layer and thing
        for z in range(1, m):
            key0, key1, key2, value = keys[z, 0], keys[z, 1], keys[z, 2], sums[z]
            b = z - 1
            while b >= 0 and (
                sums[b] < value or (sums[b] == value and (keys[b, 2], keys[b, 0], keys[b, 1]) > (key2, key0, key1))
            ):
                keys[b + 1, 0], keys[b + 1, 1], keys[b + 1, 2], sums[b + 1] = (
                    keys[b, 0],
                    keys[b, 1],
                    keys[b, 2],
                    sums[b],
                )
                b -= 1
            keys[b + 1, 0], keys[b + 1, 1], keys[b + 1, 2], sums[b + 1] = key0, key1, key2, value
        for z in range(m):
            out_department[rows], out_share[rows] = keys[z, 2], sums[z]
            out_layer[rows], out_thing[rows] = keys[z, 0], keys[z, 1]
            rows += 1
        counts[i] = m
    return counts, out_department[:rows], out_share[:rows], out_layer[:rows], out_thing[:rows]
