"""What fl-chain new makes runs at once, as its README says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.commands import Site


def test_a_new_project_trains_is_audited_and_can_be_fetched(tmp_path: Path) -> None:
    site = Site(tmp_path)
    made = site.run("new", "fish").splitlines()
    assert made[-1] == "fish/README.md says what to do next"
    (tmp_path / "password").write_text("a password\n")
    password = ("--password-file", "password")
    site.run("devnet", "up", "--any-ports")
    try:
        for name in ("coordinator", "alice", "bob"):
            site.run("key", "new", name, *password)
        site.run("devnet", "fund", "coordinator", "alice", "bob")
        created = site.run("task", "create", "fish/task.toml", "--key", "coordinator", *password)
        task = created.split()[-1]
        place = ("--task", task)
        alike = ("--project", "fish/project.py")
        (tmp_path / "other.py").write_text("raise SystemExit('this was run')\n")
        other = ("--key", "alice", *password, "--project", "other.py")
        site.run("participant", "run", *place, *other, code=10)
        processes = [
            site.start(
                *("participant", "run", *place, "--key", name, *password, *alike),
                *("--data", f"fish/{name}.csv"),
            )
            for name in ("alice", "bob")
        ]
        site.run("aggregator", "run", *place, "--key", "coordinator", *password)
        for process in processes:
            with process:
                out, err = process.communicate(timeout=60)
            assert (process.returncode, err) == (0, "")
            assert "200 examples that project.py has loaded" in out
        again = ("participant", "replay", *place, "--key", "alice", *alike, "--data")
        assert all(row["is_same"] for row in site.rows(*again, "fish/alice.csv"))
        (row,) = site.rows(*again, "fish/bob.csv", "--round", "3", code=1)
        assert (row["round"], row["is_same"]) == (3, False)
        test = (*alike, "--data", "fish/test.csv")
        (before,) = site.rows("model", "evaluate", *place, *test, "--round", "0")
        (after,) = site.rows("model", "evaluate", *place, *test)
        assert (after["round"], after["examples"]) == (10, 150)
        assert before["accuracy"] < 0.5 < 0.9 < after["accuracy"]
        site.run("task", "project", *place, "fetched.py")
        fetched = (tmp_path / "fetched.py").read_bytes()
        assert fetched == (tmp_path / "fish" / "project.py").read_bytes()
        assert "pass, 0 fail, 0 undecidable" in site.run("audit", "run", *place)
    finally:
        site.run("devnet", "down")
    assert site.wait_until_quiet() == []


@pytest.mark.parametrize("name", ["bob.csv", "nothing"])
def test_a_directory_with_something_in_it_is_left_alone(tmp_path: Path, name: str) -> None:
    site = Site(tmp_path)
    (tmp_path / "fish").mkdir()
    (tmp_path / "fish" / name).touch()
    site.run("new", "fish", code=10)
    assert [path.name for path in (tmp_path / "fish").iterdir()] == [name]
