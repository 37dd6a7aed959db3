"""Records of a ledger for the vectors of its replay, and how far a small task has got with them."""

from __future__ import annotations

from typing import Any

from scripts.vectors.documents import AGGREGATOR

START = 1_700_000_000
ALICE, BOB, CAROL = "0x" + "0a" * 20, "0x" + "0b" * 20, "0x" + "0c" * 20
WORDS = [f"{n:02x}" * 32 for n in range(16)]
NO_WORD = "00" * 32
PARAMETERS = {
    "registry": "0x" + "e1" * 20,
    "disputes": "0x" + "d1" * 20,
    "manifest_digest": WORDS[1],
    "manifest_cid_digest": WORDS[2],
    "genesis_digest": WORDS[3],
    "genesis_cid_digest": WORDS[4],
    "num_rounds": 2,
    "min_updates": 1,
    "target_updates": 2,
    "max_weight": 10,
    "collect_seconds": 100,
    "aggregate_seconds": 50,
    "challenge_seconds": 20,
    "quorum": 2,
    "bond": 100,
    "header_chunks": 1,
    "num_values": 8,
    "fraction_shift": 9,
    "commit_seconds": 0,
    "is_open": False,
    "list_seconds": 0,
    "sample_rate": 0,
    "seed_seconds": 0,
    "reward": 0,
    "privacy_cost": 0,
    "privacy_budget": 0,
    "unmask_seconds": 0,
}
SECOND, THIRD = "0x" + "a2" * 20, "0x" + "a3" * 20
COMMITTEE = (AGGREGATOR, SECOND, THIRD)
NOBODY = "0x" + "00" * 20
OVERRULED, EQUIVOCATION, OMISSION, WRONG_MODEL, SILENCE, FALSE_CHALLENGE = range(1, 7)

Record = tuple[str, dict[str, Any]]


def at(seconds: int, event: str, **values: Any) -> Record:
    """Return a record of so many seconds after the start."""
    return event, {**values, "timestamp": START + seconds}


def created(seconds: int = 0) -> Record:
    """Return the record of the creation."""
    return at(seconds, "TaskCreated", coordinator="0x" + "c0" * 20, parameters=PARAMETERS)


def appointed(seconds: int, seat: int, aggregator: str) -> Record:
    """Return the record of an appointment."""
    return at(seconds, "AggregatorAppointed", aggregator=aggregator, seat=seat)


def deposited(seconds: int, aggregator: str, amount: int = 100) -> Record:
    """Return the record of a deposit."""
    return at(seconds, "BondDeposited", aggregator=aggregator, amount=amount)


def withdrawn(seconds: int, aggregator: str, amount: int = 100) -> Record:
    """Return the record of a withdrawal."""
    return at(seconds, "BondWithdrawn", aggregator=aggregator, amount=amount)


def claimed(seconds: int, account: str, amount: int = 100) -> Record:
    """Return the record of a payout."""
    return at(seconds, "PayoutClaimed", account=account, amount=amount)


def slashed(
    seconds: int, aggregator: str, fault: int, beneficiary: str = NOBODY, amount: int = 100
) -> Record:
    """Return the record of a loss of a bond."""
    values = {"aggregator": aggregator, "beneficiary": beneficiary, "amount": amount}
    return at(seconds, "BondSlashed", **values, fault=fault)


def paused(seconds: int, until: int) -> Record:
    """Return the record of a pause."""
    return at(seconds, "TaskPaused", until=START + until)


def opened(seconds: int, number: int, base_round: int, opens_at: int | None = None) -> Record:
    """Return the record of an opened round."""
    opens = START + (seconds if opens_at is None else opens_at)
    return at(seconds, "RoundOpened", round=number, base_round=base_round, opens_at=opens)


def admitted(seconds: int, participant: str) -> Record:
    """Return the record of an admission."""
    return at(seconds, "ParticipantAdmitted", participant=participant)


def succeeded(seconds: int, participant: str, successor: str) -> Record:
    """Return the record of an admission that moved."""
    return at(seconds, "ParticipantSucceeded", participant=participant, successor=successor)


def submitted(seconds: int, sequence: int, participant: str, **changes: Any) -> Record:
    """Return the record of an update."""
    values = {"round": 1, "participant": participant, "sequence": sequence, "digest": WORDS[5]}
    values |= {"cid_digest": WORDS[6], "weight": 10} | changes
    return at(seconds, "UpdateSubmitted", **values)


def proposed(seconds: int, **changes: Any) -> Record:
    """Return the record of a proposal."""
    values = {"round": 1, "proposer": AGGREGATOR, "model_digest": WORDS[7]}
    values |= {"model_cid_digest": WORDS[8]}
    values |= {"report_digest": WORDS[9], "report_cid_digest": WORDS[10]}
    return at(seconds, "ModelProposed", **(values | changes))


def attested(seconds: int, aggregator: str, **changes: Any) -> Record:
    """Return the record of an attestation."""
    values = {"round": 1, "aggregator": aggregator, "model_digest": WORDS[7]}
    values |= {"report_digest": WORDS[9]}
    return at(seconds, "ModelAttested", **(values | changes))


def rejected(seconds: int, proposer: str = AGGREGATOR, fault: int = OVERRULED) -> Record:
    """Return the record of a rejection."""
    return at(seconds, "ProposalRejected", round=1, proposer=proposer, fault=fault)


def challenged(
    seconds: int, question: int = 2, position: int = 7, challenger: str = ALICE
) -> Record:
    """Return the record of a challenge."""
    values = {"round": 1, "challenger": challenger, "question": question, "position": position}
    return at(seconds, "ProposalChallenged", **values)


def answered(seconds: int, parts: list[int], base: int = 100, proposed: int = 229) -> Record:
    """Return the record of an answer about a value."""
    values = {"round": 1, "base_value": base, "proposed_value": proposed}
    return at(seconds, "ValueAnswered", **values, parts=words(parts))


def selected(seconds: int, part: int) -> Record:
    """Return the record of a selection."""
    return at(seconds, "PartSelected", round=1, part=part)


def split(seconds: int, parts: list[int]) -> Record:
    """Return the record of a split."""
    return at(seconds, "PartSplit", round=1, parts=words(parts))


def failed(seconds: int, fault: int = FALSE_CHALLENGE, **changes: Any) -> Record:
    """Return the record of a failed challenge."""
    values = {"round": 1, "challenger": ALICE, "beneficiary": AGGREGATOR, "amount": 100}
    return at(seconds, "ChallengeFailed", **(values | changes), fault=fault)


def part(weight: int, lanes: int) -> int:
    """Return the word that claims a contribution."""
    return weight * 2**192 + lanes % 2**192


def words(parts: list[int]) -> list[int]:
    """Return claims as 32 words."""
    return parts + [0] * (32 - len(parts))


def finalized(seconds: int, number: int = 1, model_digest: str = WORDS[7]) -> Record:
    """Return the record of a final model."""
    return at(seconds, "RoundFinalized", round=number, model_digest=model_digest)


def aborted(seconds: int, number: int = 1) -> Record:
    """Return the record of an aborted round."""
    return at(seconds, "RoundAborted", round=number)


def stopped(seconds: int) -> Record:
    """Return the record of a stop."""
    return at(seconds, "TaskStopped")


CREATED = [
    created(),
    *(appointed(0, seat, who) for seat, who in enumerate(COMMITTEE, start=1)),
]
UNBONDED = [*CREATED, opened(0, 1, 0), admitted(1, ALICE), admitted(1, BOB)]
OPEN = [*UNBONDED, *(deposited(1, who) for who in COMMITTEE)]
ONE = [*OPEN, submitted(2, 0, ALICE)]
TWO = [*ONE, submitted(3, 1, BOB)]
PROPOSED = [*TWO, proposed(4)]
SECOND_ROUND = [*PROPOSED, finalized(24), opened(24, 2, 1)]
STOPPED = [*ONE, aborted(3), stopped(3)]
FINISHED = [
    *SECOND_ROUND,
    submitted(25, 0, BOB, round=2),
    proposed(125, round=2, proposer=SECOND),
    finalized(145, 2),
]
LATE = [*TWO, proposed(53, proposer=SECOND)]
OTHER = {"model_digest": WORDS[12]}
AGAINST = [*PROPOSED, attested(5, SECOND, **OTHER), attested(6, THIRD, **OTHER)]
# 100 + 5 * 2^9 / 20 = 228: weights 10 and 10, sums 3 and 2.
PARTS = [part(10, 3), part(10, 2)]
ASKED = [*PROPOSED, challenged(5)]
ANSWERED = [*ASKED, answered(6, PARTS, 100, 228)]
SINGLE = [*ANSWERED, selected(7, 1)]
REJECTED = [*AGAINST, rejected(6), slashed(6, AGGREGATOR, OVERRULED)]
SECOND_PROPOSED = [*REJECTED, proposed(57, proposer=SECOND, **OTHER)]
EQUIVOCATED = [*PROPOSED, slashed(6, AGGREGATOR, EQUIVOCATION, ALICE)]


def replay_of(
    created_by: Record,
    accepted: list[tuple[str, list[Record]]],
    refused: list[tuple[str, str, list[Record]]],
) -> dict[str, Any]:
    """Return the vectors of a replay: sequences of records that all begin with one creation."""

    def case(name: str, error: str, records: list[Record]) -> dict[str, Any]:
        listed = [{"event": event, "values": values} for event, values in records[1:]]
        assert records[0] == created_by  # noqa: S101 - every case begins with the one creation
        return {"name": name, "error": error, "is_cut_short": False, "records": listed}

    assert created_by[1]["timestamp"] == START  # noqa: S101
    return {
        "created": {"event": created_by[0], "values": created_by[1]},
        "cases": [
            *[case(name, "", records) for name, records in accepted],
            *[case(name, error, records) for error, name, records in refused],
        ],
    }
