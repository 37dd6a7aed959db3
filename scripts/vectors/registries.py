"""Vectors of what the replay of a registry accepts and refuses, and of what successors sign."""

from __future__ import annotations

from typing import Any

from scripts.vectors.ledger_records import ALICE, BOB, CAROL, NO_WORD, NOBODY, WORDS, Record, at
from tests import reference as ref

BOND, LEAVE_SECONDS = 100, 60
CREATED = at(
    0,
    "RegistryCreated",
    registrar="0x" + "c0" * 20,
    enrolment_bond=BOND,
    leave_seconds=LEAVE_SECONDS,
)


def _of(seconds: int, event: str, participant: str, **values: Any) -> Record:
    return at(seconds, event, participant=participant, **values)


def _enrolled(seconds: int, who: str) -> Record:
    return _of(seconds, "ParticipantEnrolled", who)


def _bonded(seconds: int, who: str, amount: int = BOND) -> Record:
    return _of(seconds, "ParticipantBonded", who, amount=amount)


def _revoked(seconds: int, who: str) -> Record:
    return _of(seconds, "ParticipantRevoked", who)


def _left(seconds: int, who: str) -> Record:
    return _of(seconds, "ParticipantLeft", who)


def _claimed(seconds: int, who: str, amount: int = BOND) -> Record:
    return _of(seconds, "EnrolmentBondClaimed", who, amount=amount)


def _rotated(seconds: int, who: str, successor: str, amount: int = 0) -> Record:
    return _of(seconds, "ParticipantRotated", who, successor=successor, amount=amount)


def _key_set(seconds: int, who: str, key: str = WORDS[1]) -> Record:
    return _of(seconds, "EncryptionKeySet", who, key=key)


_ACCEPTED: list[tuple[str, list[Record]]] = [
    (
        "a participant revoked in the second of its enrolment",
        [_enrolled(1, ALICE), _revoked(1, ALICE)],
    ),
    (
        "a bond paid as soon as it is free",
        [_bonded(1, ALICE), _left(2, ALICE), _claimed(62, ALICE)],
    ),
    (
        "a bond that moved along to the second key",
        [
            _bonded(1, ALICE),
            _rotated(2, ALICE, BOB, BOND),
            _rotated(3, BOB, CAROL, BOND),
            _left(4, CAROL),
            _claimed(64, CAROL),
        ],
    ),
    (
        "a bond that stayed behind",
        [_bonded(1, ALICE), _rotated(2, ALICE, BOB), _claimed(62, ALICE), _left(63, BOB)],
    ),
    ("a bond lost after leaving", [_bonded(1, ALICE), _left(2, ALICE), _revoked(61, ALICE)]),
    (
        "two encryption keys, and one of a successor",
        [
            _enrolled(1, ALICE),
            _key_set(2, ALICE),
            _key_set(3, ALICE, WORDS[2]),
            _rotated(4, ALICE, BOB),
            _key_set(5, BOB),
        ],
    ),
]
_BONDED = [_bonded(1, ALICE)]
_ENROLLED = [_enrolled(1, ALICE)]
_REFUSED: list[tuple[str, str, list[Record]]] = [
    ("CreatedTwice", "a second creation", [CREATED]),
    ("TimeReversed", "a record of an earlier second", [_enrolled(2, ALICE), _enrolled(1, BOB)]),
    ("ZeroAddress", "nobody", [_enrolled(1, NOBODY)]),
    ("AlreadyEnrolled", "an enrolment twice", [*_ENROLLED, _enrolled(2, ALICE)]),
    (
        "AlreadyEnrolled",
        "an enrolment after a revocation",
        [*_ENROLLED, _revoked(2, ALICE), _bonded(3, ALICE)],
    ),
    (
        "AlreadyEnrolled",
        "an enrolment after leaving",
        [*_ENROLLED, _left(2, ALICE), _bonded(3, ALICE)],
    ),
    (
        "AlreadyEnrolled",
        "an enrolment after a rotation",
        [*_ENROLLED, _rotated(2, ALICE, BOB), _enrolled(3, ALICE)],
    ),
    ("UnexpectedDeposit", "a bond that is too small", [_bonded(1, ALICE, BOND - 1)]),
    ("NotEnrolled", "a revocation of a stranger", [_revoked(1, ALICE)]),
    ("NotEnrolled", "a second revocation", [*_BONDED, _revoked(2, ALICE), _revoked(3, ALICE)]),
    (
        "NotEnrolled",
        "a revocation once the bond is free",
        [*_BONDED, _left(2, ALICE), _revoked(62, ALICE)],
    ),
    (
        "NotEnrolled",
        "a revocation of who left without a bond",
        [*_ENROLLED, _left(2, ALICE), _revoked(2, ALICE)],
    ),
    ("NotEnrolled", "leaving twice", [*_BONDED, _left(2, ALICE), _left(3, ALICE)]),
    ("BondLocked", "a bond of who is enrolled", [*_BONDED, _claimed(62, ALICE)]),
    ("BondLocked", "a bond a second too early", [*_BONDED, _left(2, ALICE), _claimed(61, ALICE)]),
    ("NothingToPay", "no bond", [*_ENROLLED, _left(2, ALICE), _claimed(62, ALICE)]),
    (
        "NothingToPay",
        "a bond of who was revoked",
        [*_BONDED, _revoked(2, ALICE), _claimed(62, ALICE)],
    ),
    (
        "NothingToPay",
        "a bond twice",
        [*_BONDED, _left(2, ALICE), _claimed(62, ALICE), _claimed(63, ALICE)],
    ),
    (
        "NothingToPay",
        "a bond that moved along",
        [*_BONDED, _rotated(2, ALICE, BOB, BOND), _claimed(62, ALICE)],
    ),
    (
        "UnexpectedAmount",
        "half a bond",
        [*_BONDED, _left(2, ALICE), _claimed(62, ALICE, BOND // 2)],
    ),
    ("UnexpectedAmount", "half a bond that moves", [*_BONDED, _rotated(2, ALICE, BOB, BOND // 2)]),
    ("NotEnrolled", "a rotation of a stranger", [_rotated(1, ALICE, BOB)]),
    (
        "NotEnrolled",
        "a second rotation",
        [*_ENROLLED, _rotated(2, ALICE, BOB), _rotated(3, ALICE, CAROL)],
    ),
    ("AlreadyEnrolled", "a successor of itself", [*_ENROLLED, _rotated(2, ALICE, ALICE)]),
    (
        "AlreadyEnrolled",
        "a successor that is enrolled",
        [*_ENROLLED, _enrolled(1, BOB), _rotated(2, ALICE, BOB)],
    ),
    (
        "AlreadyEnrolled",
        "a way back",
        [*_ENROLLED, _rotated(2, ALICE, BOB), _rotated(3, BOB, ALICE)],
    ),
    ("ZeroAddress", "nobody as a successor", [*_ENROLLED, _rotated(2, ALICE, NOBODY)]),
    ("NotEnrolled", "an encryption key of a stranger", [_key_set(1, ALICE)]),
    ("ZeroKey", "an encryption key of zeros", [*_ENROLLED, _key_set(2, ALICE, NO_WORD)]),
]


def make_replay() -> Any:
    """Return sequences of records that a registry's replay accepts or refuses."""

    def spell(record: Record) -> dict[str, Any]:
        return {"event": record[0], "values": record[1]}

    cases = [("", name, records) for name, records in _ACCEPTED] + _REFUSED
    return {
        "created": spell(CREATED),
        "cases": [
            {"name": name, "error": error, "records": [spell(record) for record in records]}
            for error, name, records in cases
        ],
    }


def make_succession() -> Any:
    """Return what keys sign that take the place of others."""
    registry = "0x" + "e1" * 20
    return {
        "cases": [
            {
                "chain_id": chain_id,
                "registry": registry,
                "participant": participant,
                "successor": successor,
                "message": ref.succession_hash(participant, successor).hex(),
                "signed": ref.signing_hash(
                    chain_id, registry, ref.succession_hash(participant, successor)
                ).hex(),
            }
            for chain_id, participant, successor in (
                (31337, ALICE, "0x1a642f0e3c3af545e7acbd38b07251b3990914f1"),
                (1, ALICE, BOB),
                (2**53 - 1, BOB, ALICE),
            )
        ]
    }
