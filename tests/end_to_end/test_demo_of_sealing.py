"""Sealed updates from real processes to both audits, and by hand with a key that is replaced."""

from __future__ import annotations

import re
from pathlib import Path

from tests.end_to_end.commands import Site

PASSWORD = ("--password-file", "password")
TASK = """
participants = ["alice", "bob"]
[committee]
aggregators = ["carol"]
[privacy]
mode = "sealed"
auditors = ["dora"]
[rounds]
num_rounds = 1
[recipe]
model = "digits_mlp"
data = "digits"
"""


def test_the_demo_says_what_anybody_can_verify_and_what_its_auditor_can(tmp_path: Path) -> None:
    site = Site(tmp_path)
    demo = ("demo", "run", "--data", "digits", "--participants", "3", "--rounds", "2")
    out = site.run(*demo, "--privacy", "sealed")
    assert site.wait_until_quiet() == []
    anybody, auditor = out.split("the same as auditor")
    assert re.search(r"UNDECIDABLE  \d+ checks: \d+ pass, 0 fail, 6 undecidable", anybody)
    assert "0 rounds re-executed" in anybody
    assert anybody.count("3 updates fetched, sealed") == 2
    assert len(re.findall(r"(\d+) checks: \1 pass, 0 fail, 0 undecidable", auditor)) == 1
    assert "2 rounds re-executed" in auditor


def test_a_sealed_task_by_hand(tmp_path: Path) -> None:
    site = Site(tmp_path)
    (tmp_path / "password").write_text("secret\n")
    site.rows("devnet", "up", "--any-ports")
    try:
        names = ("coordinator", "alice", "bob", "carol", "dora")
        for name in names:
            site.run("key", "new", name, *PASSWORD)
        site.run("devnet", "fund", *names)
        (tmp_path / "task.toml").write_text(TASK)
        rows = site.rows("task", "create", "task.toml", "--key", "coordinator", *PASSWORD)
        assert [row["readers"] for row in rows if row["event"] == "readers"] == [2]
        (task,) = [row["ledger"] for row in rows if row["event"] == "deployed"]
        of_task = ("--task", task)
        # Nobody who has no key reads, and an aggregator says so before anything else.
        site.run("aggregator", "run", *of_task, "--key", "carol", *PASSWORD, code=10)
        site.run("audit", "run", *of_task, "--reader", "dora", *PASSWORD, code=3)
        key = ("registry", "set-encryption-key", *of_task, *PASSWORD)
        (first,) = site.rows(*key, "--key", "dora")
        assert site.rows(*key, "--key", "dora")[0]["key"] == first["key"]
        (second,) = site.rows(*key, "--key", "dora", "--new")
        assert second["key"] != first["key"]
        # Another machine's key pair is named by its file, and its password is not asked for.
        keys = tmp_path / ".fl-chain" / "keys"
        site.run(*key, "--key", "carol", "--public-key", str(keys / "dora.encryption"))
        site.run(*key, "--key", "carol", "--public-key", "password", code=17)
        site.rows(*key, "--key", "carol")
        run = ("participant", "run", *of_task, *PASSWORD, "--num-partitions", "2")
        processes = [
            site.start("aggregator", "run", *of_task, "--key", "carol", *PASSWORD),
            site.start(*run, "--key", "alice", "--partition-id", "0"),
            site.start(*run, "--key", "bob", "--partition-id", "1"),
        ]
        for process in processes:
            out, err = process.communicate(timeout=120)
            assert (process.returncode, err) == (0, ""), out
        audit = ("audit", "run", *of_task)
        assert site.rows(*audit, code=2)[-1]["undecidable"] == 3
        for reader in ("carol", "dora"):
            assert site.rows(*audit, "--reader", reader, *PASSWORD)[-1]["verdict"] == "PASS"
        site.run(*audit, "--reader", "alice", *PASSWORD, code=3)
        journals = (tmp_path / ".fl-chain" / "journal").rglob("update.safetensors")
        assert all(b'"kind":"sealed"' in path.read_bytes()[:1024] for path in journals)
    finally:
        site.run("devnet", "down")
