"""The rules of manifests, told in the words of task.toml, before a chain is asked for anything."""

from __future__ import annotations

import re
from dataclasses import fields, replace

from fl_chain.errors import InvalidManifest, MalformedBlob
from fl_chain.protocol.canonical_json import MAX_INTEGER
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.manifest import CommitteeParameters, Manifest, RoundParameters
from fl_chain.protocol.optimizer import Optimizer
from fl_chain.protocol.privacy import PrivacyParameters
from fl_chain.protocol.recipe import Recipe
from fl_chain.protocol.rewards import RewardParameters

_SALT = "0" * 32
_COORDINATOR = "0x" + "1" * 40
_KEYS = {
    entry.name: f"{table}.{entry.name}"
    for table, kind in (
        ("committee", CommitteeParameters),
        ("rounds", RoundParameters),
        ("recipe", Recipe),
        ("encoding", Encoding),
    )
    for entry in fields(kind)
}
"""Name of a manifest's field to the key of task.toml that it comes from, where they differ."""


def check_task_rules(
    *,
    name: str,
    committee: CommitteeParameters,
    rule: str,
    num_malicious: int,
    optimizer: Optimizer,
    privacy: PrivacyParameters,
    rounds: RoundParameters,
    recipe: Recipe,
    encoding: Encoding,
    admission: str,
    measurements: bool,
    keep_seconds: int,
    max_staleness: int,
    differences: bool,
    reward: RewardParameters,
) -> None:
    """Refuse what no manifest may say, whatever the chain, the coordinator and the model.

    Raises
    ------
    InvalidManifest
        The message names the keys of task.toml.
    """
    try:
        Manifest(
            name=name,
            salt=_SALT,
            chain_id=1,
            committee=replace(committee, aggregators=committee.aggregators or (_COORDINATOR,)),
            layout=((_name_shared(recipe), (1,)),),
            rounds=rounds,
            recipe=recipe,
            encoding=encoding,
            rule=rule,
            num_malicious=num_malicious,
            optimizer=optimizer,
            privacy=privacy,
            admission=admission,
            measurements=measurements,
            keep_seconds=keep_seconds,
            max_staleness=max_staleness,
            differences=differences,
            reward=reward,
        )
    except InvalidManifest as error:
        message = error.message.removeprefix("manifest: ")
        words = re.sub(r"(?<![\w.])\w+", lambda word: _KEYS.get(word[0], word[0]), message)
        raise InvalidManifest(words, error.hint) from None
    except MalformedBlob:
        # The rules give these two no largest value; the encoding of every manifest does.
        large = "num_epochs" if recipe.num_epochs > MAX_INTEGER else "batch_size"
        raise InvalidManifest(f"recipe.{large} is at most 2^53 - 1") from None


def _name_shared(recipe: Recipe) -> str:
    """Return a name for the one parameter of a model that the recipe shares, if it can be."""
    for pattern in recipe.shared:
        if pattern.isascii() and pattern.isprintable() and 0 < len(pattern) <= 100:
            return pattern.replace("*", "x")
    return "parameter"
