"""What noise is worth, as an epsilon for people to read.

The one module of noise with floats: nothing under a digest and nothing on a ledger comes from here.
An epsilon depends on who is hidden, on delta, and on how it was computed, so all of that is part of
the result.

DP-SGD, with examples sampled by chance (Abadi et al. 2016, arXiv:1607.00133), by three accountants
from the package ``dp-accounting``:

- ``rdp``: Renyi divergences (Mironov, Talwar and Zhang 2019, arXiv:1908.10530), converted by
  proposition 12 of Canonne, Kamath and Steinke 2020 (arXiv:2004.00010);
- ``rdp-2017``: the same divergences, converted as by Mironov 2017 (arXiv:1702.07476), which gives
  more. Older published figures are of this kind, those of Opacus' MNIST example among them;
- ``pld``: privacy loss distributions (Doroshenko et al. 2022, arXiv:2207.04380), which give least.

What ledgers add up, of either kind of noise: the divergences of integer orders that a cost bounds
(fl_chain/protocol/sampled_gaussian.py, fl_chain/protocol/skellam_noise.py).
"""

from __future__ import annotations

import importlib.metadata
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from fl_chain import __version__
from fl_chain.errors import UsageError, ValueOutOfRange
from fl_chain.protocol.sampled_gaussian import COST_OF_ONE_RHO

SAMPLE: Final = "sample"
"""Hidden is whether one example was among those of a participant."""
PARTICIPANT: Final = "participant"
"""Hidden is whether one participant took part, with all its examples."""
UNITS: Final = (SAMPLE, PARTICIPANT)

RDP: Final = "rdp"
RDP_2017: Final = "rdp-2017"
PLD: Final = "pld"
SAMPLE_ACCOUNTANTS: Final = (RDP, RDP_2017, PLD)
ZCDP: Final = "zcdp"
ZCDP_2016: Final = "zcdp-2016"

SAMPLE_ORDERS: Final = (
    *(tenths / 10 for tenths in range(20, 110)),
    *map(float, range(11, 64)),
    *(128.0, 256.0, 512.0, 1024.0),
)
"""Of Renyi divergences, for DP-SGD. Lower ones are best where epsilon is 10 and more."""
INTEGER_ORDERS: Final = (*range(2, 129), 256, 512, 1024, 2048)
"""Of the Renyi divergences that a cost bounds."""

_PACKAGE: Final = "dp-accounting"
_TINY_DELTA: Final = 1e-30


@dataclass(frozen=True, slots=True)
class Guarantee:
    """An epsilon with all that it means nothing without."""

    epsilon: float
    """At least 0."""
    delta: float
    """Above 0 and below 1."""
    unit: str
    """``sample`` or ``participant``: who is hidden."""
    accountant: str
    """How epsilon was computed: one of `SAMPLE_ACCOUNTANTS`, ``zcdp`` or ``zcdp-2016``."""
    library: str
    """What computed it, and its version."""

    def __str__(self) -> str:
        return (
            f"epsilon {self.epsilon:.4g} at delta {self.delta:g} for one {self.unit}"
            f" ({self.accountant}, {self.library})"
        )


def account_for_sgd(
    *,
    sample_rate: float,
    noise_multiplier: float,
    num_steps: int,
    delta: float,
    accountant: str = RDP,
) -> Guarantee:
    """Return what DP-SGD hides of one example, added or removed.

    Parameters
    ----------
    sample_rate
        How likely each example is in a batch, independently of all others, above 0; 1 for full
        batches. Who is in a batch has to stay secret.
    noise_multiplier
        Standard deviation of the noise over the norm to which gradients are clipped, above 0.
    num_steps
        At least 1.
    delta
        Above 0 and below 1.
    accountant
        One of `SAMPLE_ACCOUNTANTS`.

    Raises
    ------
    ValueOutOfRange
        A value is out of range.
    UsageError
        No such accountant, or ``dp-accounting`` is not installed.
    """
    if accountant not in SAMPLE_ACCOUNTANTS:
        raise UsageError(
            f"there is no accountant {accountant!r}", f"choose of {', '.join(SAMPLE_ACCOUNTANTS)}"
        )
    _require_delta(delta)
    library = f"{_PACKAGE} {_require_library()}"
    if accountant == PLD:
        from dp_accounting.pld import PLDAccountant

        whole = PLDAccountant()
        whole.compose(_describe_step(sample_rate, noise_multiplier, num_steps), num_steps)
        return Guarantee(float(whole.get_epsilon(delta)), delta, SAMPLE, PLD, library)
    divergences = compute_sgd_divergences(
        sample_rate=sample_rate,
        noise_multiplier=noise_multiplier,
        num_steps=num_steps,
        orders=SAMPLE_ORDERS,
    )
    convert = convert_divergences if accountant == RDP else convert_divergences_as_2017
    return Guarantee(convert(SAMPLE_ORDERS, divergences, delta), delta, SAMPLE, accountant, library)


def compute_sgd_divergences(
    *, sample_rate: float, noise_multiplier: float, num_steps: int, orders: Sequence[float]
) -> list[float]:
    """Return the Renyi divergence of DP-SGD at each order, in nats; infinite where none is known.

    Parameters
    ----------
    sample_rate, noise_multiplier, num_steps
        See :func:`account_for_sgd`.
    orders
        Above 1.01.

    Raises
    ------
    ValueOutOfRange, UsageError
        As there.
    """
    _require_library()
    from dp_accounting.rdp import RdpAccountant

    step = _describe_step(sample_rate, noise_multiplier, num_steps)
    divergences = []
    for order in orders:
        # The package says what epsilon follows from an order, and the divergence to nobody. Undone
        # here is its conversion; at so small a delta it never takes the shortcut to 0.
        one = RdpAccountant([order])
        one.compose(step, num_steps)
        epsilon = float(one.get_epsilon(_TINY_DELTA))
        divergences.append(max(0.0, epsilon - _compute_addend(order, _TINY_DELTA)))
    return divergences


def account_for_cost(
    cost: int,
    delta: float,
    *,
    unit: str,
    max_order: int = INTEGER_ORDERS[-1],
    accountant: str = ZCDP,
) -> Guarantee:
    """Return what follows from a cost as ledgers add it up.

    Parameters
    ----------
    cost
        In 2^-32 of rho, at least 0; see fl_chain/protocol/skellam_noise.py.
    delta
        Above 0 and below 1.
    unit
        ``sample`` or ``participant``.
    max_order
        The largest order that the cost holds for, at least 2.
    accountant
        ``zcdp``: the best of integer orders, by the conversion of ``rdp``. ``zcdp-2016``:
        rho + 2 sqrt(rho ln(1 / delta)), Bun and Steinke 2016 (arXiv:1605.02065), proposition 1.3,
        which takes the cost to hold for all orders; for people who compute on paper.

    Raises
    ------
    ValueOutOfRange
        A value is out of range.
    UsageError
        No such unit or accountant.
    """
    _require_delta(delta)
    if cost < 0:
        raise ValueOutOfRange(f"cost {cost} is below 0")
    if unit not in UNITS or accountant not in (ZCDP, ZCDP_2016):
        raise UsageError(f"a cost has no epsilon for one {unit!r} by {accountant!r}")
    rho = cost / COST_OF_ONE_RHO
    if accountant == ZCDP_2016:
        epsilon = rho + 2 * math.sqrt(rho * -math.log(delta))
    else:
        orders = [order for order in INTEGER_ORDERS if order <= max_order]
        epsilon = convert_divergences(orders, [rho * order for order in orders], delta)
    return Guarantee(epsilon, delta, unit, accountant, f"fl_chain {__version__}")


def convert_divergences(
    orders: Sequence[float], divergences: Sequence[float], delta: float
) -> float:
    """Return the least epsilon that follows from Renyi divergences; see the accountant ``rdp``.

    >>> round(convert_divergences([10], [0.5], 1e-5), 4)
    1.418
    """
    return max(0.0, min(map(lambda a, r: r + _compute_addend(a, delta), orders, divergences)))


def convert_divergences_as_2017(
    orders: Sequence[float], divergences: Sequence[float], delta: float
) -> float:
    """Return the least epsilon by the older conversion; see the accountant ``rdp-2017``.

    >>> round(convert_divergences_as_2017([10], [0.5], 1e-5), 4)
    1.7792
    """
    return min(map(lambda a, r: r - math.log(delta) / (a - 1), orders, divergences))


def _compute_addend(order: float, delta: float) -> float:
    return math.log1p(-1 / order) - math.log(delta * order) / (order - 1)


def _describe_step(sample_rate: float, noise_multiplier: float, num_steps: int) -> Any:
    if not (0 < sample_rate <= 1 and noise_multiplier > 0 and num_steps >= 1):
        raise ValueOutOfRange(
            f"{num_steps} steps at sample rate {sample_rate} with noise {noise_multiplier}",
            "there is at least one step, the rate is above 0 and at most 1, and noise above 0",
        )
    from dp_accounting import GaussianDpEvent, PoissonSampledDpEvent

    noise = GaussianDpEvent(noise_multiplier)
    return noise if sample_rate == 1 else PoissonSampledDpEvent(sample_rate, noise)


def _require_delta(delta: float) -> None:
    if not 0 < delta < 1:
        raise ValueOutOfRange(f"delta {delta} is not above 0 and below 1")


def _require_library() -> str:
    """Return the version of the package that knows DP-SGD."""
    try:
        import dp_accounting  # noqa: F401

        return importlib.metadata.version(_PACKAGE)
    except ImportError as error:
        raise UsageError(
            f"an epsilon of DP-SGD needs the package {_PACKAGE}", "pip install 'fl_chain[privacy]'"
        ) from error
