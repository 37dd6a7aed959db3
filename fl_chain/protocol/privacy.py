"""Who can read the updates of a task, and what they may tell of their participants."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from fl_chain.protocol.canonical_json import MAX_INTEGER
from fl_chain.protocol.committee import NOBODY
from fl_chain.protocol.group_sizes import count_noisy
from fl_chain.protocol.sampled_gaussian import MAX_ORDER

OPEN: Final = "open"
"""Anybody with an update's CID."""
SEALED: Final = "sealed"
"""The aggregators and the auditors that the task names; to others it is encrypted."""
MASKED: Final = "masked"
"""Nobody: what is pinned is masked, and only sums of groups come out. See
:mod:`fl_chain.privacy.masking`."""
PRIVACY_MODES: Final = (OPEN, SEALED, MASKED)
MIN_GROUP_SIZE: Final = 3
MAX_GROUP_SIZE: Final = 64
MAX_CONFIRMATIONS: Final = 255
RING_BITS: Final = 32
"""Most bits of a masked lane."""
MAX_AUDITORS: Final = 64


@dataclass(frozen=True, slots=True)
class PrivacyParameters:
    """How updates are kept from others, and how many of a participant there may be."""

    mode: str = OPEN
    auditors: tuple[str, ...] = ()
    """Addresses that can read updates besides the aggregators; only in tasks with sealed ones."""
    budget: int = 0
    """The most that the updates of a participant may cost together, in 2^-32 of rho; 0 if they cost
    nothing. See fl_chain/protocol/spending.py."""
    cost: int = 0
    """What one update costs its participant; above 0 exactly if there is a budget."""
    max_order: int = 0
    """Costs are rho of Renyi divergences of the orders 2 to this one; 0 without a budget."""
    group_size: int = 0
    """Fewest members of the groups that a round is drawn into, where updates are masked; 0 in other
    tasks."""
    clip_norm: int = 0
    """Euclidean norm to which a participant clips its update, in units of lanes; 0 where updates
    have no noise. See fl_chain/protocol/skellam_noise.py."""
    noise_variance: int = 0
    """Of the Skellam noise that a participant adds to each value of its update, in units of lanes
    squared; above 0 exactly if updates are clipped."""
    confirmations: int = 0
    """So many blocks follow the end of collection before a member tells its seeds: as many as the
    chain may still take back. 0 to 255."""

    @property
    def has_noise(self) -> bool:
        """Whether updates are clipped, and hidden behind noise as a whole."""
        return self.clip_norm > 0

    @property
    def num_noisy(self) -> int:
        """Of how many participants the noise is in whatever is shown, and known to nobody.

        Of one alone where somebody reads every update: the readers of sealed ones are not trusted.
        """
        return count_noisy(self.group_size) if self.is_masked else 1

    @property
    def is_sealed(self) -> bool:
        """Whether updates are encrypted."""
        return self.mode == SEALED

    @property
    def is_masked(self) -> bool:
        """Whether updates are masked."""
        return self.mode == MASKED


def privacy_rules(
    privacy: PrivacyParameters, aggregators: tuple[str, ...], list_seconds: int
) -> Iterator[tuple[bool, str]]:
    """Yield the rules for privacy, and whether they hold; addresses are well formed."""
    auditors = privacy.auditors
    yield privacy.mode in PRIVACY_MODES, f"privacy.mode is one of {', '.join(PRIVACY_MODES)}"
    yield (
        privacy.is_sealed or not auditors,
        f"privacy.auditors is empty in the mode {privacy.mode}, in which nobody needs a key",
    )
    yield len(auditors) <= MAX_AUDITORS, f"privacy.auditors has at most {MAX_AUDITORS} entries"
    yield len(set(auditors)) == len(auditors), "privacy.auditors names nobody twice"
    yield NOBODY not in auditors, "privacy.auditors does not name the zero address"
    yield (
        not set(auditors) & set(aggregators),
        "privacy.auditors names no aggregator: those read updates in any case",
    )
    for name in ("budget", "cost"):
        is_in_range = 0 <= getattr(privacy, name) <= MAX_INTEGER
        yield is_in_range, f"privacy.{name} is 0 to 2^53 - 1"
    yield (
        (privacy.budget == 0) == (privacy.cost == 0),
        "privacy.budget and privacy.cost are both above 0, or both 0",
    )
    yield privacy.cost <= privacy.budget, "privacy.cost <= privacy.budget: one update, at least"
    smallest, largest = (MIN_GROUP_SIZE, MAX_GROUP_SIZE) if privacy.is_masked else (0, 0)
    yield (
        smallest <= privacy.group_size <= largest,
        f"privacy.group_size is {MIN_GROUP_SIZE} to {MAX_GROUP_SIZE} in the mode {MASKED},"
        " otherwise 0",
    )
    most = MAX_CONFIRMATIONS if privacy.is_masked else 0
    yield (
        0 <= privacy.confirmations <= most,
        f"privacy.confirmations is 0 to {MAX_CONFIRMATIONS} in the mode {MASKED}, otherwise 0",
    )
    least, most = (0, 0) if privacy.budget == 0 else (2, MAX_ORDER)
    is_in_range = least <= privacy.max_order <= most
    yield is_in_range, f"privacy.max_order is 2 to {MAX_ORDER} with a privacy.budget, otherwise 0"
    yield (
        privacy.budget == 0 or list_seconds == 0,
        "list_seconds is 0 with a privacy.budget: the contract does not look into lists",
    )
