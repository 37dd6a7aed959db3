"""A task with masks, and rounds of it in which members drop out and lie as a test says."""

from __future__ import annotations

import functools
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import rfc8785
from numpy.typing import NDArray

from fl_chain.aggregation.derive import (
    DerivedRound,
    RoundAggregation,
    begin_round,
    step_round,
)
from fl_chain.aggregation.masked_groups import GroupBlob, GroupRecord, list_groups
from fl_chain.aggregation.round_blobs import (
    compute_ring_bits,
    count_held,
    decode_model_blob,
    encode_masked_update,
    hold_lanes,
    model_header,
    update_header,
)
from fl_chain.privacy.masking.bundle import (
    ReceivedShares,
    ShareBundle,
    draw_seeds,
    encode_bundle,
    find_pair_seeds,
    make_bundle,
    open_bundle,
)
from fl_chain.privacy.masking.groups import GroupMember, GroupPlace, draw_groups
from fl_chain.privacy.masking.masks import mask_lanes
from fl_chain.privacy.masking.reveal import encode_reveal, make_reveal
from fl_chain.protocol.blob import encode_blob
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest, decode_manifest
from fl_chain.protocol.privacy import PrivacyParameters
from fl_chain.protocol.records import RoundOpened, UpdateCommitted, UpdateSubmitted, UpdateUnmasked
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.state import RoundHistory
from tests import golden
from tests.unit.privacy.masking_world import make_draw, public_key, secret_key

ROUND = golden.load("aggregate/round.json")
NUMBER = ROUND["round"]
BASE_DIGEST = "ab" * 32
SEED = b"\7" * 32
OPEN = decode_manifest(rfc8785.dumps(ROUND["manifest"]))
MAX_WEIGHT = 50
UNAVAILABLE = ExclusionReason.UNAVAILABLE


def make_manifest(group_size: int = 3, **changes: Any) -> Manifest:
    rounds = replace(
        OPEN.rounds,
        **{"commit_seconds": 9, "unmask_seconds": 9, "sample_rate": 2**32 - 1, "seed_seconds": 9},
        **{"min_updates": 3, "target_updates": 60, "max_weight": MAX_WEIGHT},
    )
    privacy = PrivacyParameters(mode="masked", group_size=group_size)
    rounds = replace(rounds, **changes.pop("rounds", {}))
    return replace(OPEN, rounds=rounds, privacy=privacy, **changes)


def open_twin(manifest: Manifest) -> Manifest:
    """The same task with open updates."""
    rounds = replace(manifest.rounds, commit_seconds=0, unmask_seconds=0)
    return replace(manifest, rounds=rounds, privacy=PrivacyParameters())


def make_base(manifest: Manifest) -> NDArray[np.int32]:
    random = np.random.default_rng(1)
    size = sum(int(np.prod(shape)) for _, shape in manifest.model_layout)
    return random.integers(-(2**24), 2**24, size).astype(np.int32)


@dataclass(frozen=True)
class Member:
    """All that one member knows of its group."""

    identity: GroupMember
    seeds: tuple[bytes, ...]
    bundle: ShareBundle
    own_shares: tuple[bytes, ...]
    received: Mapping[int, ReceivedShares]


@functools.cache
def make_members(task_id: str, num_members: int, group_size: int) -> dict[str, Member]:
    """Everybody of a round in which all have shared."""
    names = [f"0x{index + 1:040x}" for index in range(num_members)]
    made: dict[str, Member] = {}
    for number, group in enumerate(draw_groups(SEED, names, group_size)):
        place, size = GroupPlace(task_id, NUMBER, number), len(group)
        keys = [public_key(names.index(who)) for who in group]
        identities = [GroupMember(place, who, size, i) for i, who in enumerate(group)]
        seeds = [draw_seeds(size, i, make_draw(f"seeds {number} {i}")) for i in range(size)]
        if size < 3:
            continue
        bundles = [
            make_bundle(one, keys, seeds[i], make_draw(f"shares {number} {i}"))
            for i, one in enumerate(identities)
        ]
        for i, who in enumerate(group):
            received = {
                j: open_bundle(bundles[j][0], secret_key(names.index(who)), i)
                for j in range(size)
                if j != i
            }
            made[who] = Member(identities[i], seeds[i], *bundles[i], received)
    return made


@dataclass
class MaskedRoundOf:
    """One round; ``blobs`` is what can be fetched, to be changed at will."""

    manifest: Manifest
    num_members: int
    weights: list[int] = field(default_factory=list)
    values: NDArray[Any] = field(default_factory=lambda: np.zeros((0, 0)))
    history: RoundHistory = field(init=False)
    blobs: dict[bytes, bytes] = field(default_factory=dict)
    """By the digest in the CID."""

    def __post_init__(self) -> None:
        random = np.random.default_rng(self.num_members)
        lanes = count_held(self.manifest, NUMBER)
        largest = self.manifest.encoding.max_abs
        shape = (self.num_members, lanes)
        self.values = random.integers(-largest, largest + 1, shape).astype(np.int16)
        self.weights = [1 + (7 * index) % MAX_WEIGHT for index in range(self.num_members)]
        self.names = [f"0x{index + 1:040x}" for index in range(self.num_members)]
        size = self.manifest.privacy.group_size
        self.members = make_members(self.manifest.task_id, self.num_members, size)
        self.history = RoundHistory(RoundOpened(NUMBER, 0, 0, 0))
        self.history.drawn, self.history.seed = frozenset(self.names), SEED

    def play(
        self,
        absent: Collection[int] = (),
        late: Collection[int] = (),
        apart: Iterable[tuple[int, int]] = (),
        silent: Collection[int] = (),
        order: Iterable[int] | None = None,
    ) -> None:
        """Members by index: who shares nothing, enters not, declares whom apart, tells nothing."""
        declared: dict[int, set[int]] = {}
        for who, whom in apart:
            declared.setdefault(who, set()).add(whom)
        sharing = [index for index in range(self.num_members) if index not in absent]
        entering = [index for index in order or sharing if index in sharing and index not in late]
        for index in sharing:
            data = self.bundle(index)
            self._pin(data)
            digest = compute_cid(data).digest
            self.history.commitments.append(UpdateCommitted(NUMBER, self.names[index], digest, 1))
        for index in entering:
            self.enter(index, declared.get(index, set()))
        for index in entering:
            if index not in silent:
                self.tell(index)

    def bundle(self, index: int) -> bytes:
        member = self.members.get(self.names[index])
        return b"nothing" if member is None else encode_bundle(member.bundle)

    def enter(self, index: int, apart: Collection[int] = ()) -> None:
        who, member = self.names[index], self.members.get(self.names[index])
        if member is not None:
            others = [self.members[self.names[i]].identity for i in apart]
            bits = sum(1 << one.position for one in others)
            if bits:
                self.history.apart[who] = bits
        data = self.blob(index, apart)
        self.submit(index, data, compute_digest(data))

    def submit(self, index: int, data: bytes, digest: bytes) -> None:
        self._pin(data)
        sequence = len(self.history.updates)
        what = digest, compute_cid(data).digest, self.weights[index]
        self.history.updates.append(UpdateSubmitted(NUMBER, self.names[index], sequence, *what, 2))

    def blob(self, index: int, apart: Collection[int] = ()) -> bytes:
        """The masked update of a member."""
        who, member = self.names[index], self.members.get(self.names[index])
        held, bits = hold_lanes(self.manifest, self.values[index]), compute_ring_bits(self.manifest)
        ring = np.zeros(held.size, f"u{bits // 8}")
        if member is not None:
            received = self._heard(index, apart)
            pairs = find_pair_seeds(member.identity.position, member.seeds, received)
            place = member.identity.place, member.identity.position
            ring = mask_lanes(held, self.weights[index], *place, member.seeds[0], pairs, bits)
        return encode_masked_update(self.manifest, NUMBER, BASE_DIGEST, who, ring)

    def tell(self, index: int) -> None:
        data = self.reveal(index)
        if data is not None:
            self._pin(data)
            record = UpdateUnmasked(NUMBER, self.names[index], compute_cid(data).digest, 3)
            self.history.unmaskings.append(record)

    def reveal(self, index: int) -> bytes | None:
        member = self.members.get(self.names[index])
        if member is None:
            return None
        group = self.groups[member.identity.place.group]
        bits = self.history.apart.get(self.names[index], 0)
        received = {
            i: its
            for i, its in member.received.items()
            if i in group.state.sharers and not bits >> i & 1
        }
        state, own = group.state, (member.seeds, member.own_shares)
        made = make_reveal(state, member.identity, *own, received)
        return encode_reveal(made) if made.items else None

    def _heard(self, index: int, apart: Collection[int]) -> dict[int, ReceivedShares]:
        member = self.members[self.names[index]]
        gone = {self.members[self.names[i]].identity.position for i in apart}
        place = member.identity.place
        shared = {
            self.members[record.participant].identity.position
            for record in self.history.commitments
            if self.members[record.participant].identity.place == place
        }
        return {i: its for i, its in member.received.items() if i in shared - gone}

    def _pin(self, data: bytes) -> None:
        self.blobs[compute_cid(data).digest] = data

    @property
    def groups(self) -> tuple[GroupRecord, ...]:
        return list_groups(self.manifest, self.history)

    def begin(self) -> RoundAggregation:
        return RoundAggregation(self.manifest, NUMBER, [BASE_DIGEST], groups=self.groups)

    def find(self, blob: GroupBlob) -> bytes | None:
        return self.blobs.get(blob.cid.digest)

    def add_all(
        self, total: RoundAggregation, updates: Iterable[UpdateSubmitted] | None = None
    ) -> None:
        for group in self.groups:
            for blob in group.list_blobs():
                total.take_group_blob(blob, self.find(blob))
        for record in self.history.updates if updates is None else updates:
            self.add(total, record)

    def add(self, total: RoundAggregation, record: UpdateSubmitted) -> str | None:
        data = self.blobs.get(record.cid_digest)
        if data is None:
            total.exclude(record.sequence, UNAVAILABLE)
            return UNAVAILABLE
        return total.add(record, data)

    def derive(self) -> DerivedRound:
        total = self.begin()
        self.add_all(total)
        return total.derive(make_base(self.manifest))

    def derive_open(self, included: Collection[int]) -> list[int]:
        """The model of the open round of some members.

        Which part of a model updates hold follows from the task, so that of its twin is another.
        """
        if self.manifest.encoding.one_block_in > 1:
            gathered = begin_round(self.manifest, NUMBER, self.manifest.encoding.max_abs)
            for index in included:
                gathered.add(self.names[index], self.values[index], self.weights[index])
            base = make_base(self.manifest)
            moved: list[int] = step_round(self.manifest, NUMBER, base, gathered).tolist()
            return moved
        manifest = open_twin(self.manifest)
        total = RoundAggregation(manifest, NUMBER, [BASE_DIGEST])
        for sequence, index in enumerate(included):
            who = self.names[index]
            header = update_header(manifest, NUMBER, BASE_DIGEST, who)
            lanes = self.values[index]
            if manifest.encoding.lane_bits == 8:
                lanes = lanes.astype(np.int8)
            data = encode_blob(header, hold_lanes(manifest, lanes))
            place = NUMBER, who, sequence, compute_digest(data), bytes(32)
            assert total.add(UpdateSubmitted(*place, self.weights[index], 0), data) is None
        return read_model(manifest, total.derive(make_base(manifest)))


def read_model(manifest: Manifest, derived: DerivedRound) -> list[int]:
    values: list[int] = decode_model_blob(derived.model, model_header(manifest)).tolist()
    return values
