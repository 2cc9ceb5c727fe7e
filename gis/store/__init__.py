"""Who runs SQL: the record of a city is made, loaded and read here, whole arrays at a time."""

from gis.store.answers import write_answers
from gis.store.city import create_city, read_city
from gis.store.engine import connect
from gis.store.load import LoadReport, load
from gis.store.reading import cases_frame, cases_frames, city_frames
from gis.store.recorded import Known, Record, find_snapshot, known, layer_states, note_snapshot, record

__all__ = [
    "Known",
    "LoadReport",
    "Record",
    "cases_frame",
    "cases_frames",
    "city_frames",
    "connect",
    "create_city",
    "find_snapshot",
    "known",
    "layer_states",
    "load",
    "note_snapshot",
    "read_city",
    "record",
    "write_answers",
]
