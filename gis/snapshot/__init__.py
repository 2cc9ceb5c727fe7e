"""The city at an instant, compiled and indexed: everything that an answer needs, as arrays in one file.

A snapshot is immutable and has a version, the digest of its content: the same record gives the same bytes whatever
the order of its rows. It needs no database. Every row keeps its validity, so that one snapshot answers for the
instant of each case; ``at`` is the instant of a case that tells none.
"""

from __future__ import annotations

from gis.snapshot.making import ALWAYS, DEFAULT_RADIUS_M, FOREVER, UNRANKED, microseconds
from gis.snapshot.model import Layer, Rules, Snapshot

__all__ = ["ALWAYS", "DEFAULT_RADIUS_M", "FOREVER", "UNRANKED", "Layer", "Rules", "Snapshot", "microseconds"]
