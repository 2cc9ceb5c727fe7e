"""What may be told to anybody: figures of the city of which none, alone or together, tells of fewer than k cases.

A release is a fixed menu of counts: areas of one ladder (city, district … community, unit) by classes (all, kinds,
major groups) by calendar time (months and quarters; units by half-years). What is shown is decided for the whole menu
at once and never changed afterwards; everything else that is published is computed from the figures shown. No database,
no web: counts in, figures out.

======== ============================================================================
exchange which cells have to be hidden, shown by exchanges that only they notice
menu     the ladder of areas, the tree of classes, months and what is made of them
decide   a quarter of a ladder, a half-year of its units; warm: compiled once
release  the figures of all quarters so far, and what is computed from them
kept     a release as a GeoPackage
======== ============================================================================
"""

from gis.publishing.kept import read_release, write_release
from gis.publishing.menu import Ladder
from gis.publishing.release import K, Release, carry_on, first_release

__all__ = ["K", "Ladder", "Release", "carry_on", "first_release", "read_release", "write_release"]
