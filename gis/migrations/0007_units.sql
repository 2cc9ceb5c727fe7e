-- Unit grids know their kind and the issue of the set that brought them; revisions leave their lineage, and a list of
-- what was linked anew. {lonlat} stands for the EPSG code of degrees.

ALTER TABLE wanmi.units
    ADD COLUMN kind text,
    ADD COLUMN issue integer,
    ADD CONSTRAINT units_issue CHECK (issue >= 0);
COMMENT ON COLUMN wanmi.units.kind IS 'block, part (of a larger block), fragment, road; empty: not told';
COMMENT ON COLUMN wanmi.units.issue IS 'issue of the set that brought it: 0 or empty the first, 1 the first revision';

CREATE OR REPLACE VIEW wanmi.units_now AS
    SELECT
        code, name, community, area_m2, geom, valid_from, valid_to, kind, issue
    FROM wanmi.units
    WHERE replaced_at = 'infinity' AND valid_from <= now() AND now() < valid_to;

CREATE OR REPLACE VIEW wanmi.units_lonlat AS
    SELECT
        code, name, community, area_m2,
        ST_Transform(geom, {lonlat})::geometry(MultiPolygon, {lonlat}) AS geom,
        kind, issue
    FROM wanmi.units_now;

DO $$
DECLARE
    shown text;
BEGIN
    FOREACH shown IN ARRAY ARRAY['units_now', 'units_lonlat'] LOOP
        EXECUTE format('COMMENT ON COLUMN wanmi.%I.kind IS %L', shown,
            'block, part (of a larger block), fragment, road; empty: not told');
        EXECUTE format('COMMENT ON COLUMN wanmi.%I.issue IS %L', shown,
            'issue of the set that brought it: 0 or empty the first, 1 the first revision');
    END LOOP;
END
$$;

CREATE TABLE wanmi.unit_lineage (
    at timestamptz NOT NULL,
    old text COLLATE "C" NOT NULL,
    new text COLLATE "C" NOT NULL,
    what text COLLATE "C" NOT NULL,
    overlap_m2 double precision NOT NULL,
    share_of_old double precision NOT NULL,
    share_of_new double precision NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT unit_lineage_pkey PRIMARY KEY (at, old, new),
    CONSTRAINT unit_lineage_what_known CHECK (what IN ('moved', 'split', 'merged', 'redrawn', 'retired', 'born')),
    CONSTRAINT unit_lineage_named CHECK (old <> '' OR new <> '')
);
CREATE INDEX unit_lineage_new ON wanmi.unit_lineage (new);
COMMENT ON TABLE wanmi.unit_lineage IS 'What became of unit grids in revisions; those that kept their code are not listed';
COMMENT ON COLUMN wanmi.unit_lineage.at IS 'instant of the revision: the old one ends, the new one begins';
COMMENT ON COLUMN wanmi.unit_lineage.old IS 'unit grid that ended; empty text: nothing preceded';
COMMENT ON COLUMN wanmi.unit_lineage.new IS 'unit grid that began; empty text: nothing follows';
COMMENT ON COLUMN wanmi.unit_lineage.what IS 'moved, split, merged, redrawn, retired, born';
COMMENT ON COLUMN wanmi.unit_lineage.overlap_m2 IS 'ground that both cover, m²';
COMMENT ON COLUMN wanmi.unit_lineage.share_of_old IS 'that ground as a share of the old one';
COMMENT ON COLUMN wanmi.unit_lineage.share_of_new IS 'that ground as a share of the new one';
COMMENT ON COLUMN wanmi.unit_lineage.recorded_at IS 'when the record learned it';

CREATE TABLE wanmi.unit_moves (
    thing text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL,
    old text COLLATE "C" NOT NULL,
    new text COLLATE "C" NOT NULL,
    how text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT unit_moves_pkey PRIMARY KEY (thing, key, at, old),
    CONSTRAINT unit_moves_thing_known CHECK (thing IN ('component', 'case'))
);
COMMENT ON TABLE wanmi.unit_moves IS 'Components and cases that a revision linked to another unit grid';
COMMENT ON COLUMN wanmi.unit_moves.thing IS 'component or case';
COMMENT ON COLUMN wanmi.unit_moves.key IS 'its code or number';
COMMENT ON COLUMN wanmi.unit_moves.at IS 'instant of the revision';
COMMENT ON COLUMN wanmi.unit_moves.old IS 'unit grid that it had';
COMMENT ON COLUMN wanmi.unit_moves.new IS 'unit grid that it has since; empty text: none';
COMMENT ON COLUMN wanmi.unit_moves.how IS 'one heir, place, other place, largest share, none';
COMMENT ON COLUMN wanmi.unit_moves.recorded_at IS 'when the record learned it';
