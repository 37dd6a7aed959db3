"""What attacks on what a round shows came to, over all seeds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from fl_chain.lab.exposure import Rebuilt
from fl_chain.lab.modes import Exposure


@dataclass(frozen=True, slots=True)
class Spread:
    """A number of every seed."""

    mean: float
    deviation: float
    """Standard deviation over the seeds, with n - 1; 0 of a single one."""

    def show(self, digits: int, is_signed: bool = False) -> str:
        """Return it for people, with the deviation if there is one."""
        mean = f"{self.mean:{'+' if is_signed else ''}.{digits}f}"
        return f"{mean} ± {self.deviation:.{digits}f}" if self.deviation else mean


@dataclass(frozen=True, slots=True)
class ExposureSummary:
    """What one attack on one thing came to; each number is a mean over the examples."""

    exposure: Exposure
    """With the first seed."""
    num_examples: int
    """Of all seeds."""
    num_recovered: int
    psnr: Spread
    blind_psnr: Spread
    random_psnr: Spread
    gain_psnr: Spread
    ssim: Spread
    blind_ssim: Spread
    random_ssim: Spread
    gain_ssim: Spread


def summarize_exposures(found: Sequence[Rebuilt]) -> list[ExposureSummary]:
    """Return one for each thing shown and attack, in the order of the first of their seeds."""
    groups: dict[Exposure, list[Rebuilt]] = {}
    for rebuilt in found:
        groups.setdefault(replace(rebuilt.exposure, seed=0), []).append(rebuilt)
    return [_summarize(those) for those in groups.values()]


def _summarize(those: list[Rebuilt]) -> ExposureSummary:
    return ExposureSummary(
        those[0].exposure,
        sum(len(one.originals) for one in those),
        sum(one.num_recovered for one in those),
        _spread([one.found.psnr.mean() for one in those]),
        _spread([one.blind.psnr.mean() for one in those]),
        _spread([one.random.psnr.mean() for one in those]),
        _spread([one.gain_psnr for one in those]),
        _spread([one.found.ssim.mean() for one in those]),
        _spread([one.blind.ssim.mean() for one in those]),
        _spread([one.random.ssim.mean() for one in those]),
        _spread([one.gain_ssim for one in those]),
    )


def _spread(values: Sequence[float]) -> Spread:
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return Spread(float(np.mean(values)), deviation)
