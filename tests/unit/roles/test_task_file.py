"""A task file that breaks a rule is refused by the key that breaks it, in the words of the file."""

from __future__ import annotations

import math
import re
from dataclasses import fields, replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from fl_chain.errors import InvalidManifest, UsageError
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.manifest import CommitteeParameters, RoundParameters
from fl_chain.protocol.optimizer import Optimizer
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.skellam_noise import bound_magnitude
from fl_chain.roles.demo_options import DemoOptions
from fl_chain.roles.privacy_budget import PrivacyTarget
from fl_chain.roles.task_code import FlowerCode, ProjectCode
from fl_chain.roles.task_file import parse_task, read_task_file

RECIPE = {"model": "digits_mlp", "data": "digits"}
ALICE, BOB = "0x" + "a1" * 20, "0x" + "b0" * 20
TABLES: dict[str, Any] = {
    "committee": CommitteeParameters,
    "rounds": RoundParameters,
    "recipe": Recipe,
    "encoding": Encoding,
}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("name", "ä"),
        ("name", "n" * 101),
        ("rule", "median"),
        ("privacy.mode", "hidden"),
        ("privacy.auditors", ["0x" + "ab" * 20]),
        ("admission", "anybody"),
        ("enrolment.bond_gwei", -1),
        ("enrolment.bond_gwei", 2**96),
        ("enrolment.leave_seconds", -1),
        ("enrolment.leave_seconds", 2**32),
        ("committee.aggregators", ["0x" + "00" * 20]),
        ("committee.aggregators", [f"0x{number:040x}" for number in range(1, 66)]),
        ("committee.bond_gwei", -1),
        ("committee.bond_gwei", 2**53),
        ("committee.quorum", 1),
        *((f"rounds.{entry.name}", -1) for entry in fields(RoundParameters)),
        *((f"rounds.{entry.name}", 2**32) for entry in fields(RoundParameters)),
        ("rounds.min_updates", 3),
        ("rounds.target_updates", 2**31),
        ("recipe.num_epochs", 0),
        ("recipe.num_epochs", 2**60),
        ("recipe.batch_size", 0),
        ("recipe.batch_size", 2**60),
        ("recipe.learning_rate", "quick"),
        ("recipe.proximal", "strong"),
        ("recipe.proximal", -1),
        ("recipe.shared", []),
        ("recipe.shared", [""]),
        ("recipe.shared", ["fc?"]),
        ("recipe.shared", ["é*"]),
        ("recipe.shared", [f"{number}.*" for number in range(33)]),
        ("recipe.seed", -1),
        ("recipe.seed", 2**60),
        ("encoding.fraction_bits", 31),
        ("encoding.max_abs", 0),
        ("encoding.model_fraction_bits", 3),
        ("encoding.rounding", "up"),
    ],
)
def test_a_broken_rule_names_the_key_of_the_file(key: str, value: Any) -> None:
    contents: dict[str, Any] = {"recipe": dict(RECIPE)}
    table, _, name = key.rpartition(".")
    (contents.setdefault(table, {}) if table else contents)[name] = value
    with pytest.raises(InvalidManifest) as error:
        parse_task(contents)
    assert re.search(rf"(?<![\w.]){re.escape(key)}\b", error.value.message)
    assert "manifest" not in error.value.message
    for place, kind in TABLES.items():
        for entry in fields(kind):
            bare = rf"(?<!{place}\.)(?<!enrolment\.)\b{entry.name}\b"
            assert not re.search(bare, error.value.message), error.value.message


def test_a_broken_rule_names_the_file(tmp_path: Path) -> None:
    path = tmp_path / "task.toml"
    path.write_text('[recipe]\nmodel = "digits_mlp"\ndata = "digits"\n[rounds]\nmin_updates = 2\n')
    with pytest.raises(InvalidManifest, match=r"task\.toml: rounds\.min_updates <= rounds\.target"):
        read_task_file(path)


def test_a_project_stands_for_model_and_data_and_lies_beside_the_file(tmp_path: Path) -> None:
    path = tmp_path / "task.toml"
    path.write_text('[recipe]\nproject = "own/fish.py"\nbatch_size = 5\n')
    task = read_task_file(path)
    assert task.code == ProjectCode(tmp_path / "own" / "fish.py")
    assert (task.recipe.model, task.recipe.data, task.recipe.batch_size) == (
        "fish.py",
        "fish.py",
        5,
    )
    assert parse_task({"recipe": RECIPE}).code is None


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"project": "fish.py", "model": "digits_mlp"}, "recipe.project and recipe.model are both"),
        ({"project": "fish.py", "data": "digits"}, "recipe.project and recipe.data are both"),
        ({"project": "fish.txt"}, "recipe.project 'fish.txt' is no Python file"),
        ({"project": ""}, "recipe.project '' is no Python file"),
        ({"project": "a b.py"}, "is no Python file"),
        ({"project": 3}, "expected text"),
    ],
)
def test_a_project_that_cannot_be_one_is_refused(recipe: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_task({"recipe": recipe})


FLOWER = """\
[project]
name = "my.app"
[tool.flwr.app.components]
clientapp = "app:app"
[tool.flwr.app.config]
lr = 0.1
epochs = 3
"""


@pytest.fixture
def app(tmp_path: Path) -> Path:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "pyproject.toml").write_text(FLOWER)
    (tmp_path / "app" / "app.py").write_text("raise SystemExit('this was run')\n")
    return tmp_path


def test_a_flower_app_stands_for_model_data_and_training(app: Path) -> None:
    path = app / "task.toml"
    path.write_text(
        '[recipe]\nflower = "app"\ninitial = "app:Net"\n'
        "run_config = { epochs = 1 }\ntrain_config = { lr = 0.5, sizes = [1, 2], deep = true }\n"
    )
    task = read_task_file(path)
    assert isinstance(task.code, FlowerCode)
    assert task.code.run_config == {"lr": 0.1, "epochs": 1}
    assert task.code.train_config == {"lr": 0.5, "sizes": [1, 2], "deep": True}
    assert (task.recipe.model, task.recipe.data) == ("my-app.flower", "my-app.flower")
    assert (task.recipe.num_epochs, task.recipe.learning_rate) == (1, "0")


@pytest.mark.parametrize(
    ("recipe", "message"),
    [
        ({"flower": "app"}, "recipe.initial is missing"),
        ({"flower": "app", "initial": 1}, "recipe.initial is 1, expected text"),
        ({"flower": 1, "initial": "app:Net"}, "recipe.flower is 1, expected text"),
        ({"flower": "app", "initial": "a:N", "model": "x"}, "recipe.flower and recipe.model are"),
        ({"flower": "app", "initial": "a:N", "project": "x.py"}, "flower and recipe.project are"),
        ({"flower": "app", "initial": "a:N", "batch_size": 5}, "flower and recipe.batch_size are"),
        ({"flower": "app", "initial": "a:N", "run_config": {"lt": 1}}, "run_config.lt is not in"),
        ({"flower": "app", "initial": "a:N", "run_config": 1}, "run_config is 1, expected a table"),
        ({"project": "x.flower"}, "'x.flower' is no Python file"),
    ],
)
def test_a_flower_app_that_cannot_be_one_is_refused(
    app: Path, recipe: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        parse_task({"recipe": recipe}, directory=app)


@pytest.mark.parametrize("key", ["initial", "run_config", "train_config"])
def test_what_belongs_to_a_flower_app_is_unknown_without_one(key: str) -> None:
    with pytest.raises(UsageError, match=f"unknown field recipe.{key}"):
        parse_task({"recipe": {**RECIPE, key: "app:Net"}})


def test_names_stand_for_participants_and_aggregators() -> None:
    known = {"alice": ALICE, "bob": BOB}
    contents = {"participants": ["alice", "bob"], "committee": {"aggregators": ["bob"]}}
    task = parse_task({**contents, "recipe": RECIPE}, known.__getitem__)
    assert (task.participants, task.committee.aggregators) == ((ALICE, BOB), (BOB,))


@pytest.mark.parametrize("key", ["participants", "committee.aggregators"])
def test_nobody_is_listed_twice(key: str) -> None:
    listed: dict[str, Any] = {"recipe": RECIPE, "committee": {}}
    table, _, name = key.rpartition(".")
    (listed[table] if table else listed)[name] = [ALICE, ALICE.upper().replace("X", "x")]
    with pytest.raises(UsageError, match=f"{key}: .* is listed twice"):
        parse_task(listed)


def test_a_quorum_has_time_to_decide_unless_the_file_says_otherwise() -> None:
    committee = {"aggregators": [ALICE, BOB], "quorum": 2}
    seconds = {
        name: parse_task({"recipe": RECIPE, **tables}).rounds.challenge_seconds
        for name, tables in {
            "nobody decides": {},
            "a quorum": {"committee": committee},
            "as told": {"committee": committee, "rounds": {"challenge_seconds": 7}},
        }.items()
    }
    assert seconds == {"nobody decides": 0, "a quorum": 600, "as told": 7}
    with pytest.raises(UsageError, match=r"rounds\.challenge_seconds is 0"):
        parse_task({"recipe": RECIPE, "committee": committee, "rounds": {"challenge_seconds": 0}})


def test_terms_of_enrolment_are_for_a_registry_that_is_deployed() -> None:
    terms = {"bond_gwei": 5, "leave_seconds": 60}
    task = parse_task({"recipe": RECIPE, "admission": "open", "enrolment": terms})
    assert (task.enrolment.bond_gwei, task.enrolment.leave_seconds) == (5, 60)
    assert (task.admission, parse_task({"recipe": RECIPE}).admission) == ("open", "coordinator")
    with pytest.raises(UsageError, match="registry names one that exists"):
        parse_task({"recipe": RECIPE, "registry": ALICE, "enrolment": terms})


@pytest.mark.parametrize(
    ("share", "rate"),
    [
        (Decimal("0.5"), 2**31),
        (Decimal("0.1"), 429496730),
        (Decimal("1e-20"), 1),
        (Decimal("1"), 2**32 - 1),
        (1, 2**32 - 1),
        (0, 0),
    ],
)
def test_a_share_of_the_participants_becomes_the_nearest_sample_rate(
    share: Decimal | int, rate: int
) -> None:
    participants = [f"0x{number:040x}" for number in range(1, 11)]
    rounds = {"sample_rate": share}
    task = parse_task({"recipe": dict(RECIPE), "participants": participants, "rounds": rounds})
    assert task.rounds.sample_rate == rate
    assert (task.rounds.seed_seconds > 0) == (rate > 0)
    # A round closes with as many as it selects on average.
    assert task.rounds.target_updates == (10 if share == 0 else max(1, math.ceil(10 * share)))
    listed = {"recipe": dict(RECIPE), "participants": participants}
    listed |= {"rounds": {"sample_rate": share, "list_seconds": 9}}
    # Where there are lists, no more may be admitted than that.
    assert parse_task(listed).rounds.target_updates == 10


@pytest.mark.parametrize("share", ["half", True, ["0.5"], Decimal("NaN")])
def test_a_share_of_the_participants_is_a_number(share: Any) -> None:
    with pytest.raises(UsageError, match=r"rounds\.sample_rate"):
        parse_task({"recipe": dict(RECIPE), "rounds": {"sample_rate": share}})


def test_nobody_promises_anything_unless_the_file_says_for_how_long() -> None:
    assert parse_task({"recipe": RECIPE}).keep_seconds == 0
    assert parse_task({"recipe": RECIPE, "keep_seconds": 2**32 - 1}).keep_seconds == 2**32 - 1
    for value in ("60", True, [60]):
        with pytest.raises(UsageError, match="expected a whole number"):
            parse_task({"recipe": RECIPE, "keep_seconds": value})
    for seconds in (-1, 2**32):
        with pytest.raises(InvalidManifest, match="keep_seconds is 0 to 2"):
            parse_task({"recipe": RECIPE, "keep_seconds": seconds})


def test_updates_carry_measurements_unless_the_file_says_no() -> None:
    assert parse_task({"recipe": RECIPE}).measurements
    assert not parse_task({"recipe": RECIPE, "measurements": False}).measurements
    for value in ("false", 0, 1):
        with pytest.raises(UsageError, match="expected true or false"):
            parse_task({"recipe": RECIPE, "measurements": value})


@pytest.mark.parametrize("shared", ["fc*", ["fc*", 1], {"fc": True}])
def test_what_is_shared_is_a_list_of_patterns(shared: Any) -> None:
    with pytest.raises(UsageError, match=r"recipe\.shared is a list of patterns"):
        parse_task({"recipe": {**RECIPE, "shared": shared}})


def test_patterns_may_be_in_any_order_and_twice() -> None:
    task = parse_task({"recipe": {**RECIPE, "shared": ["output.*", "hidden.*", "output.*"]}})
    assert task.recipe.shared == ("hidden.*", "output.*")


def optimizer_of(table: dict[str, Any]) -> Optimizer:
    return parse_task({"recipe": dict(RECIPE), "optimizer": table}).optimizer


def test_an_optimizer_is_written_in_decimals_and_kept_in_whole_numbers() -> None:
    assert parse_task({"recipe": dict(RECIPE)}).optimizer == Optimizer()
    assert optimizer_of({"name": "momentum"}) == Optimizer("momentum", 16384, 14746)
    adam = Optimizer("adam", 164, 14746, 16220, 16777)
    assert optimizer_of({"name": "adam"}) == adam
    assert optimizer_of({"name": "adam", "learning_rate": Decimal("0.01")}) == adam
    assert optimizer_of({"name": "yogi", "tau": 1, "beta_1": 0}).tau == 2**24


@pytest.mark.parametrize(
    ("table", "error", "message"),
    [
        ({"learning_rate": 1}, UsageError, r"optimizer\.name is None"),
        ({"name": "sgd"}, UsageError, r"optimizer\.name is 'sgd'"),
        ({"name": ["adam"]}, UsageError, r"optimizer\.name is \['adam'\]"),
        ({"name": "momentum", "tau": 1}, UsageError, r"unknown field optimizer\.tau"),
        ({"name": "adam", "rate": 1}, UsageError, r"unknown field optimizer\.rate"),
        ({"name": "adam", "tau": "small"}, UsageError, r"optimizer\.tau is small"),
        ({"name": "adam", "tau": True}, UsageError, r"optimizer\.tau is True"),
        ({"name": "adam", "tau": 0}, InvalidManifest, r"optimizer\.tau is 1 to"),
        ({"name": "adam", "tau": -1}, InvalidManifest, r"optimizer\.tau is -1"),
        ({"name": "adam", "tau": Decimal("1e-9")}, InvalidManifest, "too small to be told from 0"),
        ({"name": "adam", "tau": Decimal("NaN")}, UsageError, r"optimizer\.tau is NaN"),
        ({"name": "adam", "tau": Decimal("Infinity")}, UsageError, r"optimizer\.tau is Infinity"),
        ({"name": "adam", "beta_2": 1}, InvalidManifest, r"optimizer\.beta_2 is 0 to 16383"),
        ({"name": "adam", "learning_rate": 17}, InvalidManifest, r"optimizer\.learning_rate is 1"),
    ],
)
def test_an_optimizer_that_cannot_be_is_told_by_its_key(
    table: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        optimizer_of(table)


def test_with_short_lanes_the_range_of_an_update_is_theirs() -> None:
    def encoding_of(table: dict[str, Any]) -> tuple[int, int]:
        encoding = parse_task({"recipe": dict(RECIPE), "encoding": table}).encoding
        return encoding.fraction_bits, encoding.max_abs

    assert encoding_of({}) == (15, 32767)
    assert encoding_of({"lane_bits": 8}) == (8, 127)
    assert encoding_of({"lane_bits": 8, "fraction_bits": 10, "max_abs": 100}) == (10, 100)
    assert encoding_of({"lane_bits": 12}) == (12, 2047)
    with pytest.raises(InvalidManifest, match=r"encoding\.lane_bits is one of 8, 12, 16"):
        encoding_of({"lane_bits": 10})
    with pytest.raises(InvalidManifest, match=r"encoding\.max_abs is 1 to 127"):
        encoding_of({"lane_bits": 8, "max_abs": 128})


NOISE = {"clip_norm": 1, "noise_multiplier": 1, "epsilon": 20, "delta": Decimal("1e-5")}


def noised(**private: Any) -> dict[str, Any]:
    contents: dict[str, Any] = {"recipe": dict(RECIPE), "privacy": {**NOISE, **private}}
    contents["participants"] = [f"0x{number:040x}" for number in range(1, 11)]
    return contents


def masked(num_participants: int, **private: Any) -> dict[str, Any]:
    contents: dict[str, Any] = {"recipe": dict(RECIPE), "privacy": {"mode": "masked", **private}}
    contents["participants"] = [f"0x{number:040x}" for number in range(1, num_participants + 1)]
    return contents


def test_noise_on_updates_is_written_in_parameters_and_kept_in_lanes() -> None:
    task = parse_task(noised())
    bits, privacy = task.encoding.fraction_bits, task.privacy
    assert privacy.clip_norm == 2**bits
    assert privacy.noise_variance == 4**bits
    assert (privacy.num_noisy, task.rounds.max_weight, task.measurements) == (1, 1, False)
    assert task.privacy_target == PrivacyTarget(20.0, 1e-5)
    # The finest lanes that have room for the noise.
    largest = privacy.clip_norm + bound_magnitude(privacy.noise_variance)
    assert largest <= task.encoding.max_abs < 2 * largest


@pytest.mark.parametrize(("group_size", "counted"), [(3, 2), (5, 3), (8, 4)])
def test_in_a_group_every_participant_adds_its_part_of_the_noise(
    group_size: int, counted: int
) -> None:
    task = parse_task(noised(mode="masked", group_size=group_size))
    privacy, whole = task.privacy, 4**task.encoding.fraction_bits
    assert privacy.num_noisy == counted
    assert whole <= counted * privacy.noise_variance < whole + counted
    assert task.rounds.min_updates >= group_size


def test_readers_of_sealed_updates_are_not_trusted_with_less_noise() -> None:
    assert parse_task(noised(mode="sealed")).privacy.num_noisy == 1


@pytest.mark.parametrize("one_block_in", [1, 2, 64])
def test_noise_goes_with_updates_that_hold_a_part(one_block_in: int) -> None:
    contents = noised(epsilon=40)
    contents["encoding"] = {"one_block_in": one_block_in}
    privacy = parse_task(contents).privacy
    assert 0 < privacy.cost <= privacy.budget


def test_fewer_participants_than_a_group_with_noise_takes_are_told() -> None:
    with pytest.raises(InvalidManifest, match="10 participants make no group of 16") as caught:
        parse_task(noised(mode="masked"))
    assert "lower privacy.group_size" in str(caught.value.hint)


@pytest.mark.parametrize("group_size", [3, 10, 11, 16, 64])
def test_fewer_participants_than_a_group_takes_are_told_without_noise_too(group_size: int) -> None:
    contents = masked(10, group_size=group_size)
    if group_size <= 10:
        assert parse_task(contents).privacy.group_size == group_size
        return
    told = f"rounds of 10 participants make no group of {group_size}, and what they all send would"
    with pytest.raises(InvalidManifest, match=told) as caught:
        parse_task(contents)
    assert "lower privacy.group_size" in str(caught.value.hint)


def test_a_masked_task_for_all_who_come_takes_as_many_in_a_round_as_a_group() -> None:
    contents = masked(0, group_size=4)
    contents["admission"] = "open"
    assert parse_task(contents | {"rounds": {"target_updates": 4}}).admission == "open"
    with pytest.raises(InvalidManifest, match="rounds of 3 participants make no group of 4"):
        parse_task(contents | {"rounds": {"target_updates": 3}})


@pytest.mark.parametrize("group_size", [2, 65])
def test_a_group_size_that_no_task_may_have_is_told_by_its_range(group_size: int) -> None:
    with pytest.raises(InvalidManifest, match=r"privacy\.group_size is 3 to 64"):
        parse_task(masked(10, group_size=group_size))


@pytest.mark.parametrize("rate", ["", "0.3", "0.35", "1"])
@pytest.mark.parametrize("num_participants", [3, 4, 10, 50])
@pytest.mark.parametrize("noise", ["", "1"])
def test_a_masked_demo_has_groups_that_its_rounds_have_room_for(
    tmp_path: Path, num_participants: int, rate: str, noise: str
) -> None:
    options = DemoOptions(
        tmp_path, num_participants, data="digits", privacy="masked", sample_rate=rate
    )
    options = replace(options, noise_multiplier=noise)
    addresses = {name: f"0x{number:040x}" for number, name in enumerate(options.keys, 1)}
    selected = math.ceil(num_participants * Decimal(rate or 1))
    if selected < 3:
        with pytest.raises(InvalidManifest, match="make no group of 3"):
            parse_task(options.describe_task(addresses))
        return
    assert parse_task(options.describe_task(addresses)).privacy.group_size == min(5, selected)


@pytest.mark.parametrize(
    ("private", "error", "message"),
    [
        ({"noise_variance": 5}, UsageError, "privacy.noise_variance"),
        ({"clip_norm": "wide"}, UsageError, "privacy.clip_norm is 'wide', expected a number"),
        ({"clip_norm": 0}, InvalidManifest, "privacy.clip_norm is 0.000001 to 1000000"),
        ({"clip_norm": Decimal("1e200000")}, InvalidManifest, "privacy.clip_norm is"),
        ({"noise_multiplier": -1}, InvalidManifest, "privacy.noise_multiplier is 0.000001 to"),
        ({"epsilon": Decimal("1e400")}, InvalidManifest, "privacy.epsilon is 0.000001 to"),
        ({"delta": Decimal("1e-400")}, InvalidManifest, "privacy.delta is 1E-100 to 0.999999"),
        ({"num_noisy": 2}, UsageError, "unknown field privacy.num_noisy"),
        ({"clip_norm": Decimal("1e-5")}, InvalidManifest, "what lanes can tell from 0"),
        ({"clip_norm": 20_000}, InvalidManifest, "values with noise reach"),
        ({"epsilon": Decimal("0.1")}, UsageError, "one update comes to epsilon"),
        ({"noise_multiplier": Decimal("1e-6")}, UsageError, "little noise|one update comes"),
        ({"budget": 5}, UsageError, "epsilon and privacy.delta go together"),
        ({"delta": 1}, InvalidManifest, "privacy.delta is 1E-100 to 0.999999"),
    ],
)
def test_noise_that_cannot_be_is_told_by_its_key(
    private: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        parse_task(noised(**private))


@pytest.mark.parametrize("name", ["clip_norm", "noise_multiplier"])
def test_half_of_what_noise_takes_is_told(name: str) -> None:
    contents = noised()
    del contents["privacy"][name]
    with pytest.raises(UsageError, match=r"clip_norm and privacy\.noise_multiplier go"):
        parse_task(contents)


def test_noise_without_an_epsilon_is_refused() -> None:
    contents = noised()
    del contents["privacy"]["epsilon"], contents["privacy"]["delta"]
    with pytest.raises(UsageError, match="noise needs a budget"):
        parse_task(contents)


@pytest.mark.parametrize(
    ("table", "key", "value", "message"),
    [
        ("rounds", "max_weight", 2, r"rounds\.max_weight is 1 with privacy\.clip_norm"),
        ("encoding", "rounding", "nearest", r"encoding\.rounding is stochastic"),
        ("encoding", "max_norm", 9, r"encoding\.max_norm is 0 with privacy\.clip_norm"),
        ("encoding", "fraction_bits", 15, "values with noise reach"),
        ("", "measurements", True, "measurements is false with privacy"),
        ("", "max_staleness", 2, "max_staleness is 0 with privacy"),
    ],
)
def test_what_does_not_go_with_noise_on_updates_is_told(
    table: str, key: str, value: Any, message: str
) -> None:
    contents = noised()
    (contents.setdefault(table, {}) if table else contents)[key] = value
    with pytest.raises(InvalidManifest, match=message):
        parse_task(contents)


def test_noise_is_on_updates_or_in_training_not_both() -> None:
    contents = noised()
    contents["recipe"] |= {"noise_multiplier": 1, "max_grad_norm": 1, "sampling_rate": 1}
    with pytest.raises(InvalidManifest, match=r"recipe\.noise_multiplier is 0 with"):
        parse_task(contents)
