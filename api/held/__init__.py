"""The cases of the record in memory: read once, kept in step, chosen by filters and counted in milliseconds."""
