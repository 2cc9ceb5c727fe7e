"""A release as a GeoPackage: layers ``areas`` and ``units``, tables ``figures``, ``shares`` and ``menu``."""

from __future__ import annotations

import tempfile
from pathlib import Path

import geopandas as gpd
import pandas as pd
import pyogrio

from gis.publishing.menu import Classes, Ladder
from gis.publishing.release import Release
from grids.errors import InputError


def write_release(release: Release, path: Path) -> None:
    """Write it; a file that is there is replaced at once, or not at all."""
    menu = pd.DataFrame(
        {
            "what": ["k", "quarters", "groups"],
            "value": [str(release.k), " ".join(release.quarters), " ".join(release.classes.groups)],
        }
    )
    folder = path.absolute().parent
    if not folder.is_dir():
        raise InputError("there is no such folder", where=str(folder))
    with tempfile.TemporaryDirectory(dir=folder) as made:
        new = Path(made) / "release.gpkg"
        # how many cells hold k and how many cases there are is for whoever decides: it is no figure of the menu
        shares = release.shares[["period", "level", "cells_shown", "cases_shown", "day"]]
        layers = {"areas": release.ladder.areas, "units": release.ladder.units}
        for name, frame in layers.items():
            flat = frame.set_geometry(frame.geometry.to_numpy(), crs=frame.crs)
            pyogrio.write_dataframe(flat, new, layer=name, driver="GPKG", promote_to_multi=True)
        for name, table in (("figures", release.figures), ("shares", shares), ("menu", menu)):
            pyogrio.write_dataframe(table, new, layer=name, driver="GPKG")
        new.replace(path)


def read_release(path: Path) -> Release:
    """Read it.

    Raises
    ------
    InputError
        No such file, or not a release.
    """
    right = "wanmi release makes one"
    if not path.is_file():
        raise InputError("there is no such release", where=str(path), right=right)
    try:
        tables = {
            name: pyogrio.read_dataframe(path, layer=name) for name in ("areas", "units", "figures", "shares", "menu")
        }
        menu = dict(zip(tables["menu"]["what"], tables["menu"]["value"], strict=True))
        classes = Classes.of(menu["groups"].split())
        ladder = Ladder(gpd.GeoDataFrame(tables["areas"]), gpd.GeoDataFrame(tables["units"]))
        quarters = tuple(menu["quarters"].split())
        return Release(ladder, classes, int(menu["k"]), quarters, tables["figures"], tables["shares"])
    except (
        KeyError,
        ValueError,
        AttributeError,
        pyogrio.errors.DataSourceError,
        pyogrio.errors.DataLayerError,
    ) as error:
        raise InputError(f"it is no release: {str(error).splitlines()[0]}", where=str(path), right=right) from None
