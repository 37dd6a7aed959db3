import math

import numpy as np
import pytest
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import EVALUATION_BATCH_SIZE, Evaluation, evaluate


def one_hot_dataset(num_examples: int) -> Dataset:
    labels = np.arange(num_examples, dtype=np.int64) % 4
    return Dataset("one-hot", np.eye(4, dtype=np.float32)[labels], labels, num_classes=4)


@pytest.mark.parametrize("num_examples", [1, EVALUATION_BATCH_SIZE, EVALUATION_BATCH_SIZE + 1])
def test_every_example_counts_once_whatever_the_batches(num_examples: int) -> None:
    evaluation = evaluate(nn.Identity(), one_hot_dataset(num_examples))
    assert (evaluation.num_examples, evaluation.num_correct) == (num_examples, num_examples)
    assert math.isclose(evaluation.loss, math.log(math.e + 3) - 1, rel_tol=1e-5)


def test_accuracy_is_the_share_of_correct_examples() -> None:
    assert Evaluation(num_examples=8, num_correct=2, loss=1.0).accuracy == 0.25


def test_evaluation_switches_dropout_off_and_leaves_the_mode_as_it_was() -> None:
    module = nn.Dropout(0.9)
    assert evaluate(module, one_hot_dataset(40)).num_correct == 40
    assert module.training


def test_a_broken_model_has_a_loss_that_is_not_finite() -> None:
    broken = nn.Linear(4, 4)
    nn.init.constant_(broken.weight, math.nan)
    assert math.isnan(evaluate(broken, one_hot_dataset(4)).loss)


def test_no_examples_cannot_be_evaluated() -> None:
    with pytest.raises(TrainingError, match="no examples"):
        evaluate(nn.Identity(), one_hot_dataset(0))
