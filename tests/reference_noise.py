"""What noise costs, by docs/spec.md, in dull code: sums word for word, many digits.

Nothing here imports fl_chain.
"""

from __future__ import annotations

from fractions import Fraction

import mpmath

DIGITS = 400


def cost_of(rate: str, noise: str, num_epochs: int, max_order: int) -> int:
    """The least cost that a manifest may have."""
    with mpmath.workdps(DIGITS):
        steps = -(-Fraction(num_epochs) // Fraction(rate))
        largest = max(divergence(rate, noise, order) / order for order in range(2, max_order + 1))
        scaled = largest * int(steps) * 2**32
        return int(mpmath.ceil(scaled * (1 + mpmath.mpf(10) ** -40)))


def update_cost(clip_norm: int, num_lanes: int, variance: int) -> int:
    """The least cost of an update with Skellam noise: of all noise that is counted."""
    with mpmath.workdps(DIGITS):
        c, d, mu = (mpmath.mpf(number) for number in (clip_norm, num_lanes, variance))
        squared = c**2 + c + mpmath.ceil((d + mpmath.ceil(mpmath.sqrt(4 * d))) / 4)
        l1 = min(squared, mpmath.ceil(mpmath.sqrt(d * squared)))
        rho = squared / (2 * mu) + min((2 * squared + 3 * l1) / (4 * mu**2), 3 * l1 / (4 * mu))
        return int(mpmath.ceil(rho * 2**32))


def largest_noise(variance: int) -> int:
    """A magnitude that no noise of a variance reaches."""
    with mpmath.workdps(DIGITS):
        return 60 + int(mpmath.ceil(mpmath.sqrt(178 * variance)))


def honest_of(group_size: int) -> int:
    """Survivors of a group that are no accomplices: the fewest, in groups of all sizes."""
    fewest = []
    for size in range(group_size, 2 * group_size):
        least = next(count for count in range(size + 1) if 3 * count > 2 * size)
        accomplices = [
            count for count in range(size) if 3 * count < size and 2 * least > size + count + 1
        ]
        fewest.append(least - max([1, *accomplices]))
    return min(fewest)


def divergence(rate: str, noise: str, order: int) -> mpmath.mpf:
    """Of one step, by Mironov, Talwar and Zhang 2019, section 3.3."""
    q, sigma = mpmath.mpf(rate), mpmath.mpf(noise)
    total = mpmath.fsum(
        mpmath.binomial(order, k)
        * (1 - q) ** (order - k)
        * q**k
        * mpmath.exp(mpmath.mpf(k * k - k) / (2 * sigma**2))
        for k in range(order + 1)
    )
    return mpmath.log(total) / (order - 1)
