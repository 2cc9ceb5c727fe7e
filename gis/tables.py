"""The shapes of the record: one city, one database, schema ``wanmi``.

The migrations make these tables; a test proves that both agree. What holds between rows (one truth at a time,
references, no rings) is written in the migrations, in SQL.

Dated tables know two times. ``valid_from`` to ``valid_to`` is when a row is true; ``recorded_at`` to ``replaced_at``
is when we held it to be true. Nothing is overwritten: a correction ends the knowledge of one row and begins that of
another, so that "who owned it on day D, as known on day K" has an answer. All ranges are half-open.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB, TIMESTAMP, ExcludeConstraint

from gis.model import CODE_SCHEMES, DUTIES

SCHEMA = "wanmi"
CODE = Text(collation="C")
"""Codes sort by code point on every server: "the lower code wins" must not depend on a locale."""
INSTANT = TIMESTAMP(timezone=True)

GROUND = ("roads", "rivers", "railways", "buildings", "parcels", "drains")
"""Layers that share the table ``ground``."""
DATED = ("areas", "departments", "rules", "units", "components", "zones", "rosters")


def _code(name: str, comment: str, **options: Any) -> Column:
    return Column(name, CODE, comment=comment, **{"nullable": False, **options})


def _text(name: str, comment: str, **options: Any) -> Column:
    return Column(name, Text, comment=comment, **options)


def _number(name: str, comment: str, **options: Any) -> Column:
    return Column(name, Float(53), comment=comment, **options)


def _instant(name: str, comment: str, default: str = "", **options: Any) -> Column:
    default_ = text(default) if default else None
    return Column(name, INSTANT, comment=comment, nullable=not default, server_default=default_, **options)


def _geom(kind: str, srid: int, comment: str, name: str = "geom", **options: Any) -> Column:
    shape = Geometry(kind, srid=srid, spatial_index=False)
    return Column(name, shape, comment=comment, **{"nullable": False, **options})


def _class(*, nullable: bool = False) -> tuple[Column, ...]:
    return (
        _code("edition", "edition of the class code: 2007, 2013, 2026 or the city's own", nullable=nullable),
        _code("kind", "C component (部件), E event (事件)", nullable=nullable),
        _code("class_code", "class code within edition and kind, without either", nullable=nullable),
    )


def _recorded() -> Column:
    return _instant("recorded_at", "when the record learned it", "now()")


def _valid() -> tuple[Column, ...]:
    return (
        _instant("valid_from", "when it began to hold; -infinity: always", "'-infinity'"),
        _instant("valid_to", "when it ceased to hold, that instant excluded; infinity: still holds", "'infinity'"),
        _recorded(),
        _instant("replaced_at", "when the record learned better; infinity: still believed", "'infinity'"),
    )


def _dated(name: str, *key: str) -> tuple[Any, ...]:
    """Return key and order of instants, and the constraint that lets one truth hold at a time."""
    ranges = {
        "valid": text("tstzrange(valid_from, valid_to)"),
        "known": text("tstzrange(recorded_at, replaced_at)"),
    }
    return (
        PrimaryKeyConstraint(*key, "valid_from", "recorded_at", name=f"{name}_pkey"),
        CheckConstraint("valid_from < valid_to", name=f"{name}_valid_order"),
        CheckConstraint("recorded_at <= replaced_at", name=f"{name}_known_order"),
        *(
            [
                ExcludeConstraint(
                    *((k, "=") for k in key),
                    (ranges["valid"], "&&"),
                    (ranges["known"], "&&"),
                    name=f"{name}_one_truth",
                    using="gist",
                )
            ]
            if name != "components"
            else []
        ),
    )


def _refers(name: str, columns: list[str], table: str, to: list[str]) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(columns, [f"{SCHEMA}.{table}.{c}" for c in to], name=f"{name}_{columns[-1]}_fkey")


def _one_of(name: str, column: str, values: tuple[str, ...]) -> CheckConstraint:
    listed = ", ".join(f"'{v}'" for v in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{name}_{column}_known")


@lru_cache(maxsize=8)
def tables(srid: int) -> MetaData:
    """Return all tables of a city whose coordinates are in EPSG:``srid``."""
    m = MetaData(schema=SCHEMA)
    _catalogue(m, srid)
    _departments_and_areas(m, srid)
    _responsibilities(m, srid)
    _things(m, srid)
    _cases(m, srid)
    return m


def _catalogue(m: MetaData, srid: int) -> None:
    Table(
        "city",
        m,
        Column("one", Boolean, primary_key=True, server_default=text("true"), comment="always true: a single row"),
        _code("key", "short name, also of the database in the private PostGIS"),
        _text("name", "name that people read", nullable=False),
        Column("srid", Integer, nullable=False, comment="EPSG code of the metric CRS of all geometry here"),
        _text("time_zone", "IANA name of the zone in which local times are read", nullable=False),
        _number("west", "western bound, degrees WGS 84: nothing of the city lies beyond", nullable=False),
        _number("south", "southern bound, degrees WGS 84", nullable=False),
        _number("east", "eastern bound, degrees WGS 84", nullable=False),
        _number("north", "northern bound, degrees WGS 84", nullable=False),
        Column(
            "default_points",
            JSONB,
            nullable=False,
            server_default=text("'[]'"),
            comment="[[lon, lat], …] that source systems write when they know no place",
        ),
        _code("codes", "code scheme of unit grids: " + ", ".join(CODE_SCHEMES)),
        _code("edition", "class edition that a bare class code takes"),
        Column(
            "territory",
            ARRAY(Text),
            nullable=False,
            server_default=text("'{}'"),
            comment="area sets in the order of fallback (属地兜底), smallest first",
        ),
        _recorded(),
        CheckConstraint("one", name="city_one"),
        CheckConstraint(f"srid = {srid}", name="city_srid"),
        CheckConstraint("west < east AND south < north", name="city_bounds"),
        _one_of("city", "codes", CODE_SCHEMES),
        comment="The city of this database: a single row",
    )
    Table(
        "classes",
        m,
        _code("edition", "2007, 2013, 2026 or the city's own: the same digits mean different things"),
        _code("kind", "C component (部件), E event (事件)"),
        _code("code", "class code within edition and kind"),
        _code("major_code", "major class (大类)", nullable=True),
        _text("major_name", "its name"),
        _code("minor_code", "minor class (小类)", nullable=True),
        _text("name_zh", "name in Chinese, or in the city's language"),
        _text("name_en", "name in English; a translation of ours unless the city's own"),
        _text("source", "where it stands"),
        PrimaryKeyConstraint("edition", "kind", "code", name="classes_pkey"),
        _one_of("classes", "kind", ("C", "E")),
        comment="Class catalogue of components and events, all editions side by side",
    )
    Table(
        "crosswalk",
        m,
        _code("kind", "C component, E event"),
        _code("code_2013", "class code in the edition 2013"),
        _text("name_2013", "its name"),
        _code("code_2026", "class code in the edition 2026; empty: no counterpart", nullable=True),
        _text("name_2026", "its name"),
        _text("match", "same, similar, moved, different (same number, another thing), none", nullable=False),
        _text("name_likeness", "likeness of the names of moved classes, where it was measured"),
        PrimaryKeyConstraint("kind", "code_2013", name="crosswalk_pkey"),
        comment="Classes of 2013 in the edition of 2026; the edition 2007 has no crosswalk",
    )
    Table(
        "limits",
        m,
        Column("id", BigInteger, primary_key=True, autoincrement=False, comment="row of data/limits.csv, from 1"),
        *_class(),
        _text("condition_no", "number of the condition within its class"),
        _text("condition", "what must be the case for this limit"),
        _text("closing", "what must be done for closing (结案)"),
        _text("grade", "grade of the area, or all"),
        _number("time_limit", "how long disposal (处置) may take, in `unit`", nullable=False),
        _text("unit", "urgent_hour, urgent_day (continuous), work_hour, work_day", nullable=False),
        _text("city", "city whose standard it is"),
        _text("source", "where it stands"),
        _text("note", "remark"),
        comment="Time limits for disposal by class and condition",
    )


def _departments_and_areas(m: MetaData, srid: int) -> None:
    Table(
        "department_codes",
        m,
        _code("code", "code of a department"),
        _recorded(),
        PrimaryKeyConstraint("code", name="department_codes_pkey"),
        comment="Every department code ever recorded, never removed: what others refer to. Filled by departments",
    )
    Table(
        "departments",
        m,
        _code("code", "code of the department"),
        _text("name", "name that people read", nullable=False),
        _code("parent", "code of the department above it", nullable=True),
        _text("kind", "bureau, centre, street_office, company, enforcement …"),
        _text("phone", "duty telephone"),
        *_valid(),
        *_dated("departments", "code"),
        _refers("departments", ["code"], "department_codes", ["code"]),
        _refers("departments", ["parent"], "department_codes", ["code"]),
        comment="Departments that can be responsible: a tree at every instant",
    )
    Table(
        "area_sets",
        m,
        _code("set", "name of the set: district, street, community, police …"),
        Column("position", SmallInteger, comment="order of fallback (属地兜底), 0 smallest; empty: takes no part"),
        _recorded(),
        PrimaryKeyConstraint("set", name="area_sets_pkey"),
        UniqueConstraint("position", name="area_sets_position_key", deferrable=True, initially="DEFERRED"),
        comment="Sets of areas, side by side",
    )
    Table(
        "area_codes",
        m,
        _code("set", "area set"),
        _code("code", "code of the area, unique in its set"),
        _recorded(),
        PrimaryKeyConstraint("set", "code", name="area_codes_pkey"),
        _refers("area_codes", ["set"], "area_sets", ["set"]),
        comment="Every area code ever recorded, never removed: what others refer to. Filled by areas",
    )
    Table(
        "areas",
        m,
        _code("set", "area set"),
        _code("code", "code of the area, unique in its set"),
        _text("name", "name that people read"),
        _code("parent_set", "set of the area that holds it", nullable=True),
        _code("parent", "code of the area that holds it", nullable=True),
        _code("department", "department that answers when nobody else does (属地兜底)", nullable=True),
        _geom("MULTIPOLYGON", srid, "its ground, on a 1 mm grid"),
        *_valid(),
        *_dated("areas", "set", "code"),
        _refers("areas", ["set", "code"], "area_codes", ["set", "code"]),
        _refers("areas", ["parent_set", "parent"], "area_codes", ["set", "code"]),
        _refers("areas", ["department"], "department_codes", ["code"]),
        CheckConstraint("(parent IS NULL) = (parent_set IS NULL)", name="areas_parent_set"),
        CheckConstraint("ST_IsValid(geom) AND NOT ST_IsEmpty(geom)", name="areas_geom_valid"),
        Index("areas_geom", "geom", postgresql_using="gist"),
        comment="Administrative and other areas",
    )


def _responsibilities(m: MetaData, srid: int) -> None:
    Table(
        "rules",
        m,
        _code("edition", "edition of the class code"),
        _code("kind", "C component, E event"),
        _code("class_code", "class, or the beginning of its code for a group; '' for all of the kind"),
        _text("duty", "whose component it is: " + ", ".join(DUTIES)),
        _number("radius_m", "how far from the reported point its component is looked for, metres"),
        _code("department", "competent department where no zone says otherwise", nullable=True),
        _text("name", "name of the class, for cities with classes of their own"),
        Column(
            "invented",
            Boolean,
            nullable=False,
            server_default=text("false"),
            comment="true when no source stands behind it",
        ),
        _text("note", "source or remark"),
        *_valid(),
        *_dated("rules", "edition", "kind", "class_code"),
        _refers("rules", ["department"], "department_codes", ["code"]),
        _one_of("rules", "kind", ("C", "E")),
        _one_of("rules", "duty", DUTIES),
        CheckConstraint("radius_m >= 0 AND radius_m < 100000", name="rules_radius"),
        comment="Class rules: whose duty a class is, and how far its components are looked for",
    )
    Table(
        "zones",
        m,
        _code("code", "identifier of the responsibility zone"),
        _text("name", "name that people read"),
        _code("department", "department that is responsible in it"),
        _text("classes", "what it takes, separated by spaces: *, C, E, 2026:E06, 2026:E06010", nullable=False),
        Column("rank", Integer, comment="explicit order, 1 first; empty: after all ranked ones"),
        _number("width_m", "full width of a line zone, metres"),
        _geom("GEOMETRY", srid, "line or area as it was drawn, on a 1 mm grid"),
        _geom("MULTIPOLYGON", srid, "ground it covers: the area, or the line widened", "footprint"),
        Column("is_line", Boolean, Computed("ST_Dimension(geom) = 1", True), comment="road segment, river section …"),
        Column("area_m2", Float(53), Computed("ST_Area(footprint)", True), comment="area of its footprint, m²"),
        *_valid(),
        *_dated("zones", "code"),
        _refers("zones", ["department"], "department_codes", ["code"]),
        CheckConstraint("width_m > 0 AND width_m < 10000", name="zones_width"),
        CheckConstraint("ST_Dimension(geom) = 2 OR width_m IS NOT NULL", name="zones_line_has_width"),
        CheckConstraint("ST_Dimension(geom) IN (1, 2)", name="zones_geom_kind"),
        CheckConstraint("ST_IsValid(geom) AND NOT ST_IsEmpty(geom)", name="zones_geom_valid"),
        CheckConstraint("ST_IsValid(footprint) AND NOT ST_IsEmpty(footprint)", name="zones_footprint_valid"),
        Index("zones_footprint", "footprint", postgresql_using="gist"),
        comment="Responsibility zones: areas, and lines with a width",
    )
    Table(
        "rosters",
        m,
        _code("team", "team on duty"),
        _code("person", "who"),
        _text("role", "patrol, leader, chief …"),
        _code("department", "department of the team", nullable=True),
        _code("area_set", "area set of the area they look after", nullable=True),
        _code("area", "code of the area they look after", nullable=True),
        _text("phone", "telephone"),
        *_valid(),
        *_dated("rosters", "team", "person"),
        _refers("rosters", ["department"], "department_codes", ["code"]),
        _refers("rosters", ["area_set", "area"], "area_codes", ["set", "code"]),
        comment="Who is on duty where, and when",
    )
    Table(
        "calendars",
        m,
        Column("day", Date, nullable=False, comment="calendar day of the city"),
        Column("working", Boolean, nullable=False, comment="true when the city works on it"),
        _text("note", "name of the holiday or make-up workday (调休)"),
        _recorded(),
        PrimaryKeyConstraint("day", name="calendars_pkey"),
        comment="Days that are worked, or not, against the week's custom",
    )


def _things(m: MetaData, srid: int) -> None:
    Table(
        "units",
        m,
        _code("code", "unit grid code (单元网格): community and serial"),
        _text("name", "name that people read"),
        _code("community", "code of its community", nullable=True),
        _geom("MULTIPOLYGON", srid, "its ground, on a 1 mm grid"),
        Column("area_m2", Float(53), Computed("ST_Area(geom)", True), comment="its area, m²"),
        *_valid(),
        *_dated("units", "code"),
        CheckConstraint("ST_IsValid(geom) AND NOT ST_IsEmpty(geom)", name="units_geom_valid"),
        Index("units_geom", "geom", postgresql_using="gist"),
        comment="Unit grids (单元网格), about 10,000 m² each",
    )
    Table(
        "components",
        m,
        _code("code", "component identifier (部件标识码)"),
        *_class(),
        _text("name", "name that people read"),
        _code("supervising", "supervising department (主管部门)", nullable=True),
        _code("owning", "owning department (权属单位)", nullable=True),
        _code("maintaining", "maintaining department (养护单位)", nullable=True),
        _code("unit", "unit grid that holds it: from its place, else as the file says", nullable=True),
        _text("state", "intact, damaged, lost, abandoned, removed"),
        _text("source", "how its place was found: surveyed, topographic, base_map, other"),
        _geom("POINT", srid, "its place, on a 1 mm grid"),
        *_valid(),
        *_dated("components", "code"),
        CheckConstraint("(abs(ST_X(geom) + ST_Y(geom)) < 1e9) IS TRUE", name="components_geom_finite"),
        Index("components_geom", "geom", postgresql_using="gist"),
        comment="Managed components (部件): covers, lamps, bins …",
    )
    Table(
        "ground",
        m,
        _code("layer", "which layer it is of: " + ", ".join(GROUND)),
        _code("code", "identifier, unique in its layer"),
        _text("name", "name that people read"),
        _text("kind", "OpenStreetMap-like value: residential, river, rail, apartments …"),
        _number("width_m", "width in metres"),
        Column("lanes", Integer, comment="number of lanes (roads)"),
        _number("height_m", "height in metres (buildings)"),
        _geom("GEOMETRY", srid, "its ground or line, on a 1 mm grid"),
        _recorded(),
        PrimaryKeyConstraint("layer", "code", name="ground_pkey"),
        _one_of("ground", "layer", GROUND),
        CheckConstraint("NOT ST_IsEmpty(geom)", name="ground_geom_there"),
        CheckConstraint("width_m > 0 AND width_m < 1e6", name="ground_width"),
        Index("ground_geom", "geom", postgresql_using="gist"),
        comment="What the ground looks like, for base map, unit grids and hotspots; a view each for QGIS",
    )


def _cases(m: MetaData, srid: int) -> None:
    Table(
        "cases",
        m,
        _code("id", "case number of the source system"),
        *_class(nullable=True),
        _code("component", "component code that the report names", nullable=True),
        _geom("POINT", srid, "reported place; empty when it has none", nullable=True),
        _text("no_location", "why it has no place: missing, wrong_datum; else empty"),
        _number("accuracy_m", "position error in metres (68 % radius)"),
        _text("channel", "patrol, hotline, wechat, app, video …"),
        Column("reported_at", INSTANT, nullable=False, comment="when it was reported"),
        _instant("filed_at", "when it was filed (立案); empty: not filed"),
        _instant("due_at", "when it is due"),
        _instant("closed_at", "when it was closed (结案); empty: open"),
        _text("status", "reported, filed, closed …"),
        _code("department", "final owner as the source system has it", nullable=True),
        Column("returns", Integer, comment="how often it was handed back (回退)"),
        _text("address", "where, in words"),
        _text("description", "what, in words"),
        _recorded(),
        PrimaryKeyConstraint("id", name="cases_pkey"),
        CheckConstraint("(abs(ST_X(geom) + ST_Y(geom)) < 1e9) IS TRUE OR geom IS NULL", name="cases_geom_finite"),
        CheckConstraint("accuracy_m >= 0 AND accuracy_m < 1e9", name="cases_accuracy"),
        CheckConstraint("returns >= 0", name="cases_returns"),
        Index("cases_geom", "geom", postgresql_using="gist"),
        Index("cases_reported_at", "reported_at"),
        comment="Cases (案件): what was reported, where and when",
    )
    Table(
        "case_events",
        m,
        _code("case_id", "case"),
        Column("seq", Integer, nullable=False, comment="number within the case, from 1"),
        _code("kind", "report, file, dispatch, return, extend, suspend, dispose, verify, close …"),
        Column("at", INSTANT, nullable=False, comment="when it happened"),
        _text("actor", "person or department that did it"),
        _text("note", "remark"),
        _recorded(),
        PrimaryKeyConstraint("case_id", "seq", name="case_events_pkey"),
        _refers("case_events", ["case_id"], "cases", ["id"]),
        CheckConstraint("seq > 0", name="case_events_seq"),
        Index("case_events_at", "at"),
        comment="What happened to a case, step by step",
    )
    Table(
        "answers",
        m,
        _code("case_id", "case"),
        _code("snapshot", "version of the snapshot that answered"),
        Column("at", INSTANT, nullable=False, comment="instant for which it was answered"),
        _code("unit", "unit grid of the place", nullable=True),
        Column("areas", JSONB, nullable=False, comment="code of the area in each area set: {set: code}"),
        _code("department", "owner; empty: nobody", nullable=True),
        _code("rule", "rule that decided: component_named … outside, unowned"),
        _text("reason", "why it has no location: missing, default_point, wrong_datum"),
        _code("component", "component that was found", nullable=True),
        _number("distance_m", "distance to it, metres"),
        _code("zone", "zone that decided", nullable=True),
        Column("on_edge", Boolean, nullable=False, comment="true: it lay on an edge, the lower code won"),
        _number("probability", "probability of the owner, given the position error"),
        Column("ask_first", Boolean, nullable=False, comment="true: the owner is too unsure to dispatch unasked"),
        _instant("answered_at", "when it was answered", "now()"),
        PrimaryKeyConstraint("case_id", name="answers_pkey"),
        CheckConstraint("probability BETWEEN 0 AND 1", name="answers_probability"),
        Index("answers_unit", "unit"),
        Index("answers_department", "department"),
        comment="The latest answer for each case: who owns it, and by which rule",
    )
    Table(
        "intake",
        m,
        _code("key", "Idempotency-Key of the sender; made by us when none was sent"),
        _code("body", "SHA-256 of the body: the same key with another body is refused"),
        _code("case_id", "case that was recorded"),
        Column("answer", JSON, nullable=False, comment="answer that was given, in full, letter by letter"),
        _instant("received_at", "when it came in", "now()"),
        PrimaryKeyConstraint("key", name="intake_pkey"),
        ForeignKeyConstraint(
            ["case_id"], [f"{SCHEMA}.cases.id"], name="intake_case_id_fkey", deferrable=True, initially="DEFERRED"
        ),
        Index("intake_case_id", "case_id"),
        comment="Cases that were handed in one by one, with what was answered",
    )
