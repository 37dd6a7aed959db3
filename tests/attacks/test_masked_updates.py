"""Members, nodes and crashes that would take the masks off an update, or stop the round.

None of them shows an update to anybody, and none stops the task. Caught by the commitments in share
bundles (``apart``, then ``unpaired``), by the one record that all answer, by the journal, which
remembers what is out, and by the contract, which takes no update late and one answer of each.
"""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl_chain.aggregation.fixed_point import decode_model
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.errors import LocalStateError, TransactionRejected, UsageError
from fl_chain.privacy.masking.bundle import decode_bundle, encode_bundle
from fl_chain.privacy.masking.reveal import RevealedItem, decode_reveal, encode_reveal
from fl_chain.protocol.actions import CommitUpdate, Remove, Revoke
from fl_chain.protocol.blob import decode_blob
from fl_chain.protocol.cid import cid_from_digest, compute_cid
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import PeersApart, UpdateUnmasked
from fl_chain.roles.mask_state import decode_drawn
from fl_chain.roles.masker import Masker
from fl_chain.storage.memory import MemoryStore
from tests.attacks.test_chain_node_that_lies import (
    expect_failure,
    flip_word,
    num_words,
    with_logs,
)
from tests.masked import MaskedRound, Member
from tests.world import World, assert_passes, problems, record

UNPAIRED, LEFT_OUT = "unpaired", "group_left_out"


@pytest.fixture
def masked(world: World, tmp_path: Path) -> MaskedRound:
    return MaskedRound(world, tmp_path)


@pytest.fixture
def brief(world: World, tmp_path: Path) -> MaskedRound:
    """Its turns are over soon, so that a round without a model is."""
    return MaskedRound(world, tmp_path, aggregate_seconds=3)


def excluded(masked: MaskedRound) -> dict[str, str]:
    """Aggregate; return the addresses of whose updates are left out, and why."""
    federation = masked.federation
    federation.aggregate()
    updates = federation.task.rounds[1].updates
    return {updates[sequence].participant: reason for sequence, reason in federation.exclusions()}


def finish_with(masked: MaskedRound, *indices: int) -> None:
    """Check that the model is the open mean of these members' updates, and that audits agree."""
    federation = masked.federation
    history = federation.task.rounds[1]
    assert history.finalized is not None
    weights = {member.address: 100 + member.index for member in masked.members}
    total = sum(weights[masked[index].address] for index in indices)
    lanes = [np.asarray(federation.lanes(100 + index), np.int64) for index in indices]
    summed = sum(one * (100 + index) for one, index in zip(lanes, indices, strict=True))
    encoding = federation.manifest.encoding
    shift = encoding.model_fraction_bits - encoding.fraction_bits
    base = federation.follower.model(0).astype(np.int64)
    model = federation.follower.model(1).astype(np.int64)
    exact = np.asarray(summed, np.float64) * 2.0**shift / total
    assert np.abs(model - base - exact).max() <= 0.5 + 1e-6
    assert_passes(federation.audit(), 1)


def read_bundle(member: Member) -> bytes:
    """Return the bundle that a member has pinned."""
    drawn = member.masker.share(member.number)
    assert drawn is not None
    return member.federation.store.get(cid_from_digest(drawn, 0), max_bytes=2**20)


def commit_to(member: Member, data: bytes, *, pin: bool = True) -> None:
    """Commit to anything as a share bundle."""
    if pin:
        member.federation.store.put(data)
    member.ledger.send(CommitUpdate(member.number, compute_cid(data).digest))


def test_nobody_sees_an_update_and_everybody_the_sum(masked: MaskedRound) -> None:
    masked.share()
    masked.enter()
    masked.tell()
    assert excluded(masked) == {}
    finish_with(masked, 0, 1, 2, 3, 4)
    federation = masked.federation
    for update, member in zip(federation.task.rounds[1].updates, masked.members, strict=True):
        data = federation.store.get(cid_from_digest(update.cid_digest, 2**19), max_bytes=2**22)
        _, lanes = decode_blob(data)
        plain = member.lanes.astype(np.uint32) * np.uint32(update.weight)
        assert abs(np.corrcoef(lanes.astype(float), plain.view(np.int32))[0, 1]) < 0.05
        assert np.count_nonzero(lanes == plain) < 5


def test_who_drops_out_at_any_step_is_missing_from_the_sum_alone(masked: MaskedRound) -> None:
    masked.share()
    masked.enter(0, 1, 2, 4)
    masked.tell()
    assert excluded(masked) == {}
    finish_with(masked, 0, 1, 2, 4)


def test_who_does_not_tell_is_in_the_sum_all_the_same(masked: MaskedRound) -> None:
    masked.share()
    masked.enter()
    masked.tell(1, 2, 3, 4)
    assert excluded(masked) == {}
    finish_with(masked, 0, 1, 2, 3, 4)


def test_garbage_shares_leave_out_their_sender_alone(masked: MaskedRound) -> None:
    masked.open()
    for member in masked.members[:4]:
        member.share()
    bad = masked[4]
    bad.look()
    bundle = decode_bundle(read_bundle(bad))
    garbage = bytes(len(bundle.messages))
    commit_to(bad, encode_bundle(replace(bundle, messages=garbage)))
    for member in masked.members[:4]:
        blob, apart = member.mask()
        position = next(g.find_position(bad.address) for g in masked.groups())
        assert position is not None
        assert apart == 1 << position
        member.submit(blob, apart)
    bad.submit(masked[0].mask()[0])
    masked.tell(0, 1, 2, 3)
    assert excluded(masked) == {bad.address: UNPAIRED}
    finish_with(masked, 0, 1, 2, 3)


@pytest.mark.parametrize("what", ["missing", "malformed", "of another"])
def test_a_bundle_that_is_none_leaves_out_its_sender_alone(masked: MaskedRound, what: str) -> None:
    masked.open()
    for member in masked.members[:4]:
        member.share()
    bad = masked[4]
    bad.look()
    own = read_bundle(bad)
    data = {"missing": own[:-1], "malformed": own[:-1], "of another": read_bundle(masked[0])}[what]
    commit_to(bad, data, pin=what != "missing")
    masked.world.advance_clock(masked.federation.task.parameters.collect_seconds // 2)
    for member in masked.members[:4]:
        member.enter()
    masked.end_collection()
    masked.tell(0, 1, 2, 3)
    assert excluded(masked) == {}
    finish_with(masked, 0, 1, 2, 3)


def test_false_answers_do_no_harm_but_to_their_senders_name(masked: MaskedRound) -> None:
    masked.share()
    masked.enter()
    liar = masked[4]
    liar.look()
    word = liar.masker.tell(1)
    assert word is not None
    data = masked.federation.store.get(cid_from_digest(word, 0), max_bytes=2**20)
    reveal = decode_reveal(data)
    items = {name: RevealedItem(False, b"\7" * 32) for name in reveal.items}
    liar.tell_anything(encode_reveal(replace(reveal, items=items)))
    masked.tell(0, 1, 2, 3)
    assert excluded(masked) == {}
    finish_with(masked, 0, 1, 2, 3, 4)


@pytest.mark.parametrize("data", [b"", b"nothing", bytes(2000)])
def test_an_answer_that_is_none_is_passed_over(masked: MaskedRound, data: bytes) -> None:
    masked.share()
    masked.enter()
    masked[4].look()
    masked[4].tell_anything(data)
    masked.tell(0, 1, 2, 3)
    assert excluded(masked) == {}
    finish_with(masked, 0, 1, 2, 3, 4)


def test_too_few_answers_leave_the_group_out_and_the_round_ends(brief: MaskedRound) -> None:
    brief.share()
    brief.enter()
    brief.tell(0, 1)
    told = dict(brief.federation.aggregate())
    assert "gave_up" in told
    assert brief.federation.task.current.round == 2


@pytest.mark.parametrize("is_shown", [True, False], ids=["shown", "withheld"])
def test_shares_dealt_in_two_ways_leave_the_group_out_whoever_is_shown_which(
    brief: MaskedRound, is_shown: bool
) -> None:
    """All but one of its shares tell the seed, and the one that does not is its own to tell."""
    brief.open()
    for member in brief.members[:4]:
        member.share()
    bad = brief[4]
    read_bundle(bad)  # which draws it
    drawn = decode_drawn((bad.journal.read_mask("drawn") or (0, b""))[1])
    false, at = b"\7" * 32, 32 * (1 + drawn.member.position)
    bundle = decode_bundle(drawn.bundle)
    said = bundle.commitments[:at] + sha256(false).digest() + bundle.commitments[at + 32 :]
    false_bundle = encode_bundle(replace(bundle, commitments=said))
    dealt = replace(drawn, own_shares=(false, *drawn.own_shares[1:]), bundle=false_bundle)
    bad.journal.write_mask("drawn", bad.number, dealt.encode())
    bad.share()
    brief.enter()
    assert all(not group.state.entered[i] for group in brief.groups() for i in range(5))
    for member in brief.members[:4]:
        member.tell()
    bad.begin(None if is_shown else MemoryStore())
    bad.tell()
    told = dict(brief.federation.aggregate())
    assert "gave_up" in told
    assert brief.federation.task.current.round == 2


def test_nobody_answers_twice(masked: MaskedRound) -> None:
    masked.share()
    masked.enter()
    member = masked[0]
    member.tell()
    word = member.follower.task.rounds[1]
    member.restart()
    member.look()
    again = member.masker.tell(1)
    (record,) = member.follower.task.rounds[1].unmaskings
    assert again == record.cid_digest
    assert word is not None
    with pytest.raises(TransactionRejected) as refusal:
        member.tell_anything(b"another answer")
    assert refusal.value.error == "AlreadyUnmasked"


def test_a_reorganisation_after_the_answer_is_not_answered_anew(masked: MaskedRound) -> None:
    masked.share()
    connection = masked.world.connection
    snapshot = connection.call("evm_snapshot")
    masked.enter()
    member = masked[0]
    member.look()
    first = member.masker.tell(1)
    assert first is not None
    connection.call("evm_revert", snapshot)
    # On the other chain two others are gone, whose pair seeds would be asked for.
    for index in (0, 1, 2, 3):
        blob, apart = masked[index].mask()
        masked[index].submit(blob, apart)
    masked.end_collection()
    member.look()
    assert member.masker.tell(1) == first


def test_nothing_is_told_before_as_many_blocks_as_the_task_asks_for(
    world: World, tmp_path: Path
) -> None:
    masked = MaskedRound(world, tmp_path, privacy={"confirmations": 3})
    masked.share()
    masked.enter()
    member = masked[0]
    for _ in range(3):
        member.look()
        assert not member.masker.is_final()
        world.connection.call("evm_mine")
    member.look()
    assert member.masker.is_final()


def test_what_time_ended_is_final_once_a_block_shows_it(masked: MaskedRound) -> None:
    masked.share()
    for index in (0, 1, 2, 3):
        masked[index].enter()
    member = masked[0]
    member.look()
    assert masked.phase() == Phase.COLLECTING
    assert not member.masker.is_final()
    masked.end_collection()
    member.look()
    assert member.masker.is_final()


@pytest.mark.parametrize("survivors", [(0,), (0, 1), (0, 1, 2)])
def test_too_few_survivors_are_told_of_by_nobody(
    brief: MaskedRound, survivors: tuple[int, ...]
) -> None:
    brief.share()
    brief.enter(*survivors)
    for index in survivors:
        brief[index].look()
        assert brief[index].masker.tell(1) is None
    brief.end_unmasking()
    brief.federation.aggregate()
    assert brief.federation.task.current.round == 2
    assert all(not history.unmaskings for history in brief.federation.task.rounds.values())


def test_a_bundle_of_an_earlier_round_is_misbound(world: World, tmp_path: Path) -> None:
    masked = MaskedRound(world, tmp_path, num_rounds=2)
    masked.share()
    old = read_bundle(masked[4])
    masked.enter()
    masked.tell()
    masked.federation.aggregate()
    masked.open()
    for member in masked.members[:4]:
        member.share()
    masked[4].look()
    commit_to(masked[4], old)
    for member in masked.members[:4]:
        blob, apart = member.mask()
        assert apart.bit_count() == 1
        member.submit(blob, apart)
    masked.end_collection()
    masked.tell(0, 1, 2, 3)
    masked.federation.aggregate()
    assert_passes(masked.federation.audit(), 2)


def test_who_shared_with_another_group_than_that_on_record_masks_nothing(
    masked: MaskedRound,
) -> None:
    """A member leaves after a bundle was drawn and before anything is on record."""
    masked.open()
    early, leaver = masked[0], masked[4]
    early.look()
    word = early.masker.share(early.number)
    assert word is not None
    federation = masked.federation
    registry = federation.task.parameters.registry
    EthereumRegistry(masked.world.connection, registry, federation.coordinator).send(
        Revoke((leaver.address,))
    )
    leaver.ledger.send(Remove(leaver.address))
    early.ledger.send(CommitUpdate(early.number, word))
    for member in masked.members[1:4]:
        member.share()
    masked.world.advance_clock(federation.task.parameters.commit_seconds + 1)
    early.look()
    assert early.masker.mask(early.entry(early.lanes)) is None
    for member in masked.members[1:4]:
        blob, apart = member.mask()
        assert apart.bit_count() == 1
        member.submit(blob, apart)
    masked.end_collection()
    masked.tell(1, 2, 3)
    assert excluded(masked) == {}
    finish_with(masked, 1, 2, 3)


def test_a_member_that_crashes_masks_once_and_the_same_again(masked: MaskedRound) -> None:
    masked.share()
    member = masked[0]
    bundle = read_bundle(member)
    member.restart()
    member.look()
    assert read_bundle(member) == bundle
    first = member.mask()
    member.restart()
    assert member.mask() == first
    assert member.mask(member.lanes + np.int16(1)) == first


@pytest.mark.parametrize("name", ["drawn", "masked", "received", "told"])
def test_a_damaged_journal_publishes_nothing(masked: MaskedRound, name: str) -> None:
    masked.share()
    masked.enter()
    member = masked[0]
    member.look()
    assert member.masker.tell(1)
    path = member.directory / "0" / f"mask-{name}"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))
    member.restart()
    member.look()
    publish = member.mask if name in ("drawn", "masked", "received") else member.masker.tell
    with pytest.raises(LocalStateError):
        publish(*(() if publish == member.mask else (1,)))


def test_nothing_on_disk_shows_a_seed_or_an_update(masked: MaskedRound) -> None:
    masked.share()
    masked.enter()
    masked.tell()
    member = masked[0]
    drawn = member.masker._read_drawn(1)
    assert drawn is not None
    files = [path.read_bytes() for path in (member.directory / "0").glob("mask-*")]
    assert len(files) == 4
    secrets = [*drawn.seeds, *(seed.hex().encode() for seed in drawn.seeds)]
    assert not any(secret in data for secret in secrets for data in files)


def test_without_a_key_nobody_takes_part(masked: MaskedRound) -> None:
    member = masked[0]
    member.look()
    stranger = Masker(
        member.follower, masked.federation.store, member.journal, {}, lambda *_: None, lambda a: a()
    )
    with pytest.raises(UsageError):
        stranger.require_keys()
    member.masker.require_keys()


def test_a_member_whose_key_is_another_hides_nobody_and_stops_nobody(masked: MaskedRound) -> None:
    masked.federation.secrets[masked[4].address] = b"\5" * 32
    masked[4].begin()
    masked.share()
    for member in masked.members:
        blob, apart = member.mask()
        assert apart.bit_count() == (4 if member.index == 4 else 0)
        member.submit(blob, apart)
    masked.end_collection()
    masked.tell(0, 1, 2, 3)
    assert excluded(masked) == {masked[4].address: UNPAIRED}
    finish_with(masked, 0, 1, 2, 3)


def test_a_survivors_bad_update_leaves_its_group_out(brief: MaskedRound) -> None:
    brief.share()
    for member in brief.members[:4]:
        member.enter()
    brief[4].look()
    brief[4].submit(b"nothing")
    brief.tell(0, 1, 2, 3)
    told: dict[str, Any] = dict(brief.federation.aggregate())
    assert "gave_up" in told


def test_a_node_that_shows_another_record_gets_no_answer(masked: MaskedRound) -> None:
    masked.share()
    masked.enter()
    member = masked[0]
    member.look()
    member.follower.task.rounds[1].apart[member.address] = 1 << 3
    assert member.masker.tell(1) is None
    assert member.told[-1][0] == "untold"


@pytest.mark.parametrize("bit", [0, 255], ids=["first bit", "last bit"])
def test_one_bit_in_any_record_of_masks_fails_the_history(brief: MaskedRound, bit: int) -> None:
    brief.share()
    for member in brief.members:
        blob, _ = member.mask()
        member.submit(blob, 1 << 20)  # nobody's position
    brief.tell()
    brief.federation.aggregate()
    recorded = record(brief.federation)
    logs = list(recorded.evidence.ledger.logs)
    kinds = [type(decode_log(log)) for log in logs]
    assert {PeersApart, UpdateUnmasked} <= set(kinds)
    for position, kind in enumerate(kinds):
        for word in range(num_words(logs[position]) if kind in (PeersApart, UpdateUnmasked) else 0):
            forged = [*logs[:position], flip_word(logs[position], word, bit), *logs[position + 1 :]]
            expect_failure(with_logs(recorded.evidence, "ledger", forged), "ledger")


def test_who_enrols_with_weights_out_of_proportion_still_sums_exactly(
    masked: MaskedRound,
) -> None:
    weights = [1, 7281, 3, 7281, 50]
    masked.share()
    for member, weight in zip(masked.members, weights, strict=True):
        blob, apart = member.mask(weight=weight)
        member.submit(blob, apart, weight)
    masked.tell()
    assert excluded(masked) == {}
    assert problems(masked.federation.audit()) == []
    assert decode_model(masked.federation.follower.model(1), 24).size
