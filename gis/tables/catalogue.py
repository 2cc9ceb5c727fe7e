"""The city, its classes and what they mean."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from gis import kinds
from gis.model import CODE_SCHEMES


def add_catalogue(m: MetaData, srid: int) -> None:
    """Add these tables."""
    Table(
        "city",
        m,
        Column("one", Boolean, primary_key=True, server_default=text("true"), comment="always true: a single row"),
        kinds.code("key", "short name, also of the database in the private PostGIS"),
        kinds.words("name", "name that people read", nullable=False),
        Column("srid", Integer, nullable=False, comment="EPSG code of the metric CRS of all geometry here"),
        kinds.words("time_zone", "IANA name of the zone in which local times are read", nullable=False),
        kinds.number("west", "western bound, degrees WGS 84: nothing of the city lies beyond", nullable=False),
        kinds.number("south", "southern bound, degrees WGS 84", nullable=False),
        kinds.number("east", "eastern bound, degrees WGS 84", nullable=False),
        kinds.number("north", "northern bound, degrees WGS 84", nullable=False),
        Column(
            "default_points",
            JSONB,
            nullable=False,
            server_default=text("'[]'"),
            comment="[[lon, lat], …] that source systems write when they know no place",
        ),
        kinds.code("codes", "code scheme of unit grids: " + ", ".join(CODE_SCHEMES)),
        kinds.code("edition", "class edition that a bare class code takes"),
        Column(
            "territory",
            ARRAY(Text),
            nullable=False,
            server_default=text("'{}'"),
            comment="area sets in the order of fallback (属地兜底), smallest first",
        ),
        kinds.recorded(),
        Column(
            "accuracy_m",
            JSONB,
            nullable=False,
            server_default=text("'{}'"),
            comment="{channel: metres}: position error (68 % radius) of the cases of a channel that tell none",
        ),
        kinds.number(
            "ask_below",
            "an owner whose probability is below this is asked about first",
            nullable=False,
            server_default=text("0.8"),
        ),
        CheckConstraint("ask_below BETWEEN 0 AND 1", name="city_ask_below"),
        CheckConstraint("one", name="city_one"),
        CheckConstraint(f"srid = {srid}", name="city_srid"),
        CheckConstraint("west < east AND south < north", name="city_bounds"),
        kinds.one_of("city", "codes", CODE_SCHEMES),
        comment="The city of this database: a single row",
    )
    Table(
        "classes",
        m,
        kinds.code("edition", "2007, 2013, 2026 or the city's own: the same digits mean different things"),
        kinds.code("kind", "C component (部件), E event (事件)"),
        kinds.code("code", "class code within edition and kind"),
        kinds.code("major_code", "major class (大类)", nullable=True),
        kinds.words("major_name", "its name"),
        kinds.code("minor_code", "minor class (小类)", nullable=True),
        kinds.words("name_zh", "name in Chinese, or in the city's language"),
        kinds.words("name_en", "name in English; a translation of ours unless the city's own"),
        kinds.words("source", "where it stands"),
        PrimaryKeyConstraint("edition", "kind", "code", name="classes_pkey"),
        kinds.one_of("classes", "kind", ("C", "E")),
        comment="Class catalogue of components and events, all editions side by side",
    )
    Table(
        "crosswalk",
        m,
        kinds.code("kind", "C component, E event"),
        kinds.code("code_2013", "class code in the edition 2013"),
        kinds.words("name_2013", "its name"),
        kinds.code("code_2026", "class code in the edition 2026; empty: no counterpart", nullable=True),
        kinds.words("name_2026", "its name"),
        kinds.words("match", "same, similar, moved, different (same number, another thing), none", nullable=False),
        kinds.words("name_likeness", "likeness of the names of moved classes, where it was measured"),
        PrimaryKeyConstraint("kind", "code_2013", name="crosswalk_pkey"),
        comment="Classes of 2013 in the edition of 2026; the edition 2007 has no crosswalk",
    )
    Table(
        "limits",
        m,
        Column("id", BigInteger, primary_key=True, autoincrement=False, comment="row of data/limits.csv, from 1"),
        *kinds.class_codes(),
        kinds.words("condition_no", "number of the condition within its class"),
        kinds.words("condition", "what must be the case for this limit"),
        kinds.words("closing", "what must be done for closing (结案)"),
        kinds.words("grade", "grade of the area, or all"),
        kinds.number("time_limit", "how long disposal (处置) may take, in `unit`", nullable=False),
        kinds.words("unit", "urgent_hour, urgent_day (continuous), work_hour, work_day", nullable=False),
        kinds.words("city", "city whose standard it is"),
        kinds.words("source", "where it stands"),
        kinds.words("note", "remark"),
        comment="Time limits for disposal by class and condition",
    )
