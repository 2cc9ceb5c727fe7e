"""The shapes of the record: one city, one database, schema ``wanmi``.

The migrations make these tables; a test proves that both agree. What holds between rows (one truth at a time,
references, no rings) is written in the migrations, in SQL.

Dated tables know two times. ``valid_from`` to ``valid_to`` is when a row is true; ``recorded_at`` to ``replaced_at``
is when we held it to be true. Nothing is overwritten: a correction ends the knowledge of one row and begins that of
another, so that "who owned it on day D, as known on day K" has an answer. All ranges are half-open.
"""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import MetaData

from gis.kinds import SCHEMA
from gis.tables.cases import add_cases
from gis.tables.catalogue import add_catalogue
from gis.tables.changes import add_changes
from gis.tables.organisation import add_organisation
from gis.tables.responsibilities import add_responsibilities
from gis.tables.things import add_things
from gis.tables.words import DATED, GROUND, LINEAGE, ROSTER_PLACES

__all__ = ["DATED", "GROUND", "LINEAGE", "ROSTER_PLACES", "tables"]


@lru_cache(maxsize=8)
def tables(srid: int) -> MetaData:
    """Return all tables of a city whose coordinates are in EPSG:``srid``."""
    m = MetaData(schema=SCHEMA)
    add_catalogue(m, srid)
    add_organisation(m, srid)
    add_responsibilities(m, srid)
    add_things(m, srid)
    add_cases(m, srid)
    add_changes(m)
    return m
