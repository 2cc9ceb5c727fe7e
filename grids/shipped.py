"""The tables that come with Wanmi, ``data/*.csv``, as they are."""

from __future__ import annotations

from functools import cache
from importlib import resources

import pandas as pd


@cache
def terms() -> dict[str, str]:
    """English of Chinese names, ``data/english.csv``: translations of ours, used where a table has none."""
    table = read_table("english")
    return dict(zip(table["name_zh"], table["name_en"], strict=True))


def read_table(name: str) -> pd.DataFrame:
    """Read a table of the catalogue, ``data/<name>.csv``; all columns are text, "" where missing."""
    with resources.files("data").joinpath(f"{name}.csv").open("rb") as file:
        return pd.read_csv(file, dtype="str", keep_default_na=False)
