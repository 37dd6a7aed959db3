"""A free rider that wants the update of another participant in time to sign it as its own.

In a task with commitments it finds nothing to copy before it must have committed itself: no blob,
no digest, no weight. What it finds on chain, a commitment, is bound to its sender. Once updates are
revealed, the contract takes only what was committed to (``WrongReveal``), and in time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl_chain.errors import BlobUnavailable, TransactionRejected
from fl_chain.protocol.actions import CommitUpdate, RevealUpdate
from fl_chain.protocol.blob import decode_blob
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.layout import unflatten
from fl_chain.protocol.phases import Phase
from fl_chain.roles.journal import Journal
from fl_chain.roles.participant import ParticipantRole
from fl_chain.training.evaluation import Evaluation
from fl_chain.training.trainer import Trainer, TrainingResult
from tests.world import Federation, World, assert_passes

VICTIM, COPIER, OTHER = range(3)
COMMIT_SECONDS = 300


@pytest.fixture
def federation(world: World) -> Federation:
    return world.federation(num_rounds=1, min_updates=2, commit_seconds=COMMIT_SECONDS)


def refused(federation: Federation, participant: int, action: Any) -> str:
    with pytest.raises(TransactionRejected) as refusal:
        federation.ledger(federation.participants[participant]).send(action)
    return refusal.value.error


def pass_time_to(federation: Federation, moment: int) -> None:
    """Let the next block have this time."""
    federation.world.connection.call("evm_setNextBlockTimestamp", moment)


class _Trainer(Trainer):
    def __init__(self, federation: Federation) -> None:
        self._layout = federation.manifest.layout

    def train(self, parameters: Any, *, seed: int, **more: Any) -> TrainingResult:
        size = sum(values.size for values in parameters.values())
        delta = np.random.default_rng(seed).normal(0, 0.01, size).astype(np.float32)
        return TrainingResult(unflatten(delta, self._layout), 100, 1.0, 0.0)

    def evaluate(self, parameters: Any, *, round_number: int = 1) -> Evaluation:
        return Evaluation(50, 5, 2.3)


def test_who_watches_chain_and_ipfs_finds_nothing_to_copy_before_all_have_committed(
    federation: Federation, tmp_path: Path
) -> None:
    trainer: Any = _Trainer(federation)
    with Journal(tmp_path) as journal:
        ledger = federation.ledger(federation.participants[VICTIM])
        role = ParticipantRole(ledger, federation.store, trainer, journal)
        while not federation.task.has_committed(ledger.sender):
            role.step()
        task = federation.task
        entry = journal.read_update(federation.manifest.task_id, 1, [task.base_digest.hex()])
        assert entry is not None
        digest, cid = compute_digest(entry.pinned), compute_cid(entry.pinned)
        assert len(entry.salt) == 32
        with pytest.raises(BlobUnavailable):
            federation.store.get(cid, max_bytes=len(entry.pinned))
        connection = federation.world.connection
        for log in ledger.fetch(0).logs:
            sent = connection.call("eth_getTransactionByHash", "0x" + log.transaction_hash.hex())
            for secret in (digest, cid.digest, entry.salt):
                assert secret not in log.data
                assert secret.hex() not in sent["input"]
        for participant in (COPIER, OTHER):
            federation.commit(participant, federation.update(participant))
        assert federation.task.phase(federation.follower.now) == Phase.COLLECTING
        while federation.task.current.num_updates == 0:
            role.step()
    (update,) = federation.task.rounds[1].updates
    assert (update.digest, update.cid_digest) == (digest, cid.digest)
    assert federation.store.get(cid, max_bytes=len(entry.pinned)) == entry.pinned


def test_a_copied_commitment_cannot_be_revealed_by_the_copier(federation: Federation) -> None:
    blob = federation.update(VICTIM)
    commitment = federation.commitment(VICTIM, blob)
    copy = CommitUpdate(1, commitment)
    federation.ledger(federation.participants[COPIER]).send(copy)
    for participant in (VICTIM, OTHER):
        federation.commit(participant, federation.update(participant))
    federation.reveal(VICTIM, blob)
    stolen = federation.revelation(blob)
    assert refused(federation, COPIER, stolen) == "WrongReveal"
    federation.reveal(OTHER, federation.update(OTHER))
    federation.world.advance_clock(federation.task.parameters.collect_seconds + 1)
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)
    assert len(federation.task.rounds[1].updates) == 2


def test_a_copy_made_after_the_reveal_comes_too_late(federation: Federation) -> None:
    """The copier takes the victim's lanes as its own, which works where nobody commits."""
    for participant in range(3):
        federation.commit(participant, federation.update(participant))
    federation.reveal(VICTIM, federation.update(VICTIM))
    _, lanes = decode_blob(federation.update(VICTIM))
    copy = federation.update(COPIER, lanes.astype(np.int16))
    assert refused(federation, COPIER, federation.revelation(copy)) == "WrongReveal"
    assert refused(federation, COPIER, CommitUpdate(1, bytes(32))) == "UnexpectedPhase"


@pytest.mark.parametrize("other", ["round", "ledger", "chain"])
def test_a_commitment_made_for_another_place_is_worth_nothing(
    world: World, federation: Federation, other: str
) -> None:
    blob = federation.update(VICTIM)
    place = {
        "round": {"round_number": 2},
        "ledger": {"ledger": world.federation(num_rounds=1).address},
        "chain": {"chain_id": 1},
    }[other]
    commitment = federation.commitment(VICTIM, blob, **place)
    federation.ledger(federation.participants[VICTIM]).send(CommitUpdate(1, commitment))
    for participant in (COPIER, OTHER):
        federation.commit(participant, federation.update(participant))
    assert refused(federation, VICTIM, federation.revelation(blob)) == "WrongReveal"


@pytest.mark.parametrize("field", ["digest", "cid_digest", "weight", "salt"])
def test_nothing_but_what_was_committed_to_is_revealed(federation: Federation, field: str) -> None:
    for participant in range(3):
        federation.commit(participant, federation.update(participant))
    change: dict[str, Any] = {field: 101 if field == "weight" else b"\x77" * 32}
    lie = federation.revelation(federation.update(VICTIM), **change)
    assert refused(federation, VICTIM, lie) == "WrongReveal"
    federation.reveal(VICTIM, federation.update(VICTIM))


def test_nothing_is_revealed_before_committing_is_over_or_after_the_deadline(
    federation: Federation,
) -> None:
    updates = [federation.update(participant) for participant in range(3)]
    for participant in (VICTIM, COPIER):
        federation.commit(participant, updates[participant])
    task = federation.task
    assert refused(federation, VICTIM, federation.revelation(updates[VICTIM])) == "UnexpectedPhase"
    pass_time_to(federation, task.commit_until + 1)
    federation.reveal(VICTIM, updates[VICTIM])
    assert federation.task.rounds[1].updates[0].timestamp == task.commit_until + 1
    late = task.commit_until + task.parameters.collect_seconds + 1
    pass_time_to(federation, late)
    federation.world.connection.call("evm_mine")
    assert refused(federation, COPIER, federation.revelation(updates[COPIER])) == "UnexpectedPhase"


def test_an_update_without_a_commitment_is_refused(federation: Federation) -> None:
    with pytest.raises(TransactionRejected) as refusal:
        federation.submit(COPIER, federation.update(COPIER))
    assert refusal.value.error == "CommitmentsRequired"
    federation.commit(VICTIM, federation.update(VICTIM))
    federation.commit(OTHER, federation.update(OTHER))
    federation.world.advance_clock(COMMIT_SECONDS + 1)
    reveal = RevealUpdate(1, *[b"\x11" * 32] * 2, 100, bytes(32))
    assert refused(federation, COPIER, reveal) == "NotCommitted"
    assert refused(federation, VICTIM, CommitUpdate(1, bytes(32))) == "UnexpectedPhase"


def test_nobody_commits_twice_to_choose_later(federation: Federation) -> None:
    federation.commit(VICTIM, federation.update(VICTIM))
    another = CommitUpdate(1, federation.commitment(VICTIM, federation.update(VICTIM), weight=7))
    assert refused(federation, VICTIM, another) == "AlreadyCommitted"
