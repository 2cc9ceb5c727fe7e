"""The state folder."""

from pathlib import Path

from gis.state import checkout, label, state_folder


def test_chosen(tmp_path: Path) -> None:
    assert state_folder({"WANMI_STATE": str(tmp_path)}) == tmp_path
    assert state_folder({"WANMI_STATE": "here"}) == Path.cwd() / "here"


def test_beside_the_project() -> None:
    root = checkout()
    assert root is not None and (root / "gis" / "state.py").is_file()
    assert state_folder({}) == state_folder({"WANMI_STATE": ""}) == root / ".wanmi"


def test_installed_elsewhere(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr("gis.state.__file__", str(tmp_path / "site-packages" / "gis" / "state.py"))
    assert checkout() is None
    assert state_folder({"XDG_STATE_HOME": str(tmp_path)}) == tmp_path / "wanmi"
    assert state_folder({"XDG_STATE_HOME": "not/absolute"}) == Path.home() / ".local/state/wanmi"


def test_label() -> None:
    assert label(Path("/home/a/wanmi/.wanmi")).startswith("wanmi-")
    assert label(Path("/home/a/wanmi/.wanmi")) != label(Path("/home/b/wanmi/.wanmi"))
    assert label(Path("/data/盐湖 state")).startswith("state-")
    assert label(Path("/盐湖")).startswith("wanmi-")
