"""The phases of a round, and which action each of them allows: one table for both languages."""

from __future__ import annotations

from enum import IntEnum, StrEnum
from typing import Final


class Phase(IntEnum):
    """The state of a round; the numbers are those of contracts/libraries/Phases.sol."""

    NONE = 0
    COLLECTING = 1
    AGGREGATING = 2
    PROPOSED = 3
    FINALIZED = 4
    EXPIRED = 5
    ABORTED = 6
    CHALLENGED = 7
    SCHEDULED = 8
    COMMITTING = 9
    UNMASKING = 10


class Action(StrEnum):
    """What somebody may do to the current round."""

    SUBMIT = "submit"
    """Or reveal, in a task in which participants commit before."""
    PROPOSE = "propose"
    ATTEST = "attest"
    CHALLENGE = "challenge"
    MOVE = "move"
    """Every step of a dispute, its end included."""
    PROVE_OMISSION = "prove_omission"
    FINALIZE = "finalize"
    ABORT = "abort"
    STOP = "stop"
    COMMIT = "commit"
    REVEAL_SEED = "reveal_seed"
    UNMASK = "unmask"


TRANSITIONS: Final[dict[tuple[Phase, Action], frozenset[Phase]]] = {
    (Phase.COLLECTING, Action.SUBMIT): frozenset(
        {Phase.COLLECTING, Phase.AGGREGATING, Phase.UNMASKING}
    ),
    (Phase.AGGREGATING, Action.PROPOSE): frozenset({Phase.PROPOSED}),
    (Phase.PROPOSED, Action.ATTEST): frozenset(
        {Phase.PROPOSED, Phase.FINALIZED, Phase.AGGREGATING}
    ),
    (Phase.PROPOSED, Action.CHALLENGE): frozenset({Phase.CHALLENGED}),
    (Phase.PROPOSED, Action.PROVE_OMISSION): frozenset({Phase.AGGREGATING}),
    (Phase.PROPOSED, Action.FINALIZE): frozenset({Phase.FINALIZED}),
    (Phase.CHALLENGED, Action.MOVE): frozenset(
        {Phase.CHALLENGED, Phase.PROPOSED, Phase.AGGREGATING}
    ),
    (Phase.CHALLENGED, Action.ATTEST): frozenset(
        {Phase.CHALLENGED, Phase.FINALIZED, Phase.AGGREGATING}
    ),
    (Phase.EXPIRED, Action.ABORT): frozenset({Phase.ABORTED}),
    (Phase.COLLECTING, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.AGGREGATING, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.PROPOSED, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.CHALLENGED, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.EXPIRED, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.SCHEDULED, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.COMMITTING, Action.COMMIT): frozenset({Phase.COMMITTING, Phase.COLLECTING}),
    (Phase.COMMITTING, Action.STOP): frozenset({Phase.ABORTED}),
    (Phase.SCHEDULED, Action.REVEAL_SEED): frozenset(
        {Phase.SCHEDULED, Phase.COLLECTING, Phase.COMMITTING}
    ),
    (Phase.UNMASKING, Action.UNMASK): frozenset({Phase.UNMASKING, Phase.AGGREGATING}),
    (Phase.UNMASKING, Action.STOP): frozenset({Phase.ABORTED}),
}
"""(phase, action) to the phases that the acted-on round may then be in; all else is refused."""

EXPECTED_PHASE: Final = {
    Action.SUBMIT: Phase.COLLECTING,
    Action.PROPOSE: Phase.AGGREGATING,
    Action.ATTEST: Phase.PROPOSED,
    Action.CHALLENGE: Phase.PROPOSED,
    Action.MOVE: Phase.CHALLENGED,
    Action.PROVE_OMISSION: Phase.PROPOSED,
    Action.FINALIZE: Phase.PROPOSED,
    Action.ABORT: Phase.EXPIRED,
    Action.COMMIT: Phase.COMMITTING,
    Action.REVEAL_SEED: Phase.SCHEDULED,
    Action.UNMASK: Phase.UNMASKING,
}
"""The one phase that an action needs; ``stop`` has several."""
