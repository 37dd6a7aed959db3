"""The task manifest: everything about a task that is fixed before anyone trains.

Canonical JSON; its digest is an immutable of the task's contract and the *task id* that every blob
names. Numbers with fractions are decimal strings, since floats have no one spelling.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, Final

from fl_chain.errors import InvalidManifest, MalformedBlob
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.blob import Layout, check_layout, count_values
from fl_chain.protocol.canonical_json import decode_json, encode_json
from fl_chain.protocol.constants import FORMAT, MAX_DOCUMENT_BYTES, PACKED_LANE_BITS
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.manifest_rules import manifest_rules
from fl_chain.protocol.optimizer import NONE, Optimizer, extend_layout
from fl_chain.protocol.packing import count_packed_bytes
from fl_chain.protocol.privacy import OPEN, PrivacyParameters
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.rewards import NONE as NO_REWARDS
from fl_chain.protocol.rewards import RewardParameters
from fl_chain.protocol.rules import MEAN
from fl_chain.protocol.selection import count_lanes

MANIFEST: Final = "manifest"
BLOCKS: Final = "blocks"
"""Tensor of an update that holds a part of the values."""
PACKED: Final = "packed"
"""Tensor of an update with packed lanes."""
WEI_PER_GWEI: Final = 10**9


@dataclass(frozen=True, slots=True)
class RoundParameters:
    """The windows and counts of a task; the contract holds the same values as immutables."""

    num_rounds: int
    min_updates: int
    target_updates: int
    max_weight: int
    collect_seconds: int
    aggregate_seconds: int
    challenge_seconds: int = 0
    commit_seconds: int = 0
    """Time to commit, before updates are revealed; 0 where they are submitted at once."""
    list_seconds: int = 0
    """Time in which aggregators may list updates; 0 if there are no lists."""
    sample_rate: int = 0
    """Of 2^32, so many participants are selected for a round on average; 0 if all take part."""
    seed_seconds: int = 0
    """Time for the aggregators to reveal their secrets before a round opens."""
    unmask_seconds: int = 0
    """Time to tell seeds after the end of collection; above 0 exactly if updates are masked."""


@dataclass(frozen=True, slots=True)
class CommitteeParameters:
    """Who aggregates, in which order, and what decides between them."""

    aggregators: tuple[str, ...]
    """Addresses in the order of their turns; 1 to 64."""
    bond_gwei: int = 0
    """Deposit without which an aggregator can not act, in 10^9 wei."""
    quorum: int = 0
    """Attestations that decide a proposal at once: more than half of the aggregators, at least 2;
    0 if only the challenge window does."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """One task. The field order is that of docs/spec.md."""

    name: str
    """For people; at most 100 printable ASCII characters."""
    salt: str
    """32 hexadecimal digits drawn by the coordinator: no two tasks share a task id."""
    chain_id: int
    committee: CommitteeParameters
    layout: Layout
    rounds: RoundParameters
    recipe: Recipe
    encoding: Encoding = field(default_factory=Encoding)
    rule: str = MEAN
    """How updates become an aggregate, see fl_chain/protocol/rules.py."""
    optimizer: Optimizer = field(default_factory=Optimizer)
    num_malicious: int = 0
    """So many updates of a round the rule has to withstand; 0 with the rule ``mean``."""
    privacy: PrivacyParameters = field(default_factory=PrivacyParameters)
    admission: str = "coordinator"
    """``coordinator`` if only the coordinator admits participants, ``open`` if anybody does."""
    measurements: bool = False
    """Whether every update carries a measurement, and every report their totals."""
    keep_seconds: int = 0
    """So long after a record its sender provides the content that it names; 0 if nobody promises
    anything; 0 to 2^32 - 1."""
    reward: RewardParameters = field(default_factory=RewardParameters)
    """What updates earn, and by which formula, see fl_chain/protocol/rewards.py."""
    max_staleness: int = 0
    """An update may have begun from a model of so many rounds before; 0 to 64."""
    differences: bool = False
    """Whether every report names what its model differs by from its base model."""
    task_id: str = field(init=False, compare=False)
    """Digest of the manifest, 64 hexadecimal digits."""

    @property
    def model_layout(self) -> Layout:
        """Tensors of a model: its parameters, and what the optimizer remembers."""
        return extend_layout(self.layout, self.optimizer)

    @property
    def update_layout(self) -> Layout:
        """Tensors of an update: those of the model, or one if it is packed or holds a part."""
        one_block_in = self.encoding.one_block_in
        num_lanes = count_lanes(count_values(self.layout), one_block_in)
        if self.encoding.lane_bits == PACKED_LANE_BITS:
            return ((PACKED, (count_packed_bytes(num_lanes),)),)
        return self.layout if one_block_in == 1 else ((BLOCKS, (num_lanes,)),)

    @property
    def has_rewards(self) -> bool:
        """Whether reports say what updates earned."""
        return self.reward.formula != NO_REWARDS

    @property
    def has_values(self) -> bool:
        """Whether the contract can decide about values of a proposed model.

        Not where updates are sealed or masked: it would have to be shown some of their lanes.
        """
        is_plain = self.encoding.is_plain and self.optimizer.name == NONE
        return self.rule == MEAN and is_plain and self.privacy.mode == OPEN

    @property
    def readers(self) -> tuple[str, ...]:
        """Addresses of whoever sealed updates are encrypted to: aggregators, then auditors."""
        return (*self.committee.aggregators, *self.privacy.auditors)

    def __post_init__(self) -> None:
        """Refuse a task that could not be carried out exactly, and say why."""
        try:
            check_layout(self.layout, self.measurements)
            for reader in self.readers:
                parse_address(reader)
            for holds, rule in manifest_rules(self):
                if not holds:
                    raise InvalidManifest(f"manifest: {rule}")
            for layout in (self.model_layout, self.update_layout):
                check_layout(layout, self.measurements)
        except MalformedBlob as error:
            raise InvalidManifest(f"manifest: {error.message}") from None
        object.__setattr__(self, "task_id", compute_digest(encode_manifest(self)).hex())


def encode_manifest(manifest: Manifest) -> bytes:
    """Return the canonical bytes of a manifest.

    Raises
    ------
    InvalidManifest
        More than 1 MiB.
    """
    recipe = _plain(manifest.recipe)
    recipe |= {
        "environment": dict(manifest.recipe.environment),
        "shared": list(manifest.recipe.shared),
    }
    committee = _plain(manifest.committee)
    committee["aggregators"] = list(manifest.committee.aggregators)
    privacy = _plain(manifest.privacy) | {"auditors": list(manifest.privacy.auditors)}
    data = encode_json(
        {
            "admission": manifest.admission,
            "chain_id": manifest.chain_id,
            "committee": committee,
            "differences": manifest.differences,
            "encoding": _plain(manifest.encoding),
            "format": FORMAT,
            "keep_seconds": manifest.keep_seconds,
            "kind": MANIFEST,
            "layout": [{"name": name, "shape": list(shape)} for name, shape in manifest.layout],
            "max_staleness": manifest.max_staleness,
            "measurements": manifest.measurements,
            "name": manifest.name,
            "num_malicious": manifest.num_malicious,
            "optimizer": _plain(manifest.optimizer),
            "privacy": privacy,
            "recipe": recipe,
            "reward": _plain(manifest.reward),
            "rounds": _plain(manifest.rounds),
            "rule": manifest.rule,
            "salt": manifest.salt,
        }
    )
    if len(data) > MAX_DOCUMENT_BYTES:
        raise InvalidManifest(f"manifest has {len(data)} bytes, at most {MAX_DOCUMENT_BYTES}")
    return data


def decode_manifest(data: bytes) -> Manifest:
    """Return the manifest whose canonical bytes are ``data``.

    Raises
    ------
    MalformedBlob
        Not canonical, unknown or missing fields, or fields of the wrong type.
    InvalidManifest
        Well formed, but impossible to carry out exactly.
    """
    if len(data) > MAX_DOCUMENT_BYTES:
        raise MalformedBlob(f"manifest has {len(data)} bytes, at most {MAX_DOCUMENT_BYTES}")
    value = decode_json(data)
    try:
        manifest = Manifest(
            name=_typed(value["name"], str),
            salt=_typed(value["salt"], str),
            chain_id=_typed(value["chain_id"], int),
            committee=_committee(value["committee"]),
            layout=tuple((entry["name"], tuple(entry["shape"])) for entry in value["layout"]),
            rounds=_build(RoundParameters, value["rounds"]),
            recipe=_recipe(value["recipe"]),
            encoding=_build(Encoding, value["encoding"]),
            rule=_typed(value["rule"], str),
            optimizer=_build(Optimizer, value["optimizer"]),
            reward=_build(RewardParameters, value["reward"]),
            num_malicious=_typed(value["num_malicious"], int),
            privacy=_privacy(value["privacy"]),
            admission=_typed(value["admission"], str),
            measurements=_typed(value["measurements"], bool),
            keep_seconds=_typed(value["keep_seconds"], int),
            max_staleness=_typed(value["max_staleness"], int),
            differences=_typed(value["differences"], bool),
        )
        canonical = encode_manifest(manifest)
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("manifest lacks a field or has one of the wrong kind") from None
    if canonical != data:
        raise MalformedBlob("manifest has unknown fields")
    return manifest


def _plain(record: Any) -> dict[str, Any]:
    return {entry.name: getattr(record, entry.name) for entry in fields(record)}


def _build(kind: Any, values: dict[str, Any]) -> Any:
    """Build a dataclass from exactly its fields, with exactly their types."""
    expected = {"int": int, "str": str}
    for entry in fields(kind):
        if entry.type in expected:
            _typed(values[entry.name], expected[entry.type])
    return kind(**values)


def _committee(value: dict[str, Any]) -> CommitteeParameters:
    aggregators = _texts(value["aggregators"])
    committee: CommitteeParameters = _build(
        CommitteeParameters, {**value, "aggregators": aggregators}
    )
    return committee


def _privacy(value: dict[str, Any]) -> PrivacyParameters:
    auditors = _texts(value["auditors"])
    privacy: PrivacyParameters = _build(PrivacyParameters, {**value, "auditors": auditors})
    return privacy


def _recipe(value: dict[str, Any]) -> Recipe:
    versions = value["environment"].items()
    environment = tuple(sorted((name, _typed(version, str)) for name, version in versions))
    shared = _texts(value["shared"])
    recipe: Recipe = _build(Recipe, {**value, "environment": environment, "shared": shared})
    return recipe


def _texts(value: Any) -> tuple[str, ...]:
    return tuple(_typed(entry, str) for entry in _typed(value, list))


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(value)
    return value
