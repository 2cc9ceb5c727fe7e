"""Answers as files: a place in each cell, the same figures in every format."""

from __future__ import annotations

import io
import json

import geopandas as gpd
import pandas as pd
import pytest
import shapely

from api.statistics.exports import FORMATS, written
from api.statistics.gathered import Gathering
from tests.api.conftest import Served

SRID = 4546
BENT = shapely.Polygon([(0, 0), (300, 0), (300, 300), (200, 300), (200, 100), (100, 100), (100, 300), (0, 300)])
"""A yard with houses on three sides: its centroid lies in the yard."""


@pytest.mark.parametrize("crs", [SRID, 4326])
def test_the_place_of_a_cell_lies_in_it(crs: int):
    shape = shapely.transform(BENT, lambda xy: xy + (500_000.0, 3_870_000.0))
    frame = gpd.GeoDataFrame({"code": ["甲"], "cases": [3]}, geometry=[shape], crs=SRID).to_crs(crs)
    text = written(Gathering(frame, {}, {}), "csv", SRID).decode("utf-8-sig")
    row = pd.read_csv(io.StringIO(text)).iloc[0]
    place = gpd.GeoSeries([shapely.Point(row["lon"], row["lat"])], crs=4326).to_crs(SRID)[0]
    assert shape.covers(place) and row["code"] == "甲"


def test_every_format_has_the_same_figures(served_demo: Served):
    asked = {"method": "compare", "from": "2026-03-01", "to": "2026-04-01", "cells": "area:community"}
    told = {form: served_demo.get("/v1/hotspots", format=form, **asked).content for form in FORMATS}
    frame = pd.DataFrame([f["properties"] for f in json.loads(told["geojson"])["features"]])
    parquet = gpd.read_parquet(io.BytesIO(told["parquet"]))
    table = pd.read_csv(io.BytesIO(told["csv"]), dtype={"code": str})
    for name in frame.columns:
        for other in (parquet[name], table[name]):
            if frame[name].dtype.kind in "fiu":
                pd.testing.assert_series_equal(
                    frame[name].astype(float), other.astype(float), check_names=False, rtol=0, atol=0
                )
            else:
                assert frame[name].tolist() == other.tolist()
