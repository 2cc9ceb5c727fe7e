-- Unit grids, components and the ground. {srid} stands for the city's EPSG code.

CREATE TABLE wanmi.units (
    code text COLLATE "C" NOT NULL,
    name text,
    community text COLLATE "C",
    geom geometry(MultiPolygon, {srid}) NOT NULL,
    area_m2 double precision GENERATED ALWAYS AS (ST_Area(geom)) STORED,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    recorded_at timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz NOT NULL DEFAULT 'infinity',
    CONSTRAINT units_pkey PRIMARY KEY (code, valid_from, recorded_at),
    CONSTRAINT units_valid_order CHECK (valid_from < valid_to),
    CONSTRAINT units_known_order CHECK (recorded_at <= replaced_at),
    CONSTRAINT units_one_truth EXCLUDE USING gist (
        hashtextextended(code, 0) WITH =,
        tstzrange(valid_from, valid_to) WITH &&, tstzrange(recorded_at, replaced_at) WITH &&
    ),
    CONSTRAINT units_geom_valid CHECK (ST_IsValid(geom) AND NOT ST_IsEmpty(geom))
);
CREATE INDEX units_geom ON wanmi.units USING gist (geom);
COMMENT ON TABLE wanmi.units IS 'Unit grids (单元网格), about 10,000 m² each';
COMMENT ON COLUMN wanmi.units.code IS 'unit grid code (单元网格): community and serial';
COMMENT ON COLUMN wanmi.units.name IS 'name that people read';
COMMENT ON COLUMN wanmi.units.community IS 'code of its community';
COMMENT ON COLUMN wanmi.units.geom IS 'its ground, on a 1 mm grid';
COMMENT ON COLUMN wanmi.units.area_m2 IS 'its area, m²';
COMMENT ON COLUMN wanmi.units.valid_from IS 'when it began to hold; -infinity: always';
COMMENT ON COLUMN wanmi.units.valid_to IS 'when it ceased to hold, that instant excluded; infinity: still holds';
COMMENT ON COLUMN wanmi.units.recorded_at IS 'when the record learned it';
COMMENT ON COLUMN wanmi.units.replaced_at IS 'when the record learned better; infinity: still believed';

CREATE TABLE wanmi.components (
    code text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    class_code text COLLATE "C" NOT NULL,
    name text,
    supervising text COLLATE "C",
    owning text COLLATE "C",
    maintaining text COLLATE "C",
    unit text COLLATE "C",
    state text,
    source text,
    geom geometry(Point, {srid}) NOT NULL,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    recorded_at timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz NOT NULL DEFAULT 'infinity',
    CONSTRAINT components_pkey PRIMARY KEY (code, valid_from, recorded_at),
    CONSTRAINT components_valid_order CHECK (valid_from < valid_to),
    CONSTRAINT components_known_order CHECK (recorded_at <= replaced_at),
    CONSTRAINT components_geom_finite CHECK ((abs(ST_X(geom) + ST_Y(geom)) < 1e9) IS TRUE)
);
CREATE INDEX components_geom ON wanmi.components USING gist (geom);
COMMENT ON TABLE wanmi.components IS 'Managed components (部件): covers, lamps, bins …';
COMMENT ON COLUMN wanmi.components.code IS 'component identifier (部件标识码)';
COMMENT ON COLUMN wanmi.components.edition IS 'edition of the class code: 2007, 2013, 2026 or the city''s own';
COMMENT ON COLUMN wanmi.components.kind IS 'C component (部件), E event (事件)';
COMMENT ON COLUMN wanmi.components.class_code IS 'class code within edition and kind, without either';
COMMENT ON COLUMN wanmi.components.name IS 'name that people read';
COMMENT ON COLUMN wanmi.components.supervising IS 'supervising department (主管部门)';
COMMENT ON COLUMN wanmi.components.owning IS 'owning department (权属单位)';
COMMENT ON COLUMN wanmi.components.maintaining IS 'maintaining department (养护单位)';
COMMENT ON COLUMN wanmi.components.unit IS 'unit grid that holds it: from its place, else as the file says';
COMMENT ON COLUMN wanmi.components.state IS 'intact, damaged, lost, abandoned, removed';
COMMENT ON COLUMN wanmi.components.source IS 'how its place was found: surveyed, topographic, base_map, other';
COMMENT ON COLUMN wanmi.components.geom IS 'its place, on a 1 mm grid';
COMMENT ON COLUMN wanmi.components.valid_from IS 'when it began to hold; -infinity: always';
COMMENT ON COLUMN wanmi.components.valid_to IS 'when it ceased to hold, that instant excluded; infinity: still holds';
COMMENT ON COLUMN wanmi.components.recorded_at IS 'when the record learned it';
COMMENT ON COLUMN wanmi.components.replaced_at IS 'when the record learned better; infinity: still believed';

CREATE TABLE wanmi.ground (
    layer text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    name text,
    kind text,
    width_m double precision,
    lanes integer,
    height_m double precision,
    geom geometry(Geometry, {srid}) NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT ground_pkey PRIMARY KEY (layer, code),
    CONSTRAINT ground_layer_known CHECK (layer IN ('roads', 'rivers', 'railways', 'buildings', 'parcels', 'drains')),
    CONSTRAINT ground_geom_there CHECK (NOT ST_IsEmpty(geom)),
    CONSTRAINT ground_width CHECK (width_m > 0 AND width_m < 1e6)
);
CREATE INDEX ground_geom ON wanmi.ground USING gist (geom);
COMMENT ON TABLE wanmi.ground IS 'What the ground looks like, for base map, unit grids and hotspots; a view each for QGIS';
COMMENT ON COLUMN wanmi.ground.layer IS 'which layer it is of: roads, rivers, railways, buildings, parcels, drains';
COMMENT ON COLUMN wanmi.ground.code IS 'identifier, unique in its layer';
COMMENT ON COLUMN wanmi.ground.name IS 'name that people read';
COMMENT ON COLUMN wanmi.ground.kind IS 'OpenStreetMap-like value: residential, river, rail, apartments …';
COMMENT ON COLUMN wanmi.ground.width_m IS 'width in metres';
COMMENT ON COLUMN wanmi.ground.lanes IS 'number of lanes (roads)';
COMMENT ON COLUMN wanmi.ground.height_m IS 'height in metres (buildings)';
COMMENT ON COLUMN wanmi.ground.geom IS 'its ground or line, on a 1 mm grid';
COMMENT ON COLUMN wanmi.ground.recorded_at IS 'when the record learned it';

-- Components come by the million. An exclusion constraint on text costs too much for them, and so does a foreign
-- key for each row: both are checked once for each statement, on all rows that it wrote, one writer at a time.
-- EXECUTE plans each check for the number of rows at hand.

CREATE FUNCTION wanmi.one_truth_of_components() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lost text;
BEGIN
    EXECUTE $q$
        SELECT n.code
        FROM written n
        JOIN wanmi.components o
          ON o.code = n.code
         AND (o.valid_from, o.recorded_at) <> (n.valid_from, n.recorded_at)
         AND tstzrange(o.valid_from, o.valid_to) && tstzrange(n.valid_from, n.valid_to)
         AND tstzrange(o.recorded_at, o.replaced_at) && tstzrange(n.recorded_at, n.replaced_at)
        LIMIT 1
    $q$ INTO lost;
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION 'component % would have two truths at one time', lost
            USING ERRCODE = 'exclusion_violation', CONSTRAINT = 'components_one_truth',
                  SCHEMA = 'wanmi', TABLE = 'components';
    END IF;
    EXECUTE $q$
        SELECT n.code
        FROM (
            SELECT DISTINCT supervising AS code FROM written
            UNION SELECT DISTINCT owning FROM written
            UNION SELECT DISTINCT maintaining FROM written
        ) n
        WHERE n.code IS NOT NULL
          AND NOT EXISTS (SELECT FROM wanmi.department_codes d WHERE d.code = n.code)
        LIMIT 1
    $q$ INTO lost;
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION 'department % of a component is not recorded', lost
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'components_departments',
                  SCHEMA = 'wanmi', TABLE = 'components';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.one_truth_of_components() IS
    'Trigger: no component has two truths at one time, and its departments are recorded';

CREATE FUNCTION wanmi.refer_to_classes() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    lost text;
BEGIN
    EXECUTE $q$
        SELECT n.edition || ':' || n.kind || n.class_code
        FROM (SELECT DISTINCT edition, kind, class_code FROM written) n
        WHERE n.class_code IS NOT NULL
          AND NOT EXISTS (
              SELECT FROM wanmi.classes c
              WHERE (c.edition, c.kind, c.code) = (n.edition, n.kind, n.class_code)
          )
        LIMIT 1
    $q$ INTO lost;
    IF lost IS NOT NULL THEN
        RAISE EXCEPTION 'class % is not in the catalogue', lost
            USING ERRCODE = 'foreign_key_violation', CONSTRAINT = TG_TABLE_NAME || '_class',
                  SCHEMA = 'wanmi', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.refer_to_classes() IS 'Trigger: classes of the rows written are in the catalogue';

CREATE TRIGGER a_write_alone BEFORE INSERT OR UPDATE ON wanmi.components
    FOR EACH STATEMENT EXECUTE FUNCTION wanmi.write_alone();
CREATE TRIGGER one_truth_insert AFTER INSERT ON wanmi.components
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.one_truth_of_components();
CREATE TRIGGER one_truth_update AFTER UPDATE ON wanmi.components
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.one_truth_of_components();
CREATE TRIGGER refer_to_classes_insert AFTER INSERT ON wanmi.components
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.refer_to_classes();
CREATE TRIGGER refer_to_classes_update AFTER UPDATE ON wanmi.components
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.refer_to_classes();
