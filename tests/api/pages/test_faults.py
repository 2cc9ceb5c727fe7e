"""What is wrong is said on Chinese pages in Chinese: whatever a planner meets, by the page and by its script alike."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

import pytest

from api import pages
from api.pages.faults import FIELDS, PARTS, patterns, said
from api.pages.frame_words import words
from tests.api.conftest import Served

MET = (
    "/v1/hotspots?class=Q99", "/v1/hotspots?class=2026:E9", "/v1/hotspots?department=D99", "/v1/hotspots?channel=drum",
    "/v1/hotspots?area=block", "/v1/hotspots?area=community:x", "/v1/hotspots?from=soon",
    "/v1/hotspots?from=1700-01-01", "/v1/hotspots?from=2039-01-01", "/v1/hotspots?from=2026-07-02&to=2026-07-01",
    "/v1/hotspots?bandwidth_m=0", "/v1/hotspots?bandwidth_m=100000", "/v1/hotspots?bandwidth_m=wide",
    "/v1/hotspots?method=clusters&reach_m=0", "/v1/resolve?lon=here&lat=35", "/v1/resolve?lat=35",
    "/v1/resolve?lon=111&lat=35&class=E99", "/v1/resolve?lon=111&lat=35&class=2026:C99",
    "/v1/resolve?lon=111&lat=35&at=soon", "/maps/units?view=far", "/v1/hotspots/nothing-here",
)  # fmt: skip
OTHERS = (
    'database wanmi: no connection: connection to server on socket "/x/.s.PGSQL.5432"; is it up? (wanmi db status)',
    "the database does not answer; try again in a moment", "snapshot: the snapshot is being built; try again soon",
    "city: the whole city is being read, as after each start; this page opens by itself",
    "bin_days: 2 bins of 300 days in the period; 10 to 1000: another period, or other bins",
    "bin_days: 1 months in the period; 9 or more: or shorter bins",
)  # fmt: skip
"""What this town cannot be brought to say."""


def english(text: str) -> list[str]:
    """English words of a line, but for what was given, codes and commands."""
    given = (r"'[^']*'", r'"[^"]*"', "是否为 .*？", "可选：.*", "区域集：.*", "区域集 [a-z]+ 中", r"/\S+")
    for kept in (*given, "wanmi db status", "数据库 wanmi", "连接不上：[^；]*"):
        text = re.sub(kept, "", text)
    return re.findall(r"[a-z]{3,}", text)


def lines(served: Served) -> list[str]:
    met = []
    for path in MET:
        answer = served.client.get(path)
        assert answer.status_code in (404, 422), (path, answer.text)
        met.append(answer.json()["detail"])
    return [*met, *OTHERS]


@pytest.fixture(scope="module")
def met(served: Served) -> list[str]:
    return lines(served)


def test_what_a_planner_meets_is_said_in_chinese(met: list[str]):
    left = {line: said(line, "zh") for line in met if english(said(line, "zh"))}
    assert left == {}
    assert all(said(line, "en") == line for line in met)


def test_the_script_says_what_the_page_says(met: list[str], tmp_path: Path):
    """Both turn the same lines into the same words."""
    script = (Path(pages.__file__).parent / "static" / "wanmi.js").read_text(encoding="utf-8")
    body = re.search(r"  function inWords.*?\n  }\n", script, re.S)[0]
    asked = [*met, "what: has: no words; here | and 3 more", "", "class: ; x"]
    code = f"{body}\nconst given = {json.dumps(patterns('zh'))};\n"
    code += f"console.log(JSON.stringify({json.dumps(asked)}.map(line => inWords(line, given))))"
    (tmp_path / "told.js").write_text(code, encoding="utf-8")
    told = subprocess.run(["node", str(tmp_path / "told.js")], capture_output=True, text=True, check=True).stdout
    assert json.loads(told) == [said(line, "zh") for line in asked]


@pytest.mark.parametrize(("lang", "wanted"), [("zh", "Q99' 不是类别，也不是类别组"), ("en", "Q99' is no class")])
def test_the_page_of_a_fault_says_it_in_its_language(served: Served, lang: str, wanted: str):
    answer = served.client.get(f"/maps/hotspots?class=Q99&lang={lang}", headers={"accept": "text/html"})
    assert answer.status_code == 422 and words(lang)["fault.422"] in answer.text
    assert wanted in answer.text.replace("&#x27;", "'")


def test_patterns_and_their_words_have_the_same_holes():
    for pattern, zh in PARTS:
        assert sorted(re.findall(r"\{(\d)\}", zh)) == [str(k) for k in range(re.compile(pattern).groups)], pattern
    assert all(english(name) == [] for name in FIELDS.values())
