"""Whatever happens to the bytes of a file: it is refused in one line, or what is read of it is right."""

from __future__ import annotations

import io

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from grids.errors import WanmiError

# ------------------------------------------------------------------ bytes gone wrong
from tests.gis.test_files_formats import CITY, lamps, read, write


def _small(ending: str) -> bytes:
    frame = lamps(6)
    if ending == ".csv":
        return (
            frame.drop(columns="geometry")
            .assign(lon=frame.geometry.x, lat=frame.geometry.y)
            .to_csv(index=False)
            .encode()
        )
    if ending == ".geojson":
        return frame.to_json().encode()
    if ending == ".parquet":
        out = io.BytesIO()
        frame.to_parquet(out)
        return out.getvalue()
    return b""


class Small(dict):
    def __repr__(self) -> str:
        return "small files"


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    folder = tmp_path_factory.mktemp("small")
    out = Small({ending: _small(ending) for ending in (".csv", ".geojson", ".parquet")})
    for ending in (".gpkg", ".fgb", ".zip"):
        out[ending] = write(folder / f"a{ending}", lamps(6)).read_bytes()
    return out


HARM = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "drop", "put", "swap"]), st.floats(0, 1), st.binary(min_size=1, max_size=6)
    ),
    min_size=1,
    max_size=4,
)


def harmed(data: bytes, harm: list[tuple[str, float, bytes]]) -> bytes:
    for how, share, piece in harm:
        at = int(share * len(data))
        if how == "flip":
            data = data[:at] + piece + data[at + len(piece) :]
        elif how == "cut":
            data = data[:at]
        elif how == "drop":
            data = data[:at] + data[at + len(piece) :]
        elif how == "put":
            data = data[:at] + piece + data[at:]
        else:
            data = data[at:] + data[:at]
    return data


@pytest.mark.parametrize("ending", [".csv", ".geojson", ".parquet", ".gpkg", ".fgb", ".zip"])
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(harm=HARM)
def test_broken_bytes_never_break_the_loader(tmp_path, small, ending, harm):
    path = tmp_path / f"a{ending}"
    path.write_bytes(harmed(small[ending], harm))
    try:
        told = read(path)
    except WanmiError as error:
        assert "\n" not in str(error)
        assert "\r" not in str(error)
        return
    assert not set(told.frame.index) & set(told.rejects["row"])
    assert told.frame.geometry.notna().all()
    assert (told.frame["code"] != "").all()
    west, south, east, north = told.frame.to_crs(4326).total_bounds if len(told.frame) else CITY.bounds
    assert 110.89 < west <= east < 111.11
    assert 34.89 < south <= north < 35.11
