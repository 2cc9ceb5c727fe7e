"""What the city is made of: codes, class catalogue, unit grids. Pure: no database, no web."""
