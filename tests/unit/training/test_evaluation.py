import math

import numpy as np
import pytest
from torch import nn

from fl_chain.errors import TrainingError
from fl_chain.training.datasets import Dataset
from fl_chain.training.evaluation import (
    EVALUATION_BATCH_SIZE,
    Evaluation,
    evaluate,
    evaluate_by_silo,
)


def one_hot_dataset(num_examples: int) -> Dataset:
    labels = np.arange(num_examples, dtype=np.int64) % 4
    return Dataset("one-hot", np.eye(4, dtype=np.float32)[labels], labels, num_classes=4)


@pytest.mark.parametrize("num_examples", [1, EVALUATION_BATCH_SIZE, EVALUATION_BATCH_SIZE + 1])
def test_every_example_counts_once_whatever_the_batches(num_examples: int) -> None:
    evaluation = evaluate(nn.Identity(), one_hot_dataset(num_examples))
    assert (evaluation.num_examples, evaluation.num_correct) == (num_examples, num_examples)
    assert math.isclose(evaluation.loss, math.log(math.e + 3) - 1, rel_tol=1e-5)


def test_of_a_sequence_every_place_counts_as_one() -> None:
    labels = np.array([[0, 1, 1], [1, 0, 0]])
    scores = np.zeros((2, 2, 3), np.float32)
    scores[:, 1] = [[-1, 1, 1], [1, -1, 1]]
    data = Dataset("sequences", scores, labels, 2, np.array([0, 1]), ("a", "b"))
    whole, first, second = evaluate_by_silo(nn.Identity(), data)
    assert whole.evaluation == evaluate(nn.Identity(), data)
    each = [part.evaluation for part in (whole, first, second)]
    assert [(part.num_examples, part.num_correct) for part in each] == [(6, 5), (3, 3), (3, 2)]
    assert whole.roc_auc == 7.5 / 9
    right, wrong = math.log(1 + math.exp(-1)), math.log(1 + math.exp(1))
    assert math.isclose(whole.evaluation.loss, (5 * right + wrong) / 6, rel_tol=1e-6)


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


def test_silos_are_evaluated_one_by_one_after_all_of_them() -> None:
    scores = np.array([[0, 1], [0, -1], [0, 2], [0, -2], [0, 3]], np.float32)
    labels, silos = np.array([1, 0, 0, 1, 1]), np.array([0, 0, 2, 2, 3])
    data = Dataset("scores", scores, labels, 2, silos, ("a", "b", "c", "d"))
    whole, first, third, fourth = evaluate_by_silo(nn.Identity(), data)
    assert whole.evaluation == evaluate(nn.Identity(), data)
    assert [part.silo for part in (whole, first, third, fourth)] == ["", "a", "c", "d"]
    assert [part.evaluation.num_correct for part in (whole, first, third, fourth)] == [3, 2, 0, 1]
    assert (first.roc_auc, third.roc_auc, fourth.roc_auc) == (1, 0, None)
    assert (third.average_precision, fourth.average_precision) == (0.5, 1)


def test_where_there_are_more_classes_or_no_numbers_nothing_is_ranked() -> None:
    (whole,) = evaluate_by_silo(nn.Identity(), one_hot_dataset(8))
    assert (whole.roc_auc, whole.average_precision) == (None, None)
    scores = np.full((2, 2), math.nan, np.float32)
    (whole,) = evaluate_by_silo(nn.Identity(), Dataset("nan", scores, np.array([0, 1]), 2))
    assert (whole.roc_auc, whole.average_precision) == (None, None)


def test_no_examples_cannot_be_evaluated() -> None:
    with pytest.raises(TrainingError, match="no examples"):
        evaluate(nn.Identity(), one_hot_dataset(0))
