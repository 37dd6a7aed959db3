"""Sealed updates that are not what they should be, and people who want to read them.

None of them shows an update to anybody but its readers, and none stops the task. Caught by the
container's place and canonical form (``misbound``, ``malformed``), by the digest on record of what
is inside (``wrong_digest``), by the tags of what is encrypted (to the reader it is
``unavailable``), and by the audit, which says what it could not see.
"""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.audit.findings import EXIT_CODES, Verdict, compute_verdict
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.errors import CannotDecrypt, UsageError
from fl_chain.privacy.sealing import decode_sealed, open_sealed
from fl_chain.protocol.actions import Revoke, SetEncryptionKey
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.encryption import derive_public_key, name_key
from fl_chain.protocol.phases import Phase
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.sealer import Sealer
from tests.world import Federation, World, assert_passes, problems

AUDITOR = 29
CLOSED = [(1, check, "UNDECIDABLE") for check in ("update_blob", "exclusions", "aggregate")]


@pytest.fixture
def federation(world: World) -> Federation:
    auditor = str(world.account(AUDITOR).address).lower()
    return world.federation(
        num_rounds=1,
        min_updates=2,
        privacy={"mode": "sealed", "auditors": [auditor]},
        aggregate_seconds=2,
    )


def auditor_of(federation: Federation) -> str:
    (auditor,) = federation.manifest.privacy.auditors
    return auditor


def finish_without(federation: Federation, reason: str) -> None:
    """Aggregate a round whose last update is bad: left out for that reason, and readers agree."""
    federation.aggregate()
    assert federation.exclusions() == [(2, reason)]
    assert problems(federation.audit(reader=auditor_of(federation))) == []


def test_a_named_auditor_replays_bit_for_bit_and_others_are_told_what_they_do_not_see(
    federation: Federation,
) -> None:
    federation.run_round()
    for reader in (auditor_of(federation), federation.aggregator_address(0)):
        assert_passes(federation.audit(reader=reader), 1)
    findings = federation.audit()
    assert problems(findings) == CLOSED
    assert EXIT_CODES[compute_verdict(findings)] == 2
    assert all("3 updates" in f.detail for f in findings if f.verdict == Verdict.UNDECIDABLE)


def test_a_wrong_model_is_found_by_a_reader_alone(federation: Federation) -> None:
    federation.submit_honestly()
    federation.propose(*federation.lie())
    federation.finalize()
    found = problems(federation.audit(reader=auditor_of(federation)))
    assert (1, "aggregate", "FAIL") in found
    assert problems(federation.audit()) == CLOSED


def test_what_is_pinned_of_an_update_tells_nothing_of_it(federation: Federation) -> None:
    blob = federation.update(0)
    federation.submit(0, blob)
    (record,) = federation.task.rounds[1].updates
    data = federation.store.get(cid_from_digest(record.cid_digest, 0), max_bytes=2**20)
    assert record.digest == compute_digest(blob)
    lanes = blob[-64:]
    assert lanes not in data
    with pytest.raises(CannotDecrypt):
        open_sealed(decode_sealed(data), {name_key(derive_public_key(b"\1" * 32)): b"\1" * 32})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"round": 2}, "misbound"),
        ({"task": "00" * 32}, "misbound"),
        ({"participant": "0x" + "00" * 20}, "misbound"),
    ],
    ids=["another round", "another task", "another participant"],
)
def test_a_container_of_another_place_is_misbound(
    federation: Federation, changes: dict[str, Any], reason: str
) -> None:
    federation.submit_honestly(0, 1)
    blob = federation.update(2)
    federation.submit(2, blob, pinned=federation.seal(2, blob, place=changes))
    finish_without(federation, reason)


def test_anothers_container_is_misbound_and_anothers_update_in_a_new_one_too(
    world: World, federation: Federation
) -> None:
    federation.submit_honestly(0)
    stolen = federation.update(0)
    federation.submit(1, stolen, pinned=federation.seal(0, stolen))
    federation.submit(2, stolen)
    federation.aggregate()
    assert federation.exclusions() == [(1, "misbound"), (2, "misbound")]


def test_a_container_for_fewer_readers_is_misbound(federation: Federation) -> None:
    federation.submit_honestly(0, 1)
    blob = federation.update(2)
    secrets = federation.secrets
    keys = [derive_public_key(secrets[federation.aggregator_address(0)])]
    federation.submit(2, blob, pinned=federation.seal(2, blob, keys))
    finish_without(federation, "misbound")


def test_an_update_that_is_not_sealed_is_malformed(federation: Federation) -> None:
    """By its header: as a container it is none. That it was shown to all is its sender's doing."""
    federation.submit_honestly(0, 1)
    blob = federation.update(2)
    federation.submit(2, blob, pinned=blob)
    finish_without(federation, "malformed")
    statuses = [f for f in federation.audit() if f.check == "exclusions"]
    assert [f.verdict for f in statuses] == [Verdict.UNDECIDABLE]


def test_something_else_inside_has_a_wrong_digest(federation: Federation) -> None:
    federation.submit_honestly(0, 1)
    blob = federation.update(2)
    other = federation.seal(2, federation.update(2, federation.lanes(5)))
    federation.submit(2, blob, pinned=other)
    finish_without(federation, "wrong_digest")


@pytest.mark.parametrize("start", [1024 + 40, -20], ids=["a row", "the content"])
def test_altered_bytes_are_nothing_to_any_reader(federation: Federation, start: int) -> None:
    federation.submit_honestly(0, 1)
    blob = federation.update(2)
    data = bytearray(federation.seal(2, blob))
    data[start] ^= 1
    federation.submit(2, blob, pinned=bytes(data))
    federation.aggregate()
    assert federation.exclusions() == [(2, "unavailable")]
    findings = federation.audit(reader=federation.aggregator_address(0))
    assert problems(findings) == [(1, "exclusions", "UNDECIDABLE")]


def test_a_row_that_opens_to_some_readers_only_stops_nobody(world: World) -> None:
    """Sealed rightly to one of three aggregators: it includes the update, and no other can tell.

    Those who cannot open it neither attest nor object; time decides, and the reader's audit agrees.
    """
    federation = world.federation(
        3,
        aggregators=3,
        quorum=2,
        num_rounds=1,
        min_updates=3,
        challenge_seconds=4,
        privacy={"mode": "sealed"},
    )
    federation.submit_honestly(0, 1)
    blob = federation.update(2)
    keys = [derive_public_key(federation.secrets[one]) for one in federation.manifest.readers]
    stranger = derive_public_key(b"\x55" * 32)
    pinned = federation.seal(2, blob, [keys[0], stranger, stranger])
    federation.submit(2, blob, pinned=pinned)
    crew = federation.start_aggregators(0, 1, 2)
    crew.wait_for("silent", 1, 2)
    world.advance_clock(5)
    crew.join()
    assert federation.task.rounds[1].finalized is not None
    assert problems(federation.audit(reader=federation.aggregator_address(0))) == []


def sealer_of(federation: Federation, events: list[str]) -> Sealer:
    ledger = federation.ledger(federation.participants[0])
    follower = TaskFollower(ledger, federation.store)
    follower.refresh()
    return Sealer(
        follower, federation.store, lambda event, _: events.append(event), lambda do: do()
    )


def opens(federation: Federation, pinned: bytes, secret: bytes) -> bool:
    ring = {name_key(derive_public_key(secret)): secret}
    try:
        return open_sealed(decode_sealed(pinned), ring) == b"update"
    except CannotDecrypt:
        return False


def test_a_revoked_reader_is_sealed_to_no_more(federation: Federation) -> None:
    auditor = auditor_of(federation)
    before = sealer_of(federation, []).seal(1, b"update")
    registry = EthereumRegistry(
        federation.world.connection, federation.task.parameters.registry, federation.coordinator
    )
    registry.send(Revoke((auditor,)))
    after = sealer_of(federation, []).seal(1, b"update")
    secret = federation.secrets[auditor]
    assert (opens(federation, before, secret), opens(federation, after, secret)) == (True, False)
    aggregator = federation.secrets[federation.aggregator_address(0)]
    assert opens(federation, after, aggregator)
    assert len(after) == len(before)


def test_a_key_that_was_replaced_is_sealed_to_no_more(federation: Federation) -> None:
    auditor = auditor_of(federation)
    former = federation.secrets[auditor]
    federation.name_encryption_key(auditor, b"\x77" * 32)
    pinned = sealer_of(federation, []).seal(1, b"update")
    assert not opens(federation, pinned, former)
    assert opens(federation, pinned, b"\x77" * 32)


@pytest.mark.parametrize("key", ["nobody has it", "none", "small order"])
def test_a_reader_with_a_bad_key_stops_nobody_and_reads_nothing(
    federation: Federation, key: str
) -> None:
    """Waited for until half of the time to submit has passed, then sealed without."""
    good = derive_public_key(b"\x66" * 32)
    bad = {
        "nobody has it": os.urandom(32),
        "none": b"\xff" * len(good),
        "small order": good[:-32] + bytes(32),
    }[key]
    name = bad
    if key != "nobody has it":
        federation.store.put(bad)
        name = name_key(bad)
    EthereumRegistry(
        federation.world.connection,
        federation.task.parameters.registry,
        federation.world.account(AUDITOR),
    ).send(SetEncryptionKey(name))
    federation.world.advance_clock(federation.task.parameters.collect_seconds // 2 + 1)
    events: list[str] = []
    pinned = sealer_of(federation, events).seal(1, b"update")
    assert events == ["sealed_without"]
    assert decode_sealed(pinned).rows[1] == bytes(len(decode_sealed(pinned).rows[1]))
    assert opens(federation, pinned, federation.secrets[federation.aggregator_address(0)])


def test_a_reader_without_a_key_does_not_keep_anybody_from_committing(world: World) -> None:
    """What is committed to is sealed, so half of the time to commit is all that a reader gets."""
    federation = world.federation(
        num_rounds=1,
        min_updates=2,
        commit_seconds=60,
        privacy={"mode": "sealed", "auditors": [str(world.account(AUDITOR).address).lower()]},
    )
    EthereumRegistry(
        world.connection, federation.task.parameters.registry, world.account(AUDITOR)
    ).send(SetEncryptionKey(os.urandom(32)))
    events: list[str] = []
    world.advance_clock(27)
    sealer_of(federation, events).seal(1, b"update")
    assert events[-1:] == ["sealed_without"]
    assert federation.task.phase(federation.follower.now) == Phase.COMMITTING


def test_whoever_is_late_still_finds_the_keys_there_are(federation: Federation) -> None:
    federation.world.advance_clock(2 * federation.task.parameters.collect_seconds)
    pinned = sealer_of(federation, []).seal(1, b"update")
    assert opens(federation, pinned, federation.secrets[federation.aggregator_address(0)])


def test_no_two_updates_are_sealed_under_one_key(federation: Federation) -> None:
    """Also after a crash: what is made again is sealed anew, and the nonce is never used twice."""
    sealed = [decode_sealed(sealer_of(federation, []).seal(1, b"update")) for _ in range(3)]
    assert len({one.content for one in sealed}) == 3
    assert len({one.rows for one in sealed}) == 3


def test_an_aggregator_without_a_key_says_so_at_once(federation: Federation) -> None:
    ledger = federation.ledger(federation.coordinator)
    with pytest.raises(UsageError, match="no encryption key"):
        AggregatorRole(ledger, federation.store).run()


def test_an_auditor_with_a_key_of_another_task_sees_what_anybody_sees(
    federation: Federation,
) -> None:
    federation.run_round()
    stranger = b"\x44" * 32
    evidence = replace(
        federation.evidence(), keys={name_key(derive_public_key(stranger)): stranger}
    )
    assert problems(run_audit(evidence)) == CLOSED
