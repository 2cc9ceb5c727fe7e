-- How far off a city's channels are as a rule, and how sure an owner must be.

ALTER TABLE wanmi.city
    ADD COLUMN accuracy_m jsonb NOT NULL DEFAULT '{}',
    ADD COLUMN ask_below double precision NOT NULL DEFAULT 0.8,
    ADD CONSTRAINT city_ask_below CHECK (ask_below BETWEEN 0 AND 1);
COMMENT ON COLUMN wanmi.city.accuracy_m IS
    '{channel: metres}: position error (68 % radius) of the cases of a channel that tell none';
COMMENT ON COLUMN wanmi.city.ask_below IS 'an owner whose probability is below this is asked about first';
