"""What tiles are made of: vector tiles by PostGIS, and the cases in memory that heat is drawn from."""
