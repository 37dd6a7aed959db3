"""A task by hand, every command a process of its own: one cheat takes part, and is found out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pytest
from eth_account import Account
from safetensors.numpy import load_file

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import EthereumLedger
from fl_chain.protocol.actions import SubmitUpdate
from fl_chain.protocol.cid import RAW, Cid
from fl_chain.protocol.records import RoundOpened, UpdateSubmitted
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.replay import replay
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.training.models import build_model
from tests.end_to_end.commands import TIMEOUT_SECONDS, Site

PASSWORD = ("--password-file", "password")
HONEST = ("alice", "bob")
COMMITTEE = ("coordinator", "carol", "dave")


@dataclass
class Work:
    """A finished task of two rounds and the devnet that it ran on."""

    site: Site
    task: str
    addresses: dict[str, str]
    rpc: str
    ipfs: list[str]


def copy_updates(rpc: str, ipfs: str, task: str, key: bytes) -> None:
    """Submit somebody else's update in every round, until the task is over: the cheat."""
    ledger = EthereumLedger(ChainConnection(rpc), task, Account.from_key(key))
    with IpfsStore(ipfs) as store:
        follower = TaskFollower(ledger, store)
        while True:
            ledger.watch(RoundOpened, UpdateSubmitted)
            follower.refresh()
            state = follower.task
            if state.is_over or state.current.round > 2:
                break
            updates = state.rounds[state.current.round].updates
            if updates and state.last_round_of.get(ledger.sender) != state.current.round:
                original = updates[0]
                ledger.send(
                    SubmitUpdate(state.current.round, original.digest, original.cid_digest, 100_000)
                )
                if state.current.round == state.parameters.num_rounds:
                    break
            ledger.wait(1)
    ledger.close()


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Work]:
    site = Site(tmp_path_factory.mktemp("site"))
    (site.directory / "password").write_text("correct horse\n")
    try:
        yield do_everything(site)
    finally:
        site.run("devnet", "down")
        assert site.wait_until_quiet() == []


def do_everything(site: Site) -> Work:
    services = site.rows("devnet", "up", "--any-ports", "--ipfs-nodes", "2")
    assert [row["service"] for row in services] == ["chain", "ipfs-0", "ipfs-1"]
    assert all(row["is_running"] for row in services)
    rpc, *ipfs = (row["address"] for row in services)
    names = (*COMMITTEE, *HONEST, "mallory")
    addresses = {name: site.run("key", "new", name, *PASSWORD).strip() for name in names}
    assert {row["name"]: row["address"] for row in site.rows("key", "list")} == addresses
    site.run("devnet", "fund", *COMMITTEE, *HONEST, addresses["mallory"])
    (site.directory / "task.toml").write_text(
        f"""name = "by hand"
participants = {json.dumps([*HONEST, addresses["mallory"]])}
[committee]
aggregators = {json.dumps([*COMMITTEE[:2], addresses["dave"]])}
quorum = 2
bond_gwei = 1_000_000_000
[recipe]
model = "digits_mlp"
data = "digits"
[rounds]
num_rounds = 2
min_updates = 2
"""
    )
    *_, created = site.rows("task", "create", "task.toml", "--key", "coordinator", *PASSWORD)
    assert created["event"] == "created"
    task = created["ledger"]
    common = ("--task", task, *PASSWORD, "--json")
    processes = [
        site.start(
            *("participant", "run", *common, "--key", name, "--ipfs", ipfs[0]),
            *("--partition-id", str(index), "--num-partitions", "2"),
        )
        for index, name in enumerate(HONEST)
    ]
    processes += [
        site.start("aggregator", "run", *common, "--key", name, "--ipfs", ipfs[index % 2])
        for index, name in enumerate(COMMITTEE, start=1)
    ]
    keystore = json.loads((site.directory / ".fl-chain/keys/mallory.json").read_text())
    copy_updates(rpc, ipfs[0], task, Account.decrypt(keystore, "correct horse"))
    for process in processes:
        out, err = process.communicate(timeout=TIMEOUT_SECONDS)
        assert process.returncode == 0, (out, err)
        assert err == ""
        assert json.loads(out.splitlines()[-1])["event"] == "over"
    return Work(site, task, addresses, rpc, ipfs)


def test_the_audit_passes_and_the_copies_were_left_out(work: Work) -> None:
    *findings, summary = work.site.rows("audit", "run", "--task", work.task)
    counts = {"pass": len(findings), "fail": 0, "undecidable": 0}
    assert summary == {"verdict": "PASS", **counts, "rounds": 2, "rounds_taken_over": 0}
    told = {f["round"]: f["detail"] for f in findings if f["check"] == "exclusions"}
    expected = "2 included, 1 excluded, none missing"
    assert told == {1: expected, 2: expected}


def test_the_audit_of_one_round_looks_at_no_other(
    work: Work, capsys: pytest.CaptureFixture[str]
) -> None:
    *findings, summary = work.site.ask_rows("audit", "run", "--task", work.task, "--round", "2")
    assert summary["verdict"] == "PASS"
    assert {f["round"] for f in findings} == {None, 2}
    out = work.site.ask("audit", "run", "--task", work.task, "--round", "2")
    assert "PASS         round 2   aggregate" in out
    assert "round 1" not in out
    work.site.ask("audit", "run", "--task", work.task, "--round", "7", code=3)
    assert "round 7 has no proposed model" in capsys.readouterr().err


def test_the_history_answers_for_people_and_for_machines(work: Work) -> None:
    site, of_task = work.site, ("--task", work.task)
    (task,) = site.rows("history", "tasks")
    assert (task["task"], task["name"], task["rounds_finalized"]) == (work.task, "by hand", 2)
    assert (task["coordinator"], task["aggregators"]) == (work.addresses["coordinator"], 3)
    rounds = site.rows("history", "rounds", *of_task)
    assert [(row["round"], row["updates"]) for row in rounds] == [(0, 0), (1, 3), (2, 3)]
    updates = site.ask_rows("history", "updates", *of_task)
    assert len(updates) == 6
    assert len({row["digest"] for row in updates}) == 4  # two copies
    assert all(row["cid"] == str(Cid(RAW, bytes.fromhex(row["cid_digest"]))) for row in updates)
    participants = site.ask_rows("history", "participants", *of_task)
    counts = {row["participant"]: row["updates"] for row in participants}
    assert counts == {work.addresses[name]: 2 for name in (*HONEST, "mallory")}
    for noun, rows in (("rounds", rounds), ("updates", updates), ("participants", participants)):
        table = site.ask("history", noun, *of_task).splitlines()
        assert len(table) == len(rows) + 1
        assert table[0].split()[0] == next(iter(rows[0]))
    assert work.task in site.ask("history", "tasks")


def test_the_committee_took_turns_and_agreed(work: Work) -> None:
    ledger = EthereumLedger(ChainConnection(work.rpc), work.task)
    state, _ = replay(ledger)
    first, second = (state.rounds[number] for number in (1, 2))
    assert first.proposal is not None
    assert second.proposal is not None
    assert first.proposal.proposer == work.addresses["coordinator"]
    assert second.proposal.proposer == work.addresses["carol"]
    for history in (first, second):
        assert len(history.attestations) == 1  # of somebody else: with it there are two of three
        assert history.rejected == []
    assert {member.bond for member in state.committee.members.values()} == {10**18}


def test_an_exported_model_opens_in_any_safetensors_reader(work: Work) -> None:
    site = work.site
    latest = site.run("model", "export", "latest.safetensors", "--task", work.task)
    assert latest == "model of round 2 written to latest.safetensors\n"
    genesis_path = str(site.directory / "genesis.safetensors")
    site.ask("model", "export", genesis_path, "--task", work.task, "--round", "0")
    tensors = load_file(site.directory / "latest.safetensors")
    genesis = load_file(site.directory / "genesis.safetensors")
    state = build_model("digits_mlp", 0).state_dict()
    assert {name: t.shape for name, t in tensors.items()} == {
        name: tuple(t.shape) for name, t in state.items()
    }
    for name, tensor in tensors.items():
        assert tensor.dtype == np.float32
        assert np.abs(genesis[name] - state[name].numpy()).max() <= 2**-25
        assert not np.array_equal(tensor, genesis[name])


def test_one_flipped_bit_on_disk_fails_the_audit_and_says_where(work: Work) -> None:
    update = work.site.ask_rows("history", "updates", "--task", work.task)[0]
    name = update["cid_digest"]
    flipped = []
    for path in sorted(work.site.directory.glob(f".fl-chain/ipfs/*/blocks/*/{name}.block")):
        proper = path.read_bytes()
        path.write_bytes(bytes([proper[0] ^ 1]) + proper[1:])
        flipped.append((path, proper))
    assert flipped
    try:
        *findings, summary = work.site.ask_rows("audit", "run", "--task", work.task, code=1)
    finally:
        for path, proper in flipped:
            path.write_bytes(proper)
    assert summary["verdict"] == "FAIL"
    bad = [f for f in findings if f["verdict"] != "PASS"]
    assert [(f["round"], f["check"]) for f in bad] == [(1, "update_blob")] * len(bad)
    assert bad[0]["expected"] == str(Cid(RAW, bytes.fromhex(name)))


def test_a_stopped_devnet_comes_back_with_its_history(work: Work) -> None:
    site = work.site
    before = site.ask_rows("history", "updates", "--task", work.task)
    assert site.run("devnet", "down") == "stopped\n"
    assert site.wait_until_quiet() == []
    assert site.run("devnet", "down") == "nothing was running\n"
    assert not any(row["is_running"] for row in site.ask_rows("devnet", "status"))
    site.ask("history", "tasks", code=10)
    again = site.rows("devnet", "up")
    assert [row["address"] for row in again] == [work.rpc, *work.ipfs]
    assert site.ask_rows("devnet", "status") == again
    assert site.rows("devnet", "up") == again
    assert site.ask_rows("history", "updates", "--task", work.task) == before
    *_, summary = site.ask_rows("audit", "run", "--task", work.task)
    assert summary["verdict"] == "PASS"


def test_a_killed_node_is_started_again_beside_those_that_run(work: Work) -> None:
    site = work.site
    before = site.ask_rows("devnet", "status")
    killed = next(p for p in site.processes() if p.pid == before[2]["pid"])
    killed.kill()
    killed.wait(10)
    after = site.rows("devnet", "up")
    assert [row["address"] for row in after] == [row["address"] for row in before]
    assert all(row["is_running"] for row in after)
    *_, summary = site.ask_rows("audit", "run", "--task", work.task)
    assert summary["verdict"] == "PASS"


def test_more_ipfs_nodes_are_added_to_a_devnet_that_runs(work: Work) -> None:
    site = work.site
    before = site.ask_rows("devnet", "status")
    after = site.rows("devnet", "up", "--ipfs-nodes", "3", "--any-ports")
    assert after[: len(before)] == before
    assert [row["service"] for row in after] == ["chain", "ipfs-0", "ipfs-1", "ipfs-2"]
    # The new node has nothing of its own; it asks the others.
    *_, summary = site.ask_rows("audit", "run", "--task", work.task, "--ipfs", after[3]["address"])
    assert summary["verdict"] == "PASS"


def test_a_participant_is_admitted_later_and_a_task_is_stopped(work: Work) -> None:
    site = work.site
    (site.directory / "second.toml").write_text(
        '[recipe]\nmodel = "digits_mlp"\ndata = "digits"\n[rounds]\ntarget_updates = 2\n'
    )
    options = ("--key", "coordinator", *PASSWORD)
    absolute = ("--key", "coordinator", PASSWORD[0], str(site.directory / PASSWORD[1]))
    created = site.run("task", "create", "second.toml", *options)
    task = created.splitlines()[-1].removeprefix("task ")
    shouted = work.addresses["alice"].upper().replace("X", "x")
    site.run("task", "admit", shouted, "--task", task, *options)
    site.ask("task", "admit", "alice", "--task", task, *absolute)  # no harm done
    (row,) = site.ask_rows("history", "participants", "--task", task)
    assert (row["participant"], row["is_admitted"]) == (work.addresses["alice"], True)
    assert site.run("task", "stop", "--task", task, *options) == "stopped\n"
    assert [r["phase"] for r in site.ask_rows("history", "rounds", "--task", task)][-1] == "ABORTED"
    site.run("task", "stop", "--task", task, *options, code=13)
    *_, summary = site.ask_rows("audit", "run", "--task", task)
    assert summary["verdict"] == "PASS"
    assert site.run("participant", "run", "--task", task, "--key", "alice", *PASSWORD).endswith(
        "the task is over after 0 finalized rounds\n"
    )


def test_a_running_devnet_is_not_reset(work: Work) -> None:
    work.site.ask("devnet", "up", "--reset", code=15)
    assert work.site.rows("history", "tasks")


def test_an_audit_whose_reader_goes_away_has_not_passed(work: Work) -> None:
    process = work.site.start("audit", "run", "--task", work.task)
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (3, "")


def test_a_history_whose_reader_has_seen_enough_ends_quietly(work: Work) -> None:
    process = work.site.start("history", "updates", "--task", work.task, "--json")
    assert process.stdout is not None
    process.stdout.close()
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")
