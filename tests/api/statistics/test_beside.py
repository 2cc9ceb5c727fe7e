"""Groups of other classes: by major class of the edition 2026, those asked for left out."""

from __future__ import annotations

import numpy as np
import pandas as pd

from api.statistics.beside import class_groups
from grids.catalog import catalog


def test_classes_are_grouped_across_editions():
    book = catalog()
    old = next(book.texts[k] for k, new in enumerate(book.to_2026) if new >= 0 and book.texts[k].startswith("2013:E"))
    new = book.texts[book.to_2026[book.index(np.array([old]))[0]]]
    klass = pd.Categorical([old, new, "2026:C01001", "own:thing", "", None])
    assert class_groups(book, klass, ()).tolist() == [new[:8], new[:8], "2026:C01", "own:thin", "", ""]
    assert class_groups(book, klass, (new,)).tolist() == [new[:8], "", "2026:C01", "own:thin", "", ""]
