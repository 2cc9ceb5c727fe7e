"""Coordinate systems: the only room that knows two of them.

Coordinates are stored once, in the city's metric CRS; everything else is converted here, at the door. Order is
always longitude, latitude or x (east), y (north), whatever the register says of the axes. NaN passes through.
"""

from gis.crs.datum import fit, reach
from gis.crs.names import ALIASES, CHINA, SHIFTED, city_srid, is_degrees, parse_crs
from gis.crs.services import bd_to_gcj, gcj_to_bd, gcj_to_wgs, wgs_to_gcj
from gis.crs.ways import Way, to_city, to_lonlat, way

__all__ = [
    "ALIASES",
    "CHINA",
    "SHIFTED",
    "Way",
    "bd_to_gcj",
    "city_srid",
    "fit",
    "gcj_to_bd",
    "gcj_to_wgs",
    "is_degrees",
    "parse_crs",
    "reach",
    "to_city",
    "to_lonlat",
    "way",
    "wgs_to_gcj",
]
