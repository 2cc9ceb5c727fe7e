"""What stands on the ground: units, components, the ground itself."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    Float,
    Index,
    Integer,
    MetaData,
    PrimaryKeyConstraint,
    Table,
)

from gis import kinds
from gis.tables.words import GROUND, LINEAGE


def add_things(m: MetaData, srid: int) -> None:
    """Add these tables."""
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
