"""The shapes of the record: one city, one database, schema ``wanmi``.

The migrations make these tables; a test proves that both agree. What holds between rows (one truth at a time,
references, no rings) is written in the migrations, in SQL.

Dated tables know two times. ``valid_from`` to ``valid_to`` is when a row is true; ``recorded_at`` to ``replaced_at``
is when we held it to be true. Nothing is overwritten: a correction ends the knowledge of one row and begins that of
another, so that "who owned it on day D, as known on day K" has an answer. All ranges are half-open.
"""

from __future__ import annotations

from functools import lru_cache

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
    Float,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    SmallInteger,
    Table,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSON, JSONB

from gis import kinds
from gis.kinds import SCHEMA
from gis.model import CODE_SCHEMES, DUTIES, EFFECTS, FIRSTS, SIDES

GROUND = ("roads", "rivers", "railways", "buildings", "parcels", "drains")
"""Layers that share the table ``ground``."""
LINEAGE = ("moved", "split", "merged", "redrawn", "retired", "born")
"""What becomes of unit grids in a revision, those aside that keep their code."""
ROSTER_PLACES = ("zone", "road", "unit")
"""What a roster may look after instead of an area."""
DATED = ("areas", "departments", "rules", "units", "components", "zones", "rosters")


@lru_cache(maxsize=8)
def tables(srid: int) -> MetaData:
    """Return all tables of a city whose coordinates are in EPSG:``srid``."""
    m = MetaData(schema=SCHEMA)
    _catalogue(m, srid)
    _departments_and_areas(m, srid)
    _responsibilities(m, srid)
    _things(m, srid)
    _cases(m, srid)
    _changes(m)
    return m


def _catalogue(m: MetaData, srid: int) -> None:
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


def _departments_and_areas(m: MetaData, srid: int) -> None:
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


def _responsibilities(m: MetaData, srid: int) -> None:
    Table(
        "rules",
        m,
        kinds.code("edition", "edition of the class code"),
        kinds.code("kind", "C component, E event"),
        kinds.code("class_code", "class, or the beginning of its code for a group; '' for all of the kind"),
        kinds.words("duty", "whose duty it is: " + ", ".join(DUTIES)),
        kinds.number("radius_m", "how far from the reported point its component is looked for, metres"),
        kinds.code("department", "competent department where no zone says otherwise", nullable=True),
        kinds.words("first", "who is asked first: owner (of the component; also when empty) or locality (the zones)"),
        kinds.words("name", "name of the class, for cities with classes of their own"),
        Column(
            "invented",
            Boolean,
            nullable=False,
            server_default=text("false"),
            comment="true when no source stands behind it",
        ),
        kinds.words("note", "source or remark"),
        *kinds.valid(),
        *kinds.dated("rules", "edition", "kind", "class_code"),
        kinds.refers("rules", ["department"], "department_codes", ["code"]),
        kinds.one_of("rules", "kind", ("C", "E")),
        kinds.one_of("rules", "duty", DUTIES),
        kinds.one_of("rules", "first", FIRSTS),
        CheckConstraint("radius_m >= 0 AND radius_m < 100000", name="rules_radius"),
        comment="Class rules: whose duty a class is, and how far its components are looked for",
    )
    Table(
        "zones",
        m,
        kinds.code("code", "identifier of the responsibility zone"),
        kinds.words("name", "name that people read"),
        kinds.code("department", "department that is responsible in it"),
        kinds.words("classes", "what it takes, separated by spaces: *, C, E, 2026:E06, 2026:E06010", nullable=False),
        Column("rank", Integer, comment="explicit order, 1 first; empty: after all ranked ones"),
        kinds.number("width_m", "full width of a line zone, metres"),
        kinds.words(
            "effect",
            "gives; only: decides before everything else; never: its department gets nothing there",
            nullable=False,
            server_default=text("'gives'"),
        ),
        kinds.words("duty", "duty for which it holds: " + ", ".join(DUTIES) + "; empty: any"),
        kinds.words("joint", "codes of departments that share the duty, separated by spaces; department leads"),
        kinds.words(
            "side",
            "both, left or right of the line in its drawn direction",
            nullable=False,
            server_default=text("'both'"),
        ),
        kinds.number("from_m", "chainage where it begins, metres from the line's first point; empty: there"),
        kinds.number("to_m", "chainage where it ends, metres; empty: at the line's end"),
        kinds.place("GEOMETRY", srid, "line or area as it was drawn, on a 1 mm grid"),
        kinds.place("MULTIPOLYGON", srid, "ground it covers: the area, or the line widened", "footprint"),
        Column("is_line", Boolean, Computed("ST_Dimension(geom) = 1", True), comment="road segment, river section …"),
        Column("area_m2", Float(53), Computed("ST_Area(footprint)", True), comment="area of its footprint, m²"),
        *kinds.valid(),
        *kinds.dated("zones", "code"),
        kinds.refers("zones", ["department"], "department_codes", ["code"]),
        kinds.one_of("zones", "effect", EFFECTS),
        kinds.one_of("zones", "duty", DUTIES),
        kinds.one_of("zones", "side", SIDES),
        CheckConstraint("COALESCE(from_m, 0) >= 0 AND to_m > COALESCE(from_m, 0)", name="zones_chainage"),
        CheckConstraint(
            "ST_Dimension(geom) = 1 OR side = 'both' AND from_m IS NULL AND to_m IS NULL", name="zones_along_line"
        ),
        CheckConstraint("width_m > 0 AND width_m < 10000", name="zones_width"),
        CheckConstraint("ST_Dimension(geom) = 2 OR width_m IS NOT NULL", name="zones_line_has_width"),
        CheckConstraint("ST_Dimension(geom) IN (1, 2)", name="zones_geom_kind"),
        CheckConstraint("ST_IsValid(geom) AND NOT ST_IsEmpty(geom)", name="zones_geom_valid"),
        CheckConstraint("ST_IsValid(footprint) AND NOT ST_IsEmpty(footprint)", name="zones_footprint_valid"),
        Index("zones_footprint", "footprint", postgresql_using="gist"),
        kinds.web("MULTIPOLYGON", "footprint"),
        Index("zones_footprint_web", "footprint_web", postgresql_using="gist"),
        comment="Responsibility zones: areas, and lines with a width",
    )
    Table(
        "rosters",
        m,
        kinds.code("team", "team on duty"),
        kinds.code("person", "who"),
        kinds.words("role", "patrol, leader, chief …"),
        kinds.code("department", "department of the team", nullable=True),
        kinds.code("area_set", "area set of the area they look after", nullable=True),
        kinds.code("area", "code of the area they look after", nullable=True),
        kinds.words("phone", "telephone"),
        kinds.code("kind", "what the team is: chief (街长), 1+5, patrol, enforcement …", nullable=True),
        Column("tier", Integer, comment="tier of a chief: 1 district, 2 street, 3 community"),
        kinds.code("place_kind", "zone, road or unit: what they look after instead of an area", nullable=True),
        kinds.code("place", "code of that zone, road or unit", nullable=True),
        kinds.code("reports_to", "team above; @kind: the team of that kind at the place of the case", nullable=True),
        kinds.number("after_hours", "hours after which a case that is not solved goes to the team above"),
        *kinds.valid(),
        *kinds.dated("rosters", "team", "person"),
        kinds.refers("rosters", ["department"], "department_codes", ["code"]),
        kinds.refers("rosters", ["area_set", "area"], "area_codes", ["set", "code"]),
        CheckConstraint("tier IN (1, 2, 3)", name="rosters_tier"),
        CheckConstraint("after_hours >= 0 AND after_hours < 100000", name="rosters_after"),
        CheckConstraint("(reports_to IS NULL) = (after_hours IS NULL)", name="rosters_above"),
        CheckConstraint("(place IS NULL) = (place_kind IS NULL)", name="rosters_place_whole"),
        CheckConstraint("place IS NULL OR area IS NULL", name="rosters_one_place"),
        kinds.one_of("rosters", "place_kind", ROSTER_PLACES),
        Index("rosters_area", "area", "area_set"),
        Index("rosters_place", "place", "place_kind"),
        comment="Who is on duty where, and when",
    )
    Table(
        "calendars",
        m,
        Column("day", Date, nullable=False, comment="calendar day of the city"),
        Column("working", Boolean, nullable=False, comment="true when the city works on it"),
        kinds.words("note", "name of the holiday or make-up workday (调休)"),
        kinds.recorded(),
        PrimaryKeyConstraint("day", name="calendars_pkey"),
        comment="Days that are worked, or not, against the week's custom",
    )


def _things(m: MetaData, srid: int) -> None:
    Table(
        "units",
        m,
        kinds.code("code", "unit grid code (单元网格): community and serial"),
        kinds.words("name", "name that people read"),
        kinds.code("community", "code of its community", nullable=True),
        kinds.place("MULTIPOLYGON", srid, "its ground, on a 1 mm grid"),
        Column("area_m2", Float(53), Computed("ST_Area(geom)", True), comment="its area, m²"),
        *kinds.valid(),
        kinds.words("kind", "block, part (of a larger block), fragment, road; empty: not told"),
        Column(
            "issue", Integer, comment="issue of the set that brought it: 0 or empty the first, 1 the first revision"
        ),
        *kinds.dated("units", "code"),
        CheckConstraint("issue >= 0", name="units_issue"),
        CheckConstraint("ST_IsValid(geom) AND NOT ST_IsEmpty(geom)", name="units_geom_valid"),
        Index("units_geom", "geom", postgresql_using="gist"),
        kinds.web("MULTIPOLYGON", "geom"),
        Index("units_geom_web", "geom_web", postgresql_using="gist"),
        comment="Unit grids (单元网格), about 10,000 m² each",
    )
    Table(
        "unit_lineage",
        m,
        Column(
            "at", kinds.INSTANT, nullable=False, comment="instant of the revision: the old one ends, the new one begins"
        ),
        kinds.code("old", "unit grid that ended; empty text: nothing preceded"),
        kinds.code("new", "unit grid that began; empty text: nothing follows"),
        kinds.code("what", ", ".join(LINEAGE)),
        kinds.number("overlap_m2", "ground that both cover, m²", nullable=False),
        kinds.number("share_of_old", "that ground as a share of the old one", nullable=False),
        kinds.number("share_of_new", "that ground as a share of the new one", nullable=False),
        kinds.recorded(),
        PrimaryKeyConstraint("at", "old", "new", name="unit_lineage_pkey"),
        kinds.one_of("unit_lineage", "what", LINEAGE),
        CheckConstraint("old <> '' OR new <> ''", name="unit_lineage_named"),
        Index("unit_lineage_new", "new"),
        comment="What became of unit grids in revisions; those that kept their code are not listed",
    )
    Table(
        "unit_moves",
        m,
        kinds.code("thing", "component or case"),
        kinds.code("key", "its code or number"),
        Column("at", kinds.INSTANT, nullable=False, comment="instant of the revision"),
        kinds.code("old", "unit grid that it had"),
        kinds.code("new", "unit grid that it has since; empty text: none"),
        kinds.code("how", "one heir, place, other place, largest share, none"),
        kinds.recorded(),
        PrimaryKeyConstraint("thing", "key", "at", "old", name="unit_moves_pkey"),
        kinds.one_of("unit_moves", "thing", ("component", "case")),
        comment="Components and cases that a revision linked to another unit grid",
    )
    Table(
        "components",
        m,
        kinds.code("code", "component identifier (部件标识码)"),
        *kinds.class_codes(),
        kinds.words("name", "name that people read"),
        kinds.code("supervising", "supervising department (主管部门)", nullable=True),
        kinds.code("owning", "owning department (权属单位)", nullable=True),
        kinds.code("maintaining", "maintaining department (养护单位)", nullable=True),
        kinds.code("unit", "unit grid that holds it: from its place, else as the file says", nullable=True),
        kinds.words("state", "intact, damaged, lost, abandoned, removed"),
        kinds.words("source", "how its place was found: surveyed, topographic, base_map, other"),
        kinds.place("POINT", srid, "its place, on a 1 mm grid"),
        *kinds.valid(),
        *kinds.dated("components", "code", exclusive=False),
        CheckConstraint("(abs(ST_X(geom) + ST_Y(geom)) < 1e9) IS TRUE", name="components_geom_finite"),
        Index("components_geom", "geom", postgresql_using="gist"),
        comment="Managed components (部件): covers, lamps, bins …",
    )
    Table(
        "ground",
        m,
        kinds.code("layer", "which layer it is of: " + ", ".join(GROUND)),
        kinds.code("code", "identifier, unique in its layer"),
        kinds.words("name", "name that people read"),
        kinds.words("kind", "OpenStreetMap-like value: residential, river, rail, apartments …"),
        kinds.number("width_m", "width in metres"),
        Column("lanes", Integer, comment="number of lanes (roads)"),
        kinds.number("height_m", "height in metres (buildings)"),
        kinds.place("GEOMETRY", srid, "its ground or line, on a 1 mm grid"),
        kinds.recorded(),
        PrimaryKeyConstraint("layer", "code", name="ground_pkey"),
        kinds.one_of("ground", "layer", GROUND),
        CheckConstraint("NOT ST_IsEmpty(geom)", name="ground_geom_there"),
        CheckConstraint("width_m > 0 AND width_m < 1e6", name="ground_width"),
        Index("ground_geom", "geom", postgresql_using="gist"),
        kinds.web("GEOMETRY", "geom"),
        Index("ground_geom_web", "geom_web", postgresql_using="gist"),
        comment="What the ground looks like, for base map, unit grids and hotspots; a view each for QGIS",
    )


def _cases(m: MetaData, srid: int) -> None:
    Table(
        "cases",
        m,
        kinds.code("id", "case number of the source system"),
        *kinds.class_codes(nullable=True),
        kinds.code("component", "component code that the report names", nullable=True),
        kinds.place("POINT", srid, "reported place; empty when it has none", nullable=True),
        kinds.words("no_location", "why it has no place: missing, wrong_datum; else empty"),
        kinds.number("accuracy_m", "position error in metres (68 % radius)"),
        kinds.words("channel", "patrol, hotline, wechat, app, video …"),
        Column("reported_at", kinds.INSTANT, nullable=False, comment="when it was reported"),
        kinds.instant("filed_at", "when it was filed (立案); empty: not filed"),
        kinds.instant("due_at", "when it is due"),
        kinds.instant("closed_at", "when it was closed (结案); empty: open"),
        kinds.words("status", "reported, filed, closed …"),
        kinds.code("department", "final owner as the source system has it", nullable=True),
        Column("returns", Integer, comment="how often it was handed back (回退)"),
        kinds.words("address", "where, in words"),
        kinds.words("description", "what, in words"),
        kinds.recorded(),
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
        kinds.code("case_id", "case"),
        Column("seq", Integer, nullable=False, comment="number within the case, from 1"),
        kinds.code("kind", "report, file, dispatch, return, extend, suspend, dispose, verify, close …"),
        Column("at", kinds.INSTANT, nullable=False, comment="when it happened"),
        kinds.words("actor", "person or department that did it"),
        kinds.words("note", "remark"),
        kinds.recorded(),
        PrimaryKeyConstraint("case_id", "seq", name="case_events_pkey"),
        kinds.refers("case_events", ["case_id"], "cases", ["id"]),
        CheckConstraint("seq > 0", name="case_events_seq"),
        Index("case_events_at", "at"),
        comment="What happened to a case, step by step",
    )
    Table(
        "answers",
        m,
        kinds.code("case_id", "case"),
        kinds.code("snapshot", "version of the snapshot that answered"),
        Column("at", kinds.INSTANT, nullable=False, comment="instant for which it was answered"),
        kinds.code("unit", "unit grid of the place", nullable=True),
        Column("areas", JSONB, nullable=False, comment="code of the area in each area set: {set: code}"),
        kinds.code("department", "owner; empty: nobody", nullable=True),
        kinds.code("rule", "rule that decided: component_named … outside, unowned"),
        kinds.words("reason", "why it has no location: missing, default_point, wrong_datum"),
        kinds.code("component", "component that was found", nullable=True),
        kinds.number("distance_m", "distance to it, metres"),
        kinds.code("zone", "zone that decided", nullable=True),
        Column("on_edge", Boolean, nullable=False, comment="true: it lay on an edge, the lower code won"),
        kinds.number("probability", "probability of the owner, given the position error"),
        Column("ask_first", Boolean, nullable=False, comment="true: the owner is too unsure to dispatch unasked"),
        kinds.instant("answered_at", "when it was answered", "now()"),
        PrimaryKeyConstraint("case_id", name="answers_pkey"),
        CheckConstraint("probability BETWEEN 0 AND 1", name="answers_probability"),
        Index("answers_unit", "unit"),
        Index("answers_department", "department"),
        comment="The latest answer for each case: who owns it, and by which rule",
    )
    Table(
        "intake",
        m,
        kinds.code("key", "Idempotency-Key of the sender; made by us when none was sent"),
        kinds.code("body", "SHA-256 of the body: the same key with another body is refused"),
        kinds.code("case_id", "case that was recorded"),
        Column("answer", JSON, nullable=False, comment="answer that was given, in full, letter by letter"),
        kinds.instant("received_at", "when it came in", "now()"),
        PrimaryKeyConstraint("key", name="intake_pkey"),
        ForeignKeyConstraint(
            ["case_id"], [f"{SCHEMA}.cases.id"], name="intake_case_id_fkey", deferrable=True, initially="DEFERRED"
        ),
        Index("intake_case_id", "case_id"),
        comment="Cases that were handed in one by one, with what was answered",
    )


def _changes(m: MetaData) -> None:
    Table(
        "ground_states",
        m,
        kinds.code("layer", "layer of the ground"),
        Column("change", BigInteger, nullable=False, server_default=text("1"), comment="how often it was changed"),
        kinds.instant("changed_at", "when it was changed last", "clock_timestamp()"),
        PrimaryKeyConstraint("layer", name="ground_states_pkey"),
        comment="State of each layer of the ground: who drew the same state need not draw it again",
    )
    Table(
        "case_changes",
        m,
        Column("change", BigInteger, Identity(always=True), comment="number of the change"),
        kinds.code("case_id", "case; empty text: more than are worth naming"),
        Column(
            "transaction",
            BigInteger,
            nullable=False,
            server_default=text("((pg_current_xact_id())::text)::bigint"),
            comment="transaction that changed it",
        ),
        kinds.instant("changed_at", "when it was changed", "clock_timestamp()"),
        PrimaryKeyConstraint("change", name="case_changes_pkey"),
        Index("case_changes_transaction", "transaction"),
        comment="Cases that changed, or whose answers did, in the last days: what is counted in memory is kept in step "
        "by it",
    )
    Table(
        "layer_states",
        m,
        kinds.code("layer", "table of the layer; record: the record itself, which keeps its first state"),
        Column("change", BigInteger, nullable=False, server_default=text("0"), comment="how often it was changed"),
        Column(
            "state",
            Uuid,
            nullable=False,
            server_default=text("gen_random_uuid()"),
            comment="name of the state, new with every change, never the same in two databases",
        ),
        kinds.instant("changed_at", "when it was changed last", "clock_timestamp()"),
        PrimaryKeyConstraint("layer", name="layer_states_pkey"),
        comment="State of each layer that answers rest on: who holds the same state need not read the layer again",
    )
    Table(
        "layer_changes",
        m,
        kinds.code("layer", "table of the layer"),
        Column("change", BigInteger, nullable=False, comment="how often it had been changed"),
        Column("state", Uuid, nullable=False, comment="name of the state, as in layer_states"),
        Column(
            "transaction",
            BigInteger,
            nullable=False,
            server_default=text("((pg_current_xact_id())::text)::bigint"),
            comment="transaction that changed it",
        ),
        kinds.instant(
            "begun_at",
            "when that transaction began: no row that it wrote is recorded earlier",
            "transaction_timestamp()",
        ),
        kinds.instant(
            "changed_at", "when it changed the layer last: no row that it wrote is recorded later", "clock_timestamp()"
        ),
        PrimaryKeyConstraint("layer", "transaction", name="layer_changes_pkey"),
        comment="Every state that a layer was in, one for each transaction that changed it: what was known at an "
        "instant",
    )
    Table(
        "snapshots",
        m,
        kinds.code("version", "digest of its content, as answers name it"),
        Column("at", kinds.INSTANT, nullable=False, comment="instant of cases that tell none"),
        Column("known_at", kinds.INSTANT, nullable=False, comment="instant as of which the record was read"),
        kinds.instant("made_at", "when it was made", "now()"),
        PrimaryKeyConstraint("version", name="snapshots_pkey"),
        comment="Snapshots that were made of this record: what it takes to make one of them again",
    )
    Table(
        "answer_runs",
        m,
        Column("run", BigInteger, Identity(always=True), comment="number of the run"),
        kinds.code("snapshot", "version of the snapshot whose answers all are those of"),
        kinds.words(
            "seen", "transactions that the record showed when the run began, as PostgreSQL writes them", nullable=False
        ),
        Column(
            "states", JSONB, nullable=False, comment="state of each layer that the snapshot was made of: {layer: state}"
        ),
        Column(
            "everything",
            Boolean,
            nullable=False,
            comment="true: closed cases too; false: those that are open or had no answer",
        ),
        Column(
            "since",
            BigInteger,
            comment="run before it, whose answers it let stand where nothing had changed; empty: all were given anew",
        ),
        Column("answered", BigInteger, comment="cases that it answered; empty: not done"),
        kinds.instant("begun_at", "when it began", "now()"),
        kinds.instant("done_at", "when it was done; empty: under way, or broken off and to be taken up again"),
        PrimaryKeyConstraint("run", name="answer_runs_pkey"),
        kinds.refers("answer_runs", ["since"], "answer_runs", ["run"]),
        comment="Runs that answered the cases: when one is done, each open case (or each case) has the answer that "
        "its snapshot gives",
    )
