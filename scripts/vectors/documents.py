"""Vectors of manifests."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import rfc8785

from scripts.vectors import private_manifests
from tests import reference as ref
from tests.reference_rules import LEAST

AGGREGATOR, SECOND, THIRD = ("0x" + byte * 20 for byte in ("a9", "a2", "a3"))


def make_manifest() -> Any:
    """Return manifests with their bytes and task ids, and texts that are none."""
    changes: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
        ("the smallest task", lambda m: None),
        ("one aggregator, whom nobody checks", lambda m: m.update(committee=_ALONE)),
        ("the largest committee", lambda m: m.update(committee=_LARGEST_COMMITTEE)),
        ("every limit of the rounds", lambda m: m["rounds"].update(_LARGEST_WINDOWS)),
        ("commitments before updates", _set("rounds", "commit_seconds", value=30)),
        ("lists of updates", _set("rounds", "list_seconds", value=99)),
        (
            "half of the participants in a round",
            lambda m: m["rounds"].update(sample_rate=2**31, seed_seconds=30),
        ),
        ("an open task", _set("admission", value="open")),
        *private_manifests.POSSIBLE,
        ("a task with measurements", _set("measurements", value=True)),
        ("a task with differences", _set("differences", value=True)),
        ("equal rewards", _rewarded("equal", 1)),
        ("the largest rewards by cosines", _rewarded("cosine", 2**53 - 1)),
        ("late updates", lambda m: m.update(max_staleness=8)),
        ("the latest of updates, with the least weight", _late(64, max_weight=9)),
        ("updates of weight 4 that may be 8 rounds late", _late(8, max_weight=4)),
        ("promises to keep content", _set("keep_seconds", value=2**32 - 1)),
        ("rounding to nearest", lambda m: m["encoding"].update(rounding="nearest")),
        ("an environment", lambda m: m["recipe"].update(environment={"torch": "2.13", "a": "1"})),
        ("as much headroom as there is", lambda m: m.update(_FULL_HEADROOM)),
        *[(f"the rule {rule}", _by_rule(rule, 1, LEAST[rule](1))) for rule in LEAST],
        ("as many updates as a robust rule takes", _by_rule("nnm_trimmed_mean", 2047, 2**12)),
        ("as many lanes as distances have room for", _with_values(2**27 - 1)),
        ("as many lanes, of which updates hold few", _with_values(2**27 - 1, one_block_in=1024)),
        ("an optimizer with momentum", _optimized(MOMENTUM)),
        ("momentum that moves as far as may be", _optimized(MOMENTUM, learning_rate=2**18)),
        ("an adaptive optimizer", _optimized(ADAM)),
        ("another adaptive optimizer", _optimized(ADAM, name="yogi", beta_1=0, beta_2=2**14 - 1)),
        ("the largest divisor", _optimized(ADAM, tau=2**31 - 1, learning_rate=2**18)),
        ("short lanes", lambda m: m["encoding"].update(lane_bits=8, max_abs=127)),
        ("packed lanes", _packed(2**11 - 1)),
        ("one block of every two", _set("encoding", "one_block_in", value=2)),
        ("one block of as many as there may be", _set("encoding", "one_block_in", value=1024)),
        ("a proximal term", _set("recipe", "proximal", value="0.01")),
        ("a part that is shared", _set("recipe", "shared", value=["b*", "w*i*t"])),
        ("as many patterns as there may be", _set("recipe", "shared", value=_PATTERNS)),
        ("updates that count as 300 steps", _by_algorithm("fednova", 300)),
        ("control variates", _by_algorithm("scaffold", 1)),
        ("a learning rate with an exponent", _set("recipe", "learning_rate", value="00.5e-03")),
        ("the largest recipe", lambda m: m["recipe"].update(_LARGEST_RECIPE)),
        ("a tensor without dimensions", _set("layout", value=[{"name": "w", "shape": []}])),
    ]
    return {
        "cases": [_manifest_case(name, change) for name, change in changes],
        "refused": [
            {"reason": reason, "error": error, "text": _manifest_text(change)}
            for error, refusals in (
                ("InvalidManifest", _IMPOSSIBLE),
                ("MalformedBlob", _MALFORMED),
            )
            for reason, change in refusals
        ]
        + [
            {
                "reason": "white space",
                "error": "MalformedBlob",
                "text": json.dumps(manifest(), sort_keys=True),
            },
            {"reason": "a JSON array", "error": "MalformedBlob", "text": "[]"},
            {"reason": "a JSON string", "error": "MalformedBlob", "text": '"manifest"'},
        ],
    }


def manifest() -> dict[str, Any]:
    """Return a small task."""
    return {
        "admission": "coordinator",
        "chain_id": 31337,
        "committee": {"aggregators": [AGGREGATOR, SECOND, THIRD], "bond_gwei": 5, "quorum": 2},
        "differences": False,
        "encoding": {
            "fraction_bits": 15,
            "lane_bits": 16,
            "max_abs": 32767,
            "max_norm": 0,
            "model_fraction_bits": 24,
            "one_block_in": 1,
            "rounding": "stochastic",
        },
        "format": ref.FORMAT,
        "keep_seconds": 0,
        "kind": "manifest",
        "layout": [{"name": "bias", "shape": [2]}, {"name": "weight", "shape": [2, 3]}],
        "measurements": False,
        "name": "a task",
        "max_staleness": 0,
        "reward": {"formula": "none", "round_gwei": 0},
        "num_malicious": 0,
        "optimizer": {"beta_1": 0, "beta_2": 0, "learning_rate": 0, "name": "none", "tau": 0},
        "privacy": {
            **{"auditors": [], "budget": 0, "clip_norm": 0, "confirmations": 0, "cost": 0},
            **{"group_size": 0, "max_order": 0, "mode": "open"},
            "noise_variance": 0,
        },
        "recipe": {
            "algorithm": "fedavg",
            "batch_size": 10,
            "data": "digits",
            "environment": {},
            "learning_rate": "0.1",
            "max_grad_norm": "0",
            "noise_multiplier": "0",
            "proximal": "0",
            "model": "linear",
            "num_epochs": 1,
            "reference_steps": 0,
            "sampling_rate": "0",
            "seed": 0,
            "shared": ["*"],
        },
        "rounds": {
            "aggregate_seconds": 50,
            "challenge_seconds": 20,
            "collect_seconds": 100,
            "commit_seconds": 0,
            "list_seconds": 0,
            "max_weight": 1000,
            "min_updates": 2,
            "num_rounds": 2,
            "sample_rate": 0,
            "seed_seconds": 0,
            "unmask_seconds": 0,
            "target_updates": 8,
        },
        "rule": "mean",
        "salt": "5a" * 16,
    }


_ALONE = {"aggregators": [AGGREGATOR], "bond_gwei": 0, "quorum": 0}
_LARGEST_COMMITTEE = {
    "aggregators": [f"0x{number:040x}" for number in range(1, 65)],
    "bond_gwei": 2**53 - 1,
    "quorum": 33,
}
_LARGEST_WINDOWS = {
    "aggregate_seconds": 2**32 - 1,
    "challenge_seconds": 0,
    "collect_seconds": 2**32 - 1,
    "commit_seconds": 2**32 - 1,
    "list_seconds": 0,
    "num_rounds": 2**32 - 1,
    "sample_rate": 2**32 - 1,
    "seed_seconds": 2**32 - 1,
    "unmask_seconds": 0,
    "max_weight": 1,
    "min_updates": 2**24,
    "target_updates": 2**24,
}
_PATTERNS = sorted(["*", *(f"{number}.lora_*-A" for number in range(31))])
_LARGEST_RECIPE = {"batch_size": 2**53 - 1, "num_epochs": 2**53 - 1, "seed": 2**32 - 1}
# 2^16 updates of weight 2^15 and lanes below 2^15, shifted by 2^16: just below 2^62.
_FULL_HEADROOM: dict[str, Any] = {
    "encoding": {
        "fraction_bits": 14,
        "lane_bits": 16,
        "max_abs": 32767,
        "max_norm": 2**31 - 1,
        "model_fraction_bits": 30,
        "one_block_in": 1,
        "rounding": "nearest",
    },
    "rounds": {
        "aggregate_seconds": 1,
        "challenge_seconds": 0,
        "collect_seconds": 1,
        "commit_seconds": 0,
        "list_seconds": 0,
        "max_weight": 2**15,
        "min_updates": 1,
        "num_rounds": 1,
        "sample_rate": 0,
        "seed_seconds": 0,
        "unmask_seconds": 0,
        "target_updates": 2**16,
    },
}


def _packed(max_abs: int) -> Callable[[dict[str, Any]], object]:
    return lambda document: document["encoding"].update(lane_bits=12, max_abs=max_abs)


def _set(*path: str, value: Any) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        document[path[-1]] = value

    return change


def _by_algorithm(algorithm: str, steps: int) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document["recipe"] |= {"algorithm": algorithm, "reference_steps": steps}

    return change


MOMENTUM = {"beta_1": 14746, "beta_2": 0, "learning_rate": 2**14, "name": "momentum", "tau": 0}
ADAM = {"beta_1": 14746, "beta_2": 16220, "learning_rate": 164, "name": "adam", "tau": 16777}


def _optimized(optimizer: dict[str, Any], **changes: Any) -> Callable[[dict[str, Any]], object]:
    return lambda document: document.update(optimizer={**optimizer, **changes})


def _with_coarse_lanes(optimizer: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document["optimizer"] = optimizer
        document["encoding"].update(fraction_bits=14)
        document["rounds"].update(max_weight=1)

    return change


def _with_coarse_models(optimizer: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document["optimizer"] = optimizer
        document["encoding"].update(fraction_bits=13, model_fraction_bits=13)

    return change


def _optimized_scaffold(document: dict[str, Any]) -> None:
    _by_algorithm("scaffold", 1)(document)
    document["optimizer"] = MOMENTUM


def _with_last_name(optimizer: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document["optimizer"] = optimizer
        document["layout"] = [{"name": "~first", "shape": [1]}]

    return change


def _of_a_part(algorithm: str) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        _by_algorithm(algorithm, 1)(document)
        document["recipe"]["shared"] = ["b*", "w*"]

    return change


def _of_some_blocks(algorithm: str) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        _by_algorithm(algorithm, 1)(document)
        document["encoding"]["one_block_in"] = 2

    return change


def _by_rule(rule: str, f: int, min_updates: int) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document.update(rule=rule, num_malicious=f)
        document["rounds"].update(min_updates=min_updates, target_updates=max(8, min_updates))

    return change


def _with_values(count: int, **encoding: int) -> Callable[[dict[str, Any]], object]:
    """With 8 updates of lanes up to 2^15 - 1: 8 * 2^27 * (2^16 - 2)^2 is below 2^62, nearly."""

    def change(document: dict[str, Any]) -> None:
        _by_rule("krum", 1, 5)(document)
        document["layout"] = [{"name": "w", "shape": [count]}]
        document["encoding"].update(encoding)

    return change


def _rewarded(formula: str, gwei: int, **rounds: int) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document["reward"] = {"formula": formula, "round_gwei": gwei}
        document["rounds"].update(rounds)

    return change


def _rewarded_by_one(document: dict[str, Any]) -> None:
    _rewarded("equal", 5)(document)
    document["committee"]["quorum"] = 0


def _rewarded_lanes(count: int) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        _rewarded("cosine", 5)(document)
        document["layout"] = [{"name": "w", "shape": [count]}]

    return change


def _late(staleness: int, max_weight: int) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document["max_staleness"] = staleness
        document["rounds"]["max_weight"] = max_weight

    return change


def _late_scaffold(document: dict[str, Any]) -> None:
    _by_algorithm("scaffold", 1)(document)
    document["max_staleness"] = 1


def _with_large_state(optimizer: dict[str, Any]) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        document["optimizer"] = optimizer
        document["layout"] = [{"name": "w", "shape": [2**29]}]  # and twice as much

    return change


def _with_long_names(count: int) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        names = [f"{number:04}" + "x" * 196 for number in range(count)]
        document["layout"] = [{"name": name, "shape": [1]} for name in names]

    return change


def _drop(*path: str) -> Callable[[dict[str, Any]], object]:
    def change(document: dict[str, Any]) -> None:
        for key in path[:-1]:
            document = document[key]
        del document[path[-1]]

    return change


def _aggregators(*addresses: str) -> Callable[[dict[str, Any]], object]:
    committee = {"aggregators": list(addresses), "bond_gwei": 0, "quorum": 0}
    return _set("committee", value=committee)


def _headroom_reached(document: dict[str, Any]) -> None:
    document.update(json.loads(json.dumps(_FULL_HEADROOM)))
    document["rounds"]["max_weight"] = 2**15 + 2


def _weights_beyond_json(document: dict[str, Any]) -> None:
    document["encoding"].update(max_abs=1, fraction_bits=15, model_fraction_bits=15)
    document["rounds"].update(target_updates=2**24, max_weight=2**29)


_IMPOSSIBLE: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    ("an empty name", _set("name", value="")),
    ("a name of 101 characters", _set("name", value="n" * 101)),
    ("a name beyond ASCII", _set("name", value="é")),
    ("a name with a line feed", _set("name", value="a\nb")),
    ("a salt in upper case", _set("salt", value="5A" * 16)),
    ("a short salt", _set("salt", value="5a" * 15)),
    ("chain id 0", _set("chain_id", value=0)),
    ("an aggregator with upper-case digits", _aggregators("0x" + "A9" * 20)),
    ("no aggregators", _aggregators()),
    ("an aggregator twice", _aggregators(AGGREGATOR, SECOND, AGGREGATOR)),
    ("nobody as an aggregator", _aggregators(AGGREGATOR, "0x" + "00" * 20)),
    ("65 aggregators", _aggregators(*(f"0x{number:040x}" for number in range(1, 66)))),
    ("a negative bond", _set("committee", "bond_gwei", value=-1)),
    ("a quorum of one", _set("committee", "quorum", value=1)),
    ("a quorum of more than there are", _set("committee", "quorum", value=4)),
    ("a quorum of half", _set("committee", value=_LARGEST_COMMITTEE | {"quorum": 32})),
    ("an unknown formula", _rewarded("shapley", 5)),
    ("a formula without a reward", _rewarded("equal", 0)),
    ("a reward without a formula", _rewarded("none", 5)),
    ("a negative reward", _rewarded("equal", -1)),
    ("rewards without a quorum", _rewarded_by_one),
    ("rewards of too many updates", _rewarded("equal", 5, target_updates=2**12 + 1, max_weight=1)),
    ("cosines of too many values", _rewarded_lanes(2**27 + 2**14)),
    ("a negative staleness", _set("max_staleness", value=-1)),
    ("a staleness of 65 rounds", _set("max_staleness", value=65)),
    ("late updates that would weigh nothing", _late(8, max_weight=3)),
    ("control variates of late updates", _late_scaffold),
    ("an unknown rule", _set("rule", value="mode")),
    ("malicious updates in the mean", _set("num_malicious", value=1)),
    ("a robust rule against nobody", _by_rule("median", 0, 2)),
    ("a negative number of malicious updates", _by_rule("median", -1, 2)),
    *[
        (f"{rule} with an update too few", _by_rule(rule, 2, least(2) - 1))
        for rule, least in LEAST.items()
    ],
    ("more updates than a robust rule takes", _by_rule("median", 1, 2**12 + 1)),
    ("more lanes than distances have room for", _with_values(2**27 + 2**14)),
    ("so many, of which updates hold few", _with_values(2**27 + 2**14, one_block_in=1024)),
    ("models too large with what an optimizer remembers", _with_large_state(ADAM)),
    ("a layout whose header is too large", _with_long_names(4096)),
    ("a negative norm", _set("encoding", "max_norm", value=-1)),
    ("a norm of 2^31", _set("encoding", "max_norm", value=2**31)),
    ("an unknown admission mode", _set("admission", value="anybody")),
    *private_manifests.IMPOSSIBLE,
    ("an unknown rounding", _set("encoding", "rounding", value="up")),
    ("negative fraction bits", _set("encoding", "fraction_bits", value=-1)),
    ("more fraction bits than the model has", _set("encoding", "fraction_bits", value=25)),
    ("31 fraction bits of the model", _set("encoding", "model_fraction_bits", value=31)),
    ("max_abs 0", _set("encoding", "max_abs", value=0)),
    ("max_abs 32768", _set("encoding", "max_abs", value=32768)),
    ("no tensors", _set("layout", value=[])),
    ("unsorted tensors", lambda m: m["layout"].reverse()),
    ("a repeated tensor", lambda m: m["layout"].append(m["layout"][1])),
    ("an empty dimension", _set("layout", value=[{"name": "w", "shape": [0]}])),
    ("a reserved tensor name", _set("layout", value=[{"name": "__metadata__", "shape": [1]}])),
    ("more than 2^30 values", _set("layout", value=[{"name": "w", "shape": [2**30 + 1]}])),
    ("rounds without updates", _set("rounds", "min_updates", value=0)),
    ("a minimum above the target", _set("rounds", "min_updates", value=9)),
    (
        "more updates than a report has room for",
        lambda m: m["rounds"].update(target_updates=2**24 + 1, max_weight=1),
    ),
    ("no rounds", _set("rounds", "num_rounds", value=0)),
    ("weight 0", _set("rounds", "max_weight", value=0)),
    ("no time to submit", _set("rounds", "collect_seconds", value=0)),
    ("no time to propose", _set("rounds", "aggregate_seconds", value=0)),
    ("a window of 2^32 seconds", _set("rounds", "challenge_seconds", value=2**32)),
    ("a time to commit of 2^32 seconds", _set("rounds", "commit_seconds", value=2**32)),
    ("a negative time to commit", _set("rounds", "commit_seconds", value=-1)),
    ("a negative time to list", _set("rounds", "list_seconds", value=-1)),
    ("lists to the end of collection", _set("rounds", "list_seconds", value=100)),
    (
        "lists of commitments",
        lambda m: m["rounds"].update(list_seconds=1, commit_seconds=1),
    ),
    (
        "more listed updates than a report has room for",
        lambda m: m["rounds"].update(list_seconds=1, target_updates=2**22 + 1, max_weight=1),
    ),
    ("a sample rate of 2^32", lambda m: m["rounds"].update(sample_rate=2**32, seed_seconds=1)),
    ("a sample rate without a time", _set("rounds", "sample_rate", value=2**31)),
    ("a time for seeds without a sample rate", _set("rounds", "seed_seconds", value=30)),
    ("promises for 2^32 seconds", _set("keep_seconds", value=2**32)),
    ("promises for less than no time", _set("keep_seconds", value=-1)),
    ("a negative window", _set("rounds", "challenge_seconds", value=-1)),
    ("a sum that reaches 2^62", _headroom_reached),
    ("a total weight beyond 53 bits", _weights_beyond_json),
    ("no epochs", _set("recipe", "num_epochs", value=0)),
    ("batches of nothing", _set("recipe", "batch_size", value=0)),
    ("a negative seed", _set("recipe", "seed", value=-1)),
    ("a seed of 33 bits", _set("recipe", "seed", value=2**32)),
    ("a proximal term in words", _set("recipe", "proximal", value="strong")),
    ("steps of plain averaging", _by_algorithm("fedavg", 1)),
    ("control variates without steps", _by_algorithm("scaffold", 0)),
    ("updates of 2^32 steps", _by_algorithm("fednova", 2**32)),
    ("an unknown algorithm", _by_algorithm("fedsgd", 1)),
    ("a negative proximal term", _set("recipe", "proximal", value="-1")),
    ("an unknown optimizer", _optimized(MOMENTUM, name="adagrad")),
    ("a learning rate without an optimizer", _set("optimizer", "learning_rate", value=1)),
    ("a decay without an optimizer", _set("optimizer", "beta_1", value=1)),
    ("an optimizer without a learning rate", _optimized(MOMENTUM, learning_rate=0)),
    ("a learning rate above 16", _optimized(MOMENTUM, learning_rate=2**18 + 1)),
    ("momentum that never decays", _optimized(MOMENTUM, beta_1=2**14)),
    ("momentum with a second moment", _optimized(MOMENTUM, beta_2=1)),
    ("momentum with a divisor", _optimized(MOMENTUM, tau=1)),
    ("a negative decay", _optimized(ADAM, beta_1=-1)),
    ("a second moment that never decays", _optimized(ADAM, beta_2=2**14)),
    ("nothing that is added to a divisor", _optimized(ADAM, tau=0)),
    ("a divisor of 33 bits", _optimized(ADAM, tau=2**31)),
    ("squares beyond 62 bits", _with_coarse_lanes(ADAM)),
    ("a model too coarse for an optimizer", _with_coarse_models(ADAM)),
    ("control variates with an optimizer", _optimized_scaffold),
    ("a name that sorts behind all", _with_last_name(MOMENTUM)),
    ("lanes of 10 bits", _set("encoding", "lane_bits", value=10)),
    ("lanes of 32 bits", _set("encoding", "lane_bits", value=32)),
    ("packed lanes of 12 bits and a sign", _packed(2**11)),
    ("short lanes of 8 bits and a sign", lambda m: m["encoding"].update(lane_bits=8, max_abs=128)),
    ("one block of none", _set("encoding", "one_block_in", value=0)),
    ("one block of 1,025", _set("encoding", "one_block_in", value=1025)),
    ("control variates of some blocks", _of_some_blocks("scaffold")),
    ("nothing that is shared", _set("recipe", "shared", value=[])),
    ("a pattern too many", _set("recipe", "shared", value=["*", *_PATTERNS])),
    ("a pattern twice", _set("recipe", "shared", value=["*", "*"])),
    ("patterns that are not sorted", _set("recipe", "shared", value=["weight", "bias"])),
    ("an empty pattern", _set("recipe", "shared", value=["", "*"])),
    ("a pattern of 101 characters", _set("recipe", "shared", value=["*" * 101])),
    ("a pattern with a question mark", _set("recipe", "shared", value=["*", "?"])),
    ("a pattern in other letters", _set("recipe", "shared", value=["*", "é"])),
    ("a layout beyond what is shared", _set("recipe", "shared", value=["bias"])),
    ("a pattern that matches a part of a name", _set("recipe", "shared", value=["bias", "eight"])),
    ("control variates of a part", _of_a_part("scaffold")),
    ("a learning rate in words", _set("recipe", "learning_rate", value="fast")),
    ("a negative learning rate", _set("recipe", "learning_rate", value="-0.1")),
    ("a learning rate with a space", _set("recipe", "learning_rate", value="0.1 ")),
    ("a learning rate in other digits", _set("recipe", "learning_rate", value="٣")),
    *[
        (f"learning rate {text or 'of no digits'}", _set("recipe", "learning_rate", value=text))
        for text in ("", "1.", ".1", "1E-3", "1e+3", "1e", "1e1000", "0x1", "1" * 21)
    ],
    ("a shape with a string", _set("layout", value=[{"name": "w", "shape": ["2"]}])),
]

_MALFORMED: list[tuple[str, Callable[[dict[str, Any]], object]]] = [
    *private_manifests.MALFORMED,
    *[(f"no {key}", _drop(key)) for key in sorted(manifest())],
    *[(f"no {key} of the rounds", _drop("rounds", key)) for key in sorted(manifest()["rounds"])],
    *[
        (f"no {key} of the encoding", _drop("encoding", key))
        for key in sorted(manifest()["encoding"])
    ],
    *[
        (f"no {key} of the committee", _drop("committee", key))
        for key in sorted(manifest()["committee"])
    ],
    *[(f"no {key} of the recipe", _drop("recipe", key)) for key in sorted(manifest()["recipe"])],
    ("a field too many", _set("note", value="")),
    ("a field too many in the committee", _set("committee", "note", value=1)),
    ("an aggregator that is a number", _set("committee", "aggregators", value=[5])),
    ("aggregators that are a string", _set("committee", "aggregators", value="all")),
    ("a quorum that is true", _set("committee", "quorum", value=True)),
    ("a committee that is a list", _set("committee", value=[])),
    ("a field too many in the rounds", _set("rounds", "note", value=1)),
    ("a field too many in the encoding", _set("encoding", "note", value=1)),
    ("a field too many in the recipe", _set("recipe", "note", value=1)),
    ("a field too many in a tensor", lambda m: m["layout"][0].update(dtype="I16")),
    ("another format", _set("format", value="fl_chain/2")),
    ("another kind", _set("kind", value="report")),
    ("a name that is a number", _set("name", value=5)),
    ("a chain id that is a string", _set("chain_id", value="31337")),
    ("a chain id that is true", _set("chain_id", value=True)),
    ("a reward that is a number", _set("reward", value=5)),
    ("a field too many in the reward", _set("reward", "note", value=1)),
    ("a reward that is a string", _set("reward", "round_gwei", value="0")),
    ("a formula that is a number", _set("reward", "formula", value=5)),
    ("a staleness that is a string", _set("max_staleness", value="0")),
    ("a staleness that is true", _set("max_staleness", value=True)),
    ("malicious updates that are a string", _set("num_malicious", value="0")),
    ("a norm that is a string", _set("encoding", "max_norm", value="0")),
    ("a time to keep that is true", _set("keep_seconds", value=True)),
    ("a time to keep that is a string", _set("keep_seconds", value="60")),
    ("a count that is true", _set("rounds", "min_updates", value=True)),
    ("a count that is a string", _set("rounds", "min_updates", value="2")),
    ("a rounding that is a list", _set("encoding", "rounding", value=["nearest"])),
    ("rounds that are a list", _set("rounds", value=[])),
    ("a recipe that is a string", _set("recipe", value="")),
    ("a learning rate that is a number", _set("recipe", "learning_rate", value=1)),
    ("an algorithm that is a number", _set("recipe", "algorithm", value=1)),
    ("reference steps in words", _set("recipe", "reference_steps", value="10")),
    ("a proximal term that is a number", _set("recipe", "proximal", value=0)),
    ("an optimizer that is a string", _set("optimizer", value="adam")),
    ("a field too many in the optimizer", _set("optimizer", "note", value=1)),
    ("a decay that is a string", _set("optimizer", "beta_1", value="0.9")),
    ("an optimizer whose name is a number", _set("optimizer", "name", value=1)),
    *[(f"no {key} of the optimizer", _drop("optimizer", key)) for key in manifest()["optimizer"]],
    ("lanes in words", _set("encoding", "lane_bits", value="8")),
    ("one block of true", _set("encoding", "one_block_in", value=True)),
    ("a pattern without a list", _set("recipe", "shared", value="*")),
    ("a pattern that is a number", _set("recipe", "shared", value=[1])),
    ("an environment that is a list", _set("recipe", "environment", value=[])),
    ("an environment with a number", _set("recipe", "environment", value={"torch": 2})),
    ("an environment with a list", _set("recipe", "environment", value={"torch": ["2"]})),
    ("a layout that is an object", _set("layout", value={"bias": [2]})),
    ("a layout of strings", _set("layout", value=["bias"])),
    ("a tensor name that is a number", _set("layout", value=[{"name": 1, "shape": [1]}])),
    ("a shape that is a number", _set("layout", value=[{"name": "w", "shape": 3}])),
]


def _manifest_case(name: str, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
    text = _manifest_text(change)
    task_id = ref.digest(text.encode()).hex()
    return {"name": name, "manifest": json.loads(text), "text": text, "task_id": task_id}


def _manifest_text(change: Callable[[dict[str, Any]], object]) -> str:
    document = manifest()
    change(document)
    return rfc8785.dumps(document).decode()
