"""The demo with four hospitals, and how the model does at each of them."""

from __future__ import annotations

from pathlib import Path

from fl_chain.training.heart import HOSPITALS
from tests.end_to_end.commands import Site


def test_four_hospitals_train_together_and_each_sees_how_the_model_does(tmp_path: Path) -> None:
    site = Site(tmp_path)
    out = site.run(
        *("demo", "run", "--data", "heart", "--aggregators", "1", "--rounds", "2", "--keep")
    )
    assert out.startswith("4 participants, 1 aggregator, 2 rounds on heart\n")
    (ask,) = (line for line in out.splitlines() if "history rounds" in line)
    state, task = ask.split()[2], ask.split()[-1]
    place = ("--state", state)
    updates = site.rows(*place, "history", "updates", "--task", task, "--round", "1")
    assert sorted(update["weight"] for update in updates) == [98, 160, 235, 243]
    rows = site.rows(*place, "model", "evaluate", "--task", task)
    assert [row["silo"] for row in rows] == [None, *HOSPITALS]
    assert rows[0]["examples"] == sum(row["examples"] for row in rows[1:]) == 184
    assert rows[0]["roc_auc"] > 0.8
    assert {row["round"] for row in rows} == {2}
    table = site.run(*place, "model", "evaluate", "--task", task, "--round", "0")
    assert "VA Long Beach" in table
    assert site.run("demo", "run", "--stop") == "stopped\n"
    assert site.wait_until_quiet() == []
