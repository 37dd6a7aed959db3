"""The range of the seeds that training accepts."""

from __future__ import annotations

from typing import Final

from fl_chain.errors import TrainingError

__all__ = ["SEED_LIMIT", "require_seed"]

SEED_LIMIT: Final = 2**32
"""Seeds lie in [0, SEED_LIMIT).

PyTorch's CPU generator and NumPy's frozen ``RandomState`` are both Mersenne Twisters that take
32 bits. PyTorch accepts a longer seed and ignores its high bits, so that two different seeds
would silently shuffle alike; refusing them keeps "another seed" meaning "another stream".
"""


def require_seed(seed: int) -> int:
    """Return ``seed`` when it is in range.

    Raises
    ------
    TrainingError
        The seed is no integer, or outside [0, 2^32).

    Examples
    --------
    >>> require_seed(7)
    7
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < SEED_LIMIT:
        raise TrainingError(
            f"seed {seed!r} is not an integer in [0, 2^32)",
            "reduce a longer seed, such as a digest, to its low 32 bits",
        )
    return seed
