"""Training by Flower apps: what they are given, what is taken from them, and what is refused."""

from __future__ import annotations

import math
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from fl_chain.errors import TrainingError
from fl_chain.protocol.app_bundle import AppBundle
from fl_chain.pypi import fetch_wheel
from fl_chain.roles.journal import Journal
from fl_chain.training.flower import FlowerTrainer, load_initial_arrays
from fl_chain.training.flower_app import FlowerApp, read_app_files
from fl_chain.training.flower_state import recall_state, remember_state
from tests.flower_apps import FLOWER, SHA256

PROJECT = """\
[project]
name = "toy"
[tool.flwr.app.components]
clientapp = "toy:app"
[tool.flwr.app.config]
step = 0.5
"""
TASK = """\
import numpy as np
def arrays():
    return {"b": np.ones(2, np.float64), "a": np.ones((1, 2), np.float32), "n": np.array(7)}
def listed():
    return [np.full(size, size, np.float32) for size in range(1, 12)]
def module():
    import torch
    return torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.BatchNorm1d(1))
def drawn():
    import random, torch
    return [np.random.rand(1), torch.rand(1).numpy(), np.array([random.random()])]
"""
MESSAGES = """\
import numpy as np
from flwr.app import ArrayRecord, MetricRecord, RecordDict, Message
from flwr.clientapp import ClientApp
from task import *
app = ClientApp()
@app.train()
def train(message, context):
    arrays = {name: array.numpy() for name, array in message.content["arrays"].items()}
    round_number = message.content["config"]["server-round"]
    TRAIN
    return Message(content=RecordDict(records), reply_to=message)
"""
EVALUATE = """\
@app.evaluate()
def evaluate(message, context):
    metrics = METRICS
    return Message(content=RecordDict({"m": MetricRecord(metrics)}), reply_to=message)
"""
STEP = """\
    changed = {name: array + context.run_config["step"] * round_number if array.dtype.kind == "f"
               else array + 1 for name, array in arrays.items()}
    changed = {name: Array(np.asarray(array)) for name, array in changed.items()}
    records = {"w": ArrayRecord(changed),
               "m": MetricRecord({"num-examples": 5, "train_loss": 0.25})}
"""
CLIENT = """\
import numpy as np
from flwr.client import NumPyClient
from flwr.clientapp import ClientApp
from task import *
class Client(NumPyClient):
    def fit(self, parameters, config):
        FIT
    EVALUATE
def client_fn(context):
    assert context.node_config == {"partition-id": 1, "num-partitions": 3}
    return Client().to_client()
app = ClientApp(client_fn)
"""


def make(
    directory: Path, source: str, initial: str = "task:arrays", **config: Any
) -> tuple[FlowerTrainer, dict[str, Any]]:
    """Return the trainer of an app, and the parameters that it begins with."""
    (directory / "pyproject.toml").write_text(PROJECT)
    (directory / "task.py").write_text(TASK)
    (directory / "toy.py").write_text(source)
    app = FlowerApp(directory, read_app_files(directory))
    begun = load_initial_arrays(app, initial, 0)
    bundle = AppBundle(app.files, begun.arrays, app.run_config, config)
    return FlowerTrainer(app, bundle, 1, 3), begun.parameters


def messages(train: str, metrics: str = "") -> str:
    source = MESSAGES.replace("ArrayRecord, ", "Array, ArrayRecord, ", 1)
    source = source.replace("    TRAIN\n", train)
    return source + (EVALUATE.replace("METRICS", metrics) if metrics else "")


def client(fit: str, evaluate: str = "") -> str:
    return CLIENT.replace("FIT", fit).replace("EVALUATE", evaluate)


def test_an_app_that_answers_messages_trains_what_has_floats_in_its_own_types(
    tmp_path: Path,
) -> None:
    check = (
        "    assert {name: str(array.dtype) for name, array in arrays.items()} == "
        '{"b": "float64", "a": "float32", "n": "int64"}\n'
    )
    trainer, start = make(tmp_path, messages(check + STEP))
    assert {name: array.dtype for name, array in start.items()} == {
        "a": np.float32,
        "b": np.float32,
    }
    result = trainer.train(start, seed=0, round_number=3)
    assert (result.num_examples, result.loss) == (5, 0.25)
    assert {name: delta.tolist() for name, delta in result.parameter_delta.items()} == {
        "a": [[1.5, 1.5]],
        "b": [1.5, 1.5],
    }


def test_what_has_no_floats_is_kept_by_the_participant(tmp_path: Path) -> None:
    told = STEP.replace('"train_loss": 0.25', '"train_loss": float(arrays["n"])')
    trainer, start = make(tmp_path, messages(told))
    assert [trainer.train(start, seed=0).loss for _ in range(3)] == [7, 8, 9]


def test_the_state_of_an_app_lives_from_round_to_round(tmp_path: Path) -> None:
    counting = (
        '    seen = context.state.get("seen") or MetricRecord({"rounds": 0})\n'
        '    context.state["seen"] = seen\n'
        '    seen["rounds"] += 1\n'
    ) + STEP.replace('"train_loss": 0.25', '"train_loss": float(seen["rounds"])')
    trainer, start = make(tmp_path, messages(counting))
    assert [trainer.train(start, seed=0).loss for _ in range(2)] == [1, 2]
    other = tmp_path / "other"
    other.mkdir()
    again, _ = make(other, messages(counting))
    again.restore(trainer.memory())
    assert again.train(start, seed=0).loss == 3
    again.restore({})
    assert again.train(start, seed=0).loss == 1


def test_everything_that_an_app_can_keep_is_there_after_a_restart(tmp_path: Path) -> None:
    from flwr.app import Array, ArrayRecord, ConfigRecord, MetricRecord, RecordDict

    state = RecordDict(
        {
            "own layers": ArrayRecord(
                {"head/weight": Array(np.arange(6.0).reshape(2, 3)), "n": Array(np.array(7))}
            ),
            "empty": ArrayRecord(),
            "measured": MetricRecord({"loss": [0.1, 2.5], "rounds": 3, "worst": float("inf")}),
            "told": ConfigRecord(
                {"key": b"\x00\xff", "keys": [b"a", b""], "name": "é", "is_on": True, "lr": 0.1}
            ),
        }
    )
    with Journal(tmp_path) as journal:
        journal.write_memory("ab" * 32, 1, remember_state(state))
        found = recall_state(journal.read_memory("ab" * 32, 1))
    assert list(found) == list(state)
    assert found["own layers"]["head/weight"].numpy().tolist() == [[0, 1, 2], [3, 4, 5]]
    assert found == state


@pytest.mark.parametrize(
    "damage", [b"{", b'[["a"]]', b'[["a", "arrays", [["w", "state/9", "float64", [1], "s"]]]]']
)
def test_a_damaged_state_is_refused(damage: bytes) -> None:
    with pytest.raises(TrainingError, match="damaged"):
        recall_state({"state": np.frombuffer(damage, np.uint8)})


def test_a_client_object_trains_arrays_in_the_order_of_the_app(tmp_path: Path) -> None:
    fit = (
        'assert (config["lr"], config["server-round"]) == (0.1, 2)\n'
        "        assert [len(array) for array in parameters] == list(range(1, 12))\n"
        "        return [array + len(array) for array in parameters], 4, {}"
    )
    trainer, start = make(tmp_path, client(fit), "task:listed", lr=0.1)
    result = trainer.train(start, seed=0, round_number=2)
    assert result.num_examples == 4
    assert math.isnan(result.loss)  # nobody says
    assert all((delta == len(delta)).all() for delta in result.parameter_delta.values())
    assert trainer.evaluate(start) is None  # has no evaluate


def test_a_client_object_evaluates(tmp_path: Path) -> None:
    evaluate = "def evaluate(self, parameters, config): return 0.5, 8, {'accuracy': 0.75}"
    trainer, start = make(tmp_path, client("return parameters, 1, {}", evaluate))
    evaluation = trainer.evaluate(start)
    assert evaluation is not None
    assert (evaluation.num_examples, evaluation.num_correct, evaluation.loss) == (8, 6, 0.5)


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [
        ('{"num-examples": 8, "eval_loss": 0.5, "eval_acc": 0.75}', (8, 6, 0.5)),
        ('{"num-examples": 8, "loss": 0.5, "accuracy": 1}', (8, 8, 0.5)),
        ('{"num-examples": 8, "eval_loss": 0.5}', None),
        ('{"num-examples": 8, "eval_loss": 0.5, "eval_acc": 75.0}', None),
        ('{"num-examples": 0, "eval_loss": 0.5, "eval_acc": 0.75}', None),
        ('{"num-examples": 8, "eval_loss": float("nan"), "eval_acc": 0.75}', None),
        ('{"eval_loss": 0.5, "eval_acc": 0.75}', None),
        ("", None),
    ],
)
def test_an_evaluation_is_taken_where_loss_and_accuracy_are_told(
    tmp_path: Path, metrics: str, expected: Any
) -> None:
    trainer, start = make(tmp_path, messages(STEP, metrics))
    found = trainer.evaluate(start)
    assert (found and (found.num_examples, found.num_correct, found.loss)) == expected


def test_the_seed_decides_what_is_drawn_wherever_from(tmp_path: Path) -> None:
    draw = (
        "    import random, torch\n"
        "    noise = np.random.rand() + float(torch.rand(1)) + random.random()\n"
    ) + STEP.replace('context.run_config["step"] * round_number', "noise")
    trainer, start = make(tmp_path, messages(draw))
    first, again, other = (
        trainer.train(start, seed=seed).parameter_delta["a"].tobytes() for seed in (1, 1, 2)
    )
    assert first == again != other
    app = FlowerApp(tmp_path, read_app_files(tmp_path))
    begun = [load_initial_arrays(app, "task:drawn", seed).parameters for seed in (1, 1, 2)]
    assert begun[0] == begun[1] != begun[2]


def test_running_statistics_are_trained_and_counters_kept(tmp_path: Path) -> None:
    app = make(tmp_path, messages(STEP))[0]._app
    begun = load_initial_arrays(app, "task:module", 0)
    kept = [array for array in begun.arrays if not array.is_trained]
    assert [(each.name, each.shape, each.values) for each in kept] == [
        ("1.num_batches_tracked", (), (0,))
    ]
    assert {"1.running_mean", "1.running_var", "1.weight", "0.bias"} < set(begun.parameters)


RECORDS = '    records = {"w": message.content["arrays"], "m": MetricRecord({"num-examples": 1})}\n'


@pytest.mark.parametrize(
    ("train", "message"),
    [
        ("    raise KeyError('lost')\n", r"toy\.py, line 10, in its answer to train: KeyError"),
        ("    raise SystemExit\n", r"toy\.py, line 10, in its answer to train: SystemExit"),
        ("    return None\n", "no Message with content"),
        (RECORDS.replace("1}", "0}"), "does not say: on how many examples"),
        (RECORDS.replace("1}", "1.0}"), "does not say: on how many examples"),
        ('    records = {"m": MetricRecord({"num-examples": 1})}\n', "0 array records"),
        (RECORDS + '    records["x"] = records["w"].copy()\n', "2 array records"),
        (RECORDS + '    records["w"].pop("a")\n', "other arrays than it was given"),
        (
            RECORDS + '    records["w"]["a"] = Array(np.ones(2))\n',
            r"\(2,\), and was given \(",
        ),
        (RECORDS + '    records["w"]["a"] = Array(np.ones((1, 2)) * np.inf)\n', "diverged"),
        (RECORDS + '    records["w"]["b"] = Array(np.ones(2) * 1e300)\n', "diverged"),
    ],
)
def test_an_answer_that_is_no_training_is_refused(tmp_path: Path, train: str, message: str) -> None:
    trainer, start = make(tmp_path, messages(train))
    with pytest.raises(TrainingError, match=message):
        trainer.train(start, seed=0)


def test_a_client_object_that_raises_is_told_with_its_line(tmp_path: Path) -> None:
    trainer, start = make(tmp_path, client("raise ValueError('lost')"))
    with pytest.raises(TrainingError, match=r"toy\.py, line 7, in its answer to train: .*lost"):
        trainer.train(start, seed=0)


@pytest.mark.parametrize(
    ("returned", "message"),
    [
        ("'text'", "returns str, not the arrays of a model"),
        ("None", "no array of floats"),
        ("[np.array(3)]", "no array of floats"),
        ("[np.array(['a']), np.ones(1)]", "which neither can be trained nor kept"),
        ("[np.array([1j]), np.ones(1)]", "complex128, which neither can be trained nor kept"),
        ("[np.array([np.nan])]", "begins with NaN"),
        ("[np.ones(1), np.zeros(20_000, int)]", "more than 10000 integers"),
        ("1 / 0", r"task\.py, line \d+, in task:made\(\): ZeroDivisionError"),
    ],
)
def test_a_model_begins_with_finite_arrays(tmp_path: Path, returned: str, message: str) -> None:
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "task.py").write_text(f"import numpy as np\ndef made():\n    return {returned}\n")
    with pytest.raises(TrainingError, match=message):
        load_initial_arrays(FlowerApp(tmp_path, read_app_files(tmp_path)), "task:made", 0)


def test_what_is_named_as_client_is_a_client(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="toy:app is int, not a ClientApp"):
        make(tmp_path, "app = 3\n")


@pytest.mark.skipif("FL_CHAIN_OTHER_FLOWER" in os.environ, reason="this is that run")
def test_all_of_this_holds_with_an_older_flower_too(tmp_path: Path) -> None:
    with zipfile.ZipFile(fetch_wheel(FLOWER, SHA256)) as wheel:
        wheel.extractall(tmp_path)
    root = Path(__file__).parents[3]
    environment = {
        **os.environ,
        "FL_CHAIN_OTHER_FLOWER": FLOWER,
        "PYTHONPATH": f"{tmp_path}:{root}",
    }
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", __file__]
    done = subprocess.run(command, cwd=root, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout
    code = "import flwr; print(flwr.__file__)"
    where = [sys.executable, "-c", code]
    found = subprocess.run(where, env=environment, capture_output=True, text=True, check=True)
    assert found.stdout.startswith(str(tmp_path))
