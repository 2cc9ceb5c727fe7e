"""Opening a file safely: is it there, is it what it says, is it not too large, and what is in the zip."""

from __future__ import annotations

import contextlib
import struct
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gis.files.faults import shown
from grids.errors import InputError, TooLarge

FORMATS = {
    ".gpkg": "GeoPackage",
    ".shp": "Shapefile",
    ".geojson": "GeoJSON",
    ".json": "GeoJSON",
    ".fgb": "FlatGeobuf",
    ".parquet": "Parquet",
    ".geoparquet": "Parquet",
    ".csv": "CSV",
    ".tsv": "CSV",
    ".txt": "CSV",
}
"""Ending -> format."""

MAGIC = (
    (b"SQLite format 3\x00", "GeoPackage"),
    (b"\x00\x00\x27\x0a", "Shapefile"),
    (b"fgb\x03", "FlatGeobuf"),
    (b"PAR1", "Parquet"),
    (b"PK\x03\x04", "zip"),
    (b"%PDF", "PDF"),
    (b"\x1f\x8b", "gzip"),
    (b"\xd0\xcf\x11\xe0", "old Excel"),
)

SIDES = (".shx", ".dbf", ".prj", ".cpg")


@dataclass(frozen=True)
class Limits:
    """What we take at most.

    Parameters
    ----------
    bytes
        Size of a file, and of what a zip unpacks to.
    ratio
        Unpacked to packed size of a zip; only judged above ``ratio_from`` bytes.
    members
        Files in a zip.
    rows
        Rows of a table.
    """

    bytes: int = 1 << 30
    ratio: int = 200
    ratio_from: int = 10 << 20
    members: int = 200
    rows: int = 20_000_000


@dataclass(frozen=True)
class Opened:
    """A file that may be read: its path (inside a temporary folder when it was zipped), its format and its name."""

    path: Path
    format: str
    name: str


@contextlib.contextmanager
def opened(path: str | Path, limits: Limits) -> Iterator[Opened]:
    """Check a file and hand out what may be read; a zip is unpacked for as long as the context lasts.

    Raises
    ------
    InputError
        Missing, unreadable, a folder, empty, of an unknown ending, other than its ending says, cut short.
    TooLarge
        Beyond ``limits``, packed or unpacked.
    """
    path = Path(path)
    with contextlib.ExitStack() as stack:
        if _checked(path, path.name, limits, zips=True) == "zip":
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="wanmi-")))
            inner = _unpack(path, folder, limits)
            name = f"{path.name}/{inner.relative_to(folder)}"
            yield Opened(inner, _checked(inner, name, limits, zips=False), name)
        else:
            yield Opened(path, FORMATS[path.suffix.lower()], path.name)


def _checked(path: Path, name: str, limits: Limits, *, zips: bool) -> str:
    """The format of a file, or an error."""
    try:
        if path.is_dir():
            raise InputError("is a folder", where=name, right="give one file, or zip the folder")
        size = path.stat().st_size
        with path.open("rb") as file:
            head = file.read(64)
    except FileNotFoundError as error:
        raise InputError("there is no such file", where=name, right=f"looked for {path.absolute()}") from error
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=name, right="give it read permission") from error
    if not size:
        raise InputError("is empty (0 bytes)", where=name, right="give a file with rows")
    if size > limits.bytes:
        raise TooLarge(
            f"has {size / 2**30:.1f} GB", where=name, right=f"at most {gigabytes(limits.bytes)} GB; split it"
        )
    ending = path.suffix.lower()
    found = next((kind for magic, kind in MAGIC if head.startswith(magic)), "")
    if ending == ".zip":
        if not zips:
            raise InputError("is a zip in a zip", where=name, right="zip the files themselves")
        if found != "zip":
            raise InputError("is no zip", where=name, right="zip it anew, or give the file itself")
        return "zip"
    if ending in SIDES:
        raise InputError("is a part of a Shapefile", where=name, right="give its .shp")
    if ending not in FORMATS:
        known = "GeoPackage, Shapefile, GeoJSON, FlatGeobuf, GeoParquet, CSV"
        raise InputError(f"has the ending {ending!r}, which we do not read", where=name, right=f"we read {known}")
    form = FORMATS[ending]
    binary = form in ("GeoPackage", "Shapefile", "FlatGeobuf", "Parquet")
    if (found or "text") != (form if binary else "text"):
        is_ = found or "text or something else"
        raise InputError(f"ends in {ending} but is {is_}", where=name, right=f"give a {form} file or the right ending")
    if form == "Shapefile":
        _shapefile(path, name, size, head)
    return form


def gigabytes(size: int) -> str:
    """A number of bytes in GB, short."""
    return f"{size / 2**30:.3g}"


def _shapefile(path: Path, name: str, size: int, head: bytes) -> None:
    """The parts are there, and as long as their headers say."""
    for ending in (".shx", ".dbf"):
        side = beside(path, ending)
        if side is None:
            raise InputError(
                f"has no {path.stem}{ending} beside it", where=name, right="a Shapefile is .shp, .shx, .dbf and .prj"
            )
    said = struct.unpack(">i", head[24:28])[0] * 2 if len(head) >= 28 else 0
    if said > size:
        raise InputError(f"ends in the middle: {size} of {said} bytes", where=name, right="copy it again, whole")
    dbf = beside(path, ".dbf")
    assert dbf is not None
    with dbf.open("rb") as file:
        start = file.read(12)
    if len(start) < 12:
        raise InputError(f"its {dbf.name} ends in the middle", where=name, right="copy it again, whole")
    records, first, length = struct.unpack("<IHH", start[4:12])
    said = first + records * length
    if dbf.stat().st_size < said:
        raise InputError(
            f"its {dbf.name} ends in the middle: {dbf.stat().st_size} of {said} bytes",
            where=name,
            right="copy it again, whole",
        )


def beside(path: Path, ending: str) -> Path | None:
    """The file of the same name with another ending, whatever its case."""
    for candidate in (path.with_suffix(ending), path.with_suffix(ending.upper())):
        if candidate.exists():
            return candidate
    return None


def _unpack(path: Path, folder: Path, limits: Limits) -> Path:
    """Unpack the one data set of a zip, counting every byte that really comes out."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = [m for m in archive.infolist() if not m.is_dir() and not m.filename.startswith("__MACOSX/")]
            _bomb(path, members, limits)
            left = limits.bytes
            for number, member in enumerate(members):
                ending = Path(member.filename).suffix.lower()
                if ending not in FORMATS and ending not in (*SIDES, ".zip"):
                    continue
                # one folder for each folder of the archive, names of ours: nothing is written elsewhere
                parts = [p for p in Path(member.filename).parts if p not in ("..", "/", "\\")]
                target = folder.joinpath(*parts) if parts else folder / str(number)
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as out:
                    while piece := source.read(1 << 20):
                        left -= len(piece)
                        if left < 0:
                            raise TooLarge("unpacks to more than it says", where=path.name, right=_at_most(limits))
                        out.write(piece)
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, ValueError) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"is a broken zip ({error})", where=path.name, right="zip it anew") from error
    except RuntimeError as error:
        raise InputError("is locked with a password", where=path.name, right="zip it without one") from error
    except Exception as error:  # zlib.error and lzma.LZMAError share no base
        raise InputError(f"is a broken zip ({error})", where=path.name, right="zip it anew") from error
    found = [p for p in sorted(folder.rglob("*")) if p.suffix.lower() in (*FORMATS, ".zip")]
    if any(p.suffix.lower() == ".shp" for p in found):
        found = [p for p in found if p.suffix.lower() == ".shp"]
    if len(found) != 1:
        names = ", ".join(str(p.relative_to(folder)) for p in found[:5]) or "none"
        raise InputError(f"holds {len(found)} data sets ({names})", where=path.name, right="zip one data set")
    return found[0]


def _at_most(limits: Limits) -> str:
    return f"at most {gigabytes(limits.bytes)} GB and {limits.ratio} times its packed size; give the file itself"


def _bomb(path: Path, members: list[zipfile.ZipInfo], limits: Limits) -> None:
    """Refuse an archive by what it says of itself, before a byte is unpacked."""
    total = sum(m.file_size for m in members)
    if len(members) > limits.members:
        raise TooLarge(f"holds {len(members)} files", where=path.name, right=f"at most {limits.members}")
    packed = max(path.stat().st_size, 1)
    if total > limits.bytes or (total > limits.ratio_from and total > packed * limits.ratio):
        times = total / packed
        what = f"unpacks to {total / 2**30:.3g} GB, {times:,.0f} times its size (a zip bomb?)"
        raise TooLarge(what, where=path.name, right=_at_most(limits))


@contextlib.contextmanager
def parsing(name: str, form: str) -> Iterator[None]:
    """Where foreign code parses foreign bytes: whatever it raises is the file's fault, told in one line.

    Broken files make the libraries raise far more than their own errors (IndexError, UnicodeDecodeError,
    JSONDecodeError and MemoryError were seen), so this is the one place that catches everything.
    """
    try:
        yield
    except InputError:
        raise
    except UnicodeDecodeError as error:
        right = "declare its encoding in the profile, or is it broken?"
        raise InputError("has text that is not UTF-8", where=name, right=right) from error
    except Exception as error:
        text = shown(str(error).split("; It might help")[0], 160) or type(error).__name__
        right = "is it whole? copy or export it again"
        raise InputError(f"cannot be read as {form} ({text})", where=name, right=right) from error
