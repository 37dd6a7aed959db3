"""Vectors of a complete round, and of the history hash."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import rfc8785

from scripts.vectors.documents import AGGREGATOR, manifest
from scripts.vectors.measurements import measurement_of
from tests import reference as ref
from tests import reference_rules as rules

TENSORS = {"bias": [2], "weight": [2, 3]}
MAX_ABS = 20000
MAX_NORM = 28285


def make_measured_aggregate() -> Any:
    """Return the same round of a task with measurements, and updates with the wrong ones."""
    return make_aggregate(is_measured=True)


def make_robust_aggregate() -> Any:
    """Return the same round by the median, with an update as long as may be and one longer."""
    return make_aggregate(is_robust=True)


def make_aggregate(
    is_measured: bool = False, is_robust: bool = False, has_differences: bool = False
) -> Any:
    """Return round 3 of a task: nine updates, three of them valid, and what they yield."""
    document = manifest() | {"encoding": manifest()["encoding"] | {"max_abs": MAX_ABS}}
    document["measurements"] = is_measured
    document["differences"] = has_differences
    if is_robust:
        document |= {"rule": "median", "num_malicious": 1}
        document["encoding"]["max_norm"] = MAX_NORM
        document["rounds"]["min_updates"] = 3
    task = ref.digest(rfc8785.dumps(document)).hex()
    base_values = [0, 1000, -1000, 2**31 - 1, -(2**31), 5, -5, 123456789]
    base = ref.blob(ref.model_metadata(task, is_measured), TENSORS, base_values)
    base_digest = ref.digest(base).hex()
    updates = list(_updates(task, base_digest, is_measured, is_robust))
    valid = [entry for entry in updates if entry["outcome"] == "included"]
    lanes, weights = [e["lanes"] for e in valid], [e["weight"] for e in valid]
    values = ref.next_model(base_values, lanes, weights, 15, 24)
    if is_robust:
        sums, count = rules.median(lanes, 1)
        pairs = zip(base_values, sums, strict=True)
        values = [ref.next_value(base, top, 9, count) for base, top in pairs]
    model = ref.blob(ref.model_metadata(task, is_measured), TENSORS, values)
    total_weight = sum(entry["weight"] for entry in valid)
    said = [measurement_of(entry["sequence"]) for entry in valid]
    totals = ref.totals(said) if is_measured else None
    metadata = ref.report_metadata(
        task, 3, base_digest, ref.digest(model).hex(), total_weight, totals
    )
    difference = ref.difference(base_values, values)
    if has_differences:
        metadata["difference"] = ref.raw_cid(difference)
    report = ref.report(
        metadata,
        [ref.STATUS[entry["outcome"]] for entry in updates],
    )
    case = round_case(document, base, updates, (model, values), report)
    return case | ({"difference": difference.hex()} if has_differences else {})


def round_case(
    document: dict[str, Any],
    base: bytes,
    updates: list[dict[str, Any]],
    model: tuple[bytes, list[int]],
    report: bytes,
) -> dict[str, Any]:
    """Describe round 3 of a task by what is on record, and what everybody derives from it."""
    data, values = model
    return {
        "manifest": document,
        "task_id": ref.digest(rfc8785.dumps(document)).hex(),
        "round": 3,
        "base_model": base.hex(),
        "base_digest": ref.digest(base).hex(),
        "updates": updates,
        "model": data.hex(),
        "model_values": values,
        "model_digest": ref.digest(data).hex(),
        "report": report.hex(),
        "report_digest": ref.digest(report).hex(),
    }


def _updates(task: str, base: str, is_measured: bool, is_robust: bool) -> Iterator[dict[str, Any]]:
    lanes = {
        0: [1, -1, 0, 20000, -20000, 3, -3, 7],
        4: [2, -2, 1, 20000, -20000, 2, -2, 8],
        8: [5, 5, 5, 5, 5, 5, 5, -19999],
    }
    weights = {0: 600, 4: 300, 8: 101}
    if is_robust:
        lanes[9] = [0, 4, 0, 20000, -20000, 203, 0, 0]  # squares: 28285^2
        lanes[10] = [4, 1, 0, 20000, -20000, 203, 0, 0]  # 28285^2 + 1

    def participant(sequence: int) -> str:
        return "0x" + f"{sequence + 1:02x}" * 20

    def blob(sequence: int, values: list[int], **changes: Any) -> bytes:
        fields = {"task": task, "round_number": 3, "base_model": base}
        fields |= {"participant": participant(sequence)}
        fields |= {"measurement": measurement_of(sequence) if is_measured else None} | changes
        return ref.blob(ref.update_metadata(**fields), TENSORS, values)

    def entry(sequence: int, data: bytes | None, outcome: str, recorded: bytes) -> dict[str, Any]:
        return {
            "sequence": sequence,
            "participant": participant(sequence),
            "weight": weights.get(sequence, 1000),
            "digest": recorded.hex(),
            "blob": None if data is None else data.hex(),
            "outcome": outcome,
            "lanes": lanes.get(sequence) if outcome == "included" else None,
        }

    for sequence in range(12 if is_measured else 11 if is_robust else 9):
        data: bytes | None = blob(sequence, lanes.get(sequence, [1] * 8))
        recorded = ref.digest(data or b"")
        outcome = "included"
        match sequence:
            case 1:
                data, outcome = None, "unavailable"
            case 2:
                data, outcome = (data or b"") + b"\0", "oversized"
                recorded = ref.digest(data)
            case 3:
                data, outcome = blob(3, [2] * 8), "wrong_digest"
            case 5:
                data, outcome = blob(5, [1] * 8)[:-1], "malformed"
                recorded = ref.digest(data)
            case 6:  # a copy of somebody else's update
                data, outcome = blob(0, lanes[0]), "misbound"
                recorded = ref.digest(data)
            case 7:
                data, outcome = blob(7, [1, 1, 1, 1, 1, 1, 1, -MAX_ABS - 1]), "out_of_range"
                recorded = ref.digest(data)
            case 10 if is_robust:
                outcome = "too_long"
            case 9 if is_measured:
                data, outcome = blob(9, [1] * 8, measurement=None), "misbound"
                recorded = ref.digest(data)
            case 10:
                some = dict.fromkeys(ref.MEASURED[:7], 1)
                data, outcome = blob(10, [1] * 8, measurement=some), "malformed"
                recorded = ref.digest(data)
            case 11:
                more = measurement_of(11) | {"base_correct": 151}
                data, outcome = blob(11, [1] * 8, measurement=more), "malformed"
                recorded = ref.digest(data)
        yield entry(sequence, data, outcome, recorded)


def make_history() -> Any:
    """Return logs of both contracts with the hash of each record and the history after it."""
    start = 1_700_000_000
    word = [f"{n:02x}" * 32 for n in range(256)]
    alice, bob, carol, dave = ("0x" + byte * 20 for byte in ("0a", "0b", "0c", "0d"))
    registry, ledger = "0x" + "e1" * 20, "0x" + "1e" * 20
    parameters = {
        "registry": registry,
        "disputes": "0x" + "d1" * 20,
        "manifest_digest": word[1],
        "manifest_cid_digest": word[2],
        "genesis_digest": word[3],
        "genesis_cid_digest": word[4],
        "num_rounds": 2,
        "min_updates": 1,
        "target_updates": 2,
        "max_weight": 2**32 - 1,
        "collect_seconds": 100,
        "aggregate_seconds": 50,
        "challenge_seconds": 0,
        "quorum": 2,
        "bond": 2**96 - 1,
        "header_chunks": 1,
        "num_values": 8,
        "fraction_shift": 9,
        "commit_seconds": 0,
        "is_open": True,
        "list_seconds": 0,
        "sample_rate": 2**32 - 1,
        "seed_seconds": 2**32 - 1,
        "reward": 2**96 - 1,
        "privacy_cost": 2**53 - 1,
        "privacy_budget": 2**64 - 1,
        "unmask_seconds": 2**32 - 1,
    }
    second = "0x" + "a2" * 20
    submitted = {"digest": word[5], "cid_digest": word[6], "weight": 2**32 - 1}
    proposed = {
        "model_digest": word[7],
        "model_cid_digest": word[8],
        "report_digest": word[9],
        "report_cid_digest": word[255],
    }
    attested = {"model_digest": word[7], "report_digest": word[9]}
    bond = {"amount": 2**96 - 1}
    parts = [2**256 - 1 - number for number in range(31)] + [0]
    ledger_records: list[tuple[str, dict[str, Any]]] = [
        (
            "TaskCreated",
            {"coordinator": "0x" + "c0" * 20, "parameters": parameters, "timestamp": start},
        ),
        ("AggregatorAppointed", {"aggregator": AGGREGATOR, "seat": 1, "timestamp": start}),
        ("AggregatorAppointed", {"aggregator": second, "seat": 2, "timestamp": start}),
        ("RoundOpened", {"round": 1, "base_round": 0, "opens_at": start, "timestamp": start}),
        ("BondDeposited", {"aggregator": AGGREGATOR, **bond, "timestamp": start}),
        ("BondDeposited", {"aggregator": second, **bond, "timestamp": start + 1}),
        ("ParticipantAdmitted", {"participant": alice, "timestamp": start + 1}),
        ("ParticipantAdmitted", {"participant": bob, "timestamp": start + 1}),
        (
            "UpdateSubmitted",
            {"round": 1, "participant": alice, "sequence": 0, **submitted, "timestamp": start + 2},
        ),
        ("ParticipantRemoved", {"participant": bob, "timestamp": start + 3}),
        ("TaskPaused", {"until": start + 110, "timestamp": start + 100}),
        (
            "ModelProposed",
            {"round": 1, "proposer": AGGREGATOR, **proposed, "timestamp": start + 101},
        ),
        (
            "ModelAttested",
            {"round": 1, "aggregator": second, **attested, "timestamp": start + 101},
        ),
        ("RoundFinalized", {"round": 1, "model_digest": word[7], "timestamp": start + 101}),
        (
            "RoundOpened",
            {"round": 2, "base_round": 1, "opens_at": start + 110, "timestamp": start + 101},
        ),
        (
            "ModelProposed",
            {"round": 2, "proposer": second, **proposed, "timestamp": start + 211},
        ),
        (
            "ProposalChallenged",
            {"round": 2, "challenger": bob, "question": 2, "position": 2**32 - 1}
            | {"timestamp": start + 211},
        ),
        (
            "ValueAnswered",
            {"round": 2, "base_value": -(2**31), "proposed_value": 2**31 - 1}
            | {"parts": parts, "timestamp": start + 211},
        ),
        ("PartSelected", {"round": 2, "part": 31, "timestamp": start + 211}),
        ("PartSplit", {"round": 2, "parts": parts[::-1], "timestamp": start + 211}),
        (
            "ChallengeFailed",
            {"round": 2, "challenger": bob, "beneficiary": second, **bond, "fault": 5}
            | {"timestamp": start + 212},
        ),
        (
            "ProposalRejected",
            {"round": 2, "proposer": second, "fault": 1, "timestamp": start + 212},
        ),
        (
            "BondSlashed",
            {
                "aggregator": second,
                "beneficiary": "0x" + "00" * 20,
                **bond,
                "fault": 1,
                "timestamp": start + 212,
            },
        ),
        ("RoundAborted", {"round": 2, "timestamp": start + 313}),
        (
            "RoundOpened",
            {"round": 3, "base_round": 1, "opens_at": start + 313, "timestamp": start + 313},
        ),
        (
            "UpdateCommitted",
            {"round": 3, "participant": bob, "commitment": word[26], "timestamp": start + 314},
        ),
        (
            "PeersApart",
            {"round": 3, "participant": bob, "positions": 2**127 - 1, "timestamp": start + 314},
        ),
        (
            "UpdateUnmasked",
            {"round": 3, "participant": bob, "cid_digest": word[27], "timestamp": start + 314},
        ),
        (
            "UpdatesListed",
            {
                "round": 3,
                "aggregator": AGGREGATOR,
                "first": 1,
                "count": 2**32 - 2,
                "digest": word[27],
                "cid_digest": word[28],
                "timestamp": start + 315,
            },
        ),
        ("RoundAborted", {"round": 3, "timestamp": 2**40 - 1}),
        ("SeedsCommitted", {"aggregator": second, "tip": word[27], "timestamp": 2**40 - 1}),
        (
            "SeedRevealed",
            {"round": 3, "aggregator": second, "secret": word[28], "timestamp": 2**40 - 1},
        ),
        ("TaskStopped", {"timestamp": 2**40 - 1}),
        ("PotFunded", {"account": dave, **bond, "timestamp": 2**40 - 1}),
        (
            "RewardsPaid",
            {"round": 1, "part": 2**32 - 1, "rows": parts, "timestamp": 2**40 - 1},
        ),
        ("PotReclaimed", {"coordinator": dave, **bond, "timestamp": 2**40 - 1}),
        ("BondWithdrawn", {"aggregator": AGGREGATOR, **bond, "timestamp": 2**40 - 1}),
        ("PayoutClaimed", {"account": AGGREGATOR, **bond, "timestamp": 2**40 - 1}),
        (
            "ParticipantSucceeded",
            {"participant": alice, "successor": carol, "timestamp": 2**40 - 1},
        ),
    ]
    registry_records: list[tuple[str, dict[str, Any]]] = [
        (
            "RegistryCreated",
            {"registrar": "0x" + "c0" * 20, "enrolment_bond": 2**96 - 1}
            | {"leave_seconds": 2**32 - 1, "timestamp": start - 1},
        ),
        ("ParticipantEnrolled", {"participant": alice, "timestamp": start}),
        ("ParticipantEnrolled", {"participant": bob, "timestamp": start}),
        ("ParticipantRevoked", {"participant": bob, "timestamp": start + 3}),
        ("EncryptionKeySet", {"participant": alice, "key": word[255], "timestamp": start + 4}),
        (
            "ParticipantRotated",
            {"participant": alice, "successor": carol, "amount": 0, "timestamp": start + 5},
        ),
        ("ParticipantBonded", {"participant": dave, **bond, "timestamp": start + 6}),
        ("ParticipantLeft", {"participant": dave, "timestamp": start + 7}),
        ("EnrolmentBondClaimed", {"participant": dave, **bond, "timestamp": 2**40 - 1}),
    ]
    audit_records: list[tuple[str, dict[str, Any]]] = [
        ("RegisterCreated", {"timestamp": start}),
        (
            "AuditRecorded",
            {"ledger": ledger, "auditor": carol, "num_records": 2**32 - 1}
            | {"history_hash": word[254], "verdict": 3, "findings_digest": word[253]}
            | {"findings_cid_digest": word[252], "timestamp": 2**40 - 1},
        ),
    ]
    return {
        "histories": [
            _history("a ledger", 31337, ledger, ledger_records),
            _history("a registry", 31337, registry, registry_records),
            _history("an audit register", 31337, "0x" + "ad" * 20, audit_records),
            _history("a ledger on another chain", 1, ledger, ledger_records[:2]),
            _history("a contract without records", 2**63, ledger, []),
        ]
    }


def _history(
    name: str, chain_id: int, contract: str, records: list[tuple[str, dict[str, Any]]]
) -> dict[str, Any]:
    history = ref.history_start(chain_id, contract)
    start, entries = history, []
    for event, values in records:
        topics, data = ref.abi_log(event, values)
        record_hash = ref.record_hash(event, values)
        history = ref.keccak(history + record_hash)
        entries.append(
            {
                "event": event,
                "signature": ref.abi_signature(event),
                "values": values,
                "topics": [topic.hex() for topic in topics],
                "data": data.hex(),
                "record_hash": record_hash.hex(),
                "history_hash": history.hex(),
            }
        )
    return {
        "name": name,
        "chain_id": chain_id,
        "contract": contract,
        "start": start.hex(),
        "records": entries,
    }
