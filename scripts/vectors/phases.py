"""Vectors of the round state machine: phases, and what may be done in each."""

from __future__ import annotations

from typing import Any

NAMES = (
    *("NONE", "COLLECTING", "AGGREGATING", "PROPOSED", "FINALIZED"),
    *("EXPIRED", "ABORTED", "CHALLENGED", "SCHEDULED", "COMMITTING"),
    "UNMASKING",
)
"""Phases by number."""
_NEEDS = {
    "submit": "COLLECTING",
    "propose": "AGGREGATING",
    "attest": "PROPOSED",
    "challenge": "PROPOSED",
    "move": "CHALLENGED",
    "prove_omission": "PROPOSED",
    "finalize": "PROPOSED",
    "abort": "EXPIRED",
    "commit": "COMMITTING",
    "reveal_seed": "SCHEDULED",
    "unmask": "UNMASKING",
}
"""Action to the phase that a refusal names."""
_ALLOWED = {
    ("COLLECTING", "submit"): ["COLLECTING", "AGGREGATING", "UNMASKING"],
    ("AGGREGATING", "propose"): ["PROPOSED"],
    ("PROPOSED", "attest"): ["PROPOSED", "FINALIZED", "AGGREGATING"],
    ("PROPOSED", "challenge"): ["CHALLENGED"],
    ("PROPOSED", "prove_omission"): ["AGGREGATING"],
    ("PROPOSED", "finalize"): ["FINALIZED"],
    ("CHALLENGED", "attest"): ["CHALLENGED", "FINALIZED", "AGGREGATING"],
    ("CHALLENGED", "move"): ["CHALLENGED", "PROPOSED", "AGGREGATING"],
    ("EXPIRED", "abort"): ["ABORTED"],
    ("COMMITTING", "commit"): ["COMMITTING", "COLLECTING"],
    ("SCHEDULED", "reveal_seed"): ["SCHEDULED", "COLLECTING", "COMMITTING"],
    ("UNMASKING", "unmask"): ["UNMASKING", "AGGREGATING"],
    **{
        (phase, "stop"): ["ABORTED"] for phase in NAMES[1:] if phase not in ("FINALIZED", "ABORTED")
    },
}


def make_transitions() -> Any:
    """Return every phase with every action: where it leads, or the contract's error."""
    cells = []
    for phase in NAMES[1:]:
        for action in (*_NEEDS, "stop"):
            leads_to = _ALLOWED.get((phase, action), [])
            refusal = "TaskOver" if action == "stop" else "UnexpectedPhase"
            cells.append(
                {
                    "phase": phase,
                    "action": action,
                    "allowed": bool(leads_to),
                    "leads_to": leads_to,
                    "error": "" if leads_to else refusal,
                    "expected": "" if leads_to else _NEEDS.get(action, ""),
                }
            )
    return {"phases": list(NAMES), "count": len(cells), "cells": cells}


def make_phases() -> Any:
    """Return phases of the current round around every deadline, written by hand."""
    opened = 1_700_000_000
    usual = {"num_rounds": 2, "min_updates": 2, "target_updates": 3}
    usual |= {"collect_seconds": 100, "aggregate_seconds": 50, "challenge_seconds": 20}
    usual |= {"num_aggregators": 1, "commit_seconds": 0, "unmask_seconds": 0}
    three = usual | {"num_aggregators": 3}
    single = usual | {"min_updates": 1, "target_updates": 1}
    short = usual | {"collect_seconds": 1, "aggregate_seconds": 1}
    long = usual | {"collect_seconds": 2**32 - 1, "aggregate_seconds": 2**32 - 1}
    last = 2**32 - 1
    # parameters, updates, seconds after opening, phase
    by_time: list[tuple[dict[str, int], int, int, str]] = [
        *[(usual, 0, s, "COLLECTING") for s in (0, 1, 99, 100)],
        *[(usual, 0, s, "EXPIRED") for s in (101, 150, 151, 10**6)],
        *[(usual, 1, s, "COLLECTING") for s in (0, 99, 100)],
        *[(usual, 1, s, "EXPIRED") for s in (101, 150, 151)],
        *[(usual, 2, s, "COLLECTING") for s in (0, 99, 100)],
        *[(usual, 2, s, "AGGREGATING") for s in (101, 149, 150)],
        *[(usual, 2, s, "EXPIRED") for s in (151, 152, 10**6)],
        *[(three, 1, s, "EXPIRED") for s in (101, 250, 251)],
        *[(three, 2, s, "AGGREGATING") for s in (101, 150, 151, 250)],
        *[(three, 2, s, "EXPIRED") for s in (251, 10**6)],
        (single, 0, 100, "COLLECTING"),
        (single, 0, 101, "EXPIRED"),
        (short, 2, 1, "COLLECTING"),
        (short, 2, 2, "AGGREGATING"),
        (short, 2, 3, "EXPIRED"),
        (long, 2, last, "COLLECTING"),
        (long, 2, last + 1, "AGGREGATING"),
        (long, 2, 2 * last, "AGGREGATING"),
        (long, 2, 2 * last + 1, "EXPIRED"),
    ]
    cases = [
        _phase_case(parameters, updates, opened, opened + seconds, phase)
        for parameters, updates, seconds, phase in by_time
    ]
    latest = 2**40 - 1  # the last second that openedAt can hold; the deadline lies beyond
    cases += [
        _phase_case(usual, 2, latest, latest + 100, "COLLECTING"),
        _phase_case(usual, 2, latest, latest + 101, "AGGREGATING"),
        _phase_case(usual, 2, latest, latest + 151, "EXPIRED"),
    ]
    # Closed before its time, by the target or by a rejection: the turns begin then.
    for parameters, updates, closed, seconds, phase in (
        *[(usual, 3, 0, s, "AGGREGATING") for s in (0, 1, 49, 50)],
        *[(usual, 3, 0, s, "EXPIRED") for s in (51, 100, 101, 150)],
        *[(three, 3, 7, s, "AGGREGATING") for s in (7, 57, 107, 157)],
        *[(three, 3, 7, s, "EXPIRED") for s in (158, 10**6)],
        *[(three, 2, 300, s, "AGGREGATING") for s in (300, 450)],
        (three, 2, 300, 451, "EXPIRED"),
        (single, 1, 0, 0, "AGGREGATING"),
        (single, 1, 0, 50, "AGGREGATING"),
        (single, 1, 0, 51, "EXPIRED"),
    ):
        at = {"closed_at": opened + closed}
        cases.append(_phase_case(parameters, updates, opened, opened + seconds, phase, **at))
    # Paused: the round opens later.
    for seconds, phase in ((-(10**6), "SCHEDULED"), (-1, "SCHEDULED"), (0, "COLLECTING")):
        cases.append(_phase_case(usual, 0, opened, opened + seconds, phase))
    cases.append(_phase_case(usual, 0, opened, opened - 1, "ABORTED", is_stopped=True))
    for seconds in (10, 29, 30, 31, 151, 10**6):  # a proposal never expires
        standing = {"closed_at": opened, "proposal_round": 3}
        cases.append(_phase_case(usual, 3, opened, opened + seconds, "PROPOSED", **standing))
    # The proposal of an earlier round is none of this one.
    cases.append(_phase_case(usual, 0, opened, opened, "COLLECTING", proposal_round=2))
    for seconds in (0, 100, 101, 151):
        now = opened + seconds
        finished = {"num_finalized": 2, "proposal_round": 3}
        cases.append(_phase_case(usual, 3, opened, now, "FINALIZED", **finished))
        cases.append(_phase_case(usual, 1, opened, now, "ABORTED", is_stopped=True))
    stopped = {"is_stopped": True, "closed_at": opened + 2}
    cases.append(_phase_case(usual, 3, opened, opened + 2, "ABORTED", **stopped))
    cases.append(_phase_case(usual, 0, opened, opened, "COLLECTING", num_finalized=1))
    cases += _phases_with_commitments(usual | {"commit_seconds": 30}, opened)
    cases += _phases_with_masks(usual | {"commit_seconds": 30, "unmask_seconds": 40}, opened)
    return {"count": len(cases), "cases": cases}


def _phases_with_commitments(parameters: dict[str, int], opened: int) -> list[dict[str, Any]]:
    """Return phases of a round that begins with commitments; the target of them is 3."""
    closed = {"num_committed": 3, "commit_closed_at": opened + 10}
    enough, few = {"num_committed": 2}, {"num_committed": 1}
    # state, updates, seconds after opening, phase
    by_time: list[tuple[dict[str, int], int, int, str]] = [
        ({}, 0, -1, "SCHEDULED"),
        *[(state, 0, s, "COMMITTING") for state in ({}, few, enough) for s in (0, 29, 30)],
        *[(state, 0, s, "EXPIRED") for state in ({}, few) for s in (31, 130, 131, 10**6)],
        *[(enough, n, s, "COLLECTING") for n in (0, 1) for s in (31, 130)],
        *[(enough, n, 131, "EXPIRED") for n in (0, 1)],
        *[(closed, n, s, "COLLECTING") for n in (0, 2) for s in (10, 11, 30, 31, 110)],
        *[(closed, 2, s, "AGGREGATING") for s in (111, 160)],
        *[(closed, 1, s, "EXPIRED") for s in (111, 160)],
        (closed, 2, 161, "EXPIRED"),
        *[
            (closed | {"closed_at": opened + 40}, 3, s, phase)
            for s, phase in ((40, "AGGREGATING"), (90, "AGGREGATING"), (91, "EXPIRED"))
        ],
        # Everybody who committed has revealed, though the target was not reached.
        (enough | {"closed_at": opened + 33}, 2, 33, "AGGREGATING"),
    ]
    return [
        _phase_case(parameters, updates, opened, opened + seconds, phase, **state)
        for state, updates, seconds, phase in by_time
    ]


def _phases_with_masks(parameters: dict[str, int], opened: int) -> list[dict[str, Any]]:
    """Return phases of a round with masks, to which three have committed by second 10."""
    shared = {"num_committed": 3, "commit_closed_at": opened + 10}
    full = shared | {"closed_at": opened + 40}
    told = full | {"unmask_round": 3, "unmask_closed_at": opened + 55}
    some = full | {"unmask_round": 3}
    former = full | {"unmask_round": 2, "unmask_closed_at": opened - 5}
    rejected = told | {"closed_at": opened + 90, "unmask_closed_at": opened + 90}
    three = parameters | {"num_aggregators": 3}
    # parameters, state, updates, seconds after opening, phase
    by_time: list[tuple[dict[str, int], dict[str, int], int, int, str]] = [
        (parameters, {}, 0, 30, "COMMITTING"),
        (parameters, {}, 0, 31, "EXPIRED"),
        *[(parameters, shared, 2, s, "COLLECTING") for s in (10, 110)],
        *[(parameters, shared, 2, s, "UNMASKING") for s in (111, 150)],
        *[(parameters, shared, 2, s, "AGGREGATING") for s in (151, 200)],
        (parameters, shared, 2, 201, "EXPIRED"),
        *[(parameters, shared, 1, s, "EXPIRED") for s in (111, 150, 151)],
        *[(p, s, 3, 40, "UNMASKING") for p in (parameters, three) for s in (full, some, former)],
        *[(p, s, 3, 80, "UNMASKING") for p in (parameters, three) for s in (full, some, former)],
        *[(parameters, state, 3, 81, "AGGREGATING") for state in (full, some, former)],
        *[(three, full, 3, s, "AGGREGATING") for s in (81, 131, 230)],
        *[(parameters, full, 3, s, phase) for s, phase in ((130, "AGGREGATING"), (131, "EXPIRED"))],
        (three, full, 3, 231, "EXPIRED"),
        *[(parameters, told, 3, s, "AGGREGATING") for s in (55, 80, 81, 105)],
        (parameters, told, 3, 106, "EXPIRED"),
        *[(parameters, rejected, 3, s, "AGGREGATING") for s in (90, 140)],
        (parameters, rejected, 3, 141, "EXPIRED"),
        *[(parameters, told | {"proposal_round": 3}, 3, s, "PROPOSED") for s in (55, 106)],
    ]
    cases = [
        _phase_case(chosen, updates, opened, opened + seconds, phase, **state)
        for chosen, state, updates, seconds, phase in by_time
    ]
    stopped: dict[str, Any] = full | {"is_stopped": True}
    return [*cases, _phase_case(parameters, 3, opened, opened + 41, "ABORTED", **stopped)]


def _phase_case(
    parameters: dict[str, int],
    num_updates: int,
    opened_at: int,
    now: int,
    phase: str,
    **current: Any,
) -> dict[str, Any]:
    return {
        "parameters": parameters,
        "current": {
            "num_updates": num_updates,
            "num_finalized": 0,
            "opened_at": opened_at,
            "closed_at": 0,
            "proposal_round": 0,
            "is_stopped": False,
            "num_committed": 0,
            "commit_closed_at": 0,
            "unmask_round": 0,
            "unmask_closed_at": 0,
        }
        | current,
        "now": now,
        "phase": phase,
    }
