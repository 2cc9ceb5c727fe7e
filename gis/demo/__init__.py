"""The demo city (演示城市): a whole city made by code, modelled on the published figures of Yanhu District, Yuncheng.

`make` gives every layer of `gis.layers` as a canonical frame and the truth beside it. Codes and names of streets and
communities are real; everything else is invented. Equal ``scale`` and ``seed`` give equal cities, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely

from gis.demo.plan import SRID, Plan
from gis.layers import LAYERS
from gis.model import City

__all__ = ["Demo", "make"]


@dataclass(frozen=True)
class Demo:
    """A made city.

    Attributes
    ----------
    city
        The city itself, key ``demo``.
    layers
        Canonical frame of each layer by name, geometry in EPSG:4546, index from 1.
    truth
        What the data do not say: ``cases`` (true place, component, flaw, owner), ``hotspots`` (planted), ``background``
        (expected events of each unit and class group without them), ``zones`` (planted faults), ``exposure`` (residents
        and patrol visits of each unit), ``reporting`` (true rates of what patrols find and residents report).
    """

    city: City
    layers: dict[str, pd.DataFrame] = field(repr=False)
    truth: dict[str, pd.DataFrame] = field(repr=False)


def make(*, scale: float = 1.0, seed: int = 1, progress: Callable[[str, float], None] | None = None) -> Demo:
    """Make a demo city.

    Parameters
    ----------
    scale
        Share of the full city (91 km², 527,000 reports), 0.02 to 1.
    seed
        0 or more; equal seeds give equal cities.
    progress
        Called with the name of the chapter begun and the share done, 0 to 1.

    Returns
    -------
    Demo

    Raises
    ------
    InputError
        For a scale or seed out of range.
    """
    from gis.crs import to_lonlat
    from gis.demo.background import FIRST_DAY, LAST_DAY
    from gis.demo.blocks import make_blocks
    from gis.demo.buildings import make_buildings
    from gis.demo.cases import ACCURACY_M, make_cases
    from gis.demo.clock import make_calendar
    from gis.demo.communities import make_areas, make_territory
    from gis.demo.components import make_components, make_drains
    from gis.demo.departments import make_departments, make_rules
    from gis.demo.ground import make_barriers, make_parcels, make_railways, make_rivers, make_roads
    from gis.demo.happened import CHANNELS, happened
    from gis.demo.places import Places
    from gis.demo.reporting import make_reporting
    from gis.demo.rosters import make_rosters
    from gis.demo.streets import make_network
    from gis.demo.zones import make_zones
    from grids.compile import build_units

    tell = progress or (lambda text, share: None)
    plan = Plan(scale, seed)
    tell("streets and blocks", 0.0)
    net = make_network(plan)
    blocks = make_blocks(plan, net)
    territory = make_territory(plan, net)
    tell("unit grids", 0.05)
    units = build_units(territory.communities, make_barriers(net))
    tell("buildings", 0.15)
    buildings, service = make_buildings(plan, blocks)
    drains, sewers = make_drains(plan, net)
    tell("components", 0.25)
    places = Places(net, blocks, buildings.geometry.to_numpy(), sewers)
    components = make_components(plan, net, places, units)
    areas = make_areas(territory, units)
    zones, faults = make_zones(plan, net, blocks, territory, areas)
    streets = areas.loc[areas["set"] == "street", "code"].tolist()

    low_x, low_y, high_x, high_y = shapely.bounds(net.frame)
    lon, lat = to_lonlat([low_x, high_x, low_x, high_x], [low_y, high_y, high_y, low_y], SRID)
    hall = shapely.get_coordinates(shapely.point_on_surface(net.blocks[np.argmin(net.quarter)]))[0]
    hall_lon, hall_lat = to_lonlat(hall[:1], hall[1:], SRID)
    city = City(
        key="demo",
        name="盐湖区",
        srid=SRID,
        time_zone="Asia/Shanghai",
        bounds=(_down(lon.min()), _down(lat.min()), -_down(-lon.max()), -_down(-lat.max())),
        default_points=((float(round(hall_lon[0], 6)), float(round(hall_lat[0], 6))), (0.0, 0.0)),
        codes="china15",
        edition="2026",
        accuracy_m=tuple(sorted(zip(CHANNELS, ACCURACY_M, strict=True))),
    )
    made = {
        "areas": areas,
        "departments": make_departments(streets),
        "rules": make_rules(),
        "units": units,
        "components": components,
        "zones": zones,
        "roads": make_roads(net, service),
        "rivers": make_rivers(plan, net),
        "railways": make_railways(net),
        "buildings": buildings,
        "parcels": make_parcels(net, blocks),
        "drains": drains,
        "calendars": make_calendar(FIRST_DAY, LAST_DAY),
    }
    made["rosters"], vacant = make_rosters(plan, areas, made["roads"])
    tell("cases", 0.4)
    true, spots, background = happened(plan, net, blocks, territory, made)
    made["cases"], known = make_cases(plan, city, true, territory, components)
    looked = make_reporting(plan, units, buildings, known, made["cases"]["channel"], background)
    truth = {"cases": known, "hotspots": spots, "background": background, "zones": faults, "rosters": vacant}
    truth |= {"exposure": looked[0], "reporting": looked[1]}
    tell("done", 1.0)
    return Demo(city, {name: _canonical(name, frame) for name, frame in made.items()}, truth)


def _down(degrees: float) -> float:
    """The next lower ten-thousandth of a degree."""
    return float(np.floor(degrees * 1e4) / 1e4)


def _canonical(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with exactly its layer's columns in order, missing ones empty, rows numbered from 1."""
    layer = LAYERS[name]
    out: dict[str, object] = {}
    for column in layer.columns:
        if column.name in frame.columns:
            value = frame[column.name]
            out[column.name] = value.astype("str") if column.kind == "text" and value.dtype != "str" else value
        elif column.kind in ("instant", "date"):
            out[column.name] = pd.Series(pd.NaT, index=frame.index, dtype="datetime64[us, UTC]")
        elif column.kind == "text":
            out[column.name] = pd.Series("", index=frame.index, dtype="str")
        else:
            out[column.name] = pd.Series(np.nan, index=frame.index)
    index = pd.RangeIndex(1, len(frame) + 1)
    data = pd.DataFrame({key: pd.Series(value).array for key, value in out.items()}, index=index)
    if layer.geometry:
        return gpd.GeoDataFrame(data, geometry=gpd.GeoSeries(frame.geometry.to_numpy(), index=index, crs=SRID))
    return data
