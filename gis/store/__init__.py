"""Who runs SQL: the record of a city is made, loaded and read here, whole arrays at a time."""

from gis.store.city import create_city, read_city
from gis.store.engine import connect

__all__ = ["connect", "create_city", "read_city"]
