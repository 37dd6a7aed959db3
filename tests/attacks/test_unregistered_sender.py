"""Somebody who was never admitted, or no longer is, submits.

Caught by the contract: ``NotAdmitted``. Nothing of it enters the history, so the audit passes.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.chain.ethereum import Deployer
from fl_chain.errors import TransactionRejected, UsageError
from fl_chain.protocol.actions import Admit, Enrol, Remove, Revoke, SubmitUpdate
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.registry_records import ParticipantEnrolled
from fl_chain.roles.journal import Journal
from fl_chain.roles.participant import ParticipantRole
from tests.world import World, assert_passes, problems, record


def test_a_stranger_is_refused(world: World) -> None:
    federation = world.federation(num_rounds=1)
    stranger = federation.ledger(world.account(9))
    with pytest.raises(TransactionRejected) as refused:
        stranger.send(SubmitUpdate(1, b"\1" * 32, b"\1" * 32, 1))
    assert refused.value.error == "NotAdmitted"
    assert refused.value.values["participant"] == stranger.sender
    federation.run_round()
    assert_passes(federation.audit(), num_rounds=1)


def test_the_participant_program_says_what_a_stranger_can_do(world: World, tmp_path) -> None:  # type: ignore[no-untyped-def]
    federation = world.federation(num_rounds=1)
    ledger = federation.ledger(world.account(9))
    with pytest.raises(UsageError, match="not admitted"):
        ParticipantRole(ledger, federation.store, None, Journal(tmp_path)).run()  # type: ignore[arg-type]
    ledger.close()


def test_nobody_is_admitted_who_is_not_enrolled_or_by_anybody_else(world: World) -> None:
    federation = world.federation(num_rounds=1)
    stranger = str(world.account(9).address).lower()
    with pytest.raises(TransactionRejected) as refused:
        federation.ledger(federation.coordinator).send(Admit((stranger,)))
    assert refused.value.error == "NotEnrolled"
    with pytest.raises(TransactionRejected) as refused:
        federation.ledger(world.account(9)).send(Admit((stranger,)))
    assert refused.value.error == "NotCoordinator"
    with pytest.raises(TransactionRejected) as refused:
        Deployer(world.connection, world.account(9)).send(
            federation.created.registry, Enrol((stranger,))
        )
    assert refused.value.error == "NotRegistrar"


def test_a_removed_participant_is_refused_and_the_others_go_on(world: World) -> None:
    federation = world.federation(num_rounds=1, min_updates=2, target_updates=2)
    removed = federation.address_of(2)
    anybody = federation.ledger(world.account(9))
    with pytest.raises(TransactionRejected) as refused:
        anybody.send(Remove(removed))
    assert refused.value.error == "StillEnrolled"
    deployer = Deployer(world.connection, federation.coordinator)
    deployer.send(federation.created.registry, Revoke((removed,)))
    anybody.send(Remove(removed))
    with pytest.raises(TransactionRejected) as refused:
        federation.submit(2, federation.update(2))
    assert refused.value.error == "NotAdmitted"
    with pytest.raises(TransactionRejected) as refused:
        deployer.send(federation.created.registry, Enrol((removed,)))
    assert refused.value.error == "AlreadyEnrolled"
    federation.submit_honestly(0, 1)
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)


def test_an_admission_without_its_enrolment_fails_the_admissions(world: World) -> None:
    """A registry whose history lacks the enrolment: the node hides it, and both checks say so."""
    federation = world.federation(num_rounds=1)
    federation.run_round()
    evidence = record(federation).evidence
    kept = [
        log
        for log in evidence.registry.logs
        if not isinstance(decode_log(log), ParticipantEnrolled)
    ]
    forged = replace(evidence, registry=replace(evidence.registry, logs=kept))
    assert problems(run_audit(forged)) == [
        (None, "registry_history", "FAIL"),
        (None, "admissions", "FAIL"),
    ]
