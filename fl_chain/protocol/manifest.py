"""The task manifest: everything about a task that is fixed before anyone trains.

Canonical JSON; its digest is an immutable of the task's contract and the *task id* that every blob
names. Numbers with fractions are decimal strings, since floats have no one spelling.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Final

from fl_chain.errors import InvalidManifest, MalformedBlob
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.blob import Layout, check_layout, compute_header_bytes, count_values
from fl_chain.protocol.canonical_json import MAX_INTEGER, decode_json, encode_json
from fl_chain.protocol.committee import MAX_AGGREGATORS, NOBODY
from fl_chain.protocol.constants import (
    ACCUMULATOR_BITS,
    CHUNK_BYTES,
    FORMAT,
    MAX_DOCUMENT_BYTES,
    MAX_ROBUST_UPDATES,
    MAX_UPDATES,
    NO_VALUES,
)
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.encoding import Encoding, encoding_rules
from fl_chain.protocol.optimizer import (
    NONE,
    STATE_PREFIX,
    Optimizer,
    extend_layout,
    optimizer_rules,
)
from fl_chain.protocol.recipe import Recipe, is_matched, recipe_rules
from fl_chain.protocol.records import TaskParameters
from fl_chain.protocol.rewards import COSINE, FORMULAS, RewardParameters
from fl_chain.protocol.rewards import NONE as NO_REWARDS
from fl_chain.protocol.rules import MEAN, RULES
from fl_chain.protocol.selection import count_lanes
from fl_chain.protocol.staleness import MAX_STALENESS, discount_weight

MANIFEST: Final = "manifest"
BLOCKS: Final = "blocks"
"""Tensor of an update that holds a part of the values."""
PRIVACY_MODES: Final = ("open",)
ADMISSION_MODES: Final = ("coordinator", "open")
_MAY_BE_ZERO: Final = (
    *("challenge_seconds", "commit_seconds", "list_seconds"),
    *("sample_rate", "seed_seconds"),
)
"""Round parameters without which a task does without something."""
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
    privacy: str = "open"
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
        """Tensors of an update: those of the model, or one if updates hold a part of it."""
        one_block_in = self.encoding.one_block_in
        if one_block_in == 1:
            return self.layout
        return ((BLOCKS, (count_lanes(count_values(self.layout), one_block_in),)),)

    @property
    def has_rewards(self) -> bool:
        """Whether reports say what updates earned."""
        return self.reward.formula != NO_REWARDS

    @property
    def has_values(self) -> bool:
        """Whether the contract can decide about values of a proposed model."""
        is_plain = self.encoding.is_plain and self.optimizer.name == NONE
        return self.rule == MEAN and is_plain

    def __post_init__(self) -> None:
        """Refuse a task that could not be carried out exactly, and say why."""
        try:
            check_layout(self.layout, self.measurements)
            for aggregator in self.committee.aggregators:
                parse_address(aggregator)
        except MalformedBlob as error:
            raise InvalidManifest(f"manifest: {error.message}") from None
        if not (self.name.isascii() and self.name.isprintable() and 0 < len(self.name) <= 100):
            raise InvalidManifest("manifest: name is 1 to 100 printable ASCII characters")
        if len(self.salt) != 32 or not set(self.salt) <= set("0123456789abcdef"):
            raise InvalidManifest("manifest: salt is 32 lower-case hexadecimal digits")
        _require(self.rule in RULES, f"rule is one of {', '.join(RULES)}")
        _require(self.privacy in PRIVACY_MODES, f"privacy is one of {', '.join(PRIVACY_MODES)}")
        _require(
            self.admission in ADMISSION_MODES, f"admission is one of {', '.join(ADMISSION_MODES)}"
        )
        _require(self.chain_id > 0, "chain_id is positive")
        _require(0 <= self.keep_seconds < 2**32, "keep_seconds is 0 to 2^32 - 1")
        self._check_committee()
        for holds, rule in encoding_rules(self.encoding):
            _require(holds, rule)
        self._check_rounds()
        self._check_headroom()
        self._check_rule()
        for holds, rule in recipe_rules(self.recipe):
            _require(holds, rule)
        self._check_optimizer()
        self._check_staleness()
        self._check_reward()
        shared = self.recipe.shared
        _require(
            all(is_matched(name, shared) for name, _ in self.layout),
            "every name of the layout is matched by shared",
        )
        object.__setattr__(self, "task_id", compute_digest(encode_manifest(self)).hex())

    def _check_optimizer(self) -> None:
        encoding, optimizer = self.encoding, self.optimizer
        rules = optimizer_rules(optimizer, encoding.largest_move, encoding.model_fraction_bits)
        for holds, rule in rules:
            _require(holds, rule)
        # Control variates follow from how far a model moved, as a mean of updates moves all of it.
        if self.recipe.algorithm == "scaffold":
            _require(optimizer.name == NONE, "optimizer.name is none with the algorithm scaffold")
            _require(encoding.one_block_in == 1, "one_block_in is 1 with the algorithm scaffold")
        _require(
            optimizer.name == NONE
            or not any(name.startswith(STATE_PREFIX) for name, _ in self.layout),
            f"with an optimizer no name of the layout begins with {STATE_PREFIX}",
        )
        try:
            check_layout(self.model_layout, self.measurements)
        except MalformedBlob as error:
            raise InvalidManifest(f"manifest: {error.message}") from None

    def _check_staleness(self) -> None:
        s = self.max_staleness
        _require(0 <= s <= MAX_STALENESS, f"max_staleness is 0 to {MAX_STALENESS}")
        # Control variates follow from the two models between which a round trained.
        is_possible = s == 0 or self.recipe.algorithm != "scaffold"
        _require(is_possible, "max_staleness is 0 with the algorithm scaffold")
        _require(
            discount_weight(self.rounds.max_weight, s) > 0,
            f"max_weight is large enough for an update of staleness {s} to weigh anything",
        )

    def _check_reward(self) -> None:
        formula, gwei = self.reward.formula, self.reward.round_gwei
        _require(formula in FORMULAS, f"reward.formula is one of {', '.join(FORMULAS)}")
        _require(0 <= gwei <= MAX_INTEGER, "reward.round_gwei is 0 to 2^53 - 1")
        is_none = formula == NO_REWARDS
        _require(is_none == (gwei == 0), "reward.round_gwei is 0 exactly with the formula none")
        if is_none:
            return
        _require(
            self.committee.quorum > 0,
            "quorum is above 0 with a reward: nobody alone may say who earned what",
        )
        _require(
            self.rounds.target_updates <= MAX_ROBUST_UPDATES,
            f"target_updates is at most {MAX_ROBUST_UPDATES} with a reward",
        )
        if formula == COSINE:
            self._check_distances(f"with the formula {formula}")

    def _check_distances(self, where: str) -> None:
        """Check that every squared distance fits int64, and the sum of as many as updates."""
        distance = self.rounds.target_updates * count_values(self.layout)
        distance *= (2 * self.encoding.max_abs) ** 2
        _require(
            distance < 2**ACCUMULATOR_BITS,
            f"{where} distances reach {distance}, and at most"
            f" 2^{ACCUMULATOR_BITS} - 1 fits: lower target_updates or max_abs",
        )

    def _check_committee(self) -> None:
        committee = self.committee
        size = len(committee.aggregators)
        _require(1 <= size <= MAX_AGGREGATORS, f"aggregators has 1 to {MAX_AGGREGATORS} entries")
        _require(len(set(committee.aggregators)) == size, "aggregators names nobody twice")
        _require(NOBODY not in committee.aggregators, "aggregators does not name the zero address")
        _require(0 <= committee.bond_gwei <= MAX_INTEGER, "bond_gwei is 0 to 2^53 - 1")
        is_quorum = 2 <= committee.quorum <= size < 2 * committee.quorum
        _require(
            committee.quorum == 0 or is_quorum,
            f"quorum is 0, or 2 to {size} and more than half of aggregators",
        )

    def _check_rounds(self) -> None:
        rounds = self.rounds
        for entry in fields(rounds):
            smallest = 0 if entry.name in _MAY_BE_ZERO else 1
            value = getattr(rounds, entry.name)
            _require(smallest <= value < 2**32, f"{entry.name} is {smallest} to 2^32 - 1")
        _require(rounds.min_updates <= rounds.target_updates, "min_updates <= target_updates")
        _require(
            rounds.list_seconds < rounds.collect_seconds,
            "list_seconds < collect_seconds: whoever a list leaves out needs time to submit",
        )
        _require(
            rounds.list_seconds == 0 or rounds.commit_seconds == 0,
            "list_seconds or commit_seconds is 0: nobody lists commitments",
        )
        _require(
            rounds.list_seconds == 0
            or (len(self.committee.aggregators) + 1) * rounds.target_updates <= MAX_UPDATES,
            f"with lists, (aggregators + 1) * target_updates is at most {MAX_UPDATES}",
        )
        _require(
            (rounds.sample_rate > 0) == (rounds.seed_seconds > 0),
            "sample_rate and seed_seconds are both above 0, or both 0",
        )
        _require(
            rounds.target_updates <= MAX_UPDATES,
            f"target_updates is at most {MAX_UPDATES}, what a report has room for",
        )
        _require(
            rounds.target_updates * rounds.max_weight <= MAX_INTEGER,
            "target_updates * max_weight <= 2^53 - 1, the largest total weight of a report",
        )

    def _check_rule(self) -> None:
        rounds, encoding, f = self.rounds, self.encoding, self.num_malicious
        bounds = RULES[self.rule]
        if self.rule == MEAN:
            _require(f == 0, "num_malicious is 0 with the rule mean, which withstands none")
            return
        least = bounds.least_updates(f)
        _require(f >= 1, f"num_malicious is at least 1 with the rule {self.rule}")
        _require(
            rounds.min_updates >= least,
            f"min_updates is at least {least} with the rule {self.rule} and num_malicious {f}",
        )
        _require(
            rounds.target_updates <= MAX_ROBUST_UPDATES,
            f"target_updates is at most {MAX_ROBUST_UPDATES} with the rule {self.rule}",
        )
        largest = bounds.most_lanes(rounds.target_updates) * encoding.max_abs
        scaled = largest << encoding.model_fraction_bits - encoding.fraction_bits
        _require(
            scaled < 2**ACCUMULATOR_BITS,
            f"with the rule {self.rule} numbers reach {scaled}, and at most"
            f" 2^{ACCUMULATOR_BITS} - 1 fits: lower target_updates or max_abs",
        )
        self._check_distances(f"with the rule {self.rule}")

    def _check_headroom(self) -> None:
        rounds, encoding = self.rounds, self.encoding
        # Headroom: |sum w q| * 2^(G-F) < 2^62 for every set of updates that the contract accepts,
        # so that the exact sum and the doubled remainder of its division fit int64.
        scaled = rounds.target_updates * rounds.max_weight * encoding.largest_move
        _require(
            scaled < 2**ACCUMULATOR_BITS,
            "target_updates * max_weight * max_abs * 2^(model_fraction_bits - fraction_bits)"
            f" = {scaled} reaches 2^{ACCUMULATOR_BITS}: lower max_weight or target_updates",
        )


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
            "privacy": manifest.privacy,
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
            privacy=_typed(value["privacy"], str),
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


def compute_parameters(manifest: Manifest, **digests: Any) -> TaskParameters:
    """Return the parameters that the contract of a manifest has.

    Parameters
    ----------
    manifest
        The task.
    digests
        The fields of :class:`TaskParameters` that no manifest can hold: the registry, and digest
        and CID digest of the manifest and of the genesis model.
    """
    committee, encoding = manifest.committee, manifest.encoding
    return TaskParameters(
        **digests,
        **_plain(manifest.rounds),
        quorum=committee.quorum,
        bond=committee.bond_gwei * WEI_PER_GWEI,
        header_chunks=compute_header_bytes(manifest.model_layout, manifest.measurements)
        // CHUNK_BYTES,
        num_values=count_values(manifest.layout),
        fraction_shift=encoding.model_fraction_bits - encoding.fraction_bits
        if manifest.has_values
        else NO_VALUES,
        is_open=manifest.admission == "open",
        reward=manifest.reward.round_gwei * WEI_PER_GWEI,
    )


def check_agreement(
    manifest: Manifest, parameters: TaskParameters, aggregators: Sequence[str], chain_id: int
) -> None:
    """Check that a contract was created for a manifest.

    Parameters
    ----------
    manifest
        The task as pinned.
    parameters, aggregators, chain_id
        The task as on record; aggregators in the order of their seats.

    Raises
    ------
    InvalidManifest
        They disagree; the message names the first field.
    """
    names = ("registry", "manifest_digest", "manifest_cid_digest", "genesis_digest")
    digests = {name: getattr(parameters, name) for name in (*names, "genesis_cid_digest")}
    expected = compute_parameters(manifest, **digests)
    for entry in fields(TaskParameters):
        if getattr(expected, entry.name) != getattr(parameters, entry.name):
            raise InvalidManifest(f"manifest and contract disagree about {entry.name}")
    if manifest.committee.aggregators != tuple(aggregators):
        raise InvalidManifest("manifest and contract disagree about the aggregators")
    if manifest.chain_id != chain_id:
        raise InvalidManifest(f"the task is for chain {manifest.chain_id}, not {chain_id}")


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


def _require(condition: bool, rule: str) -> None:
    if not condition:
        raise InvalidManifest(f"manifest: {rule}")
