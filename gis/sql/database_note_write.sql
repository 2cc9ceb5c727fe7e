-- Writes the comment on the database. Part: {database}, {note} (a literal). The owner of the database may.
COMMENT ON DATABASE {database} IS {note}
