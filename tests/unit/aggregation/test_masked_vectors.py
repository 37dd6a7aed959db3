"""Masked rounds as another implementation would meet them: from share bundles to the model."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy as np
import pytest
import rfc8785

from fl_chain.aggregation.derive import RoundAggregation
from fl_chain.aggregation.masked_groups import GroupRecord, list_groups
from fl_chain.aggregation.round_blobs import (
    compute_ring_bits,
    decode_model_blob,
    encode_masked_update,
    model_header,
)
from fl_chain.errors import CannotDecrypt
from fl_chain.privacy.masking.bundle import (
    ReceivedShares,
    decode_bundle,
    find_pair_seeds,
    open_bundle,
)
from fl_chain.privacy.masking.masks import mask_lanes
from fl_chain.privacy.masking.reveal import encode_reveal, make_reveal
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import decode_manifest
from fl_chain.protocol.records import RoundOpened, UpdateCommitted, UpdateSubmitted, UpdateUnmasked
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.state import RoundHistory
from tests import golden


class Played:
    """A golden round, and what its members know."""

    def __init__(self, name: str) -> None:
        self.golden = golden.load(f"aggregate/{name}.json")
        self.number = self.golden["round"]
        self.bundles = {entry["participant"]: entry for entry in self.golden["bundles"]}
        self.updates = {entry["participant"]: entry for entry in self.golden["updates"]}
        self.reveals = {entry["participant"]: entry for entry in self.golden["reveals"]}
        contents = [bytes.fromhex(entry["bundle"]) for entry in self.golden["bundles"]]
        contents += [bytes.fromhex(entry["reveal"]) for entry in self.golden["reveals"]]
        self.pinned = {compute_cid(data).digest: data for data in contents}

    @cached_property
    def manifest(self) -> Any:
        manifest = decode_manifest(rfc8785.dumps(self.golden["manifest"]))
        assert manifest.task_id == self.golden["task_id"]
        return manifest

    @cached_property
    def history(self) -> RoundHistory:
        history = RoundHistory(RoundOpened(self.number, 2, 0, 0))
        history.drawn = frozenset(self.golden["members"])
        history.seed = bytes.fromhex(self.golden["seed"])
        for who, entry in self.bundles.items():
            digest = compute_cid(bytes.fromhex(entry["bundle"])).digest
            history.commitments.append(UpdateCommitted(self.number, who, digest, 1))
        for who, entry in self.updates.items():
            what = bytes.fromhex(entry["digest"]), b"\1" * 32, entry["weight"]
            record = UpdateSubmitted(self.number, who, entry["sequence"], *what, 2)
            history.updates.append(record)
            if entry["apart"]:
                history.apart[who] = entry["apart"]
        for who, entry in self.reveals.items():
            digest = compute_cid(bytes.fromhex(entry["reveal"])).digest
            history.unmaskings.append(UpdateUnmasked(self.number, who, digest, 3))
        return history

    @cached_property
    def groups(self) -> tuple[GroupRecord, ...]:
        return list_groups(self.manifest, self.history)

    def find_group(self, who: str) -> tuple[GroupRecord, int]:
        """Return the group of a member, and its position there."""
        (group,) = (group for group in self.groups if who in group.members)
        return group, group.members.index(who)

    def seeds_of(self, who: str) -> list[bytes]:
        return [bytes.fromhex(seed) for seed in self.bundles[who]["seeds"]]

    def received_by(self, who: str) -> dict[int, ReceivedShares]:
        """Return what a member has of those whose bundles it can open: of all but those apart."""
        group, position = self.find_group(who)
        secret, apart = bytes.fromhex(self.bundles[who]["secret"]), self.updates[who]["apart"]
        received = {}
        for peer, other in enumerate(group.members):
            if peer == position:
                continue
            bundle = decode_bundle(bytes.fromhex(self.bundles[other]["bundle"]))
            if apart >> peer & 1:
                with pytest.raises(CannotDecrypt):
                    open_bundle(bundle, secret, position)
            else:
                received[peer] = open_bundle(bundle, secret, position)
        return received

    def aggregate(self) -> RoundAggregation:
        """Return the round with all that is there."""
        bases = [self.golden["base_digest"]]
        total = RoundAggregation(self.manifest, self.number, bases, groups=self.groups)
        for group in self.groups:
            for blob in group.list_blobs():
                total.take_group_blob(blob, self.pinned[blob.cid.digest])
        for record in self.history.updates:
            data = bytes.fromhex(self.updates[record.participant]["blob"])
            assert compute_digest(data) == record.digest
            total.add(record, data)
        return total


ROUNDS = {name: Played(name) for name in ("masked_round", "masked_robust_round")}
pytestmark = pytest.mark.parametrize("played", ROUNDS.values(), ids=ROUNDS)


def test_groups_survivors_and_questions_follow_from_the_records(played: Played) -> None:
    assert len(played.groups) == len(played.golden["groups"])
    for group, entry in zip(played.groups, played.golden["groups"], strict=True):
        assert (group.number, list(group.members)) == (entry["group"], entry["members"])
        assert sorted(group.state.sharers) == entry["sharers"]
        entered = [
            {"position": i, "apart": sorted(apart)}
            for i, apart in sorted(group.state.entered.items())
        ]
        assert entered == entry["entered"]
        assert sorted(group.survivors) == entry["survivors"]
        asked = [(one["low"], one["high"]) for one in entry["questions"]]
        assert list(group.questions.names) == asked
        carriers = {(one["low"], one["high"]): one["carrier"] for one in entry["questions"]}
        assert dict(group.questions.pairs).items() <= carriers.items()


def test_masked_updates_have_their_golden_bytes(played: Played) -> None:
    bits = compute_ring_bits(played.manifest)
    assert bits == played.golden["ring_bits"]
    for who, entry in played.updates.items():
        (group, position), seeds = played.find_group(who), played.seeds_of(who)
        pairs = find_pair_seeds(position, seeds, played.received_by(who))
        values, weight = np.array(entry["lanes"], np.int16), entry["weight"]
        lanes = mask_lanes(values, weight, group.place, position, seeds[0], pairs, bits)
        place = played.number, played.golden["base_digest"], who
        blob = encode_masked_update(played.manifest, *place, lanes)
        cut = blob[:-1] if entry["outcome"] == "malformed" else blob
        assert cut.hex() == entry["blob"]


def test_reveals_have_their_golden_bytes(played: Played) -> None:
    for who, entry in played.reveals.items():
        group, position = played.find_group(who)
        own_shares = [bytes.fromhex(share) for share in played.bundles[who]["own_shares"]]
        own = group.member(position), played.seeds_of(who), own_shares
        data = encode_reveal(make_reveal(group.state, *own, played.received_by(who)))
        assert (data.hex() == entry["reveal"]) == entry["is_reveal"]


def test_model_and_report_are_the_golden_bytes(played: Played) -> None:
    total = played.aggregate()
    assert total.partial().statuses == {
        entry["sequence"]: 0
        if entry["outcome"] == "included"
        else ExclusionReason(entry["outcome"]).status
        for entry in played.golden["updates"]
    }
    header = model_header(played.manifest)
    base = decode_model_blob(bytes.fromhex(played.golden["base_model"]), header)
    derived = total.derive(base)
    assert derived.model.hex() == played.golden["model"]
    assert derived.report.hex() == played.golden["report"]
    assert decode_model_blob(derived.model, header).tolist() == played.golden["model_values"]


def test_the_sum_of_a_group_is_that_of_its_included_updates(played: Played) -> None:
    for entry in played.golden["groups"]:
        entered = [played.updates[who] for who in entry["members"] if who in played.updates]
        paid = [update for update in entered if update["outcome"] == "included"]
        assert entry["total_weight"] == sum(update["weight"] for update in paid)
        lanes = [np.array(update["lanes"]) * update["weight"] for update in paid]
        assert (np.sum(lanes, axis=0).tolist() if paid else None) == entry["sum"]
