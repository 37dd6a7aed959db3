"""What participants say that a round cost them and yielded, and what their words add up to.

A measurement travels in the header of an update, under its digest: whoever records the update has
signed it. It is a claim all the same. Nothing that decides about a model depends on it.

Integers only, each with one spelling, so that the sums of a round report are the same for
everybody. A loss is in millionths of a nat, and the base model's loss and accuracy are about the
participant's own data, before it trained.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from enum import StrEnum
from typing import Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.header import parse_decimal

MEASURED_LIMIT: Final = 2**32
"""Every number of a measurement but the energy is below this."""
ENERGY_LIMIT: Final = 2**39
"""Millijoules of one update are fewer: 2^24 updates then add up to less than 2^63."""
TOTAL_LIMIT: Final = 2**63
"""Every number of a report's totals is below this."""
MILLIONTHS: Final = 10**6


class EnergySource(StrEnum):
    """Where a participant has its energy from."""

    MEASURED = "measured"
    """Counters of the hardware."""
    ESTIMATED = "estimated"
    """Computing time, times an assumed power."""
    NONE = "none"
    """It says nothing; the energy is 0."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """What one participant says about its part in a round; fields named as in the header."""

    train_examples: int
    """Examples trained on; 1 to 2^32 - 1."""
    train_milliseconds: int
    """Wall-clock time of the training; 0 to 2^32 - 1."""
    train_loss_millionths: int
    """Mean loss of the last epoch; 0 to 2^32 - 1, the largest for all that is larger or no number.
    """
    base_examples: int
    """Examples that the base model was evaluated on; 0 to 2^32 - 1."""
    base_correct: int
    """Those of them that it got right."""
    base_loss_millionths: int
    """Its mean loss on them; like the other loss, 0 without examples."""
    energy_millijoules: int = 0
    """0 to 2^39 - 1."""
    energy_source: EnergySource = EnergySource.NONE

    def to_metadata(self) -> dict[str, str]:
        """Return the measurement's part of an update's metadata.

        Raises
        ------
        MalformedBlob
            A number is out of its range, or two contradict each other.
        """
        if not self.is_possible():
            raise MalformedBlob("the measurement of an update is out of its range")
        return {entry.name: str(getattr(self, entry.name)) for entry in fields(self)}

    def is_possible(self) -> bool:
        """Return whether all numbers are in range, and none contradicts another."""
        small = (getattr(self, name) for name in MEASUREMENT_KEYS if not name.startswith("energy"))
        return (
            all(0 <= value < MEASURED_LIMIT for value in small)
            and self.train_examples > 0
            and self.base_correct <= self.base_examples
            and (self.base_examples > 0 or self.base_loss_millionths == 0)
            and 0 <= self.energy_millijoules < ENERGY_LIMIT
            and (self.energy_source != EnergySource.NONE or self.energy_millijoules == 0)
        )


MEASUREMENT_KEYS: Final = tuple(entry.name for entry in fields(Measurement))
"""Keys of an update's metadata that are a measurement: all, or none of them."""

LONGEST_MEASUREMENT: Final = Measurement(
    *(MEASURED_LIMIT - 1,) * 6, ENERGY_LIMIT - 1, EnergySource.ESTIMATED
)
"""No measurement takes more bytes: the header has room for this one."""


def parse_measurement(metadata: Mapping[str, str]) -> Measurement | None:
    """Return the measurement in an update's metadata, None if there is nothing of any.

    Raises
    ------
    KeyError, ValueError, AttributeError
        Something of one is there, but not all, or not in its range.
    """
    if not any(key in metadata for key in MEASUREMENT_KEYS):
        return None
    numbers = {key: parse_decimal(metadata[key], MEASURED_LIMIT) for key in MEASUREMENT_KEYS[:6]}
    measurement = Measurement(
        **numbers,
        energy_millijoules=parse_decimal(metadata["energy_millijoules"], ENERGY_LIMIT),
        energy_source=EnergySource(metadata["energy_source"]),
    )
    if not measurement.is_possible():
        raise ValueError("the numbers of a measurement contradict each other")
    return measurement


def to_millionths(loss: float) -> int:
    """Return a loss as an integer, ties to even; NaN becomes the largest, what is negative 0.

    Examples
    --------
    >>> to_millionths(0.25), to_millionths(-0.0), to_millionths(float("nan"))
    (250000, 0, 4294967295)
    """
    largest = MEASURED_LIMIT - 1
    if math.isnan(loss) or loss * MILLIONTHS >= largest:
        return largest
    return round(loss * MILLIONTHS) if loss > 0 else 0


@dataclass(frozen=True, slots=True)
class MeasuredTotals:
    """What the included updates of a round say together; fields named as in the report."""

    train_examples: int
    train_milliseconds: int
    train_milliseconds_max: int
    """Of the participant that took longest."""
    train_loss_millionths: int
    """Mean over all examples trained on."""
    base_examples: int
    base_correct: int
    base_loss_millionths: int
    """Mean over all examples that the base model was evaluated on; 0 without any."""
    energy_updates: int
    """Updates that say anything about energy, measured or estimated."""
    measured_millijoules: int
    estimated_millijoules: int

    @property
    def accuracy(self) -> float | None:
        """Share of the examples that the base model got right; None if nobody evaluated it."""
        return self.base_correct / self.base_examples if self.base_examples else None

    @property
    def kilowatt_hours(self) -> float:
        """Energy of the updates that say anything about it, measured and estimated."""
        return (self.measured_millijoules + self.estimated_millijoules) / 3.6e9

    def to_metadata(self) -> dict[str, str]:
        """Return the totals' part of a report's metadata."""
        return {name: str(getattr(self, name)) for name in TOTAL_KEYS}


TOTAL_KEYS: Final = tuple(entry.name for entry in fields(MeasuredTotals))
"""Keys of a report's metadata that are totals: all, or none of them."""


def parse_totals(metadata: Mapping[str, str]) -> MeasuredTotals | None:
    """Return the totals in a report's metadata, None if there is nothing of any.

    Raises
    ------
    KeyError, ValueError, AttributeError
        Something of them is there, but not all, or not in its range.
    """
    if not any(key in metadata for key in TOTAL_KEYS):
        return None
    return MeasuredTotals(*(parse_decimal(metadata[key], TOTAL_LIMIT) for key in TOTAL_KEYS))


class MeasurementSum:
    """A running sum of measurements; the order in which they are added makes no difference.

    Examples
    --------
    >>> total = MeasurementSum()
    >>> total.add(Measurement(100, 900, 500_000, 50, 40, 250_001))
    >>> total.add(Measurement(300, 700, 100_000, 50, 45, 250_000))
    >>> totals = total.compute_totals()
    >>> totals.train_loss_millionths, totals.base_loss_millionths, totals.accuracy
    (200000, 250000, 0.85)
    """

    def __init__(self) -> None:
        self._sums = dict.fromkeys(TOTAL_KEYS, 0)
        self._train_loss = 0
        self._base_loss = 0

    def add(self, measurement: Measurement) -> None:
        """Add what one included update says."""
        sums = self._sums
        sums["train_examples"] += measurement.train_examples
        sums["train_milliseconds"] += measurement.train_milliseconds
        sums["train_milliseconds_max"] = max(
            sums["train_milliseconds_max"], measurement.train_milliseconds
        )
        sums["base_examples"] += measurement.base_examples
        sums["base_correct"] += measurement.base_correct
        if measurement.energy_source != EnergySource.NONE:
            sums["energy_updates"] += 1
            sums[f"{measurement.energy_source}_millijoules"] += measurement.energy_millijoules
        self._train_loss += measurement.train_loss_millionths * measurement.train_examples
        self._base_loss += measurement.base_loss_millionths * measurement.base_examples

    def add_sum(self, other: MeasurementSum) -> None:
        """Add what was added to another sum."""
        for name, value in other._sums.items():
            if name == "train_milliseconds_max":
                self._sums[name] = max(self._sums[name], value)
            else:
                self._sums[name] += value
        self._train_loss += other._train_loss
        self._base_loss += other._base_loss

    def compute_totals(self) -> MeasuredTotals:
        """Return what was added, with means rounded to the nearest integer, ties to even."""
        sums = dict(self._sums)
        sums["train_loss_millionths"] = _mean(self._train_loss, sums["train_examples"])
        sums["base_loss_millionths"] = _mean(self._base_loss, sums["base_examples"])
        return MeasuredTotals(**sums)


def _mean(weighted: int, count: int) -> int:
    """Return ``weighted / count``, ties to even; 0 of nothing. Both may pass 64 bits."""
    if count == 0:
        return 0
    quotient, remainder = divmod(weighted, count)
    is_up = 2 * remainder > count or (2 * remainder == count and quotient % 2 == 1)
    return quotient + int(is_up)
