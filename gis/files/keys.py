"""Checks that look across a row or across rows: composite codes, periods, many rows of one thing, one code twice."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from gis.files import columns as cols
from gis.files.faults import Faults, shown
from gis.layers import Layer
from gis.profile import Source

ENDLESS = pd.Timestamp("9999-01-01").as_unit("us")


def composite_codes(data: pd.DataFrame, source: Source, faults: Faults) -> None:
    """Codes made of other columns must be what these give; ``data`` has the columns of the file."""
    for parts in source.parts:
        whole = cols.text(data[parts.code])
        made = cols.text(data[parts.of[0]])
        for column in parts.of[1:]:
            made = made + parts.by + cols.text(data[column])
        wrong = (whole != made).to_numpy(dtype=bool)
        sum_ = " + ".join(parts.of)
        faults.add(wrong, parts.code, whole, f"is not {sum_}, which give " + made, flag=parts.mismatch == "flag")
        said = f"{parts.code} = {sum_}: {wrong.sum():,} of {len(wrong):,} rows differ"
        faults.note(said, wrong if wrong.any() else None)


def periods(
    out: pd.DataFrame,
    data: pd.DataFrame,
    found: Mapping[str, str],
    start: pd.Timestamp | None,
    end: pd.Timestamp | None,
    faults: Faults,
) -> None:
    """Fill in the beginning and the end of ``out``; an end that is not after its beginning is a fault."""
    if start is not None:
        out["valid_from"] = out["valid_from"].fillna(start)
    if end is not None:
        out["valid_to"] = out["valid_to"].fillna(end)
    told = data[found["valid_to"]] if "valid_to" in found else ""
    wrong = (out["valid_to"] <= out["valid_from"]).to_numpy(dtype=bool)
    faults.add(wrong, found.get("valid_to", "valid_to"), told, "is not after valid_from")


def distinct(out: pd.DataFrame, layer: Layer, source: Source, faults: Faults) -> tuple[pd.DataFrame, Faults]:
    """One row for each key: its first, with the most frequent values where the profile asks (ties: the lower text)."""
    good, key = out[~faults.bad], list(layer.key)
    first = good.drop_duplicates(key)
    for column in source.majority:
        counts = good.groupby([*key, column], sort=True).size().rename("n").reset_index()
        order = [True] * len(key) + [False, True]
        best = counts.sort_values([*key, "n", column], ascending=order).drop_duplicates(key)
        taken = first[key].merge(best[[*key, column]], on=key, how="left", validate="1:1")[column]
        first = first.assign(**{column: taken.to_numpy()})
        share = best["n"].sum() / max(len(good), 1)
        faults.note(f"{column}: the most frequent of each {' and '.join(key)}, true of {share:.1%} of the rows")
    faults.note(f"{len(good):,} rows tell of {len(first):,} {layer.name}")
    kept = np.union1d(first.index.to_numpy(), np.flatnonzero(faults.bad)).astype(np.intp)
    made = pd.concat([first[list(out.columns)], out[faults.bad]]).loc[kept].reset_index(drop=True)
    return made, faults.keep(kept)


def doubles(out: pd.DataFrame, layer: Layer, found: Mapping[str, str], faults: Faults) -> None:
    """The same key twice at the same time: the first row of the file stays, the later one is a fault."""
    key = list(layer.key)
    if not key:  # rows that nothing names are each their own
        return
    column = ", ".join(found.get(name, name) for name in key)
    at_once = " for the same time" if layer.dated else ""
    while True:
        good = out.loc[~faults.bad, key].copy()
        good["at"], good["a"], good["b"] = good.index, 0, 1
        if layer.dated:
            # a missing beginning is the least integer there is, as it should be
            good["a"] = out["valid_from"].dt.tz_localize(None).to_numpy().view("int64")[good.index]
            good["b"] = out["valid_to"].dt.tz_localize(None).fillna(ENDLESS).to_numpy().view("int64")[good.index]
        good = good.sort_values([*key, "a", "b", "at"], kind="stable")
        # the row before, and of rows alike in all the first
        good["first"] = good.groupby([*key, "a", "b"], sort=False)["at"].transform("first")
        before = good.shift()
        same = ((good[key] == before[key]).all(axis=1) & (good["a"] < before["b"])).to_numpy()
        if not same.any():
            return
        alike = (good["first"] != good["at"]).to_numpy()
        one = np.where(alike, good["first"], before["at"].fillna(-1)).astype(np.intp)[same]
        other = good["at"].to_numpy()[same]
        later, where = np.unique(np.maximum(one, other), return_index=True)
        first = np.minimum(one, other)[where]
        why = [f"is in row {number} already{at_once}" for number in faults.numbers[first]]
        said = out.loc[later, key[-1]].astype("str")
        faults.add(later, column, np.array([shown(s) for s in said], dtype=object), np.array(why, dtype=object))
