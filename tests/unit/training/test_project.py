"""A user's own file: what it may be, and what is said of one that does not work."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from fl_chain.errors import TrainingError
from fl_chain.training.evaluation import evaluate_by_silo
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.parameters import get_parameters
from fl_chain.training.project import (
    MAX_SOURCE_BYTES,
    Partition,
    Project,
    ProjectTrainer,
    Settings,
    read_source,
)

MODEL = "import numpy as np\nimport torch\ndef model():\n    return torch.nn.Linear(2, 3)\n"
DATA = "def load_data(partition):\n    return np.eye(2), np.array([0, 2])\n"
HERE = Partition(0, 1, Path("data"))


def project(tmp_path: Path, source: str) -> Project:
    path = tmp_path / "project.py"
    path.write_text(source, encoding="utf-8")
    return Project(path, read_source(path))


def trainer(tmp_path: Path, train: str, learning_rate: float = 0.1) -> ProjectTrainer:
    made = project(tmp_path, MODEL + DATA + train)
    module = made.build_model(0)
    data = made.load_dataset(HERE, module)
    return ProjectTrainer(made, module, data, Settings(1, 2, learning_rate), data)


def test_the_model_depends_on_the_seed_alone_and_leaves_the_generator(tmp_path: Path) -> None:
    made = project(tmp_path, MODEL + DATA)
    before = torch.get_rng_state()
    first, second, other = (get_parameters(made.build_model(seed)) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), before)
    assert np.array_equal(first["weight"], second["weight"])
    assert not np.array_equal(first["weight"], other["weight"])


@pytest.mark.parametrize(
    "data",
    [
        "[[1, 2], [3, 4]], [0, 2]",
        "np.array([[1, 2], [3, 4]], np.uint8), np.array([0.0, 2.0])",
        "torch.tensor([[1.0, 2], [3, 4]], requires_grad=True), torch.tensor([0, 2])",
    ],
)
def test_lists_arrays_and_tensors_are_all_data(tmp_path: Path, data: str) -> None:
    made = project(tmp_path, MODEL + f"def load_data(partition):\n    return {data}\n")
    loaded = made.load_dataset(HERE, made.build_model(0))
    assert loaded.features.tolist() == [[1, 2], [3, 4]]
    assert (loaded.labels.tolist(), loaded.num_classes) == ([0, 2], 3)


SEQUENCES = """
import torch
def model():
    return torch.nn.Sequential(torch.nn.Linear(4, 12), torch.nn.Unflatten(1, (3, 4)))
def load_data(partition):
    return torch.eye(4), {labels}
"""


def test_a_sequence_has_a_label_at_every_place(tmp_path: Path) -> None:
    made = project(tmp_path, SEQUENCES.format(labels="[[0, 1, 2, 0]] * 4"))
    module = made.build_model(0)
    data = made.load_dataset(HERE, module)
    assert (data.labels.shape, data.num_classes) == ((4, 4), 3)
    sgd = LocalSgd(module, data, num_epochs=50, batch_size=2, learning_rate=1)
    start = get_parameters(module)
    trained = sgd.train(start, seed=0).parameter_delta
    end = sgd.evaluate({name: start[name] + trained[name] for name in start})
    assert (end.num_correct, end.num_examples) == (16, 16)


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("[0] * 4", r"labels have shape \(4,\), not \(n, 4\)"),
        ("[[0, 1]] * 4", r"labels have shape \(4, 2\), not \(n, 4\)"),
        ("[[0, 1, 2, 3]] * 4", "label 3, but the model has 3 classes"),
        ("[[0, 1, 2, 0.5]] * 4", "label 0.5 in row 0 is no class"),
    ],
)
def test_labels_of_sequences_that_do_not_fit_are_refused(
    tmp_path: Path, labels: str, message: str
) -> None:
    made = project(tmp_path, SEQUENCES.format(labels=labels))
    with pytest.raises(TrainingError, match=message):
        made.load_dataset(HERE, made.build_model(0))


def test_load_data_is_told_whose_data_to_load(tmp_path: Path) -> None:
    body = "return np.full((1, 2), partition.id), [partition.count - 5 + len(partition.path.name)]"
    made = project(tmp_path, MODEL + f"def load_data(partition):\n    {body}\n")
    data = made.load_dataset(Partition(4, 3, Path("some/data")), made.build_model(0))
    assert (data.features.tolist(), data.labels.tolist()) == ([[4, 4]], [2])


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def model(:\n", r"project.py, line 1: SyntaxError"),
        ("x = 1\nimport nowhere_at_all\n", r"line 2: ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)\n", r"line 1: SystemExit: 3"),
        ("def model(): pass\n", r"has no function load_data\(\)"),
        ("def load_data(p): pass\nmodel = 3\n", r"has no function model\(\)"),
        ("\x00", r"ValueError|SyntaxError"),
    ],
)
def test_a_file_that_does_not_run_is_told_with_its_line(
    tmp_path: Path, source: str, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        project(tmp_path, source)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("return 3", r"model\(\) of .* returns int, not a torch.nn.Module"),
        ("1 / 0", r"line 5, in model\(\): ZeroDivisionError"),
        ("return torch.nn.Linear(2, 3).double()", "is torch.float64"),
        ("return torch.nn.BatchNorm1d(2)", "has state that is no parameter"),
        ("return torch.nn.Linear(2, 3).requires_grad_(False)", "no parameter that can be trained"),
        (
            "m = torch.nn.Linear(2, 3); m.bias.data[0] = float('nan'); return m",
            "parameter 'bias' of .* begins with NaN",
        ),
    ],
)
def test_what_is_no_model_is_refused(tmp_path: Path, model: str, message: str) -> None:
    made = project(tmp_path, f"import torch\n{DATA}def model():\n    {model}\n")
    with pytest.raises(TrainingError, match=message):
        made.build_model(0)


@pytest.mark.parametrize(
    ("model", "message"),
    [
        ("torch.nn.Linear(5, 3)", r"does not take features of shape \(2,\)"),
        (
            "torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Unflatten(1, (1, 2)))",
            r"gives \(1, 1, 2\)",
        ),
        ("torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Flatten(0))", r"gives \(3,\) for"),
        ("torch.nn.LSTM(2, 3)", "gives tuple for one example"),
        ("torch.nn.Linear(2, 2)", r"label 2, but the model has 2 classes: 0 to 1"),
    ],
)
def test_a_model_that_does_not_fit_the_data_is_refused(
    tmp_path: Path, model: str, message: str
) -> None:
    source = f"import torch\nimport numpy as np\n{DATA}def model():\n    return {model}\n"
    made = project(tmp_path, source)
    with pytest.raises(TrainingError, match=message):
        made.load_dataset(HERE, made.build_model(0))


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("np.eye(2)", "returns ndarray, not a tuple"),
        ("np.eye(2), [0, 1], 3", "returns tuple, not a tuple of features and labels"),
        ("[[1, 2], [3]], [0, 1]", "features are no array"),
        ("[['a', 'b']], [0]", "features are <U1, not numbers"),
        ("np.eye(2), ['yes', 'no']", "labels are <U3, not numbers"),
        ("np.zeros(2), [0, 1]", r"features have shape \(2,\), not \(n, ...\)"),
        ("np.eye(2), [[0], [1]]", r"labels have shape \(2, 1\), not \(n,\)"),
        ("np.eye(2), [0, 1, 2]", "2 examples, but 3 labels"),
        ("np.zeros((0, 2)), []", r"load_data\(\) of .*: no example in "),
        ("[[1, np.nan], [np.inf, 2]], [0, 1]", r"2 of 4 features are NaN.*\(0, 1\), \(1, 0\)"),
        ("[[1e39, 0.0]], [0]", "1 of 2 features are NaN, or no float32"),
        ("np.full((9, 2), np.nan), [0] * 9", r"18 of 18 .* \(0, 0\), \(0, 1\), \(1, 0\)"),
        ("np.eye(2), [0, 1.5]", "label 1.5 in row 1 is no class"),
        ("np.eye(2), [0, -1]", "label -1 in row 1 is no class"),
        ("np.eye(2), [np.nan, 0]", "label nan in row 0 is no class"),
        ("open('nowhere'), 3", r"in load_data\(\): FileNotFoundError"),
    ],
)
def test_data_that_cannot_be_trained_on_are_refused_at_the_door(
    tmp_path: Path, returned: str, message: str
) -> None:
    made = project(tmp_path, MODEL + f"def load_data(partition):\n    return {returned}\n")
    with pytest.raises(TrainingError, match=message):
        made.load_dataset(HERE, made.build_model(0))


NUMBER = "import numpy as np\nimport torch\ndef model():\n    return torch.nn.Linear(2, 1)\n"


def test_a_model_with_one_output_predicts_a_number(tmp_path: Path) -> None:
    body = "x = np.random.RandomState(0).normal(size=(200, 2))\n    return x, 3 * x[:, 0] - x[:, 1]"
    made = project(tmp_path, NUMBER + f"def load_data(partition):\n    {body}\n")
    module = made.build_model(0)
    data = made.load_dataset(HERE, module)
    sgd = LocalSgd(module, data, num_epochs=5, batch_size=10, learning_rate=0.1)
    start = get_parameters(module)
    before = sgd.evaluate(start)
    result = sgd.train(start, seed=0)
    after = sgd.evaluate({name: start[name] + result.parameter_delta[name] for name in start})
    assert (before.num_correct, before.accuracy) == (None, None)
    assert after.loss < 0.001 < 1 < before.loss
    (whole,) = evaluate_by_silo(module, data)
    assert (whole.roc_auc, whole.average_precision) == (None, None)


@pytest.mark.parametrize("label", ["np.nan", "np.inf", "1e39"])
def test_a_label_that_is_no_number_is_refused(tmp_path: Path, label: str) -> None:
    source = NUMBER + f"def load_data(partition):\n    return np.eye(2), [0.5, {label}]\n"
    made = project(tmp_path, source)
    with pytest.raises(TrainingError, match="in row 1 is NaN, or no float32"):
        made.load_dataset(HERE, made.build_model(0))


def test_who_names_no_data_is_told_how(tmp_path: Path) -> None:
    made = project(tmp_path, MODEL + "def load_data(partition):\n    open(partition.path)\n")
    with pytest.raises(TrainingError) as caught:
        made.load_dataset(Partition(0, 1, None), made.build_model(0))
    assert caught.value.message.startswith("without --data, ")
    assert caught.value.hint == "name with --data what it is to load"


def test_who_names_no_data_and_lacks_a_package_is_told_what_to_install(tmp_path: Path) -> None:
    made = project(tmp_path, MODEL + "def load_data(partition):\n    import not_installed\n")
    with pytest.raises(TrainingError) as caught:
        made.load_dataset(Partition(0, 1, None), made.build_model(0))
    assert caught.value.hint.startswith("install it")


def test_one_example_and_one_class_can_be_trained_on(tmp_path: Path) -> None:
    made = project(tmp_path, MODEL + "def load_data(partition):\n    return [[1, 2]], [1]\n")
    assert len(made.load_dataset(HERE, made.build_model(0))) == 1


def test_what_is_executed_is_what_was_read_and_nothing_is_left_behind(tmp_path: Path) -> None:
    path = tmp_path / "project.py"
    path.write_text(MODEL + DATA)
    source = read_source(path)
    path.write_text("raise SystemExit('another file')\n")
    assert Project(path, source).has_own_training is False
    assert [found.name for found in tmp_path.rglob("*")] == ["project.py"]
    assert str(tmp_path) not in sys.path


@pytest.mark.parametrize(
    ("name", "size", "message"),
    [
        ("project.txt", 1, "is no Python file"),
        ("missing.py", None, "cannot read"),
        ("project.py", MAX_SOURCE_BYTES + 1, "more than 1 MiB"),
    ],
)
def test_what_cannot_be_a_project_is_not_read(
    tmp_path: Path, name: str, size: int | None, message: str
) -> None:
    if size is not None:
        (tmp_path / name).write_bytes(b"#" * size)
    with pytest.raises(TrainingError, match=message):
        read_source(tmp_path / name)


def test_own_training_changes_the_model_and_says_the_loss(tmp_path: Path) -> None:
    train = (
        "def train(model, features, labels, settings):\n"
        "    with torch.no_grad():\n"
        "        model.bias += settings.learning_rate * torch.rand(1)\n"
        "    return torch.tensor(0.5)\n"
    )
    made = trainer(tmp_path, train)
    start = {"bias": np.zeros(3, np.float32), "weight": np.ones((3, 2), np.float32)}
    first, again, other = (made.train(start, seed=seed) for seed in (1, 1, 2))
    assert (first.loss, first.num_examples) == (0.5, 2)
    assert 0 < first.parameter_delta["bias"][0] < 0.1
    assert not first.parameter_delta["weight"].any()
    assert np.array_equal(first.parameter_delta["bias"], again.parameter_delta["bias"])
    assert not np.array_equal(first.parameter_delta["bias"], other.parameter_delta["bias"])


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no')", r"line 8, in train\(\): ValueError: no"),
        ("return float('nan')", "returned a loss of nan"),
        ("return model.bias.sum() * float('nan')", "returned a loss of nan"),
        ("return None", "returns NoneType, not the mean loss"),
        ("model.register_parameter('more', model.bias); return 0", "with other parameters|state"),
        ("model.bias = torch.nn.Parameter(torch.zeros(4)); return 0", "with other parameters"),
        ("model.double(); return 0", "is torch.float64"),
        ("torch.nn.init.constant_(model.bias, float('inf')); return 0", "became NaN or infinity"),
    ],
)
def test_own_training_that_goes_wrong_is_told(tmp_path: Path, body: str, message: str) -> None:
    made = trainer(tmp_path, f"def train(model, features, labels, settings):\n    {body}\n")
    start = {"bias": np.zeros(3, np.float32), "weight": np.ones((3, 2), np.float32)}
    with pytest.raises(TrainingError, match=message):
        made.train(start, seed=0)


ASK = {"bias": np.zeros(3, np.float32), "weight": np.ones((3, 2), np.float32)}


@pytest.mark.parametrize(
    ("body", "loss", "num_correct"),
    [
        ("return 0.25", 0.25, None),
        ("return torch.tensor(0.25), 0.5", 0.25, 1),
        ("assert not model.training; return float(len(labels)), 1", 2.0, 2),
        ("return float(features.sum() * 0 + torch.rand(1) * 0), 0", 0.0, 0),
    ],
)
def test_own_evaluation_says_how_good_a_model_is(
    tmp_path: Path, body: str, loss: float, num_correct: int | None
) -> None:
    made = trainer(tmp_path, f"def evaluate(model, features, labels):\n    {body}\n")
    found = made.evaluate(ASK)
    assert found is not None
    assert (found.loss, found.num_correct, found.num_examples) == (loss, num_correct, 2)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("raise ValueError('no')", r"in evaluate\(\): ValueError: no"),
        ("return None", "returns None, not the loss"),
        ("return 1.0, 2.0, 3.0", r"returns \(1\.0, 2\.0, 3\.0\), not the loss"),
        ("return 'good'", "returns 'good', not the loss"),
        ("return 1.0, 1.5", "returns an accuracy of 1.5"),
        ("return float('nan')", "returns a loss of nan"),
        ("return float('inf'), 0.5", "returns a loss of inf"),
        ("return 1.0, float('nan')", "returns an accuracy of nan"),
    ],
)
def test_own_evaluation_that_goes_wrong_is_told(tmp_path: Path, body: str, message: str) -> None:
    made = trainer(tmp_path, f"def evaluate(model, features, labels):\n    {body}\n")
    with pytest.raises(TrainingError, match=message):
        made.evaluate(ASK)
