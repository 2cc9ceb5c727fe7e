"""What the codes of a layer of units say, and whether it is so: community, form, doubles, order of the serials."""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from grids.codes_array import check_unit
from grids.serials import ROW_M, rank_in_community, reference_points

_FREE = r"^(?P<community>.+)-(?P<serial>[0-9]{2,3})$"


def split_codes(code: pd.Series) -> tuple[pd.Series, NDArray[np.int64]]:
    """Community text and serial of unit codes, as `grids.serials.split_code`; "" and 0 where they say neither.

    Examples
    --------
    >>> community, serial = split_codes(pd.Series(["140802001001003", "Fells Point-003", "Z17"]))
    >>> community.tolist(), serial.tolist()
    (['140802001001', 'Fells Point', ''], [3, 3, 0])
    """
    code = code.astype("str").fillna("").reset_index(drop=True)
    china = code.str.fullmatch(r"[0-9]{14,15}")
    community, serial = code.str.slice(0, 12).where(china, ""), code.str.slice(12).where(china, "0")
    if not china.all():
        free = code[~china].str.extract(_FREE)
        community[~china], serial[~china] = free["community"].fillna(""), free["serial"].fillna("0")
    return community, pd.to_numeric(serial).to_numpy(np.int64)


def community_of(code: pd.Series, said: pd.Series | None) -> pd.Series:
    """Community of each unit: as said beside the code, else as the code says, else ""."""
    from_code = split_codes(code)[0]
    if said is None:
        return from_code
    said = said.astype("str").fillna("").reset_index(drop=True)
    return said.where(said != "", from_code)


def code_faults(
    code: pd.Series, community: pd.Series, *, scheme: str = "", communities: pd.Series | None = None
) -> NDArray[np.object_]:
    """What is wrong with each code of a layer, "" for nothing.

    Parameters
    ----------
    code, community
        n texts, "" where missing.
    scheme
        ``china15``, ``china14``, ``free``; "" for 15 or 14 digits, all of one length, or free text where fewer than
        half of the codes are digits.
    communities
        Community codes that exist.
    """
    digits = code.str.fullmatch(r"[0-9]+").to_numpy(bool)
    if not scheme and len(code) and digits.mean() < 0.5:
        scheme = "free"
    if scheme == "free":
        inside = split_codes(code)[0]
        out = np.full(len(code), "", object)
        other = ((inside != "") & (community != "") & (inside != community)).to_numpy()
        out[other] = [f"is said to be in {one}, its code says another" for one in community[other]]
        if communities is not None:
            lost = ((community != "") & ~community.isin(communities)).to_numpy() & (out == "")
            out[lost] = [f"is in community {one}, which is not known" for one in community[lost]]
    else:
        out = check_unit(code, scheme=scheme, communities=communities, of_community=community)
        length = code.str.len().to_numpy()
        usual = 14 if (length == 14).sum() > (length == 15).sum() else 15
        odd = (out == "") & digits & (length != usual)
        out[odd] = [f"has {n} digits, most of this layer have {usual}" for n in length[odd]]
    out[(code.str.strip() == "").to_numpy()] = "has no code"
    twice = code.duplicated(keep=False).to_numpy() & (out == "")
    out[twice] = "has a code that is given more than once"
    return out


def order_faults(
    code: pd.Series,
    community: pd.Series,
    shapes: NDArray[np.object_],
    *,
    issue: NDArray[np.int64] | None = None,
    row_m: float | None = None,
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Units whose serial is out of order in their community and issue, as few as explain the disorder.

    Rows of the numbering are counted from the northernmost unit that was numbered. Where units of a community have
    ended since, it may be among them: then any beginning of the rows is accepted that puts the rest in order.

    Parameters
    ----------
    code, community
        n texts; codes without a serial are passed over.
    shapes
        n valid polygons.
    issue
        (n,) number of the issue that brought each; None for one issue.
    row_m
        Height of a row; None for `grids.serials.ROW_M`.

    Returns
    -------
    wrong : positions, ascending: those outside the longest run of rising serials
    expected : (n,) serial that belongs at the unit's place among the serials of its community and issue, 0 for none
    """
    row_m = ROW_M if row_m is None else row_m
    serial = split_codes(code)[1]
    at = np.flatnonzero(serial > 0)
    name = pd.factorize(community.to_numpy(object)[at])[0]
    issues = np.zeros(len(at), np.int64) if issue is None else np.asarray(issue)[at]
    group = pd.factorize(pd.Series(list(zip(name.tolist(), issues.tolist(), strict=True)), dtype=object))[0]
    rank = rank_in_community(shapes[at], group, row_m=row_m)
    by_place = at[np.lexsort((rank, group))]
    by_serial = at[np.lexsort((serial[at], group))]
    expected = np.zeros(len(serial), np.int64)
    expected[by_place] = serial[by_serial]
    group = np.sort(group)
    given = serial[by_place]
    falls = np.flatnonzero((given[1:] <= given[:-1]) & (group[1:] == group[:-1]))
    wrong: list[NDArray[np.int64]] = [np.empty(0, np.int64)]
    starts = np.searchsorted(group, np.unique(group[falls])), np.searchsorted(group, np.unique(group[falls]), "right")
    for i, j in zip(*starts, strict=True):
        # of files with few digits: the place of a unit is that of its corners on whole millimetres
        near = shapely.transform(shapes[by_place[i:j]], lambda xy: np.rint(xy * 1e3) / 1e3)
        mine = by_place[i:j][np.argsort(rank_in_community(near, np.zeros(j - i, np.int64), row_m=row_m))]
        expected[mine] = np.sort(serial[mine])
        if _rising(serial[mine].tolist()).all():
            continue
        if serial[mine].min() != 1 or serial[mine].max() != len(mine):
            mine = _other_rows(mine, serial, shapes, row_m)
            expected[mine] = np.sort(serial[mine])
        wrong.append(mine[~_rising(serial[mine].tolist())])
    return np.sort(np.concatenate(wrong)), expected


def _other_rows(
    at: NDArray[np.int64], serial: NDArray[np.int64], shapes: NDArray[np.object_], row_m: float
) -> NDArray[np.int64]:
    """Units by place, rows counted from where fewest of their serials are out of order."""
    y = reference_points(shapes[at])[:, 1]
    north = y.max()
    best, fewest = at, len(at) + 1
    # rows begin anew only where a unit changes its row: each unit in turn is the first of one
    for top in np.unique(y + row_m * np.ceil((north - y) / row_m))[::-1]:
        rank = rank_in_community(shapes[at], np.zeros(len(at), np.int64), row_m=row_m, north=float(top))
        order = at[np.argsort(rank)]
        wrong = int((~_rising(serial[order].tolist())).sum())
        if wrong < fewest:
            best, fewest = order, wrong
        if not wrong:
            break
    return best


def _rising(values: list[int]) -> NDArray[np.bool_]:
    """Which values are in one longest rising run (patience sorting); of equally long ones the one with lower ends."""
    tops: list[int] = []
    top_at: list[int] = []
    before = [-1] * len(values)
    for i, value in enumerate(values):
        k = bisect_left(tops, value)
        before[i] = top_at[k - 1] if k else -1
        if k == len(tops):
            tops.append(value)
            top_at.append(i)
        else:
            tops[k], top_at[k] = value, i
    out = np.zeros(len(values), bool)
    i = top_at[-1] if top_at else -1
    while i >= 0:
        out[i] = True
        i = before[i]
    return out
