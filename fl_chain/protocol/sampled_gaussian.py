"""What training with noise costs: Gaussian noise on sums of examples that each come by chance.

The Renyi divergence of the sampled Gaussian mechanism, for integer orders, is known in closed form
(Mironov, Talwar and Zhang 2019, "Renyi differential privacy of the sampled Gaussian mechanism",
https://arxiv.org/abs/1908.10530, section 3.3). It does not grow like its order: from some order on
it grows much faster. So a cost is for the orders up to a largest one, as in truncated concentrated
differential privacy (Bun, Dwork, Rothblum and Steinke 2018,
https://doi.org/10.1145/3188745.3188946), and which one is best depends on how much is spent in the
end.

Assumes neighbours that differ by one example added or left out, and steps of which nobody knows
which examples came. Decimal arithmetic with so many digits that what it rounds stays far below the
margin that is added: everybody gets the same integers, and no float decides.
"""

from __future__ import annotations

import math
from decimal import Context, Decimal, DecimalException
from fractions import Fraction
from typing import Final

from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.canonical_json import MAX_INTEGER

COST_OF_ONE_RHO: Final = 2**32
"""A cost is a number of these parts of rho = 1."""
MAX_ORDER: Final = 256
_MARGIN: Final = Decimal("1e-40")
"""Part of itself that is added to a cost before it is rounded up."""
_CONTEXT: Final = Context(prec=200, Emax=10**9, Emin=-(10**9))
"""Digits for sums that exceed 1 by 10^-60, at the lowest rates and the most noise of any use."""


def count_private_steps(num_epochs: int, sampling_rate: Decimal) -> int:
    """Return how many steps bring each example so many times, on average; rounded up.

    >>> count_private_steps(1, Decimal("0.3"))
    4
    """
    return math.ceil(Fraction(num_epochs) / Fraction(sampling_rate))


def compute_divergences(
    sampling_rate: Decimal, noise_multiplier: Decimal, max_order: int
) -> list[Decimal]:
    """Return the Renyi divergences of one step, for the orders 2 to ``max_order``.

    Parameters
    ----------
    sampling_rate
        Chance of each example, above 0, at most 1.
    noise_multiplier
        Standard deviation of the noise over the norm that gradients are clipped to, above 0.
    max_order
        2 to MAX_ORDER.

    Raises
    ------
    ValueOutOfRange
        A parameter is out of its range, or there is so little noise that nothing is hidden.

    Examples
    --------
    >>> compute_divergences(Decimal(1), Decimal(2), 3)
    [Decimal('0.25'), Decimal('0.375')]
    """
    if not (0 < sampling_rate <= 1 and noise_multiplier > 0 and 2 <= max_order <= MAX_ORDER):
        raise ValueOutOfRange("rate, noise and order are of no sampled Gaussian mechanism")
    c = _CONTEXT
    if sampling_rate == 1:  # what the sum below comes to, without its rounding
        halved = c.divide(Decimal(1), c.multiply(Decimal(2), _square(noise_multiplier)))
        return [
            c.multiply(halved, Decimal(order)).normalize(c) for order in range(2, max_order + 1)
        ]
    try:
        return _sum_up(sampling_rate, noise_multiplier, max_order)
    except DecimalException:
        raise ValueOutOfRange("so little noise hides nothing") from None


def compute_sgd_cost(
    sampling_rate: Decimal, noise_multiplier: Decimal, num_steps: int, max_order: int
) -> int:
    """Return what some steps cost together, for the orders 2 to ``max_order``.

    Raises
    ------
    ValueOutOfRange
        A parameter is out of its range, or the cost is 2^53 and more.

    Examples
    --------
    >>> compute_sgd_cost(Decimal(1), Decimal(1), 1, 64) - 2**31  # the margin
    1
    """
    c = _CONTEXT
    divergences = compute_divergences(sampling_rate, noise_multiplier, max_order)
    most = max(
        c.divide(divergence, Decimal(order)) for order, divergence in enumerate(divergences, 2)
    )
    scaled = c.multiply(most, Decimal(num_steps * COST_OF_ONE_RHO))
    scaled = c.multiply(scaled, c.add(Decimal(1), _MARGIN))
    if scaled > MAX_INTEGER:
        raise ValueOutOfRange("so little noise costs more than a manifest can say")
    return math.ceil(scaled)


def _sum_up(rate: Decimal, noise: Decimal, max_order: int) -> list[Decimal]:
    """Return ln(sum over k of C(a, k) (1-q)^(a-k) q^k e^(k(k-1) / 2 s^2)) / (a-1), for each a."""
    c = _CONTEXT
    doubled = c.multiply(Decimal(2), _square(noise))
    grown = [c.exp(c.divide(Decimal(k * (k - 1)), doubled)) for k in range(max_order + 1)]
    chosen, others = [Decimal(1)], [Decimal(1)]
    for _ in range(max_order):
        chosen.append(c.multiply(chosen[-1], rate))
        others.append(c.multiply(others[-1], c.subtract(Decimal(1), rate)))
    weighted = [c.multiply(one, other) for one, other in zip(grown, chosen, strict=True)]
    divergences = []
    for order in range(2, max_order + 1):
        total = Decimal(0)
        for k in range(order + 1):
            ways = c.multiply(Decimal(math.comb(order, k)), others[order - k])
            total = c.add(total, c.multiply(ways, weighted[k]))
        divergences.append(c.divide(c.ln(total), Decimal(order - 1)))
    return divergences


def _square(value: Decimal) -> Decimal:
    return _CONTEXT.multiply(value, value)
