-- Temporary tables of a revision: units that are written, codes whose versions end, what is linked anew.
-- Part: {geometry}, the geometry type of the city.
CREATE TEMP TABLE revised (code text COLLATE "C", name text, community text, kind text, issue integer, geom {geometry})
    ON COMMIT DROP;
CREATE TEMP TABLE ending (code text COLLATE "C") ON COMMIT DROP;
CREATE TEMP TABLE moved_components (code text COLLATE "C", valid_from timestamptz, old text, new text, how text)
    ON COMMIT DROP;
CREATE TEMP TABLE moved_cases (code text COLLATE "C", old text, new text, how text) ON COMMIT DROP
