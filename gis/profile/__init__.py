"""A city's profile: how its own files say what our layers say. One TOML file, read once, checked whole.

::

    [city]                                  # see gis.model.City; crs or srid
    key = "baltimore"
    crs = "EPSG:26985"
    accuracy_m = {Phone = 60, API = 10}     # position error of cases that tell none, by their channel; metres
    ask_below = 0.8                         # an owner less sure than this is asked about first

    [layers.cases]                          # one table for each layer of gis.layers ...
    columns = {id = "SRRecordID"}           # our field = their column
    place = {lon = "Longitude", lat = "Latitude"}
    dates = "%m/%d/%Y %I:%M:%S %p"          # for all date fields, or {reported_at = "…", closed_at = "…"}

    [layers.areas.police]                   # ... or one for each of its sets, chosen by --set
    columns = {code = "dist_name"}

    [grids.town]                            # a grid of the city's own, see gis.crs.local: crs = "town", --crs town
    meridian = 111.25

A set takes over what its layer's table says and adds to it. Keys that we do not know are faults, all reported together.
"""

from gis.profile.model import OPTIONS, PLACES, Parts, Profile, Source, field_names, hint
from gis.profile.reading import read_profile, shipped

__all__ = ["OPTIONS", "PLACES", "Parts", "Profile", "Source", "field_names", "hint", "read_profile", "shipped"]
