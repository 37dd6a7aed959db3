"""Aggregators that cheat, for demonstrations and tests of what becomes of them.

Each does once what it is named after, as well as it can, and is honest otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fl_chain.aggregation.derive import DerivedRound, RoundAggregation
from fl_chain.aggregation.round_blobs import decode_model_blob, model_header
from fl_chain.protocol.attestation import Attestation, compute_result
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.parts import Contribution, step_value
from fl_chain.roles.aggregator import HEARTBEAT_SECONDS, AggregatorRole
from fl_chain.roles.defence import Defender, add_up
from fl_chain.roles.statements import write_statement


class SilentAggregator(AggregatorRole):
    """Deposits its bond, and is not heard of again."""

    def step(self) -> bool:
        """Wait until the task is over."""
        self._ledger.watch()
        self._patiently(self.follower.refresh)
        if not self.follower.task.is_over and not self._deposit():
            self._ledger.wait(HEARTBEAT_SECONDS)
        return self.follower.task.is_over


class OmittingAggregator(AggregatorRole):
    """Proposes a report without a status for the last update."""

    _has_cheated = False

    def derive(self, aggregation: RoundAggregation) -> DerivedRound:
        """Return what the round yields, the first time with a report that is too short."""
        derived = super().derive(aggregation)
        if self._has_cheated:
            return derived
        self._has_cheated = True
        report = derived.report[:-1]
        return replace(derived, report=report, report_digest=compute_digest(report))


class WrongAggregator(AggregatorRole):
    """Proposes a model with one value off by one, and lies in the dispute about it."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.defender = _LyingDefender(
            self.follower, self._store, self._progress, self._patience_seconds
        )
        self._has_cheated = False

    def derive(self, aggregation: RoundAggregation) -> DerivedRound:
        """Return what the round yields, the first time with a wrong value."""
        derived = super().derive(aggregation)
        if self._has_cheated:
            return derived
        self._has_cheated = True
        header = model_header(self.follower.manifest)
        values = decode_model_blob(derived.model, header).copy()
        values[len(values) // 2] += 1
        return aggregation.report_on(self.follower.base_model(), values)


class _LyingDefender(Defender):
    """Claims whatever leads to the value that was proposed."""

    def compute_contributions(self, position: int) -> Sequence[Contribution]:
        truth = list(super().compute_contributions(position))
        shift = self._follower.task.parameters.fraction_shift
        base = int(self._follower.base_model()[position])
        model = self._witness.fetch_model()
        header = model_header(self._follower.manifest)
        proposed = int(decode_model_blob(model, header)[position])
        total = add_up(truth)
        if step_value(base, total, shift) == proposed:
            return truth
        # With a total weight of a multiple of 2^shift, every step can be had exactly.
        factor = -(-total.weight >> shift)
        liar = max(range(len(truth)), key=lambda index: truth[index].weight)
        rest = add_up([*truth[:liar], *truth[liar + 1 :]])
        truth[liar] = Contribution(
            (factor << shift) - rest.weight, factor * (proposed - base) - rest.sum
        )
        return truth


class EquivocatingAggregator(AggregatorRole):
    """Proposes the right model, signs it for one who asks, and another one for another.

    Parameters
    ----------
    outbox
        Where it leaves what it signed.
    """

    def __init__(self, *arguments: Any, outbox: Path, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._outbox = outbox
        self._has_cheated = False

    def _propose(self) -> bool:
        is_done = super()._propose()
        if is_done and not self._has_cheated:
            self._has_cheated = True
            number = self.follower.task.current.round
            proposal = self.follower.task.rounds[number].proposal
            assert proposal is not None  # noqa: S101 - it has just been made
            right = proposal.model_digest, proposal.report_digest
            self._outbox.mkdir(parents=True, exist_ok=True)
            for name, digests in (("one", right), ("other", right[::-1])):
                signature = self._ledger.sign(compute_result(number, *digests))
                attestation = Attestation(number, *digests, signature)
                write_statement(self._outbox / f"round-{number}-{name}.json", attestation)
        return is_done


CHEATS: dict[str, type[AggregatorRole]] = {
    "wrong-model": WrongAggregator,
    "omit": OmittingAggregator,
    "equivocate": EquivocatingAggregator,
    "silent-aggregator": SilentAggregator,
}


def make_aggregator(
    cheat: str | None, outbox: Path, *arguments: Any, **options: Any
) -> AggregatorRole:
    """Return an honest aggregator, or one that cheats.

    Parameters
    ----------
    cheat
        A key of ``CHEATS``, or None.
    outbox
        See :class:`EquivocatingAggregator`.
    arguments, options
        Those of :class:`AggregatorRole`.
    """
    if cheat is None:
        return AggregatorRole(*arguments, **options)
    if cheat == "equivocate":
        options["outbox"] = outbox
    return CHEATS[cheat](*arguments, **options)
