"""``wanmi code``."""

from __future__ import annotations

import json

import pytest

from api.cli import main


def test_right_codes_are_explained(capsys):
    assert main(["code", "140802001001003", "2013:C0506"]) == 0
    out = capsys.readouterr().out
    assert "140802001001: community" in out
    assert "in 2026: 2026:C01069 水域附属设施" in out
    assert "limit in Yuncheng: 1 work day, fallen or leaning" in out


def test_a_near_miss_is_named_and_the_exit_status_says_fault(capsys):
    assert main(["code", "010l03"]) == 1
    assert capsys.readouterr().out.splitlines()[1] == "  wrong: '010l03' is no code; did you mean 010103?"


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("010l03", ["010103"]),
        ("2026:C0101", ["2026:C01001", "2013:C0101", "2007:C0101"]),
        ("14080200100100B", ["140802001001008"]),
        ("C01O01", ["2026:C01001"]),
    ],
)
def test_json_names_what_was_meant(capsys, text, meant):
    assert main(["code", text, "--json"]) == 1
    (one,) = json.loads(capsys.readouterr().out)
    assert one["code"] == text and one["fault"] and one["meant"][: len(meant)] == meant


def test_json_of_right_codes(capsys):
    sorts = {
        "140802001001003": "unit",
        "14080201001000001": "component",
        "1408020101000001": "component",
        "2026:E06010": "class",
        "14080206010": "class",
        "140802001": "area",
        "YC202607010001": "case",
    }
    assert main(["code", *sorts, "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert {one["code"]: one["sort"] for one in said} == sorts
    assert all(one["lines"] and not one["fault"] for one in said)


def test_a_component_of_no_known_class_is_a_fault(capsys):
    assert main(["code", "14080201016000001", "--json"]) == 1
    (one,) = json.loads(capsys.readouterr().out)
    assert one["fault"] == "class 2026:C01016 is not in the catalogue"
    assert "14080201061000001" in one["meant"]


def test_editions(capsys):
    assert main(["code", "C0101"]) == 1
    assert "different things in 2013 and 2007" in capsys.readouterr().out
    assert main(["code", "C0101", "--edition", "2007"]) == 0
    assert "edition 2007 has no crosswalk to 2026" in capsys.readouterr().out


def test_without_a_code_it_is_wrong_use(capsys):
    assert main(["code"]) == 2
    assert "Missing argument" in capsys.readouterr().err
