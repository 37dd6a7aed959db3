"""task.toml: how a coordinator describes a task, before it becomes a manifest."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import dataclass, fields
from decimal import Decimal
from difflib import get_close_matches
from math import ceil
from pathlib import Path
from typing import Any, TypeVar, cast

from fl_chain.errors import InvalidManifest, UsageError
from fl_chain.protocol.constants import PACKED_LANE_BITS, SHORT_LANE_BITS
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.manifest import CommitteeParameters, RoundParameters
from fl_chain.protocol.optimizer import UNIT_BITS, Optimizer
from fl_chain.protocol.privacy import (
    MASKED,
    MIN_GROUP_SIZE,
    OPEN,
    RING_BITS,
    PrivacyParameters,
)
from fl_chain.protocol.recipe import Recipe, recipe_rules
from fl_chain.protocol.rewards import RewardParameters
from fl_chain.protocol.sampling import WHOLE
from fl_chain.roles.account_names import read_address
from fl_chain.roles.privacy_budget import plan_budget
from fl_chain.roles.task_code import TaskCode, read_task_code
from fl_chain.roles.task_rules import check_task_rules

T = TypeVar("T", int, str, bool)


@dataclass(frozen=True, slots=True)
class EnrolmentTerms:
    """How participants enrol themselves in the registry that is deployed with the task."""

    bond_gwei: int = 0
    """What anybody deposits to enrol itself, in 10^9 wei; 0 if only the registrar enrols."""
    leave_seconds: int = 0
    """Time between leaving and claiming the bond."""


_TOP = (
    *("name", "participants", "registry", "rule", "admission", "measurements"),
    *("keep_seconds", "num_malicious", "max_staleness", "differences"),
)
_TABLES = {
    "committee": CommitteeParameters,
    "rounds": RoundParameters,
    "recipe": Recipe,
    "encoding": Encoding,
    "optimizer": Optimizer,
    "enrolment": EnrolmentTerms,
    "reward": RewardParameters,
    "privacy": PrivacyParameters,
}
_NOT_WRITTEN = ("environment",)
_UNNAMED = "unnamed"
"""Stands for the name that a task without one is given when it is created."""
_MAX_WEIGHT = 100_000
_ROUND_DEFAULTS = {
    "num_rounds": 5,
    "max_weight": _MAX_WEIGHT,
    "collect_seconds": 600,
    "aggregate_seconds": 600,
}
_MASKED_ROUNDS = {"sample_rate": 1, "commit_seconds": 600, "unmask_seconds": 600}
"""Further defaults where updates are masked."""
_GROUP_SIZE = 16
"""Default of group_size, where updates are masked."""
_FRACTION_BITS = {SHORT_LANE_BITS: 8, PACKED_LANE_BITS: 12}
"""Defaults of fraction_bits with shorter lanes: deltas up to 0.5, in steps of 0.004 or 0.0002."""
_ADAPTIVE: dict[str, Any] = {
    "learning_rate": Decimal("0.01"),
    "beta_1": Decimal("0.9"),
    "beta_2": Decimal("0.99"),
    "tau": Decimal("0.001"),
}
_OPTIMIZERS: dict[str, dict[str, Any]] = {
    "momentum": {"learning_rate": 1, "beta_1": Decimal("0.9")},
    "adam": _ADAPTIVE,
    "yogi": _ADAPTIVE,
}
"""Keys of an optimizer, and what they are if they are left out."""
_SEED_SECONDS = 60
"""Default of seed_seconds where participants are sampled."""
_QUORUM_CHALLENGE_SECONDS = 600
"""Default of challenge_seconds where a quorum decides; elsewhere waiting would change nothing."""


@dataclass(frozen=True, slots=True)
class TaskFile:
    """The contents of a task.toml, checked."""

    name: str
    committee: CommitteeParameters
    """Without aggregators, the coordinator is the only one."""
    participants: tuple[str, ...]
    registry: str
    """Address of a registry to use; empty to deploy one."""
    rule: str
    num_malicious: int
    privacy: PrivacyParameters
    rounds: RoundParameters
    recipe: Recipe
    code: TaskCode | None
    """Model and data of the coordinator's own; None if the recipe names ours."""
    encoding: Encoding
    optimizer: Optimizer
    admission: str
    measurements: bool
    keep_seconds: int
    max_staleness: int
    differences: bool
    reward: RewardParameters
    enrolment: EnrolmentTerms


def read_task_file(path: Path, resolve: Callable[[str], str] = read_address) -> TaskFile:
    """Read and check a task.toml; the example in docs/how-to/run-a-task.md shows every field.

    Parameters
    ----------
    path
        The file.
    resolve
        Returns the address of whatever may stand for an account in the file.

    Raises
    ------
    UsageError
        Missing, not TOML, or an unknown, missing or mistyped field.
    InvalidManifest
        Well formed, but impossible to carry out exactly.
    """
    try:
        with path.open("rb") as file:
            contents = tomllib.load(file, parse_float=Decimal)
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} is not TOML: {error}") from None
    try:
        return parse_task(contents, resolve, path.parent)
    except (UsageError, InvalidManifest) as error:
        raise type(error)(f"{path}: {error.message}", error.hint) from None


def parse_task(
    contents: dict[str, Any],
    resolve: Callable[[str], str] = read_address,
    directory: Path = Path(),
) -> TaskFile:
    """Return the task that the tables of a task.toml describe; see :func:`read_task_file`.

    Parameters
    ----------
    contents
        The tables.
    resolve
        See there.
    directory
        Where paths in the file begin.
    """
    _check_names("", contents, (*_TOP, *_TABLES))
    participants = _accounts("participants", _take_list("participants", contents), resolve)
    encoding: Encoding = _build("encoding", _encoding(contents))
    privacy_table = _read_privacy(contents)
    is_masked = privacy_table["mode"] == MASKED
    rounds = {**_ROUND_DEFAULTS, **_table(contents, "rounds")}
    if is_masked:
        rounds = {**_MASKED_ROUNDS, **rounds}
        if "max_weight" not in _table(contents, "rounds"):
            group_size = privacy_table["group_size"]
            rounds["max_weight"] = _find_max_weight(group_size, encoding.max_abs)
    share = rounds.get("sample_rate", 0)
    rounds["sample_rate"] = read_sample_rate(share)
    has_sampling = rounds["sample_rate"] > 0
    rounds.setdefault("seed_seconds", _SEED_SECONDS if has_sampling else 0)
    # Where participants are sampled, as many as are selected on average; but lists count for all.
    counts_selected = has_sampling and not rounds.get("list_seconds")
    expected = ceil(len(participants) * share) if counts_selected else len(participants)
    target = rounds.setdefault("target_updates", max(1, expected))
    if isinstance(target, int):
        least = MIN_GROUP_SIZE if is_masked else 1
        rounds.setdefault("min_updates", max(least, (target + 1) // 2))
    committee = {"aggregators": [], **_table(contents, "committee")}
    has_quorum = committee.get("quorum", 0) != 0
    rounds.setdefault("challenge_seconds", _QUORUM_CHALLENGE_SECONDS if has_quorum else 0)
    if has_quorum and rounds["challenge_seconds"] == 0:
        raise UsageError(
            "rounds.challenge_seconds is 0: a model is final before a quorum has looked at it",
            "leave it out, or give the aggregators more time than they need to derive a round",
        )
    listed = _take_list("committee.aggregators", committee)
    committee["aggregators"] = _accounts("committee.aggregators", listed, resolve)
    registry = _take(contents, "registry", "")
    enrolment = _enrolment(contents, registry)
    recipe, code = read_task_code(_table(contents, "recipe"), directory)
    if "shared" in recipe:
        patterns = _take_list("recipe.shared", recipe, "patterns of names of parameters")
        recipe["shared"] = tuple(sorted(set(patterns)))
    training: Recipe = _build("recipe", recipe)
    task = TaskFile(
        name=_take(contents, "name", ""),
        committee=_build("committee", committee),
        participants=participants,
        registry=registry and _address("registry", registry, read_address),
        rule=_take(contents, "rule", "mean"),
        optimizer=_optimizer(contents, encoding),
        num_malicious=_take(contents, "num_malicious", 0),
        privacy=_privacy(privacy_table, resolve, training),
        rounds=_build("rounds", rounds),
        recipe=training,
        code=code,
        encoding=encoding,
        admission=_take(contents, "admission", "coordinator"),
        measurements=_take(contents, "measurements", not is_masked),
        keep_seconds=_take(contents, "keep_seconds", 0),
        max_staleness=_take(contents, "max_staleness", 0),
        differences=_take(contents, "differences", False),
        reward=_build("reward", _table(contents, "reward")),
        enrolment=enrolment,
    )
    check_task_rules(
        name=task.name or _UNNAMED,
        committee=task.committee,
        rule=task.rule,
        num_malicious=task.num_malicious,
        optimizer=task.optimizer,
        privacy=task.privacy,
        rounds=task.rounds,
        recipe=task.recipe,
        encoding=task.encoding,
        admission=task.admission,
        measurements=task.measurements,
        keep_seconds=task.keep_seconds,
        max_staleness=task.max_staleness,
        differences=task.differences,
        reward=task.reward,
    )
    return task


def read_sample_rate(share: Any) -> int:
    """Return the sample rate of the manifest that is nearest to a share of the participants.

    Parameters
    ----------
    share
        Above 0, at most 1; or 0 if everybody takes part in every round.

    Raises
    ------
    UsageError
        No number.
    InvalidManifest
        Not from 0 to 1.
    """
    hint = "0.5 selects half of the participants for each round, on average"
    if not _is_number(share):
        raise UsageError(f"rounds.sample_rate is {share!r}, expected a number", hint)
    if not 0 <= share <= 1:
        raise InvalidManifest("rounds.sample_rate is above 0 and at most 1, or 0 for all", hint)
    rate = round(Decimal(share) * WHOLE)
    return min(max(rate, 1), WHOLE - 1) if share else 0


def _is_number(value: Any) -> bool:
    """Return whether a value of task.toml, where decimals are exact, is finite."""
    if isinstance(value, Decimal):
        return value.is_finite()
    return type(value) is int


def _encoding(contents: dict[str, Any]) -> dict[str, Any]:
    table = dict(_table(contents, "encoding"))
    lane_bits = table.get("lane_bits")
    if type(lane_bits) is int and lane_bits in _FRACTION_BITS:
        usual = {"fraction_bits": _FRACTION_BITS[lane_bits], "max_abs": 2 ** (lane_bits - 1) - 1}
        return {**usual, **table}
    return table


def _optimizer(contents: dict[str, Any], encoding: Encoding) -> Optimizer:
    """Return the optimizer in whole numbers; task.toml has decimals."""
    table = dict(_table(contents, "optimizer"))
    if not table:
        return Optimizer()
    name = table.get("name")
    if not isinstance(name, str) or name not in _OPTIMIZERS:
        raise UsageError(f"optimizer.name is {name!r}", f"known: {', '.join(_OPTIMIZERS)}")
    usual = _OPTIMIZERS[name]
    _check_names("optimizer.", table, ("name", *usual))
    scales = {"tau": 2**encoding.model_fraction_bits}
    numbers: dict[str, int] = {}
    for key, default in usual.items():
        value = table.get(key, default)
        if not _is_number(value):
            raise UsageError(f"optimizer.{key} is {value}, expected a number")
        if not 0 <= value < 2**31:
            raise InvalidManifest(f"optimizer.{key} is {value}, expected 0 or more")
        numbers[key] = round(Decimal(value) * scales.get(key, 2**UNIT_BITS))
        if numbers[key] == 0 != value:
            raise InvalidManifest(f"optimizer.{key} is {value}, too small to be told from 0")
    return Optimizer(name, **numbers)


def _read_privacy(contents: dict[str, Any]) -> dict[str, Any]:
    """Return the table of who can read updates, as it stands there; a mode may stand for itself."""
    value = contents.get("privacy", {})
    table: dict[str, Any] = (
        {"mode": value} if isinstance(value, str) else dict(_table(contents, "privacy"))
    )
    table.setdefault("mode", OPEN)
    if table["mode"] == MASKED:
        table.setdefault("group_size", _GROUP_SIZE)
    return table


def _find_max_weight(group_size: Any, max_abs: int) -> int:
    """Return the largest weight, up to the usual one, with which no sum of a group overflows."""
    usual = _MAX_WEIGHT
    if type(group_size) is not int or group_size < MIN_GROUP_SIZE or max_abs < 1:
        return usual  # the rules of manifests say what is wrong
    largest = (1 << RING_BITS - 1) - 1
    return max(1, min(usual, largest // ((2 * group_size - 1) * max_abs)))


def _privacy(
    table: dict[str, Any], resolve: Callable[[str], str], recipe: Recipe
) -> PrivacyParameters:
    """Return who can read updates, and what they may cost."""
    if "auditors" in table:
        listed = _take_list("privacy.auditors", table)
        table["auditors"] = _accounts("privacy.auditors", listed, resolve)
    epsilon, delta = (_take_number(table, name) for name in ("epsilon", "delta"))
    if epsilon is None and delta is None:
        if recipe_has_noise(recipe) and not table.get("budget"):
            raise UsageError(
                "training with noise needs a budget",
                "name privacy.epsilon and privacy.delta, such as 3.0 and 1e-5",
            )
        privacy: PrivacyParameters = _build("privacy", table)
        return privacy
    if epsilon is None or delta is None or {"budget", "cost", "max_order"} & set(table):
        raise UsageError(
            "privacy.epsilon and privacy.delta go together, and in the place of budget, cost and"
            " max_order",
            "name both, and leave the others out",
        )
    if not recipe_has_noise(recipe):
        raise UsageError(
            "privacy.epsilon is for training with noise",
            "name recipe.noise_multiplier, max_grad_norm and sampling_rate as well",
        )
    if not (0 < delta < 1 and epsilon > 0):
        raise InvalidManifest("privacy.epsilon is above 0, and privacy.delta between 0 and 1")
    if not all(holds for holds, _ in recipe_rules(recipe)):
        built: PrivacyParameters = _build("privacy", table)
        return built  # the rules of manifests say what is wrong
    planned = plan_budget(recipe, float(epsilon), float(delta))
    orders = {"max_order": planned.max_order}
    return cast(
        PrivacyParameters,
        _build("privacy", {**table, "budget": planned.budget, "cost": planned.cost, **orders}),
    )


def recipe_has_noise(recipe: Recipe) -> bool:
    """Return whether a recipe asks for noise, also one that no manifest may have."""
    try:
        return recipe.has_noise
    except ArithmeticError:  # no number, and the rules of manifests say so
        return False


def _take_number(table: dict[str, Any], name: str) -> Decimal | None:
    """Take a number out of a table; None if it is not there."""
    if name not in table:
        return None
    value = table.pop(name)
    if not _is_number(value):
        raise UsageError(f"privacy.{name} is {_show(value)}, expected a number")
    return Decimal(value)


def _enrolment(contents: dict[str, Any], registry: str) -> EnrolmentTerms:
    terms: EnrolmentTerms = _build("enrolment", _table(contents, "enrolment"))
    if registry and "enrolment" in contents:
        raise UsageError(
            "enrolment is what a new registry asks for, and registry names one that exists",
            "leave one of the two out",
        )
    for name, largest in (("bond_gwei", (2**96 - 1) // 10**9), ("leave_seconds", 2**32 - 1)):
        if not 0 <= getattr(terms, name) <= largest:
            raise InvalidManifest(f"enrolment.{name} is 0 to {largest}")
    return terms


def _table(contents: dict[str, Any], name: str) -> dict[str, Any]:
    table = contents.get(name, {})
    if not isinstance(table, dict):
        raise UsageError(f"{name} is a table: write [{name}]")
    return table


def _build(name: str, values: dict[str, Any]) -> Any:
    kind = _TABLES[name]
    known = [entry.name for entry in fields(kind) if entry.name not in _NOT_WRITTEN]
    _check_names(f"{name}.", values, known)
    types = {entry.name: entry.type for entry in fields(kind)}
    checked: dict[str, Any] = {}
    for key, value in values.items():
        if types[key] == "tuple[str, ...]":
            checked[key] = value  # made from what people wrote before
            continue
        if types[key] == "str" and isinstance(value, Decimal | int) and type(value) is not bool:
            value = str(value)  # numbers with fractions travel as text
        expected = int if types[key] == "int" else str
        if type(value) is not expected:
            raise UsageError(f"{name}.{key} is {_show(value)}, expected {_SPOKEN[expected]}")
        checked[key] = value
    try:
        return kind(**checked)
    except TypeError as error:
        missing = str(error).partition("argument")[2].lstrip("s: ")
        hint = "or name a project, which has both" if name == "recipe" else ""
        raise UsageError(f"[{name}] lacks {missing}", hint) from None


_SPOKEN: dict[type, str] = {int: "a whole number", str: "text", bool: "true or false"}


def _show(value: object) -> str:
    """Return a value as it stands in the file, or nearly so."""
    return str(value) if isinstance(value, Decimal) else repr(value)


def _check_names(prefix: str, values: dict[str, Any], known: Any) -> None:
    for key in values:
        if key not in known:
            close = get_close_matches(key, known, n=1)
            guess = f"did you mean {prefix}{close[0]}?" if close else f"known: {', '.join(known)}"
            raise UsageError(f"unknown field {prefix}{key}", guess)


def _take(contents: dict[str, Any], name: str, default: T) -> T:
    value = contents.get(name, default)
    if type(value) is not type(default):
        raise UsageError(f"{name} is {_show(value)}, expected {_SPOKEN[type(default)]}")
    return value


def _take_list(
    key: str, values: dict[str, Any], what: str = "names of keys, or addresses"
) -> list[str]:
    value = values.get(key.rpartition(".")[2], [])
    if not isinstance(value, list) or not all(isinstance(entry, str) for entry in value):
        raise UsageError(f"{key} is a list of {what}, as text")
    return value


def _accounts(key: str, listed: list[str], resolve: Callable[[str], str]) -> tuple[str, ...]:
    addresses: list[str] = []
    for account in listed:
        address = _address(key, account, resolve)
        if address in addresses:
            raise UsageError(f"{key}: {account} is listed twice")
        addresses.append(address)
    return tuple(addresses)


def _address(key: str, text: str, resolve: Callable[[str], str]) -> str:
    try:
        return resolve(text)
    except UsageError as error:
        raise UsageError(f"{key}: {error.message}", error.hint) from None
