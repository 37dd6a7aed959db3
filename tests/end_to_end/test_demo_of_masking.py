"""Masked updates from real processes to the audit, and by hand with a member that is away."""

from __future__ import annotations

import re
from pathlib import Path

from tests.end_to_end.commands import Site

PASSWORD = ("--password-file", "password")
PRESENT = ("alice", "bob", "carol")
TASK = """
participants = ["alice", "bob", "carol", "dora"]
[committee]
aggregators = ["erin"]
[privacy]
mode = "masked"
group_size = 4
[rounds]
num_rounds = 1
commit_seconds = 25
seed_seconds = 5
[recipe]
model = "digits_mlp"
data = "digits"
"""


def test_the_demo_adds_up_what_nobody_sees_and_anybody_audits_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    demo = ("demo", "run", "--data", "digits", "--participants", "6", "--rounds", "2")
    out = site.run(*demo, "--privacy", "masked", "--noise-multiplier", "2")
    assert site.wait_until_quiet() == []
    assert len(re.findall(r"(\d+) checks: \1 pass, 0 fail, 0 undecidable", out)) == 1
    assert "2 rounds re-executed" in out
    assert out.count("6 masked updates fetched; the sum") == 2
    assert out.count("no single update is known") == 2
    assert "hidden in the sum of its group, by the noise of 3 honest members at least" in out
    assert "the privacy budget of a participant is for 2 updates" in out
    assert "has no noise" not in out
    assert "names an encryption key" not in out  # the demo does that itself


def test_a_masked_task_by_hand_with_a_member_that_is_away(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "password").write_text("secret\n")
    site.rows("devnet", "up", "--any-ports")
    try:
        names = ("coordinator", *PRESENT, "dora", "erin")
        for name in names:
            site.run("key", "new", name, *PASSWORD)
        site.run("devnet", "fund", *names)
        (tmp_path / "task.toml").write_text(TASK.replace("group_size = 4", "group_size = 2"))
        site.run("task", "create", "task.toml", "--key", "coordinator", *PASSWORD, code=11)
        (tmp_path / "task.toml").write_text(TASK)
        rows = site.rows("task", "create", "task.toml", "--key", "coordinator", *PASSWORD)
        (told,) = [row for row in rows if row["event"] == "masked_mean"]
        assert (told["size"], told["accomplices"]) == (4, 0)
        assert len([row for row in rows if row["event"] == "participants_name_keys"]) == 1
        (task,) = [row["ledger"] for row in rows if row["event"] == "deployed"]
        of_task = ("--task", task)
        run = ("participant", "run", *of_task, *PASSWORD, "--num-partitions", "4")
        for name in (*PRESENT, "dora"):
            if name != "alice":
                site.rows("registry", "set-encryption-key", *of_task, *PASSWORD, "--key", name)
        aggregator = site.start("aggregator", "run", *of_task, "--key", "erin", *PASSWORD)
        # Whoever names no key is told before anything is trained.
        site.run(*run, "--key", "alice", "--partition-id", "0", code=10)
        site.rows("registry", "set-encryption-key", *of_task, *PASSWORD, "--key", "alice")
        processes = [
            aggregator,
            *(
                site.start(*run, "--key", name, "--partition-id", str(index))
                for index, name in enumerate(PRESENT)
            ),
        ]
        for process in processes:
            out, err = process.communicate(timeout=120)
            assert (process.returncode, err) == (0, ""), out
        audit = site.rows("audit", "run", *of_task)
        assert audit[-1]["verdict"] == "PASS"
        (row,) = [row for row in audit if row.get("check") == "update_blob"]
        assert row["detail"].startswith("3 masked updates fetched; the sum of 1 group comes out")
        journals = list((tmp_path / ".fl-chain" / "journal").rglob("mask-*"))
        assert {path.name for path in journals} == {
            *("mask-drawn", "mask-received", "mask-masked", "mask-told")
        }
        site.run("contribution", "list", *of_task, code=10)
    finally:
        site.run("devnet", "down")
