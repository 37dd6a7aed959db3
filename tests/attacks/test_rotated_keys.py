"""Somebody abuses that participants may change their keys: to pull others in, or to count twice.

Caught by the contracts: ``NotAccepted``, ``AlreadySubmitted``, ``SuccessionDue``,
``AlreadyEnrolled``. Logs that say otherwise are caught by ``admissions`` and
``registry_transitions``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth_account.signers.local import LocalAccount

from fl_chain.audit.audit import run_audit
from fl_chain.chain.keys import sign_hash
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import Admit, Enrol, Remove, Revoke, Rotate, Succeed
from fl_chain.protocol.attestation import Signature, compute_signing_hash, compute_succession
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.registry_records import ParticipantEnrolled, ParticipantRotated
from tests.world import Federation, World, assert_passes, problems, record

NEW, THIRD = 20, 21
"""Accounts that nobody has used in a task before."""


def registry_of(federation: Federation, account: LocalAccount) -> EthereumRegistry:
    return EthereumRegistry(federation.world.connection, federation.created.registry, account)


def address_of(account: LocalAccount) -> str:
    return str(account.address).lower()


def accept(federation: Federation, participant: str, successor: LocalAccount) -> Rotate:
    signature = registry_of(federation, successor).accept(participant)
    return Rotate(participant, address_of(successor), signature)


def rotate(federation: Federation, participant: int, successor: LocalAccount) -> str:
    """Let a participant put another key in its place; return the old address."""
    former = federation.participants[participant]
    registry = registry_of(federation, former)
    registry.send(accept(federation, address_of(former), successor))
    federation.participants[participant] = successor
    return address_of(former)


def refusal(federation: Federation, account: LocalAccount, rotation: Rotate) -> str:
    with pytest.raises(TransactionRejected) as refused:
        registry_of(federation, account).send(rotation)
    return refused.value.error


def test_a_foreign_address_is_not_pulled_in(world: World) -> None:
    federation = world.federation(num_rounds=1)
    participant, victim = federation.participants[0], world.account(NEW)
    keys = address_of(participant), address_of(victim)
    signed = compute_signing_hash(
        world.connection.chain_id, federation.created.registry, compute_succession(*keys)
    )
    forged = sign_hash(participant, signed)
    nothing = Signature(bytes(32), bytes(32))
    for sender in (participant, federation.coordinator):
        for signature in (forged, nothing):
            assert refusal(federation, sender, Rotate(*keys, signature)) == "NotAccepted"


def test_an_acceptance_for_another_registry_or_participant_is_refused(world: World) -> None:
    federation, other = world.federation(num_rounds=1), world.federation(num_rounds=1)
    participant, successor = federation.participants[0], world.account(NEW)
    elsewhere = accept(other, address_of(participant), successor)
    assert refusal(federation, participant, elsewhere) == "NotAccepted"
    of_another = accept(federation, federation.address_of(1), successor)
    stolen = replace(of_another, participant=address_of(participant))
    assert refusal(federation, participant, stolen) == "NotAccepted"


def test_nobody_else_rotates_a_participant(world: World) -> None:
    federation = world.federation(num_rounds=1)
    thief = federation.participants[1]
    rotation = accept(federation, federation.address_of(0), world.account(NEW))
    assert refusal(federation, thief, rotation) == "NotParticipant"


def test_a_participant_that_changes_its_key_twice_submits_once(world: World) -> None:
    federation = world.federation(num_rounds=2)
    anybody = federation.ledger(world.account(9))
    federation.submit_honestly(0)
    for successor in (world.account(NEW), world.account(THIRD)):
        former = rotate(federation, 0, successor)
        for action, error in (
            (Admit((address_of(successor),)), "SuccessionDue"),
            (Remove(former), "SuccessionDue"),
        ):
            with pytest.raises(TransactionRejected) as refused:
                federation.ledger(federation.coordinator).send(action)
            assert refused.value.error == error
        anybody.send(Succeed(former))
        with pytest.raises(TransactionRejected) as refused:
            federation.submit(0, federation.update(0))
        assert refused.value.error == "AlreadySubmitted"
    federation.submit_honestly(1, 2)
    federation.aggregate()
    federation.run_round()
    assert_passes(federation.audit(), num_rounds=2)
    authors = {update.participant for update in federation.task.rounds[2].updates}
    assert federation.address_of(0) in authors


def test_a_stolen_key_is_of_no_use_once_it_is_succeeded(world: World) -> None:
    """The registrar rotates: the thief could as well, with the key that it stole."""
    federation = world.federation(num_rounds=1)
    stolen, successor = federation.participants[0], world.account(NEW)
    rotation = accept(federation, address_of(stolen), successor)
    registry_of(federation, federation.coordinator).send(rotation)
    federation.ledger(world.account(9)).send(Succeed(address_of(stolen)))
    with pytest.raises(TransactionRejected) as refused:
        federation.submit(0, federation.update(0))
    assert refused.value.error == "NotAdmitted"
    federation.participants[0] = successor
    federation.run_round()
    assert_passes(federation.audit(), num_rounds=1)


def test_a_revoked_key_never_returns_as_anybodys_successor(world: World) -> None:
    federation = world.federation(num_rounds=1)
    revoked = federation.participants[0]
    registrar = registry_of(federation, federation.coordinator)
    registrar.send(Revoke((address_of(revoked),)))
    rotation = accept(federation, federation.address_of(1), revoked)
    assert refusal(federation, federation.participants[1], rotation) == "AlreadyEnrolled"
    with pytest.raises(TransactionRejected) as refused:
        registrar.send(Enrol((address_of(revoked),)))
    assert refused.value.error == "AlreadyEnrolled"


def test_a_succession_without_its_rotation_fails_the_admissions(world: World) -> None:
    federation = world.federation(num_rounds=1)
    former = rotate(federation, 0, world.account(NEW))
    federation.ledger(world.account(9)).send(Succeed(former))
    federation.run_round()
    evidence = record(federation).evidence
    logs = evidence.registry.logs
    kept = [log for log in logs if not isinstance(decode_log(log), ParticipantRotated)]
    forged = replace(evidence, registry=replace(evidence.registry, logs=kept))
    assert problems(run_audit(forged)) == [
        (None, "registry_history", "FAIL"),
        (None, "admissions", "FAIL"),
    ]


def test_a_rotation_of_who_was_not_enrolled_fails_the_registrys_replay(world: World) -> None:
    federation = world.federation(num_rounds=1)
    former = rotate(federation, 0, world.account(NEW))
    federation.ledger(world.account(9)).send(Succeed(former))
    federation.run_round()
    evidence = record(federation).evidence
    logs = evidence.registry.logs
    kept = [log for log in logs if not isinstance(decode_log(log), ParticipantEnrolled)]
    forged = replace(evidence, registry=replace(evidence.registry, logs=kept))
    found = problems(run_audit(forged))
    assert (None, "registry_transitions", "FAIL") in found
    assert (None, "registry_history", "FAIL") in found
