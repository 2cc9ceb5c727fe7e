-- Zones say what they do with the cases they take, of which duty, side and stretch of their line, and who shares it.
-- Class rules say who goes first. What stood before means what it did.

ALTER TABLE wanmi.zones
    ADD COLUMN effect text NOT NULL DEFAULT 'gives',
    ADD COLUMN duty text,
    ADD COLUMN joint text,
    ADD COLUMN side text NOT NULL DEFAULT 'both',
    ADD COLUMN from_m double precision,
    ADD COLUMN to_m double precision,
    ADD CONSTRAINT zones_effect_known CHECK (effect IN ('gives', 'only', 'never')),
    ADD CONSTRAINT zones_duty_known CHECK (duty IN ('supervising', 'owning', 'maintaining', 'disposing')),
    ADD CONSTRAINT zones_side_known CHECK (side IN ('both', 'left', 'right')),
    ADD CONSTRAINT zones_chainage CHECK (COALESCE(from_m, 0) >= 0 AND to_m > COALESCE(from_m, 0)),
    ADD CONSTRAINT zones_along_line CHECK (
        ST_Dimension(geom) = 1 OR side = 'both' AND from_m IS NULL AND to_m IS NULL
    );
COMMENT ON COLUMN wanmi.zones.effect IS
    'gives; only: decides before everything else; never: its department gets nothing there';
COMMENT ON COLUMN wanmi.zones.duty IS 'duty for which it holds: supervising, owning, maintaining, disposing; empty: any';
COMMENT ON COLUMN wanmi.zones.joint IS 'codes of departments that share the duty, separated by spaces; department leads';
COMMENT ON COLUMN wanmi.zones.side IS 'both, left or right of the line in its drawn direction';
COMMENT ON COLUMN wanmi.zones.from_m IS 'chainage where it begins, metres from the line''s first point; empty: there';
COMMENT ON COLUMN wanmi.zones.to_m IS 'chainage where it ends, metres; empty: at the line''s end';

ALTER TABLE wanmi.rules
    ADD COLUMN first text,
    DROP CONSTRAINT rules_duty_known,
    ADD CONSTRAINT rules_duty_known CHECK (duty IN ('supervising', 'owning', 'maintaining', 'disposing')),
    ADD CONSTRAINT rules_first_known CHECK (first IN ('owner', 'locality'));
COMMENT ON COLUMN wanmi.rules.duty IS 'whose duty it is: supervising, owning, maintaining, disposing';
COMMENT ON COLUMN wanmi.rules.first IS 'who is asked first: owner (of the component; also when empty) or locality (the zones)';

CREATE OR REPLACE VIEW wanmi.rules_now AS
    SELECT
        edition, kind, class_code, duty, radius_m, department, name, invented, note, valid_from, valid_to, first
    FROM wanmi.rules
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;

CREATE OR REPLACE VIEW wanmi.zones_now AS
    SELECT
        code, name, department, classes, rank, width_m, is_line, area_m2, geom, footprint, valid_from, valid_to,
        effect, duty, joint, side, from_m, to_m
    FROM wanmi.zones
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;

CREATE OR REPLACE VIEW wanmi.zones_lonlat AS
    SELECT
        code, name, department, classes, rank, width_m, is_line, area_m2,
        ST_Transform(geom, {lonlat})::geometry(Geometry, {lonlat}) AS geom,
        effect, duty, joint, side, from_m, to_m
    FROM wanmi.zones_now;

-- Columns of the views explain themselves by the words of their tables.
DO $$
DECLARE
    seen record;
BEGIN
    FOR seen IN
        SELECT v.attrelid::regclass AS view, v.attname AS column, col_description(t.attrelid, t.attnum) AS words
        FROM (VALUES ('rules_now', 'rules'), ('zones_now', 'zones'), ('zones_lonlat', 'zones')) AS made (view, base)
        JOIN pg_attribute v ON v.attrelid = ('wanmi.' || made.view)::regclass AND v.attnum > 0
        JOIN pg_attribute t ON t.attrelid = ('wanmi.' || made.base)::regclass AND t.attname = v.attname AND t.attnum > 0
    LOOP
        EXECUTE format('COMMENT ON COLUMN %s.%I IS %L', seen.view, seen.column, seen.words);
    END LOOP;
END
$$;

-- As before, but it says where, and what would be right.
CREATE OR REPLACE FUNCTION wanmi.refuse_rings() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    ring text;
BEGIN
    WITH RECURSIVE climb AS (
        SELECT code AS start, parent AS code, tstzrange(valid_from, valid_to) AS held
        FROM written
        WHERE parent IS NOT NULL AND replaced_at = 'infinity'
        UNION
        SELECT climb.start, above.parent, climb.held * tstzrange(above.valid_from, above.valid_to)
        FROM climb
        JOIN wanmi.departments above
          ON above.code = climb.code
         AND above.parent IS NOT NULL
         AND above.replaced_at = 'infinity'
         AND climb.held && tstzrange(above.valid_from, above.valid_to)
        WHERE climb.code <> climb.start
    )
    SELECT min(start) INTO ring FROM climb WHERE code = start;
    IF ring IS NOT NULL THEN
        RAISE EXCEPTION 'department % would be above itself', ring USING
            ERRCODE = 'check_violation', TABLE = 'departments', HINT = 'give it a parent that is not below it, or none';
    END IF;
    RETURN NULL;
END
$$;
