-- The city and the class catalogue. {srid} stands for the EPSG code of the city's metric CRS.

-- Lets one transaction at a time write a table; taken before its rows are, held to the end.
-- Its checks then see all that others committed, which an older snapshot would hide: hence READ COMMITTED only.
CREATE FUNCTION wanmi.write_alone() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT IN ('read committed', 'read uncommitted') THEN
        RAISE EXCEPTION 'write to % in a READ COMMITTED transaction', TG_TABLE_NAME
            USING ERRCODE = 'feature_not_supported';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('wanmi.' || TG_TABLE_NAME, 0));
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.write_alone() IS 'Trigger: one transaction at a time writes the table';

-- Codes are referred to without a foreign key by large tables, so they must never go away.
CREATE FUNCTION wanmi.keep_codes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'codes of % are never removed or renamed: others refer to them', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', HINT = 'end the validity of its row instead';
END
$$;
COMMENT ON FUNCTION wanmi.keep_codes() IS 'Trigger: what was once a code stays one';

CREATE TABLE wanmi.city (
    one boolean NOT NULL DEFAULT true,
    key text COLLATE "C" NOT NULL,
    name text NOT NULL,
    srid integer NOT NULL,
    time_zone text NOT NULL,
    west double precision NOT NULL,
    south double precision NOT NULL,
    east double precision NOT NULL,
    north double precision NOT NULL,
    default_points jsonb NOT NULL DEFAULT '[]',
    codes text COLLATE "C" NOT NULL,
    edition text COLLATE "C" NOT NULL,
    territory text[] NOT NULL DEFAULT '{}',
    recorded_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (one),
    CONSTRAINT city_one CHECK (one),
    CONSTRAINT city_srid CHECK (srid = {srid}),
    CONSTRAINT city_bounds CHECK (west < east AND south < north),
    CONSTRAINT city_codes_known CHECK (codes IN ('china15', 'china14', 'free'))
);
COMMENT ON TABLE wanmi.city IS 'The city of this database: a single row';
COMMENT ON COLUMN wanmi.city.one IS 'always true: a single row';
COMMENT ON COLUMN wanmi.city.key IS 'short name, also of the database in the private PostGIS';
COMMENT ON COLUMN wanmi.city.name IS 'name that people read';
COMMENT ON COLUMN wanmi.city.srid IS 'EPSG code of the metric CRS of all geometry here';
COMMENT ON COLUMN wanmi.city.time_zone IS 'IANA name of the zone in which local times are read';
COMMENT ON COLUMN wanmi.city.west IS 'western bound, degrees WGS 84: nothing of the city lies beyond';
COMMENT ON COLUMN wanmi.city.south IS 'southern bound, degrees WGS 84';
COMMENT ON COLUMN wanmi.city.east IS 'eastern bound, degrees WGS 84';
COMMENT ON COLUMN wanmi.city.north IS 'northern bound, degrees WGS 84';
COMMENT ON COLUMN wanmi.city.default_points IS '[[lon, lat], …] that source systems write when they know no place';
COMMENT ON COLUMN wanmi.city.codes IS 'code scheme of unit grids: china15, china14, free';
COMMENT ON COLUMN wanmi.city.edition IS 'class edition that a bare class code takes';
COMMENT ON COLUMN wanmi.city.territory IS 'area sets in the order of fallback (属地兜底), smallest first';
COMMENT ON COLUMN wanmi.city.recorded_at IS 'when the record learned it';

CREATE TABLE wanmi.classes (
    edition text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    major_code text COLLATE "C",
    major_name text,
    minor_code text COLLATE "C",
    name_zh text,
    name_en text,
    source text,
    CONSTRAINT classes_pkey PRIMARY KEY (edition, kind, code),
    CONSTRAINT classes_kind_known CHECK (kind IN ('C', 'E'))
);
COMMENT ON TABLE wanmi.classes IS 'Class catalogue of components and events, all editions side by side';
COMMENT ON COLUMN wanmi.classes.edition IS '2007, 2013, 2026 or the city''s own: the same digits mean different things';
COMMENT ON COLUMN wanmi.classes.kind IS 'C component (部件), E event (事件)';
COMMENT ON COLUMN wanmi.classes.code IS 'class code within edition and kind';
COMMENT ON COLUMN wanmi.classes.major_code IS 'major class (大类)';
COMMENT ON COLUMN wanmi.classes.major_name IS 'its name';
COMMENT ON COLUMN wanmi.classes.minor_code IS 'minor class (小类)';
COMMENT ON COLUMN wanmi.classes.name_zh IS 'name in Chinese, or in the city''s language';
COMMENT ON COLUMN wanmi.classes.name_en IS 'name in English; a translation of ours unless the city''s own';
COMMENT ON COLUMN wanmi.classes.source IS 'where it stands';

CREATE TABLE wanmi.crosswalk (
    kind text COLLATE "C" NOT NULL,
    code_2013 text COLLATE "C" NOT NULL,
    name_2013 text,
    code_2026 text COLLATE "C",
    name_2026 text,
    match text NOT NULL,
    name_likeness text,
    CONSTRAINT crosswalk_pkey PRIMARY KEY (kind, code_2013)
);
COMMENT ON TABLE wanmi.crosswalk IS 'Classes of 2013 in the edition of 2026; the edition 2007 has no crosswalk';
COMMENT ON COLUMN wanmi.crosswalk.kind IS 'C component, E event';
COMMENT ON COLUMN wanmi.crosswalk.code_2013 IS 'class code in the edition 2013';
COMMENT ON COLUMN wanmi.crosswalk.name_2013 IS 'its name';
COMMENT ON COLUMN wanmi.crosswalk.code_2026 IS 'class code in the edition 2026; empty: no counterpart';
COMMENT ON COLUMN wanmi.crosswalk.name_2026 IS 'its name';
COMMENT ON COLUMN wanmi.crosswalk.match IS 'same, similar, moved, different (same number, another thing), none';
COMMENT ON COLUMN wanmi.crosswalk.name_likeness IS 'likeness of the names of moved classes, where it was measured';

CREATE TABLE wanmi.limits (
    id bigint NOT NULL,
    edition text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    class_code text COLLATE "C" NOT NULL,
    condition_no text,
    condition text,
    closing text,
    grade text,
    time_limit double precision NOT NULL,
    unit text NOT NULL,
    city text,
    source text,
    note text,
    PRIMARY KEY (id)
);
COMMENT ON TABLE wanmi.limits IS 'Time limits for disposal by class and condition';
COMMENT ON COLUMN wanmi.limits.id IS 'row of data/limits.csv, from 1';
COMMENT ON COLUMN wanmi.limits.edition IS 'edition of the class code: 2007, 2013, 2026 or the city''s own';
COMMENT ON COLUMN wanmi.limits.kind IS 'C component (部件), E event (事件)';
COMMENT ON COLUMN wanmi.limits.class_code IS 'class code within edition and kind, without either';
COMMENT ON COLUMN wanmi.limits.condition_no IS 'number of the condition within its class';
COMMENT ON COLUMN wanmi.limits.condition IS 'what must be the case for this limit';
COMMENT ON COLUMN wanmi.limits.closing IS 'what must be done for closing (结案)';
COMMENT ON COLUMN wanmi.limits.grade IS 'grade of the area, or all';
COMMENT ON COLUMN wanmi.limits.time_limit IS 'how long disposal (处置) may take, in `unit`';
COMMENT ON COLUMN wanmi.limits.unit IS 'urgent_hour, urgent_day (continuous), work_hour, work_day';
COMMENT ON COLUMN wanmi.limits.city IS 'city whose standard it is';
COMMENT ON COLUMN wanmi.limits.source IS 'where it stands';
COMMENT ON COLUMN wanmi.limits.note IS 'remark';

CREATE TRIGGER keep_codes BEFORE DELETE OR TRUNCATE OR UPDATE OF edition, kind, code ON wanmi.classes
    FOR EACH STATEMENT EXECUTE FUNCTION wanmi.keep_codes();
