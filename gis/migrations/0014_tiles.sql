-- What tiles are drawn from: shapes in Web Mercator beside the city's own, and what changed since one looked.

-- Generated, so that no writer needs to know of them and none can let them go stale. Components have none: a point is
-- transformed in 2 µs when it is drawn, and they come by the million.
ALTER TABLE wanmi.areas
    ADD COLUMN geom_web geometry(MultiPolygon, 3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED;
ALTER TABLE wanmi.units
    ADD COLUMN geom_web geometry(MultiPolygon, 3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED;
ALTER TABLE wanmi.zones
    ADD COLUMN footprint_web geometry(MultiPolygon, 3857) GENERATED ALWAYS AS (ST_Transform(footprint, 3857)) STORED;
ALTER TABLE wanmi.ground
    ADD COLUMN geom_web geometry(Geometry, 3857) GENERATED ALWAYS AS (ST_Transform(geom, 3857)) STORED;
COMMENT ON COLUMN wanmi.areas.geom_web IS 'geom in Web Mercator (EPSG:3857), for tiles; nothing is measured in it';
COMMENT ON COLUMN wanmi.units.geom_web IS 'geom in Web Mercator (EPSG:3857), for tiles; nothing is measured in it';
COMMENT ON COLUMN wanmi.zones.footprint_web IS
    'footprint in Web Mercator (EPSG:3857), for tiles; nothing is measured in it';
COMMENT ON COLUMN wanmi.ground.geom_web IS 'geom in Web Mercator (EPSG:3857), for tiles; nothing is measured in it';
CREATE INDEX areas_geom_web ON wanmi.areas USING gist (geom_web);
CREATE INDEX units_geom_web ON wanmi.units USING gist (geom_web);
CREATE INDEX zones_footprint_web ON wanmi.zones USING gist (footprint_web);
CREATE INDEX ground_geom_web ON wanmi.ground USING gist (geom_web);

-- Layers that no answer rests on: their states are no part of a snapshot's, hence a table of their own.
CREATE TABLE wanmi.ground_states (
    layer text COLLATE "C" NOT NULL,
    change bigint NOT NULL DEFAULT 1,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT ground_states_pkey PRIMARY KEY (layer)
);
COMMENT ON TABLE wanmi.ground_states IS 'State of each layer of the ground: who drew the same state need not draw it again';
COMMENT ON COLUMN wanmi.ground_states.layer IS 'layer of the ground';
COMMENT ON COLUMN wanmi.ground_states.change IS 'how often it was changed';
COMMENT ON COLUMN wanmi.ground_states.changed_at IS 'when it was changed last';

CREATE FUNCTION wanmi.note_ground() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'TRUNCATE' THEN
        UPDATE wanmi.ground_states SET change = change + 1, changed_at = clock_timestamp();
    ELSE
        EXECUTE 'INSERT INTO wanmi.ground_states (layer) SELECT DISTINCT layer FROM written ORDER BY layer '
            'ON CONFLICT (layer) DO UPDATE SET change = ground_states.change + 1, changed_at = clock_timestamp()';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.note_ground() IS 'Trigger: layers of the ground have a new state';
CREATE TRIGGER note_insert AFTER INSERT ON wanmi.ground
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_ground();
CREATE TRIGGER note_update AFTER UPDATE ON wanmi.ground
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_ground();
CREATE TRIGGER note_delete AFTER DELETE ON wanmi.ground
    REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_ground();
CREATE TRIGGER note_truncate AFTER TRUNCATE ON wanmi.ground
    FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_ground();

-- Cases come one by one all day, and by the million in a load. One by one they are named; of many only that there were.
CREATE TABLE wanmi.case_changes (
    change bigint GENERATED ALWAYS AS IDENTITY,
    case_id text COLLATE "C" NOT NULL,
    transaction bigint NOT NULL DEFAULT ((pg_current_xact_id())::text)::bigint,
    changed_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    CONSTRAINT case_changes_pkey PRIMARY KEY (change)
);
CREATE INDEX case_changes_transaction ON wanmi.case_changes (transaction);
COMMENT ON TABLE wanmi.case_changes IS
    'Cases that changed, or whose answers did, in the last days: what is counted in memory is kept in step by it';
COMMENT ON COLUMN wanmi.case_changes.change IS 'number of the change';
COMMENT ON COLUMN wanmi.case_changes.case_id IS 'case; empty text: more than are worth naming';
COMMENT ON COLUMN wanmi.case_changes.transaction IS 'transaction that changed it';
COMMENT ON COLUMN wanmi.case_changes.changed_at IS 'when it was changed';

CREATE FUNCTION wanmi.note_cases() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    many boolean := true;
BEGIN
    IF TG_OP <> 'TRUNCATE' THEN
        EXECUTE 'SELECT count(*) > 1000 FROM (SELECT FROM written LIMIT 1001) few' INTO many;
    END IF;
    IF many THEN
        INSERT INTO wanmi.case_changes (case_id) VALUES ('');
    ELSE
        EXECUTE format('INSERT INTO wanmi.case_changes (case_id) SELECT %I FROM written', TG_ARGV[0]);
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.note_cases() IS 'Trigger: cases changed, or their answers did';
DO $$
DECLARE
    held record;
BEGIN
    FOR held IN SELECT * FROM (VALUES ('cases', 'id'), ('answers', 'case_id')) AS t (name, key) LOOP
        EXECUTE format('CREATE TRIGGER note_insert AFTER INSERT ON wanmi.%I '
            'REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_cases(%L)', held.name, held.key);
        EXECUTE format('CREATE TRIGGER note_update AFTER UPDATE ON wanmi.%I '
            'REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_cases(%L)', held.name, held.key);
        EXECUTE format('CREATE TRIGGER note_delete AFTER DELETE ON wanmi.%I '
            'REFERENCING OLD TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_cases(%L)', held.name, held.key);
        EXECUTE format('CREATE TRIGGER note_truncate AFTER TRUNCATE ON wanmi.%I '
            'FOR EACH STATEMENT EXECUTE FUNCTION wanmi.note_cases(%L)', held.name, held.key);
    END LOOP;
END
$$;
INSERT INTO wanmi.ground_states (layer) SELECT DISTINCT layer FROM wanmi.ground;
