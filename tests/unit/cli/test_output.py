"""What commands print to people fits a terminal, and loses nothing in a pipe."""

from __future__ import annotations

import ast
import json
from pathlib import Path
from typing import Any

import pytest

import fl_chain
from fl_chain.cli import aggregator
from fl_chain.cli.history import (
    ROUNDS_OPTIONAL,
    TASKS_OPTIONAL,
    UPDATES_OPTIONAL,
    summarize_tasks,
)
from fl_chain.cli.output import _SENTENCES, format_finding, format_table, print_progress, print_rows
from fl_chain.roles import cheats

TERMINAL = 80
TIME = 1_795_425_044  # 2026-11-23 09:10:44 UTC
TASK = "0x" + "7a" * 20
ADDRESS = "0xd4164474" + "5b" * 16
DIGEST = "6cd8e482" * 8
CID = "bafkreifjjcie6lypi6ny7amxnfftagclbuxndqonfipmb64f2km2devei4"


IDLE = {"round": 2, "target": 6, "commitments": 5, "until_at": TIME}


def task_row(**changed: Any) -> dict[str, Any]:
    row = {
        "task": TASK,
        "name": "digits_mlp on digits",
        "task_id": DIGEST,
        "coordinator": ADDRESS,
        "aggregators": 3,
        "registry": ADDRESS,
        "block": 7,
        "participants": 10,
        "rounds_finalized": 2,
        "rounds_planned": 300,
        "round": 3,
        "phase": "AGGREGATING",
        "is_stopped": False,
    }
    return row | changed


ROUND = {
    "round": 300,
    "phase": "AGGREGATING",
    "base_round": 299,
    "updates": 1000,
    "opened_at": TIME,
    "finished_at": TIME + 1,
    "model": DIGEST,
    "report": DIGEST,
    "proposer": ADDRESS,
    "rejected": 1,
    "committed": 1000,
}
NOT_AT_GENESIS = (
    *("base_round", "opened_at", "finished_at", "report", "proposer", "rejected"),
    "committed",
)
GENESIS = ROUND | dict.fromkeys(NOT_AT_GENESIS)
UPDATE = {
    "round": 300,
    "sequence": 1000,
    "participant": ADDRESS,
    "digest": DIGEST,
    "cid_digest": DIGEST,
    "cid": CID,
    "weight": 100_000,
    "submitted_at": TIME,
}
PARTICIPANT = {
    "participant": ADDRESS,
    "is_admitted": True,
    "updates": 300,
    "last_round": None,
    "last_weight": 100_000,
}
TABLES = {
    "tasks": (summarize_tasks([task_row(), task_row(rounds_finalized=300)]), TASKS_OPTIONAL),
    "a task with a long name": ([*summarize_tasks([task_row(name="n" * 100)])], TASKS_OPTIONAL),
    "a task without a manifest": (summarize_tasks([task_row(name=None)]), TASKS_OPTIONAL),
    "a stopped task": (
        summarize_tasks([task_row(), task_row(phase="ABORTED", is_stopped=True)]),
        TASKS_OPTIONAL,
    ),
    "rounds": ([GENESIS, ROUND], ROUNDS_OPTIONAL),
    "updates": ([UPDATE, UPDATE], UPDATES_OPTIONAL),
    "updates without a manifest": ([UPDATE, UPDATE | {"cid": None}], UPDATES_OPTIONAL),
    "heavy updates": ([UPDATE | {"weight": 2**32 - 1, "round": 10**6}], UPDATES_OPTIONAL),
    "participants": ([PARTICIPANT, PARTICIPANT], ()),
}


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_one_line_per_row_that_fits_a_terminal(name: str) -> None:
    rows, optional = TABLES[name]
    heading, *lines = format_table(rows, TERMINAL, optional)
    assert len(lines) == len(rows)
    assert max(map(len, (heading, *lines))) <= TERMINAL
    assert heading.split()[0] == next(iter(rows[0]))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_in_a_pipe_has_every_column_and_nothing_shortened(name: str) -> None:
    rows, optional = TABLES[name]
    text = "\n".join(format_table(rows, None, optional))
    assert "…" not in text
    for value in rows[0].values():
        if isinstance(value, str):
            assert value in text


@pytest.mark.parametrize("width", [40, 60, TERMINAL, 120, None])
def test_the_address_of_a_task_is_always_whole(width: int | None) -> None:
    rows, optional = TABLES["tasks"]
    assert all(TASK in line for line in format_table(rows, width, optional)[1:])


def test_whether_a_task_is_stopped_is_a_column_only_if_one_is() -> None:
    assert "stopped" not in format_table(summarize_tasks([task_row()]), None)[0]
    (row,) = summarize_tasks([task_row(is_stopped=True)])
    assert row["is_stopped"] is True
    assert row["rounds_finalized"] == "2/300"


def test_a_task_keeps_the_start_of_its_name_in_a_narrow_terminal() -> None:
    rows, optional = TABLES["tasks"]
    assert "digits_mlp on…" in format_table(rows, TERMINAL, optional)[1]
    assert "digits_mlp on digits" in format_table(rows, 130, optional)[1]


def test_the_name_of_a_key_is_always_whole() -> None:
    row = {"name": "n" * 60, "address": ADDRESS}
    assert format_table([row], 40)[1].split() == ["n" * 60, ADDRESS]


def test_what_is_not_known_is_a_dash() -> None:
    assert format_table(summarize_tasks([task_row(name=None)]), None)[1].split()[1] == "-"
    assert " - " in format_table([UPDATE | {"cid": None}], None)[1]


def test_a_participant_is_shortened_only_where_there_is_no_room() -> None:
    assert ADDRESS in format_table([PARTICIPANT], 90)[1]
    assert format_table([PARTICIPANT], TERMINAL)[1].split()[0] == "0xd4164474…"


def test_times_are_utc_and_lose_their_date_in_a_narrow_terminal() -> None:
    wide, narrow = (format_table([ROUND], width, ROUNDS_OPTIONAL)[1] for width in (None, TERMINAL))
    assert "2026-11-23 09:10:44Z" in wide
    assert "09:10:44Z" in narrow
    assert "2026" not in narrow


def test_rows_for_machines_are_whole(capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([UPDATE], True, "", UPDATES_OPTIONAL)
    assert json.loads(capsys.readouterr().out) == UPDATE


def test_rows_that_are_not_for_a_terminal_are_not_wrapped(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_rows([UPDATE], False, "", UPDATES_OPTIONAL)
    heading, line = capsys.readouterr().out.splitlines()
    assert "digest in CID" in heading
    assert line.count(DIGEST) == 2


def place(verdict: str, where: str, check: str) -> str:
    return f"{verdict:<11}  {where:<9} {check:<17}"


@pytest.mark.parametrize(
    "detail",
    [
        "10 updates fetched and verified",
        f"2 updates re-executed to {DIGEST}",
        f"{TASK} runs this build's code",
        f"task 'demo: mcmahan_2nn on mnist', id {DIGEST}",
        CID,
        f"task {'n' * 100!r}, id {DIGEST}",
    ],
)
def test_a_finding_fits_a_terminal_and_continues_indented(detail: str) -> None:
    start = place("PASS", "round 300", "aggregate")
    first, *more = format_finding(start, detail, "", "", TERMINAL)
    assert first.startswith(start.rstrip())
    assert all(len(line) <= TERMINAL for line in (first, *more))
    assert all(line.startswith(" " * 13) for line in more)
    assert format_finding(start, detail, "", "", None) == [f"{start} {detail}"]


@pytest.mark.parametrize("found", [DIGEST, CID])
def test_what_was_expected_and_found_is_whole_on_a_terminal(found: str) -> None:
    lines = format_finding(place("FAIL", "round 1", "aggregate"), "wrong", found, found, TERMINAL)
    assert [line.split() for line in lines[1:]] == [["expected", found], ["found", found]]
    assert all(len(line) <= TERMINAL for line in lines)


@pytest.mark.parametrize(
    ("event", "values", "sentence"),
    [
        ("over", {"rounds": 1}, "the task is over after 1 finalized round"),
        ("over", {"rounds": 0}, "the task is over after 0 finalized rounds"),
        ("admitted", {"participants": 1}, "1 participant admitted"),
        ("admitted", {"participants": 21}, "21 participants admitted"),
        (
            "proposed",
            {"round": 2, "model": DIGEST, "included": 1, "updates": 1},
            f"round 2: model {DIGEST[:12]}… proposed from 1 of 1 update",
        ),
        (
            "attested",
            {"round": 2, "proposer": ADDRESS, "agrees": False, "model": DIGEST},
            f"round 2: attested to model {DIGEST[:12]}…; {ADDRESS} proposed the same: no",
        ),
        ("deposited", {"wei": 10**18, "bond": "1 ether"}, "bond of 1 ether deposited"),
        (
            "short_budget",
            {"updates": 1, "rounds": 3},
            "the privacy budget pays for 1 update of each participant, and there are 3 rounds: once"
            " too few can pay for another update, rounds get no model, and the task goes on until"
            " its coordinator ends it: fl-chain task stop",
        ),
        (
            "idle",
            IDLE | {"phase": "COMMITTING", "updates": 0},
            "round 2 is COMMITTING with 5 of 6 commitments, until 2026-11-23 09:10:44Z",
        ),
        (
            "idle",
            IDLE | {"phase": "COLLECTING", "updates": 4},
            "round 2 is COLLECTING with 4 of 6 updates, until 2026-11-23 09:10:44Z",
        ),
    ],
)
def test_sentences_count_properly(
    event: str, values: dict[str, Any], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_progress(False)(event, values)
    time, _, rest = capsys.readouterr().out.rstrip("\n").partition("  ")
    assert time.endswith("Z")
    assert rest == sentence


def events_of(call: ast.Call) -> list[str]:
    """Return the names of events that a call of a progress callback has in the open."""
    name = ast.unparse(call.func)
    if not call.args or not name.endswith(("progress", "_report")):
        return []
    first = call.args[0]
    choices = [first.body, first.orelse] if isinstance(first, ast.IfExp) else [first]
    return [str(c.value) for c in choices if isinstance(c, ast.Constant)]


def test_every_event_that_a_role_reports_has_a_sentence() -> None:
    reported = {"finalized", "rejected", "aborted", "over", "stopped", "resumed", "missed"}
    reported |= {"challenged", "selected", "decided", "omission", "concluded"}
    for path in (Path(fl_chain.__file__).parent / "roles").glob("*.py"):
        calls = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.Call)]
        reported |= {event for call in calls for event in events_of(call)}
    assert {"attested", "examined", "excluded", "training", "waiting"} <= reported
    assert reported == set(_SENTENCES)


def test_the_cheats_of_the_command_line_are_those_of_the_roles() -> None:
    """The tuple spares `--help` the import of the roles."""
    assert tuple(cheats.CHEATS) == aggregator.CHEATS
