"""Beyond one machine: the cases of a file, or of a folder of files, answered by the workers of a dask cluster.

``task`` is what a worker does, ``run`` cuts the work, hands it out, does again what a lost worker had, and puts the
parts together. `distributed` is an optional extra (``wanmi[scale]``), looked for only when it is needed.
"""

from gis.spread.run import assign_spread
from gis.spread.task import Done, Reading, Refused, Task, check_snapshot, work

__all__ = ["Done", "Reading", "Refused", "Task", "assign_spread", "check_snapshot", "work"]
