"""What the history and the lineage commands say of a task in which all sorts of things happened.

Every JSON line is held against docs/schemas/history.schema.json.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from fl_chain.cli.main import run
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.measurement import MEASURED_LIMIT
from tests.gallery import make_whole
from tests.world import SAID, Federation, World

Lines = list[dict[str, Any]]
Ask = Callable[..., Lines]
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "docs/schemas/history.schema.json").read_text(encoding="utf-8")
)
KINDS = {
    "tasks": "task",
    "rounds": "round",
    "round": "round_details",
    "updates": "update",
    "participants": "participant",
    "participant": "participant_details",
    "privacy": "privacy",
    "aggregators": "aggregator",
    "aggregator": "aggregator_details",
    "models": "model",
    "disputes": "dispute",
    "lineage": "lineage",
    "measures": "measures",
    "gas": "gas",
}


@pytest.fixture(scope="module")
def federation(world: World) -> Federation:
    """Return a task in which all sorts of things happened."""
    return make_whole(world)


@pytest.fixture
def ask(
    federation: Federation,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Ask:
    """Run a command about the task with --json, and return its lines once they are valid."""
    monkeypatch.chdir(tmp_path)

    def ask(*arguments: str, ipfs: bool = True) -> Lines:
        noun = arguments[1] if arguments[0] == "history" else arguments[0]
        flags = [*arguments, "--rpc", world.connection.rpc_url, "--json"]
        if noun != "tasks":
            flags += ["--task", federation.address]
        if ipfs and noun not in ("participants", "aggregators", "privacy"):
            flags += ["--ipfs", world.ipfs_address]
        capsys.readouterr()
        assert run(flags) == 0, capsys.readouterr().err
        lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
        kind = {"$ref": f"#/$defs/{KINDS[noun]}"}
        validator = Draft202012Validator({**SCHEMA, "oneOf": [kind]})
        for line in lines:
            validator.validate(line)
        return lines

    return ask


def table(
    federation: Federation, capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0
) -> str:
    """Run a command about the task for people, and return what it printed."""
    world = federation.world
    place = ("--task", federation.address, "--rpc", world.connection.rpc_url)
    capsys.readouterr()
    assert run([*arguments, *place]) == code
    out, err = capsys.readouterr()
    return err if code else out


def test_the_schema_is_a_schema() -> None:
    Draft202012Validator.check_schema(SCHEMA)


def test_measures_add_up_what_the_participants_of_a_round_say(ask: Ask) -> None:
    first, aborted, third = ask("history", "measures")
    assert (first["updates"], first["included"], first["examples"]) == (3, 3, 3 * 100)
    assert first["base_accuracy"] == 11 / 50
    assert first["energy"] == "estimated"
    assert first["energy_kwh"] == pytest.approx(36 / 3.6e6)
    assert (aborted["included"], aborted["examples"], aborted["decide_s"]) == (None, None, None)
    assert (third["updates"], third["included"], third["examples"]) == (3, 2, 2 * 100)
    assert first["bytes"] * 2 == third["bytes"] * 3


def test_a_loss_that_nobody_says_is_left_empty(
    world: World, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    silent = replace(SAID, train_loss_millionths=MEASURED_LIMIT - 1)
    monkeypatch.setattr("tests.world.SAID", silent)
    federation = world.federation(2, num_rounds=1)
    federation.run_round()
    flags = ("--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address, "--json")
    assert run(["history", "measures", "--task", federation.address, *flags]) == 0
    row = json.loads(capsys.readouterr().out)
    assert (row["train_loss"], row["base_loss"]) == (None, 2.302585)


def test_without_ipfs_measures_are_what_chain_and_receipts_say(ask: Ask) -> None:
    first, *_ = ask("history", "measures", ipfs=False)
    assert (first["updates"], first["included"], first["bytes"]) == (3, None, None)
    assert first["base_accuracy"] is None
    assert first["gas"] > 0


def test_a_task_without_a_budget_has_nothing_to_say_about_one(
    ask: Ask, federation: Federation, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask("history", "privacy") == []
    assert table(federation, capsys, "history", "privacy") == "this task has no privacy budget\n"


def test_the_gas_of_kinds_and_of_rounds_is_that_of_the_receipts(ask: Ask) -> None:
    kinds = {row["record"]: row for row in ask("history", "gas")}
    assert kinds["UpdateSubmitted"]["transactions"] == 6
    assert kinds["TaskCreated"]["transactions"] == 1
    for row in kinds.values():
        assert 21_000 <= row["min"] <= row["median"] <= row["max"] <= row["total"]
    before = ask("history", "gas", "--round", "0")
    by_round = sum(row["gas"] for row in ask("history", "measures"))
    total = sum(row["total"] for row in kinds.values())
    assert by_round == total - sum(row["total"] for row in before)


def test_rounds_say_how_they_ended_and_from_which_model_they_began(ask: Ask) -> None:
    rows = ask("history", "rounds")
    assert [(row["round"], row["phase"], row["base_round"], row["updates"]) for row in rows] == [
        (0, "FINALIZED", None, 0),
        (1, "FINALIZED", 0, 3),
        (2, "ABORTED", 1, 0),
        (3, "FINALIZED", 1, 3),
    ]
    assert [row["rejected"] for row in rows] == [None, 1, 0, 0]


@pytest.mark.parametrize(
    ("rounds", "expected"), [("2", [2]), ("1-2", [1, 2]), ("2-", [2, 3]), ("-1", [0, 1])]
)
def test_rounds_are_selected_by_number(ask: Ask, rounds: str, expected: list[int]) -> None:
    assert [row["round"] for row in ask("history", "rounds", "--round", rounds)] == expected


def test_times_select_what_happened_between_them_ends_included(ask: Ask) -> None:
    updates = ask("history", "updates")
    times = [row["submitted_at"] for row in updates]
    later = [row for row in updates if row["submitted_at"] >= times[3]]
    assert 0 < len(later) < len(updates)
    assert ask("history", "updates", "--since", str(times[3])) == later
    earlier = ask("history", "updates", "--until", str(times[3] - 1))
    assert earlier + later == updates


def test_updates_are_selected_by_who_sent_them(ask: Ask, federation: Federation) -> None:
    address = federation.address_of(1)
    rows = ask("history", "updates", "--participant", address)
    assert [(row["round"], row["participant"]) for row in rows] == [(1, address), (3, address)]
    assert rows == [row for row in ask("history", "updates") if row["participant"] == address]
    assert all(row["cid"] and row["transaction"] for row in rows)


def test_models_say_what_became_of_them(ask: Ask) -> None:
    rows = ask("history", "models")
    assert [(row["round"], row["outcome"]) for row in rows] == [
        (0, "genesis"),
        (1, "rejected"),
        (1, "final"),
        (3, "final"),
    ]
    assert rows[1]["model"] == compute_digest(b"no model").hex()
    assert all(row["cid"] for row in rows)
    assert all(row["cid"] is None for row in ask("history", "models", ipfs=False))


def test_disputes_say_who_accused_whom_of_what_and_who_lost(
    ask: Ask, federation: Federation
) -> None:
    taken, challenge = ask("history", "disputes")
    first, second = (federation.aggregator_address(who) for who in (0, 1))
    assert (taken["round"], taken["outcome"], taken["fault"]) == (1, "bond taken", "overruled")
    assert (taken["accused"], taken["wei"]) == (first, 10**9)
    assert (challenge["round"], challenge["accused"]) == (3, second)
    assert (challenge["about"], challenge["position"]) == ("value", 3)
    assert challenge["accuser"] not in (first, second)
    assert (challenge["moves"], challenge["outcome"]) == (2, "failed")
    assert (challenge["fault"], challenge["wei"]) == ("false_challenge", 10**9)
    assert challenge["ended_at"] >= challenge["began_at"]


def test_aggregators_say_what_they_did_and_what_became_of_their_bonds(
    ask: Ask, federation: Federation
) -> None:
    rows = ask("history", "aggregators")
    assert [row["aggregator"] for row in rows] == [
        federation.aggregator_address(i) for i in (0, 1, 2)
    ]
    first, *others = rows
    assert (first["proposals"], first["final"]) == (1, 0)
    assert (first["bonds_lost"], first["bond_wei"]) == (1, 0)
    assert [(row["bonds_lost"], row["bond_wei"]) for row in others] == [(0, 10**9)] * 2
    finals = [row for row in ask("history", "models") if row["outcome"] == "final"]
    for row in others:
        made = [model for model in finals if model["proposer"] == row["aggregator"]]
        assert (row["proposals"], row["final"]) == (len(made), len(made))
        (shown,) = ask("history", "aggregator", row["aggregator"])
        assert {name: shown[name] for name in row} == row
        assert shown["models"] == made
        attested = [entry for entry in shown["records"] if entry["record"] == "ModelAttested"]
        assert len(attested) == row["attestations"]
    # Two overruled the first proposal; one joined the proposer of each that became final.
    assert sum(row["attestations"] for row in rows) == 2 + 1 + 1


def test_an_aggregator_is_shown_with_its_models_disputes_and_records(
    ask: Ask, federation: Federation
) -> None:
    (shown,) = ask("history", "aggregator", federation.aggregator_address(0))
    assert [(model["round"], model["outcome"]) for model in shown["models"]] == [(1, "rejected")]
    assert [dispute["outcome"] for dispute in shown["disputes"]] == ["bond taken"]
    names = [row["record"] for row in shown["records"]]
    assert names == ["AggregatorAppointed", "BondDeposited", "BondSlashed"]
    (listed,) = ask("history", "aggregator", federation.aggregator_address(0), ipfs=False)
    assert listed["models"][0]["cid"] is None


def test_a_round_is_shown_with_all_that_is_on_record_about_it(ask: Ask) -> None:
    (shown,) = ask("history", "round", "3")
    assert shown["submissions"] == ask("history", "updates", "--round", "3")
    assert [row["outcome"] for row in shown["disputes"]] == ["failed"]
    names = [row["record"] for row in shown["records"]]
    assert names[0] == "RoundOpened"
    assert names[-1] == "RoundFinalized"
    assert "ProposalChallenged" in names


def test_a_participant_is_shown_with_its_admission_and_updates(
    ask: Ask, federation: Federation
) -> None:
    address = federation.address_of(0)
    (shown,) = ask("history", "participant", address)
    assert (shown["updates"], shown["last_round"], shown["is_admitted"]) == (2, 3, True)
    assert [row["round"] for row in shown["submissions"]] == [1, 3]
    assert [row["record"] for row in shown["records"]] == ["ParticipantAdmitted"]


def test_a_lineage_leads_back_to_genesis_with_every_update_and_its_weight(
    ask: Ask, federation: Federation
) -> None:
    last = ask("history", "models")[-1]["model"]
    rows = ask("lineage", "--model", last)
    assert [row["round"] for row in rows] == [3, 1, 0]
    statuses = [(row["participant"], row["status"]) for row in rows[0]["submissions"]]
    who = [federation.address_of(number) for number in range(3)]
    expected = [(who[0], "malformed"), (who[1], "included"), (who[2], "included")]
    assert statuses == expected
    assert rows[0]["total_weight"] == 90
    assert rows[0]["recipe"]["model"] == federation.manifest.recipe.model
    assert [row["status"] for row in rows[1]["submissions"]] == ["included"] * 3
    assert ask("lineage", "--model", last[:8], "--depth", "0") == rows[:1]
    unknown = ask("lineage", "--model", last, ipfs=False)
    assert [row["status"] for row in unknown[0]["submissions"]] == [None] * 3


def test_a_rejected_model_has_a_lineage_too(ask: Ask) -> None:
    rejected = ask("history", "models")[1]["model"]
    rows = ask("lineage", "--model", rejected)
    assert [row["outcome"] for row in rows] == ["rejected", "genesis"]


def test_people_get_tables_and_a_tree(
    federation: Federation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    ipfs = ("--ipfs", federation.world.ipfs_address)
    model = federation.task.model_digest(3).hex()
    tree = table(federation, capsys, "lineage", "--model", model, *ipfs)
    assert "60/90 = 66.67 %" in tree
    assert "left out: malformed" in tree
    assert "genesis" in tree
    shown = table(federation, capsys, "history", "round", "3", *ipfs)
    assert "submissions:" in shown
    assert "disputes:" in shown
    disputes = table(federation, capsys, "history", "disputes", *ipfs)
    assert "bond taken" in disputes
    assert "no disputes" in table(federation, capsys, "history", "disputes", "--round", "2")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("history", "rounds", "--round", "x"), "no round or range"),
        (("history", "rounds", "--round", "-"), "no round or range"),
        (("history", "updates", "--since", "yesterday"), "no time"),
        (("history", "updates", "--participant", "nobody"), "nobody"),
        (("history", "round", "9"), "there is no round 9"),
        (("history", "participant", "0x" + "12" * 20), "never took part"),
        (("history", "aggregator", "0x" + "12" * 20), "is no aggregator of this task"),
        (("lineage", "--model", "abc"), "at least 8 digits"),
        (("lineage", "--model", "0" * 64), "no model of this task"),
    ],
)
def test_what_is_not_there_is_said_in_a_line(
    federation: Federation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...],
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert message in table(federation, capsys, *arguments, code=10)
