"""Ranking measures, against their definitions and against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.training.ranking import compute_average_precision, compute_roc_auc

EXAMPLES = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=1, max_size=60)


def arrays(examples: list[tuple[int, bool]]) -> tuple[np.ndarray, np.ndarray]:
    scores = np.array([score / 4 for score, _ in examples])
    return scores, np.array([label for _, label in examples], np.int64)


@given(EXAMPLES)
def test_the_area_is_the_share_of_pairs_in_the_right_order(
    examples: list[tuple[int, bool]],
) -> None:
    scores, labels = arrays(examples)
    pairs = [
        (high > low) + (high == low) / 2
        for high in scores[labels == 1]
        for low in scores[labels == 0]
    ]
    expected = sum(pairs) / len(pairs) if pairs else None
    assert compute_roc_auc(scores, labels) == pytest.approx(expected)


@given(EXAMPLES)
def test_both_are_those_of_scikit_learn(examples: list[tuple[int, bool]]) -> None:
    metrics = pytest.importorskip("sklearn.metrics")
    scores, labels = arrays(examples)
    if 0 < labels.sum() < len(labels):
        assert compute_roc_auc(scores, labels) == pytest.approx(
            metrics.roc_auc_score(labels, scores)
        )
    if labels.any():
        assert compute_average_precision(scores, labels) == pytest.approx(
            metrics.average_precision_score(labels, scores)
        )


def test_without_two_classes_there_is_nothing_to_rank() -> None:
    scores = np.array([0.1, 0.2])
    assert compute_roc_auc(scores, np.zeros(2, np.int64)) is None
    assert compute_roc_auc(scores, np.ones(2, np.int64)) is None
    assert compute_average_precision(scores, np.zeros(2, np.int64)) is None
    assert compute_average_precision(scores, np.ones(2, np.int64)) == 1
