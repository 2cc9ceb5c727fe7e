"""Many cases at once: from a file to a file without a database, or those of the record, answered and written back.

``portion`` turns some rows of a file into answers, whatever the format: ``plain`` reads the rows in which nothing is
odd, ``given`` asks the engine, ``told`` is what came of it. ``file`` runs a whole file through it, ``writing`` writes
what comes out, and none of them knows a database. ``record`` answers the cases of the record,
``affected`` tells which of them a change of the city concerns.
"""

from gis.batch.file import Assigned, assign_file
from gis.batch.portion import Job
from gis.batch.told import Told

__all__ = ["Assigned", "Job", "Told", "assign_file"]
