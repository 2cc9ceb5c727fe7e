"""Rosters: who is on duty at a place and an instant, and whom a case goes to when they do not solve it.

Frames in, answers out: no database, no clock. A frame has the columns of the layer ``rosters`` of `gis.layers`, as they
were believed at one instant: every turn of every team, whenever it holds.

`on_duty` and `gaps` tell who is there and when nobody is; `chain` climbs from the chief to enforcement; `tell` puts an
answer together; `rotate` writes the rows of a monthly rotation; `contradiction` finds rings.
"""

from gis.rosters.answer import tell
from gis.rosters.chain import chain
from gis.rosters.check import contradiction
from gis.rosters.duty import Where, on_duty
from gis.rosters.gaps import gaps, holes
from gis.rosters.rotation import rotate

__all__ = ["Where", "chain", "contradiction", "gaps", "holes", "on_duty", "rotate", "tell"]
