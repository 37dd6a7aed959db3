"""The round state machine, against the tables that the contract tests read as well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from fl_chain.errors import InvalidTransition
from fl_chain.protocol.dispute import Dispute, Stage
from fl_chain.protocol.phases import EXPECTED_PHASE, TRANSITIONS, Action, Phase
from fl_chain.protocol.records import (
    AggregatorAppointed,
    LedgerRecord,
    ModelProposed,
    ParticipantAdmitted,
    ParticipantRemoved,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    TaskCreated,
    TaskParameters,
    TaskStopped,
    UpdateCommitted,
    UpdateSubmitted,
)
from fl_chain.protocol.round import Task
from fl_chain.protocol.state import Committing, CurrentRound, Proposal, Unmasking
from tests import golden

CELLS = golden.load("round/transitions.json")
CASES = golden.load("round/phases.json")["cases"]

START = 1_700_000_000
WORD = [bytes([i]) * 32 for i in range(16)]
ALICE, BOB, CAROL = ("0x" + f"{i:02x}" * 20 for i in (10, 11, 12))
AGGREGATOR = "0x" + "a9" * 20
PARAMETERS = TaskParameters(
    *("0x" + "e1" * 20, "0x" + "d1" * 20, *WORD[1:5]),
    *(2, 2, 3, 1000, 100, 50, 20, 0, 0, 1, 8, 9, 0, False, 0),
)
COLLECT_UNTIL = START + 100


def created(**changes: Any) -> Task:
    """Return a task whose first round is open, with three participants."""
    task = Task(TaskCreated("0x" + "c0" * 20, replace(PARAMETERS, **changes), START))
    task.apply(AggregatorAppointed(AGGREGATOR, 1, START))
    task.apply(RoundOpened(1, 0, START, START))
    for participant in (ALICE, BOB, CAROL):
        task.apply(ParticipantAdmitted(participant, START))
    return task


def submitted(who: str, sequence: int, at: int = START, **changes: Any) -> UpdateSubmitted:
    return replace(UpdateSubmitted(1, who, sequence, WORD[5], WORD[6], 7, at), **changes)


def proposed(at: int, **changes: Any) -> ModelProposed:
    return replace(ModelProposed(1, AGGREGATOR, *WORD[7:11], at), **changes)


def in_phase(phase: Phase) -> tuple[Task, int]:
    """Return a task whose current round is in a phase, and a time at which it is."""
    commits = 30 if phase in (Phase.COMMITTING, Phase.UNMASKING) else 0
    unmasks = 40 if phase == Phase.UNMASKING else 0
    task = created(num_rounds=1, commit_seconds=commits, unmask_seconds=unmasks)
    now = START
    full = [submitted(who, i) for i, who in enumerate((ALICE, BOB, CAROL))]
    steps: list[LedgerRecord] = []
    match phase:
        case Phase.AGGREGATING:
            steps, now = full[:2], COLLECT_UNTIL + 1
        case Phase.PROPOSED:
            steps, now = [*full, proposed(START)], START + 20
        case Phase.FINALIZED:
            steps, now = (
                [*full, proposed(START), RoundFinalized(1, WORD[7], START + 20)],
                START + 20,
            )
        case Phase.EXPIRED:
            steps, now = full[:1], COLLECT_UNTIL + 1
        case Phase.ABORTED:
            steps = [RoundAborted(1, START), TaskStopped(START)]
        case Phase.SCHEDULED:
            task.current = replace(task.current, opened_at=START + 1)
        case Phase.UNMASKING:
            steps = [UpdateCommitted(1, who, WORD[5], START) for who in (ALICE, BOB, CAROL)]
            steps, now = [*steps, *full], START + 40
        case Phase.CHALLENGED:
            steps = [*full, proposed(START)]
            task.dispute = Dispute(round=1, stage=Stage.ASKED, until=START)
    for record in steps:
        task.apply(record)
    assert task.phase(now) == phase
    return task, now


def refused(task: Task, record: LedgerRecord) -> str:
    """Return the name of the error with which a record is refused."""
    with pytest.raises(InvalidTransition) as caught:
        task.apply(record)
    return caught.value.error


def test_phases_have_the_numbers_of_the_vectors() -> None:
    assert [Phase(i).name for i in range(len(Phase))] == CELLS["phases"]


def test_the_table_of_transitions_is_that_of_the_vectors() -> None:
    table = {
        (Phase[cell["phase"]], Action(cell["action"])): {Phase[name] for name in cell["leads_to"]}
        for cell in CELLS["cells"]
        if cell["allowed"]
    }
    assert table == TRANSITIONS
    assert len(CELLS["cells"]) == (len(Phase) - 1) * len(Action)


@pytest.mark.parametrize(
    "cell", CELLS["cells"], ids=[f"{c['action']}_when_{c['phase']}" for c in CELLS["cells"]]
)
def test_every_action_in_every_phase_is_allowed_or_refused_as_the_table_says(
    cell: dict[str, Any],
) -> None:
    task, now = in_phase(Phase[cell["phase"]])
    action = Action(cell["action"])
    if cell["allowed"]:
        task.check_round(1, action, now)
    else:
        with pytest.raises(InvalidTransition) as caught:
            task.check_round(1, action, now)
        assert caught.value.error == cell["error"]
        assert cell["expected"] == (EXPECTED_PHASE[action].name if action in EXPECTED_PHASE else "")


@pytest.mark.parametrize("action", Action)
@pytest.mark.parametrize("number", [0, 2, 2**32 - 1])
def test_actions_on_another_round_are_refused(action: Action, number: int) -> None:
    with pytest.raises(InvalidTransition) as caught:
        created().check_round(number, action, START)
    assert caught.value.error == "UnexpectedRound"


@pytest.mark.parametrize("case", CASES)
def test_the_phase_at_every_boundary_second_is_as_the_table_says(case: dict[str, Any]) -> None:
    state, parameters = dict(case["current"]), dict(case["parameters"])
    num_aggregators = parameters.pop("num_aggregators")
    task = Task(TaskCreated("0x" + "c0" * 20, replace(PARAMETERS, **parameters), START))
    for seat in range(1, num_aggregators + 1):
        task.committee.appoint(f"0x{seat:040x}", seat)
    task.proposal = Proposal(round=state.pop("proposal_round"))
    task.committing = Committing(3, state.pop("num_committed"), state.pop("commit_closed_at"))
    task.unmasking = Unmasking(state.pop("unmask_round"), 0, state.pop("unmask_closed_at"))
    task.current = CurrentRound(round=3, base_round=2, **state)
    assert task.phase(case["now"]).name == case["phase"]


def test_a_task_runs_to_its_end_over_an_aborted_round() -> None:
    task = created()
    for record in [
        RoundAborted(1, COLLECT_UNTIL + 1),
        RoundOpened(2, 0, COLLECT_UNTIL + 1, COLLECT_UNTIL + 1),
        *[submitted(w, i, COLLECT_UNTIL + 1, round=2) for i, w in enumerate((CAROL, BOB, ALICE))],
        proposed(COLLECT_UNTIL + 2, round=2),
        RoundFinalized(2, WORD[7], COLLECT_UNTIL + 22),
        RoundOpened(3, 2, COLLECT_UNTIL + 22, COLLECT_UNTIL + 22),
    ]:
        task.apply(record)
    now = COLLECT_UNTIL + 22
    phases = [task.phase_of(number, now) for number in range(5)]
    assert phases == [
        Phase.FINALIZED,
        Phase.ABORTED,
        Phase.FINALIZED,
        Phase.COLLECTING,
        Phase.NONE,
    ]
    assert task.base_digest == task.model_digest(2) == WORD[7]
    assert task.model_digest(0) == PARAMETERS.genesis_digest
    with pytest.raises(InvalidTransition) as caught:
        task.model_digest(1)
    assert caught.value.error == "NoModel"
    assert not task.is_over


@pytest.mark.parametrize(
    ("record", "error"),
    [
        (submitted(ALICE, 0, COLLECT_UNTIL + 1), "UnexpectedPhase"),
        (submitted(ALICE, 0, round=2), "UnexpectedRound"),
        (submitted("0x" + "dd" * 20, 0), "NotAdmitted"),
        (submitted(ALICE, 1), "UnexpectedSequence"),
        (submitted(ALICE, 0, weight=0), "WeightOutOfRange"),
        (submitted(ALICE, 0, weight=1001), "WeightOutOfRange"),
        (submitted(ALICE, 0, digest=bytes(32)), "ZeroDigest"),
        (submitted(ALICE, 0, cid_digest=bytes(32)), "ZeroDigest"),
        (submitted(ALICE, 0, START - 1), "TimeReversed"),
        (proposed(COLLECT_UNTIL + 1), "UnexpectedPhase"),
        (RoundFinalized(1, WORD[7], START), "UnexpectedPhase"),
        (RoundAborted(2, START), "UnexpectedRound"),
        (RoundOpened(2, 0, START, START), "UnexpectedRound"),
        (TaskStopped(START), "MissingRecord"),
        (ParticipantAdmitted(ALICE, START), "AlreadyAdmitted"),
        (ParticipantRemoved("0x" + "dd" * 20, START), "NotAdmitted"),
        (TaskCreated("0x" + "c0" * 20, PARAMETERS, START), "CreatedTwice"),
    ],
)
def test_records_that_the_contract_cannot_emit_while_it_collects_are_refused(
    record: LedgerRecord, error: str
) -> None:
    assert refused(created(), record) == error


def test_nobody_submits_twice_in_a_round() -> None:
    task = created()
    task.apply(submitted(ALICE, 0))
    assert refused(task, submitted(ALICE, 1)) == "AlreadySubmitted"


def test_nobody_submits_after_removal() -> None:
    task = created()
    task.apply(ParticipantRemoved(ALICE, START))
    assert refused(task, submitted(ALICE, 0)) == "NotAdmitted"


@pytest.mark.parametrize(
    ("cost", "budget", "left"),
    [
        (0, 0, None),
        (0, 9, None),
        (9, 0, 0),
        (9, 8, 0),
        (9, 9, 1),
        (2, 9, 4),
        (1, 2**64 - 1, 2**64 - 1),
    ],
)
def test_a_budget_pays_for_whole_updates_whatever_parameters_are_on_record(
    cost: int, budget: int, left: int | None
) -> None:
    task = created(privacy_cost=cost, privacy_budget=budget)
    assert task.updates_left(ALICE) == left
    if left == 0:
        assert refused(task, submitted(ALICE, 0)) == "PrivacyBudgetExceeded"
        return
    task.apply(submitted(ALICE, 0))
    assert task.updates_left(ALICE) == (None if left is None else left - 1)
    assert task.spent(ALICE) == cost
    assert task.updates_left(BOB) == left


@pytest.mark.parametrize("position", range(4))
def test_a_proposal_without_one_of_its_digests_is_refused(position: int) -> None:
    task, now = in_phase(Phase.AGGREGATING)
    digests = [bytes(32) if i == position else WORD[7] for i in range(4)]
    assert refused(task, ModelProposed(1, AGGREGATOR, *digests, now)) == "ZeroDigest"


def test_a_model_is_not_final_a_second_too_early() -> None:
    task, now = in_phase(Phase.PROPOSED)
    assert refused(task, RoundFinalized(1, WORD[7], now - 1)) == "ChallengeWindowOpen"
    task.apply(RoundFinalized(1, WORD[7], now))


def test_no_other_model_than_the_proposed_one_becomes_final() -> None:
    task, now = in_phase(Phase.PROPOSED)
    assert refused(task, RoundFinalized(1, WORD[8], now)) == "UnexpectedModel"


@pytest.mark.parametrize("phase", [Phase.FINALIZED, Phase.ABORTED])
def test_nothing_follows_the_end_of_a_task_but_admissions(phase: Phase) -> None:
    task, now = in_phase(phase)
    assert task.is_over
    assert refused(task, submitted(ALICE, 0, now)) == "UnexpectedPhase"
    assert refused(task, proposed(now)) == "UnexpectedPhase"
    assert refused(task, RoundFinalized(1, WORD[7], now)) == "UnexpectedPhase"
    assert refused(task, RoundOpened(2, 1, now, now)) == "UnexpectedRound"
    assert refused(task, TaskStopped(now)) == "MissingRecord"
    assert refused(task, RoundAborted(1, now)) in ("UnexpectedPhase", "TaskOver")
    task.apply(ParticipantAdmitted("0x" + "dd" * 20, now))


@pytest.mark.parametrize(
    "phase",
    [Phase.COLLECTING, Phase.AGGREGATING, Phase.PROPOSED, Phase.EXPIRED, Phase.SCHEDULED],
)
def test_an_unfinished_task_can_be_stopped_in_any_phase(phase: Phase) -> None:
    task, now = in_phase(phase)
    task.apply(RoundAborted(1, now))
    task.apply(TaskStopped(now))
    assert task.phase(now) == Phase.ABORTED
    assert task.is_over


def test_a_round_that_is_not_expired_is_aborted_by_a_stop_only() -> None:
    task = created()
    task.apply(RoundAborted(1, START))
    assert refused(task, RoundOpened(2, 0, START, START)) == "MissingRecord"


@pytest.mark.parametrize(
    "follower", [submitted(ALICE, 0, COLLECT_UNTIL + 1), RoundAborted(1, COLLECT_UNTIL + 1)]
)
def test_an_aborted_round_is_followed_at_once_by_the_next_or_the_stop(
    follower: LedgerRecord,
) -> None:
    task, now = in_phase(Phase.EXPIRED)
    task.apply(RoundAborted(1, now))
    assert refused(task, follower) == "MissingRecord"


def test_a_final_model_is_followed_at_once_by_the_next_round() -> None:
    task = created()
    for i, who in enumerate((ALICE, BOB, CAROL)):
        task.apply(submitted(who, i))
    task.apply(proposed(START))
    task.apply(RoundFinalized(1, WORD[7], START + 20))
    assert refused(task, ParticipantAdmitted("0x" + "dd" * 20, START + 20)) == "MissingRecord"
    assert refused(task, RoundOpened(2, 0, START + 20, START + 20)) == "UnexpectedRound"
    assert refused(task, RoundOpened(3, 1, START + 20, START + 20)) == "UnexpectedRound"
    task.apply(RoundOpened(2, 1, START + 20, START + 20))


def test_records_of_one_transaction_have_one_time() -> None:
    """What one transaction emits carries one block time; anything else was not emitted."""
    task, now = in_phase(Phase.EXPIRED)
    task.apply(RoundAborted(1, now))
    assert refused(task, RoundOpened(2, 0, now + 1, now + 1)) == "MissingRecord"
    assert refused(task, TaskStopped(now + 1)) == "MissingRecord"
    task.apply(RoundOpened(2, 0, now, now))


def test_a_ledger_without_its_first_round_takes_nothing_else() -> None:
    task = Task(TaskCreated("0x" + "c0" * 20, PARAMETERS, START))
    task.apply(AggregatorAppointed(AGGREGATOR, 1, START))
    assert refused(task, ParticipantAdmitted(ALICE, START)) == "MissingRecord"
    assert refused(task, RoundOpened(1, 0, START + 1, START + 1)) == "MissingRecord"
    task.apply(RoundOpened(1, 0, START, START))
    assert task.phase(START) == Phase.COLLECTING
