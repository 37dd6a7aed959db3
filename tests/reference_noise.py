"""What training with noise costs, by docs/spec.md, in dull code: sums word for word, many digits.

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
