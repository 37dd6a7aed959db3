"""What a demo runs: who takes part under which names, and the task file that says so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import ceil
from pathlib import Path
from typing import Any

from fl_chain.errors import UsageError
from fl_chain.protocol.encoding import Encoding
from fl_chain.protocol.noise_rules import compute_update_cost
from fl_chain.protocol.noise_terms import NoiseTerms
from fl_chain.protocol.privacy import MASKED, MIN_GROUP_SIZE, OPEN, SEALED, PrivacyParameters
from fl_chain.protocol.sampled_gaussian import MAX_ORDER
from fl_chain.roles.accounting import PARTICIPANT, account_for_cost
from fl_chain.training.catalogue import find_dataset
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters

DEFAULT_PARTICIPANTS = 10
COORDINATOR = "coordinator"
"""Key of who creates the task."""
BOND_GWEI = 10**9
"""One ether; every key of a devnet is given a hundred."""
CHEAT_SECONDS = 5
"""Time for a turn and for a move where an aggregator cheats: people are watching."""
RELAY = "relay"
"""Key of the relay, and the name of its process."""
COMMIT_SECONDS = 600
"""As much as they have to reveal; both end as soon as all have done it."""
LIST_SECONDS = 9
"""Time to train and hand in, the start of the processes included; only time ends a collection.
Whoever is later than that on a busy machine sends its update itself."""
SAMPLED_COLLECT_SECONDS = 30
"""Time to submit where fewer may be selected than close a round: people are watching."""
GROUP_SIZE = 5
"""Of a demo whose updates are masked, so that ten participants are two groups."""
CLIP_NORM = 1
"""Euclidean norm of an update with noise on it, in the units of parameters."""
DELTA = 1e-5
AUDITOR = "auditor"
"""Key of the auditor that a task with sealed updates names."""
WATCHER = "watcher"
"""Key of the challenger that watches an aggregator that cheats."""


def count_participants(data: str) -> int:
    """Return how many participants a data set is usually divided among."""
    return find_dataset(data).num_silos or DEFAULT_PARTICIPANTS


@dataclass(frozen=True, slots=True)
class DemoOptions:
    """What to run."""

    state: Path
    """State directory of the demo alone; emptied at the start."""
    num_participants: int = DEFAULT_PARTICIPANTS
    """Where the data come in so many silos, each has one of them."""
    num_rounds: int = 5
    data: str = "mnist"
    model: str = ""
    """Empty for the data set's usual one."""
    devnet: str = "anvil"
    num_aggregators: int = 3
    is_relayed: bool = False
    """Whether a relay sends the updates, and pays for all of them."""
    cheat: str = ""
    """What the first aggregator does wrong, see cheats.py; empty for nothing."""
    commits: bool = False
    """Whether participants commit to their updates before anybody shows one."""
    lists: bool = False
    """Whether the first aggregator lists the updates, and pays for all that come in time."""
    privacy: str = OPEN
    """Mode of the task; where updates are sealed, an auditor can read them as well."""
    noise_multiplier: str = ""
    """Of noise on updates; empty for none."""
    sample_rate: str = ""
    """Share of the participants that a round selects on average; empty if all take part."""

    @property
    def quorum(self) -> int:
        """More than half of the aggregators; none of a single one, whom nobody checks.

        None either where a dispute is to decide, which a committee would be faster than.
        """
        disputed = ("wrong-model", "omit") if self.privacy == OPEN else ("omit",)
        is_alone = self.num_aggregators == 1 or self.cheat in disputed
        return 0 if is_alone else self.num_aggregators // 2 + 1

    @property
    def aggregators(self) -> list[str]:
        """Names of their keys."""
        return [f"aggregator-{number + 1}" for number in range(self.num_aggregators)]

    @property
    def participants(self) -> list[str]:
        """Names of their keys."""
        return [f"participant-{index}" for index in range(self.num_participants)]

    @property
    def keys(self) -> list[str]:
        """Names of all keys that it takes."""
        others = [WATCHER] * bool(self.cheat) + [RELAY] * self.is_relayed
        return [COORDINATOR, *self.aggregators, *self.participants, *others, *self.auditors]

    @property
    def auditors(self) -> list[str]:
        """Names of the keys that read updates besides the aggregators."""
        return [AUDITOR] if self.privacy == SEALED else []

    @property
    def readers(self) -> list[str]:
        """Names of all keys that something is encrypted to: updates, or shares of seeds."""
        if self.privacy == MASKED:
            return self.participants
        return [*self.aggregators, *self.auditors] if self.privacy == SEALED else []

    @property
    def windows(self) -> dict[str, int]:
        """Times of a round that are not the usual ones, in seconds."""
        windows = {}
        if self.commits or self.privacy == MASKED:
            windows = {"commit_seconds": COMMIT_SECONDS}
        if self.lists:
            windows |= {"list_seconds": LIST_SECONDS, "collect_seconds": LIST_SECONDS + 4}
        if self.cheat:
            windows |= {"aggregate_seconds": CHEAT_SECONDS, "challenge_seconds": CHEAT_SECONDS}
        if self.sample_rate:
            windows |= {"collect_seconds": SAMPLED_COLLECT_SECONDS}
        return windows

    @property
    def sampling(self) -> dict[str, Any]:
        """How participants are selected, if they are."""
        if not self.sample_rate:
            return {}
        least = MIN_GROUP_SIZE if self.privacy == MASKED else 1
        least = max(least, self.group_size) if self.noise_multiplier else least
        return {"sample_rate": Decimal(self.sample_rate), "min_updates": least}

    @property
    def group_size(self) -> int:
        """Of groups of masked updates, as many as a round selects on average at most; or 0."""
        if self.privacy != MASKED:
            return 0
        selected = ceil(self.num_participants * Decimal(self.sample_rate or 1))
        return min(max(MIN_GROUP_SIZE, selected), GROUP_SIZE)

    @property
    def secrecy(self) -> dict[str, Any]:
        """How updates are kept from others."""
        groups = {"group_size": self.group_size} if self.group_size else {}
        return {"mode": self.privacy, **groups, **self.noise}

    @property
    def noise(self) -> dict[str, Any]:
        """How they are hidden behind noise, with an epsilon that lasts for all rounds."""
        if not self.noise_multiplier:
            return {}
        multiplier = Decimal(self.noise_multiplier)
        privacy = PrivacyParameters(self.privacy, group_size=self.group_size)
        terms = NoiseTerms(Fraction(CLIP_NORM), Fraction(multiplier), privacy.num_noisy)
        bits = terms.choose_fraction_bits(Encoding().fraction_bits, Encoding().max_abs) or 0
        module = build_model(self.find_model(), 0)
        num_values = sum(values.size for values in get_parameters(module).values())
        cost = compute_update_cost(terms.set_in(privacy, bits), num_values)
        worth = account_for_cost(
            self.num_rounds * cost, DELTA, unit=PARTICIPANT, max_order=MAX_ORDER
        )
        return {
            "clip_norm": CLIP_NORM,
            "noise_multiplier": multiplier,
            "epsilon": Decimal(f"{worth.epsilon * 1.01:.4g}"),
            "delta": Decimal(str(DELTA)),
        }

    def find_model(self) -> str:
        """Return the model to train.

        Raises
        ------
        UsageError
            None is named, and the data set has no usual one.
        """
        model = self.model or find_dataset(self.data).usual_model
        if not model:
            raise UsageError(f"name a model for {self.data} with --model")
        return model

    def describe_task(self, addresses: Mapping[str, str]) -> dict[str, Any]:
        """Return the task file, with these addresses of the keys."""
        model = self.find_model()
        return {
            "name": f"demo: {model} on {self.data}",
            "participants": [addresses[name] for name in self.participants],
            "committee": {
                "aggregators": [addresses[name] for name in self.aggregators],
                "quorum": self.quorum,
                "bond_gwei": BOND_GWEI,
            },
            "privacy": {
                **self.secrecy,
                "auditors": [addresses[name] for name in self.auditors],
            },
            "recipe": {"model": model, "data": self.data},
            "rounds": {
                "num_rounds": self.num_rounds,
                "min_updates": self.num_participants,
                **self.windows,
                **self.sampling,
            },
        }
