-- Who is responsible: departments, areas, class rules, zones, rosters. {srid} stands for the city's EPSG code.
-- Exclusions are on a 64-bit hash of the key: GiST tells numbers apart three times as fast as texts that begin alike,
-- and no query for a code takes that index for the primary key's.

CREATE TABLE wanmi.department_codes (
    code text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT department_codes_pkey PRIMARY KEY (code)
);
COMMENT ON TABLE wanmi.department_codes IS 'Every department code ever recorded, never removed: what others refer to. Filled by departments';
COMMENT ON COLUMN wanmi.department_codes.code IS 'code of a department';
COMMENT ON COLUMN wanmi.department_codes.recorded_at IS 'when the record learned it';

CREATE TABLE wanmi.departments (
    code text COLLATE "C" NOT NULL,
    name text NOT NULL,
    parent text COLLATE "C",
    kind text,
    phone text,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    recorded_at timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz NOT NULL DEFAULT 'infinity',
    CONSTRAINT departments_pkey PRIMARY KEY (code, valid_from, recorded_at),
    CONSTRAINT departments_valid_order CHECK (valid_from < valid_to),
    CONSTRAINT departments_known_order CHECK (recorded_at <= replaced_at),
    CONSTRAINT departments_one_truth EXCLUDE USING gist (
        hashtextextended(code, 0) WITH =,
        tstzrange(valid_from, valid_to) WITH &&, tstzrange(recorded_at, replaced_at) WITH &&
    ),
    CONSTRAINT departments_code_fkey FOREIGN KEY(code) REFERENCES wanmi.department_codes (code),
    CONSTRAINT departments_parent_fkey FOREIGN KEY(parent) REFERENCES wanmi.department_codes (code)
);
COMMENT ON TABLE wanmi.departments IS 'Departments that can be responsible: a tree at every instant';
COMMENT ON COLUMN wanmi.departments.code IS 'code of the department';
COMMENT ON COLUMN wanmi.departments.name IS 'name that people read';
COMMENT ON COLUMN wanmi.departments.parent IS 'code of the department above it';
COMMENT ON COLUMN wanmi.departments.kind IS 'bureau, centre, street_office, company, enforcement …';
COMMENT ON COLUMN wanmi.departments.phone IS 'duty telephone';
COMMENT ON COLUMN wanmi.departments.valid_from IS 'when it began to hold; -infinity: always';
COMMENT ON COLUMN wanmi.departments.valid_to IS 'when it ceased to hold, that instant excluded; infinity: still holds';
COMMENT ON COLUMN wanmi.departments.recorded_at IS 'when the record learned it';
COMMENT ON COLUMN wanmi.departments.replaced_at IS 'when the record learned better; infinity: still believed';

CREATE TABLE wanmi.area_sets (
    set text COLLATE "C" NOT NULL,
    position smallint,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT area_sets_pkey PRIMARY KEY (set),
    CONSTRAINT area_sets_position_key UNIQUE (position) DEFERRABLE INITIALLY DEFERRED
);
COMMENT ON TABLE wanmi.area_sets IS 'Sets of areas, side by side';
COMMENT ON COLUMN wanmi.area_sets.set IS 'name of the set: district, street, community, police …';
COMMENT ON COLUMN wanmi.area_sets.position IS 'order of fallback (属地兜底), 0 smallest; empty: takes no part';
COMMENT ON COLUMN wanmi.area_sets.recorded_at IS 'when the record learned it';

CREATE TABLE wanmi.area_codes (
    set text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT area_codes_pkey PRIMARY KEY (set, code),
    CONSTRAINT area_codes_set_fkey FOREIGN KEY(set) REFERENCES wanmi.area_sets (set)
);
COMMENT ON TABLE wanmi.area_codes IS 'Every area code ever recorded, never removed: what others refer to. Filled by areas';
COMMENT ON COLUMN wanmi.area_codes.set IS 'area set';
COMMENT ON COLUMN wanmi.area_codes.code IS 'code of the area, unique in its set';
COMMENT ON COLUMN wanmi.area_codes.recorded_at IS 'when the record learned it';

CREATE TABLE wanmi.areas (
    set text COLLATE "C" NOT NULL,
    code text COLLATE "C" NOT NULL,
    name text,
    parent_set text COLLATE "C",
    parent text COLLATE "C",
    department text COLLATE "C",
    geom geometry(MultiPolygon, {srid}) NOT NULL,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    recorded_at timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz NOT NULL DEFAULT 'infinity',
    CONSTRAINT areas_pkey PRIMARY KEY (set, code, valid_from, recorded_at),
    CONSTRAINT areas_valid_order CHECK (valid_from < valid_to),
    CONSTRAINT areas_known_order CHECK (recorded_at <= replaced_at),
    CONSTRAINT areas_one_truth EXCLUDE USING gist (
        hashtextextended(set || ' ' || code, 0) WITH =,
        tstzrange(valid_from, valid_to) WITH &&, tstzrange(recorded_at, replaced_at) WITH &&
    ),
    CONSTRAINT areas_code_fkey FOREIGN KEY(set, code) REFERENCES wanmi.area_codes (set, code),
    CONSTRAINT areas_parent_fkey FOREIGN KEY(parent_set, parent) REFERENCES wanmi.area_codes (set, code),
    CONSTRAINT areas_department_fkey FOREIGN KEY(department) REFERENCES wanmi.department_codes (code),
    CONSTRAINT areas_parent_set CHECK ((parent IS NULL) = (parent_set IS NULL)),
    CONSTRAINT areas_geom_valid CHECK (ST_IsValid(geom) AND NOT ST_IsEmpty(geom))
);
CREATE INDEX areas_geom ON wanmi.areas USING gist (geom);
COMMENT ON TABLE wanmi.areas IS 'Administrative and other areas';
COMMENT ON COLUMN wanmi.areas.set IS 'area set';
COMMENT ON COLUMN wanmi.areas.code IS 'code of the area, unique in its set';
COMMENT ON COLUMN wanmi.areas.name IS 'name that people read';
COMMENT ON COLUMN wanmi.areas.parent_set IS 'set of the area that holds it';
COMMENT ON COLUMN wanmi.areas.parent IS 'code of the area that holds it';
COMMENT ON COLUMN wanmi.areas.department IS 'department that answers when nobody else does (属地兜底)';
COMMENT ON COLUMN wanmi.areas.geom IS 'its ground, on a 1 mm grid';
COMMENT ON COLUMN wanmi.areas.valid_from IS 'when it began to hold; -infinity: always';
COMMENT ON COLUMN wanmi.areas.valid_to IS 'when it ceased to hold, that instant excluded; infinity: still holds';
COMMENT ON COLUMN wanmi.areas.recorded_at IS 'when the record learned it';
COMMENT ON COLUMN wanmi.areas.replaced_at IS 'when the record learned better; infinity: still believed';

CREATE TABLE wanmi.rules (
    edition text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    class_code text COLLATE "C" NOT NULL,
    duty text,
    radius_m double precision,
    department text COLLATE "C",
    name text,
    invented boolean NOT NULL DEFAULT false,
    note text,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    recorded_at timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz NOT NULL DEFAULT 'infinity',
    CONSTRAINT rules_pkey PRIMARY KEY (edition, kind, class_code, valid_from, recorded_at),
    CONSTRAINT rules_valid_order CHECK (valid_from < valid_to),
    CONSTRAINT rules_known_order CHECK (recorded_at <= replaced_at),
    CONSTRAINT rules_one_truth EXCLUDE USING gist (
        hashtextextended(edition || ' ' || kind || ' ' || class_code, 0) WITH =,
        tstzrange(valid_from, valid_to) WITH &&, tstzrange(recorded_at, replaced_at) WITH &&
    ),
    CONSTRAINT rules_department_fkey FOREIGN KEY(department) REFERENCES wanmi.department_codes (code),
    CONSTRAINT rules_kind_known CHECK (kind IN ('C', 'E')),
    CONSTRAINT rules_duty_known CHECK (duty IN ('supervising', 'owning', 'maintaining')),
    CONSTRAINT rules_radius CHECK (radius_m >= 0 AND radius_m < 100000)
);
COMMENT ON TABLE wanmi.rules IS 'Class rules: whose duty a class is, and how far its components are looked for';
COMMENT ON COLUMN wanmi.rules.edition IS 'edition of the class code';
COMMENT ON COLUMN wanmi.rules.kind IS 'C component, E event';
COMMENT ON COLUMN wanmi.rules.class_code IS 'class, or the beginning of its code for a group; '''' for all of the kind';
COMMENT ON COLUMN wanmi.rules.duty IS 'whose component it is: supervising, owning, maintaining';
COMMENT ON COLUMN wanmi.rules.radius_m IS 'how far from the reported point its component is looked for, metres';
COMMENT ON COLUMN wanmi.rules.department IS 'competent department where no zone says otherwise';
COMMENT ON COLUMN wanmi.rules.name IS 'name of the class, for cities with classes of their own';
COMMENT ON COLUMN wanmi.rules.invented IS 'true when no source stands behind it';
COMMENT ON COLUMN wanmi.rules.note IS 'source or remark';
COMMENT ON COLUMN wanmi.rules.valid_from IS 'when it began to hold; -infinity: always';
COMMENT ON COLUMN wanmi.rules.valid_to IS 'when it ceased to hold, that instant excluded; infinity: still holds';
COMMENT ON COLUMN wanmi.rules.recorded_at IS 'when the record learned it';
COMMENT ON COLUMN wanmi.rules.replaced_at IS 'when the record learned better; infinity: still believed';

CREATE TABLE wanmi.zones (
    code text COLLATE "C" NOT NULL,
    name text,
    department text COLLATE "C" NOT NULL,
    classes text NOT NULL,
    rank integer,
    width_m double precision,
    geom geometry(Geometry, {srid}) NOT NULL,
    footprint geometry(MultiPolygon, {srid}) NOT NULL,
    is_line boolean GENERATED ALWAYS AS (ST_Dimension(geom) = 1) STORED,
    area_m2 double precision GENERATED ALWAYS AS (ST_Area(footprint)) STORED,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    recorded_at timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz NOT NULL DEFAULT 'infinity',
    CONSTRAINT zones_pkey PRIMARY KEY (code, valid_from, recorded_at),
    CONSTRAINT zones_valid_order CHECK (valid_from < valid_to),
    CONSTRAINT zones_known_order CHECK (recorded_at <= replaced_at),
    CONSTRAINT zones_one_truth EXCLUDE USING gist (
        hashtextextended(code, 0) WITH =,
        tstzrange(valid_from, valid_to) WITH &&, tstzrange(recorded_at, replaced_at) WITH &&
    ),
    CONSTRAINT zones_department_fkey FOREIGN KEY(department) REFERENCES wanmi.department_codes (code),
    CONSTRAINT zones_width CHECK (width_m > 0 AND width_m < 10000),
    CONSTRAINT zones_line_has_width CHECK (ST_Dimension(geom) = 2 OR width_m IS NOT NULL),
    CONSTRAINT zones_geom_kind CHECK (ST_Dimension(geom) IN (1, 2)),
    CONSTRAINT zones_geom_valid CHECK (ST_IsValid(geom) AND NOT ST_IsEmpty(geom)),
    CONSTRAINT zones_footprint_valid CHECK (ST_IsValid(footprint) AND NOT ST_IsEmpty(footprint))
);
CREATE INDEX zones_footprint ON wanmi.zones USING gist (footprint);
COMMENT ON TABLE wanmi.zones IS 'Responsibility zones: areas, and lines with a width';
COMMENT ON COLUMN wanmi.zones.code IS 'identifier of the responsibility zone';
COMMENT ON COLUMN wanmi.zones.name IS 'name that people read';
COMMENT ON COLUMN wanmi.zones.department IS 'department that is responsible in it';
COMMENT ON COLUMN wanmi.zones.classes IS 'what it takes, separated by spaces: *, C, E, 2026:E06, 2026:E06010';
COMMENT ON COLUMN wanmi.zones.rank IS 'explicit order, 1 first; empty: after all ranked ones';
COMMENT ON COLUMN wanmi.zones.width_m IS 'full width of a line zone, metres';
COMMENT ON COLUMN wanmi.zones.geom IS 'line or area as it was drawn, on a 1 mm grid';
COMMENT ON COLUMN wanmi.zones.footprint IS 'ground it covers: the area, or the line widened';
COMMENT ON COLUMN wanmi.zones.is_line IS 'road segment, river section …';
COMMENT ON COLUMN wanmi.zones.area_m2 IS 'area of its footprint, m²';
COMMENT ON COLUMN wanmi.zones.valid_from IS 'when it began to hold; -infinity: always';
COMMENT ON COLUMN wanmi.zones.valid_to IS 'when it ceased to hold, that instant excluded; infinity: still holds';
COMMENT ON COLUMN wanmi.zones.recorded_at IS 'when the record learned it';
COMMENT ON COLUMN wanmi.zones.replaced_at IS 'when the record learned better; infinity: still believed';

CREATE TABLE wanmi.rosters (
    team text COLLATE "C" NOT NULL,
    person text COLLATE "C" NOT NULL,
    role text,
    department text COLLATE "C",
    area_set text COLLATE "C",
    area text COLLATE "C",
    phone text,
    valid_from timestamptz NOT NULL DEFAULT '-infinity',
    valid_to timestamptz NOT NULL DEFAULT 'infinity',
    recorded_at timestamptz NOT NULL DEFAULT now(),
    replaced_at timestamptz NOT NULL DEFAULT 'infinity',
    CONSTRAINT rosters_pkey PRIMARY KEY (team, person, valid_from, recorded_at),
    CONSTRAINT rosters_valid_order CHECK (valid_from < valid_to),
    CONSTRAINT rosters_known_order CHECK (recorded_at <= replaced_at),
    CONSTRAINT rosters_one_truth EXCLUDE USING gist (
        hashtextextended(team || ' ' || person, 0) WITH =,
        tstzrange(valid_from, valid_to) WITH &&, tstzrange(recorded_at, replaced_at) WITH &&
    ),
    CONSTRAINT rosters_department_fkey FOREIGN KEY(department) REFERENCES wanmi.department_codes (code),
    CONSTRAINT rosters_area_fkey FOREIGN KEY(area_set, area) REFERENCES wanmi.area_codes (set, code)
);
COMMENT ON TABLE wanmi.rosters IS 'Who is on duty where, and when';
COMMENT ON COLUMN wanmi.rosters.team IS 'team on duty';
COMMENT ON COLUMN wanmi.rosters.person IS 'who';
COMMENT ON COLUMN wanmi.rosters.role IS 'patrol, leader, chief …';
COMMENT ON COLUMN wanmi.rosters.department IS 'department of the team';
COMMENT ON COLUMN wanmi.rosters.area_set IS 'area set of the area they look after';
COMMENT ON COLUMN wanmi.rosters.area IS 'code of the area they look after';
COMMENT ON COLUMN wanmi.rosters.phone IS 'telephone';
COMMENT ON COLUMN wanmi.rosters.valid_from IS 'when it began to hold; -infinity: always';
COMMENT ON COLUMN wanmi.rosters.valid_to IS 'when it ceased to hold, that instant excluded; infinity: still holds';
COMMENT ON COLUMN wanmi.rosters.recorded_at IS 'when the record learned it';
COMMENT ON COLUMN wanmi.rosters.replaced_at IS 'when the record learned better; infinity: still believed';

CREATE TABLE wanmi.calendars (
    day date NOT NULL,
    working boolean NOT NULL,
    note text,
    recorded_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT calendars_pkey PRIMARY KEY (day)
);
COMMENT ON TABLE wanmi.calendars IS 'Days that are worked, or not, against the week''s custom';
COMMENT ON COLUMN wanmi.calendars.day IS 'calendar day of the city';
COMMENT ON COLUMN wanmi.calendars.working IS 'true when the city works on it';
COMMENT ON COLUMN wanmi.calendars.note IS 'name of the holiday or make-up workday (调休)';
COMMENT ON COLUMN wanmi.calendars.recorded_at IS 'when the record learned it';

-- Codes of their own tables, so that others can refer to a thing whatever its versions.

CREATE FUNCTION wanmi.note_department_code() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wanmi.department_codes (code) VALUES (NEW.code) ON CONFLICT DO NOTHING;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION wanmi.note_department_code() IS 'Trigger: keeps department_codes complete';
CREATE TRIGGER note_code BEFORE INSERT OR UPDATE OF code ON wanmi.departments
    FOR EACH ROW EXECUTE FUNCTION wanmi.note_department_code();

CREATE FUNCTION wanmi.note_area_code() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO wanmi.area_codes (set, code) VALUES (NEW.set, NEW.code) ON CONFLICT DO NOTHING;
    RETURN NEW;
END
$$;
COMMENT ON FUNCTION wanmi.note_area_code() IS 'Trigger: keeps area_codes complete';
CREATE TRIGGER note_code BEFORE INSERT OR UPDATE OF set, code ON wanmi.areas
    FOR EACH ROW EXECUTE FUNCTION wanmi.note_area_code();

CREATE TRIGGER keep_codes BEFORE DELETE OR TRUNCATE OR UPDATE OF code ON wanmi.department_codes
    FOR EACH STATEMENT EXECUTE FUNCTION wanmi.keep_codes();
CREATE TRIGGER keep_codes BEFORE DELETE OR TRUNCATE OR UPDATE OF set, code ON wanmi.area_codes
    FOR EACH STATEMENT EXECUTE FUNCTION wanmi.keep_codes();

-- Departments are a tree at every instant: climbing from a department never comes back to it.

CREATE FUNCTION wanmi.refuse_rings() RETURNS trigger LANGUAGE plpgsql AS $$
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
        RAISE EXCEPTION 'department % would be above itself', ring USING ERRCODE = 'check_violation';
    END IF;
    RETURN NULL;
END
$$;
COMMENT ON FUNCTION wanmi.refuse_rings() IS 'Trigger: the departments are a tree at every instant';
CREATE TRIGGER a_write_alone BEFORE INSERT OR UPDATE ON wanmi.departments
    FOR EACH STATEMENT EXECUTE FUNCTION wanmi.write_alone();
CREATE TRIGGER refuse_rings_insert AFTER INSERT ON wanmi.departments
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.refuse_rings();
CREATE TRIGGER refuse_rings_update AFTER UPDATE ON wanmi.departments
    REFERENCING NEW TABLE AS written FOR EACH STATEMENT EXECUTE FUNCTION wanmi.refuse_rings();
