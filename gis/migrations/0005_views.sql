-- Views for people: what holds now, the layers of the ground, longitude and latitude, cases with their answers.
-- {lonlat} stands for the EPSG code of degrees: 4490 where the city's CRS is of CGCS2000, else 4326.

CREATE VIEW wanmi.areas_now AS
    SELECT
        set, code, name, parent_set, parent, department, geom, valid_from, valid_to
    FROM wanmi.areas
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;
COMMENT ON VIEW wanmi.areas_now IS 'Table areas: what holds now';

CREATE VIEW wanmi.departments_now AS
    SELECT
        code, name, parent, kind, phone, valid_from, valid_to
    FROM wanmi.departments
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;
COMMENT ON VIEW wanmi.departments_now IS 'Table departments: what holds now';

CREATE VIEW wanmi.rules_now AS
    SELECT
        edition, kind, class_code, duty, radius_m, department, name, invented, note, valid_from, valid_to
    FROM wanmi.rules
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;
COMMENT ON VIEW wanmi.rules_now IS 'Table rules: what holds now';

CREATE VIEW wanmi.zones_now AS
    SELECT
        code, name, department, classes, rank, width_m, is_line, area_m2, geom, footprint, valid_from, valid_to
    FROM wanmi.zones
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;
COMMENT ON VIEW wanmi.zones_now IS 'Table zones: what holds now';

CREATE VIEW wanmi.rosters_now AS
    SELECT
        team, person, role, department, area_set, area, phone, valid_from, valid_to
    FROM wanmi.rosters
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;
COMMENT ON VIEW wanmi.rosters_now IS 'Table rosters: what holds now';

CREATE VIEW wanmi.units_now AS
    SELECT
        code, name, community, area_m2, geom, valid_from, valid_to
    FROM wanmi.units
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;
COMMENT ON VIEW wanmi.units_now IS 'Table units: what holds now';

CREATE VIEW wanmi.components_now AS
    SELECT
        code, edition, kind, class_code, name, supervising, owning, maintaining, unit, state, source, geom,
        valid_from, valid_to
    FROM wanmi.components
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;
COMMENT ON VIEW wanmi.components_now IS 'Table components: what holds now';

CREATE VIEW wanmi.areas_lonlat AS
    SELECT
        set, code, name, parent_set, parent, department,
        ST_Transform(geom, {lonlat})::geometry(MultiPolygon, {lonlat}) AS geom
    FROM wanmi.areas_now;
COMMENT ON VIEW wanmi.areas_lonlat IS 'Table areas: what holds now, in degrees (EPSG:{lonlat})';

CREATE VIEW wanmi.zones_lonlat AS
    SELECT
        code, name, department, classes, rank, width_m, is_line, area_m2,
        ST_Transform(geom, {lonlat})::geometry(Geometry, {lonlat}) AS geom
    FROM wanmi.zones_now;
COMMENT ON VIEW wanmi.zones_lonlat IS 'Table zones: what holds now, in degrees (EPSG:{lonlat})';

CREATE VIEW wanmi.units_lonlat AS
    SELECT
        code, name, community, area_m2,
        ST_Transform(geom, {lonlat})::geometry(MultiPolygon, {lonlat}) AS geom
    FROM wanmi.units_now;
COMMENT ON VIEW wanmi.units_lonlat IS 'Table units: what holds now, in degrees (EPSG:{lonlat})';

CREATE VIEW wanmi.components_lonlat AS
    SELECT
        code, edition, kind, class_code, name, supervising, owning, maintaining, unit, state, source,
        ST_Transform(geom, {lonlat})::geometry(Point, {lonlat}) AS geom
    FROM wanmi.components_now;
COMMENT ON VIEW wanmi.components_lonlat IS 'Table components: what holds now, in degrees (EPSG:{lonlat})';

CREATE VIEW wanmi.roads AS
    SELECT code, name, kind, width_m, lanes, geom FROM wanmi.ground WHERE layer = 'roads';
COMMENT ON VIEW wanmi.roads IS 'Layer roads of the ground';

CREATE VIEW wanmi.rivers AS
    SELECT code, name, kind, width_m, geom FROM wanmi.ground WHERE layer = 'rivers';
COMMENT ON VIEW wanmi.rivers IS 'Layer rivers of the ground';

CREATE VIEW wanmi.railways AS
    SELECT code, name, kind, width_m, geom FROM wanmi.ground WHERE layer = 'railways';
COMMENT ON VIEW wanmi.railways IS 'Layer railways of the ground';

CREATE VIEW wanmi.buildings AS
    SELECT code, name, kind, width_m, height_m, geom FROM wanmi.ground WHERE layer = 'buildings';
COMMENT ON VIEW wanmi.buildings IS 'Layer buildings of the ground';

CREATE VIEW wanmi.parcels AS
    SELECT code, name, kind, width_m, geom FROM wanmi.ground WHERE layer = 'parcels';
COMMENT ON VIEW wanmi.parcels IS 'Layer parcels of the ground';

CREATE VIEW wanmi.drains AS
    SELECT code, name, kind, width_m, geom FROM wanmi.ground WHERE layer = 'drains';
COMMENT ON VIEW wanmi.drains IS 'Layer drains of the ground';

CREATE VIEW wanmi.ground_lonlat AS
    SELECT layer, code, name, kind, width_m, lanes, height_m,
        ST_Transform(geom, {lonlat})::geometry(Geometry, {lonlat}) AS geom
    FROM wanmi.ground;
COMMENT ON VIEW wanmi.ground_lonlat IS 'All layers of the ground, in degrees (EPSG:{lonlat})';

CREATE VIEW wanmi.cases_lonlat AS
    SELECT
        id, edition, kind, class_code, component, no_location, accuracy_m, channel, reported_at, filed_at,
        due_at, closed_at, status, department, returns, address, description,
        ST_Transform(geom, {lonlat})::geometry(Point, {lonlat}) AS geom
    FROM wanmi.cases;
COMMENT ON VIEW wanmi.cases_lonlat IS 'Table cases, in degrees (EPSG:{lonlat})';

CREATE VIEW wanmi.case_answers AS
    SELECT c.id, c.edition, c.kind, c.class_code, c.reported_at, c.closed_at, c.status,
        a.department, d.name AS department_name, a.rule, a.reason, a.unit, a.areas, a.component, a.distance_m,
        a.zone, a.on_edge, a.probability, a.ask_first, a.snapshot, a.at, a.answered_at,
        c.department AS final_department, c.geom
    FROM wanmi.cases c
    LEFT JOIN wanmi.answers a ON a.case_id = c.id
    LEFT JOIN wanmi.departments d
           ON d.code = a.department AND d.replaced_at = 'infinity' AND d.valid_from <= a.at AND a.at < d.valid_to;
COMMENT ON VIEW wanmi.case_answers IS 'Cases with their latest answers; empty answer columns: not answered yet';

-- Columns of the views explain themselves by the words of their tables.
DO $$
DECLARE
    seen record;
BEGIN
    FOR seen IN
        SELECT v.attrelid::regclass AS view, v.attname AS column, col_description(t.attrelid, t.attnum) AS words
        FROM (VALUES
            ('areas_now', 'areas'),
            ('departments_now', 'departments'),
            ('rules_now', 'rules'),
            ('zones_now', 'zones'),
            ('rosters_now', 'rosters'),
            ('units_now', 'units'),
            ('components_now', 'components'),
            ('areas_lonlat', 'areas'),
            ('zones_lonlat', 'zones'),
            ('units_lonlat', 'units'),
            ('components_lonlat', 'components'),
            ('roads', 'ground'),
            ('rivers', 'ground'),
            ('railways', 'ground'),
            ('buildings', 'ground'),
            ('parcels', 'ground'),
            ('drains', 'ground'),
            ('ground_lonlat', 'ground'),
            ('cases_lonlat', 'cases'),
            ('case_answers', 'answers'),
            ('case_answers', 'cases')
        ) AS made (view, base)
        JOIN pg_attribute v ON v.attrelid = ('wanmi.' || made.view)::regclass AND v.attnum > 0
        JOIN pg_attribute t ON t.attrelid = ('wanmi.' || made.base)::regclass AND t.attname = v.attname AND t.attnum > 0
        WHERE col_description(v.attrelid, v.attnum) IS NULL
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', seen.view, seen.column, seen.words);
    END LOOP;
END
$$;
COMMENT ON COLUMN wanmi.case_answers.department IS 'owner by the answer; empty: nobody';
COMMENT ON COLUMN wanmi.case_answers.department_name IS 'its name at the instant of the answer';
COMMENT ON COLUMN wanmi.case_answers.final_department IS 'final owner as the source system has it';
COMMENT ON COLUMN wanmi.case_answers.geom IS 'reported place; empty when it has none';
