"""Files of any kind in, one checked layer out: `read_layer`.

``opening`` guards the door (size, kind, zip), ``delimited``, ``vectors`` and ``parquet`` read, ``encoding`` tells how
text is written, ``columns``, ``instants`` and ``codes`` convert, ``place`` and ``shapes`` judge geometry, ``keys``
looks across rows, ``faults`` collects what is wrong, ``reading`` puts it together and says where a fault of a row ends
and a fault of the file begins.
"""

from gis.files.opening import Limits
from gis.files.reading import Checked, read_layer

__all__ = ["Checked", "Limits", "read_layer"]
