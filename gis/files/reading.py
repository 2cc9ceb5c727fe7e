"""From a file to a layer: open, find the columns, convert, check, place, mend; bad rows apart, good rows on.

Two kinds of fault, and the wall between them:

* of the **file**: nothing of it can be trusted or understood. It cannot be opened or is not whole; it is the wrong
  format, layer or place (more than half of its rows lie outside the city); its CRS cannot be told; a required column
  is missing; not one value of a date column can be read. One `InputError`, one line, nothing is loaded.
* of a **row**: the rest of the file is sound. The row goes to the rejects with its number, column, value and reason
  (each fault of it one line), the other rows go on.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from gis.files.judging import Checked, Progress, judge
from gis.files.opening import Limits
from gis.files.planning import planned
from gis.model import City
from gis.profile import Profile


def read_layer(
    path: str | Path,
    layer: str,
    city: City,
    *,
    profile: Profile | None = None,
    mapping: Mapping[str, str] | None = None,
    set_: str | None = None,
    crs: str | None = None,
    valid_from: str | None = None,
    valid_to: str | None = None,
    progress: Progress | None = None,
    limits: Limits | None = None,
    optional: Collection[str] = (),
) -> Checked:
    """Read a file as a layer of a city.

    Parameters
    ----------
    path
        GeoPackage, Shapefile (also zipped), GeoJSON, FlatGeobuf, GeoParquet, Parquet or CSV.
    layer
        Name of a layer of `gis.layers`.
    city
        Gives the metric CRS, the bounds, the time zone, the code scheme and the class edition.
    profile
        How the city's own files say it; without one, columns must have our names (any case) or be mapped.
    mapping
        Our field (or ``lon``, ``lat``, ``x``, ``y``, ``wkt``) -> their column; wins over the profile.
    set_
        Area set, or the variant of the layer in the profile.
    crs
        ``EPSG:n``, ``gcj02`` or ``bd09``; wins over the profile, which wins over the file.
    valid_from
        Day or instant from which rows without a ``valid_from`` of their own hold.
    valid_to
        Day or instant until which rows without a ``valid_to`` of their own hold, excluded.
    progress
        Called with the name of each step.
    optional
        Required columns of the layer that this reading can do without; one of the key names nothing then, so that no
        row is the double of another.

    Returns
    -------
    Checked

    Raises
    ------
    InputError
        A fault of the file (see the top of this module); `TooLarge` beyond ``limits``; `NotFound` for an unknown layer.
    """
    told = progress or (lambda _: None)
    with planned(
        path,
        layer,
        city,
        profile=profile,
        mapping=mapping,
        set_=set_,
        crs=crs,
        valid_from=valid_from,
        valid_to=valid_to,
        limits=limits,
        optional=optional,
    ) as (table, plan):
        told("reading")
        rows = table.read(list(plan.wanted), plan.where.kind == "geometry")
    return judge(rows, plan, told)
