"""The report of an audit: what it says in which case, and where it is written."""

from __future__ import annotations

import sys
from html import unescape
from pathlib import Path

import pytest

from fl_chain.cli.main import EXIT_AUDIT_NOT_RUN, run
from tests.gallery import HOSTILE, Gallery
from tests.world import Federation


def make(federation: Federation, path: Path, *flags: str) -> int:
    world = federation.world
    place = ["--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address]
    task = ["--task", federation.address, "--html", str(path)]
    return run(["--state", str(path.parent), "audit", "run", *task, *place, *flags])


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "report.html"


def test_a_task_that_passes_has_a_report_with_its_curves(gallery: Gallery, path: Path) -> None:
    assert make(gallery.whole, path) == 0
    text = unescape(path.read_text(encoding="utf-8"))
    assert "Each of the 2 models on record was computed again" in text
    assert "Somebody was caught" in text
    assert "The auditor signed" not in text
    for heading in (
        "Participation",
        "Time of each step",
        "Gas",
        "Length of updates",
        "Environment",
    ):
        assert f">{heading}</h" in text
    assert f"fl-chain audit run --task {gallery.whole.address}" in text
    assert not path.with_name("report.html.part").exists()


def test_what_has_no_curve_has_a_reason(gallery: Gallery, path: Path) -> None:
    assert make(gallery.committed, path) == 0  # its only round has not ended
    text = path.read_text(encoding="utf-8")
    for name in ("Accuracy", "Energy", "Lengths of updates", "Durations"):
        assert f"{name} " in text
    assert text.count("left out") >= 4


def test_a_wrong_model_is_named_with_what_was_expected_and_found(
    gallery: Gallery, path: Path
) -> None:
    assert make(gallery.wrong, path) == 1
    text = path.read_text(encoding="utf-8")
    assert "<script" not in text
    assert HOSTILE in unescape(text)
    assert "should not be" in text
    assert "expected <span" in text


def test_one_round_alone_is_said_to_be_one_round(gallery: Gallery, path: Path) -> None:
    assert make(gallery.wrong, path, "--round", "1") == 0
    text = path.read_text(encoding="utf-8")
    assert "of the task and of round 1 alone" in text
    assert "NOT AUDITED" in text
    assert "NOT AUDITED YET" not in text


def test_what_was_taken_over_from_a_former_audit_is_said(gallery: Gallery, path: Path) -> None:
    assert make(gallery.whole, path) == 0
    assert "taken over" not in path.read_text(encoding="utf-8")
    assert make(gallery.whole, path, "--resume") == 0
    assert "were taken over from a former audit" in path.read_text(encoding="utf-8")
    assert make(gallery.whole, path, "--since", "last") == 0
    assert "--since last" in path.read_text(encoding="utf-8")


def test_a_folder_that_is_not_there_is_said_before_the_audit_begins(
    gallery: Gallery, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    world = gallery.world
    place = ["--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address]
    task = ["--task", gallery.wrong.address, "--html", str(tmp_path / "no" / "report.html")]
    code = run(["--state", str(tmp_path), "audit", "run", *task, *place])
    captured = capsys.readouterr()
    assert (code, captured.out) == (EXIT_AUDIT_NOT_RUN, "")
    assert captured.err.startswith("error: cannot write ")


@pytest.mark.parametrize("module", ["jinja2", "matplotlib", "uvicorn"])
def test_without_the_extra_a_command_says_what_to_install(
    gallery: Gallery,
    path: Path,
    module: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name in [name for name in sys.modules if name.startswith("fl_chain.web")]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, module, None)
    assert run(["--state", str(path.parent), "web"]) == 10
    error = capsys.readouterr().err
    assert f"error: the pages need {module}, which is not installed" in error
    assert "pip install 'fl_chain[web]'" in error
