"""What the processes of a demo report, put together by round.

Each process has a pipe of its own, so what they say arrives in another order than it happened: a
round's last attestation may be told of before its proposal, and the next round before both.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fl_chain.roles.demo import DemoEvent

BARS = {
    "training": ("training",),
    "committing": ("committed",),
    "submitting": ("submitted",),
    "verifying": ("examined", "excluded"),
    "attesting": ("proposed", "attested"),
}
"""Bar to the events that move it, in the order of a round; not every task has commitments."""


@dataclass
class RoundTally:
    """What was reported about one round."""

    round: int
    events: Counter[str] = field(default_factory=Counter)
    """How often each event was reported."""
    gas: int = 0
    bytes_pinned: int = 0
    energy_millijoules: int = 0
    energy_sources: set[str] = field(default_factory=set)
    """Where participants have their energy from: counters, estimates, or nothing."""
    num_updates: int | None = None
    """Updates on record; None until the model is proposed."""
    num_included: int = 0
    is_by_quorum: bool = False
    """Whether an attestation made the model final, and not the end of the challenge window."""
    finalized_at: float = 0.0
    """0 until the model is final."""
    is_aborted: bool = False

    def add(self, event: DemoEvent, now: float) -> None:
        """Count an event of this round."""
        values = event.values
        self.gas += values.get("gas", 0)
        self.bytes_pinned += values.get("bytes", 0)
        self.energy_millijoules += values.get("energy_millijoules", 0)
        if source := values.get("energy_source"):
            self.energy_sources.add(source)
        if values.get("agrees", True):
            self.events[event.event] += 1
        match event.event:
            case "proposed":
                self.num_updates, self.num_included = values["updates"], values["included"]
                self.events["proposed"] = 1  # in place of one that was rejected
            case "rejected":
                # The voices for it were voices for nothing.
                self.num_updates, self.events["proposed"], self.events["attested"] = None, 0, 0
            case "finalized":
                self.finalized_at = self.finalized_at or now
                self.is_by_quorum = "gas" not in values
            case "aborted" | "ended":
                self.is_aborted = True

    @property
    def energy(self) -> str:
        """What the training took, in joules; a part that is estimated makes all of it that."""
        if not self.energy_sources - {"none"}:
            return "-"
        mark = "~" if "estimated" in self.energy_sources else ""
        return f"{mark}{self.energy_millijoules / 1000:.1f} J"

    def done(self, bar: str) -> int:
        """Return how far a bar is."""
        return sum(self.events[event] for event in BARS[bar])

    def is_complete(self, quorum: int) -> bool:
        """Return whether the model is final and everything that led to it was reported."""
        return (
            self.finalized_at > 0
            and self.num_updates is not None
            and self.events["submitted"] >= self.num_updates
            and (not self.is_by_quorum or self.done("attesting") >= quorum)
        )


class RoundBoard:
    """The rounds that have not been shown yet.

    Parameters
    ----------
    quorum
        Attestations, the proposer's own included, that make a model final.
    """

    def __init__(self, quorum: int) -> None:
        self.latest: RoundTally | None = None
        """The newest round that anything was reported about."""
        self._quorum = quorum
        self._rounds: dict[int, RoundTally] = {}

    def add(self, event: DemoEvent, now: float) -> None:
        """Count an event; those of no round, or of one that was shown, change nothing."""
        number = event.values.get("round", 0)
        if self.latest is None or number > self.latest.round:
            if number == 0:
                return
            self.latest = self._rounds[number] = RoundTally(number)
        if number in self._rounds:
            self._rounds[number].add(event, now)

    def take(self, *, is_over: bool = False) -> Iterator[RoundTally]:
        """Yield and forget, in order, the final rounds that are complete; at the end, all final."""
        for number, tally in sorted(self._rounds.items()):
            if not (is_over or tally.is_aborted or tally.is_complete(self._quorum)):
                return  # what comes later is shown later
            del self._rounds[number]
            if tally.finalized_at:
                yield tally
