-- Rosters know what a team is, the tier of chiefs, zones, roads and units beside areas, and the steps of escalation.

ALTER TABLE wanmi.rosters
    ADD COLUMN kind text COLLATE "C",
    ADD COLUMN tier integer,
    ADD COLUMN place_kind text COLLATE "C",
    ADD COLUMN place text COLLATE "C",
    ADD COLUMN reports_to text COLLATE "C",
    ADD COLUMN after_hours double precision,
    ADD CONSTRAINT rosters_tier CHECK (tier IN (1, 2, 3)),
    ADD CONSTRAINT rosters_after CHECK (after_hours >= 0 AND after_hours < 100000),
    ADD CONSTRAINT rosters_above CHECK ((reports_to IS NULL) = (after_hours IS NULL)),
    ADD CONSTRAINT rosters_place_whole CHECK ((place IS NULL) = (place_kind IS NULL)),
    ADD CONSTRAINT rosters_one_place CHECK (place IS NULL OR area IS NULL),
    ADD CONSTRAINT rosters_place_kind_known CHECK (place_kind IN ('zone', 'road', 'unit'));
CREATE INDEX rosters_area ON wanmi.rosters (area, area_set);
CREATE INDEX rosters_place ON wanmi.rosters (place, place_kind);
COMMENT ON COLUMN wanmi.rosters.kind IS 'what the team is: chief (街长), 1+5, patrol, enforcement …';
COMMENT ON COLUMN wanmi.rosters.tier IS 'tier of a chief: 1 district, 2 street, 3 community';
COMMENT ON COLUMN wanmi.rosters.place_kind IS 'zone, road or unit: what they look after instead of an area';
COMMENT ON COLUMN wanmi.rosters.place IS 'code of that zone, road or unit';
COMMENT ON COLUMN wanmi.rosters.reports_to IS 'team above; @kind: the team of that kind at the place of the case';
COMMENT ON COLUMN wanmi.rosters.after_hours IS 'hours after which a case that is not solved goes to the team above';

CREATE OR REPLACE VIEW wanmi.rosters_now AS
    SELECT
        team, person, role, department, area_set, area, phone, valid_from, valid_to,
        kind, tier, place_kind, place, reports_to, after_hours
    FROM wanmi.rosters
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;

DO $$
DECLARE
    named text;
BEGIN
    FOREACH named IN ARRAY ARRAY['kind', 'tier', 'place_kind', 'place', 'reports_to', 'after_hours'] LOOP
        EXECUTE format('COMMENT ON COLUMN wanmi.rosters_now.%I IS %L', named, (
            SELECT col_description(attrelid, attnum) FROM pg_attribute
            WHERE attrelid = 'wanmi.rosters'::regclass AND attname = named
        ));
    END LOOP;
END
$$;
