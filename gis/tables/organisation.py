"""Departments and areas."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Index,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    UniqueConstraint,
)

from gis import kinds


def add_organisation(m: MetaData, srid: int) -> None:
    """Add these tables."""
    Table(
        "department_codes",
        m,
        kinds.code("code", "code of a department"),
        kinds.recorded(),
        PrimaryKeyConstraint("code", name="department_codes_pkey"),
        comment="Every department code ever recorded, never removed: what others refer to. Filled by departments",
    )
    Table(
        "departments",
        m,
        kinds.code("code", "code of the department"),
        kinds.words("name", "name that people read", nullable=False),
        kinds.code("parent", "code of the department above it", nullable=True),
        kinds.words("kind", "bureau, centre, street_office, company, enforcement …"),
        kinds.words("phone", "duty telephone"),
        *kinds.valid(),
        *kinds.dated("departments", "code"),
        kinds.refers("departments", ["code"], "department_codes", ["code"]),
        kinds.refers("departments", ["parent"], "department_codes", ["code"]),
        comment="Departments that can be responsible: a tree at every instant",
    )
    Table(
        "area_sets",
        m,
        kinds.code("set", "name of the set: district, street, community, police …"),
        Column("position", SmallInteger, comment="order of fallback (属地兜底), 0 smallest; empty: takes no part"),
        kinds.recorded(),
        PrimaryKeyConstraint("set", name="area_sets_pkey"),
        UniqueConstraint("position", name="area_sets_position_key", deferrable=True, initially="DEFERRED"),
        comment="Sets of areas, side by side",
    )
    Table(
        "area_codes",
        m,
        kinds.code("set", "area set"),
        kinds.code("code", "code of the area, unique in its set"),
        kinds.recorded(),
        PrimaryKeyConstraint("set", "code", name="area_codes_pkey"),
        kinds.refers("area_codes", ["set"], "area_sets", ["set"]),
        comment="Every area code ever recorded, never removed: what others refer to. Filled by areas",
    )
    Table(
        "areas",
        m,
        kinds.code("set", "area set"),
        kinds.code("code", "code of the area, unique in its set"),
        kinds.words("name", "name that people read"),
        kinds.code("parent_set", "set of the area that holds it", nullable=True),
        kinds.code("parent", "code of the area that holds it", nullable=True),
        kinds.code("department", "department that answers when nobody else does (属地兜底)", nullable=True),
        kinds.place("MULTIPOLYGON", srid, "its ground, on a 1 mm grid"),
        *kinds.valid(),
        *kinds.dated("areas", "set", "code"),
        kinds.refers("areas", ["set", "code"], "area_codes", ["set", "code"]),
        kinds.refers("areas", ["parent_set", "parent"], "area_codes", ["set", "code"]),
        kinds.refers("areas", ["department"], "department_codes", ["code"]),
        CheckConstraint("(parent IS NULL) = (parent_set IS NULL)", name="areas_parent_set"),
        CheckConstraint("ST_IsValid(geom) AND NOT ST_IsEmpty(geom)", name="areas_geom_valid"),
        Index("areas_geom", "geom", postgresql_using="gist"),
        kinds.web("MULTIPOLYGON", "geom"),
        Index("areas_geom_web", "geom_web", postgresql_using="gist"),
        comment="Administrative and other areas",
    )
