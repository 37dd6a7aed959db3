"""The model and the data of a task. Every participant runs this file, on its own data.

What a task trains with is this file and no other: its CID is in the task. Change it before you
create the task; afterwards it is another file, and participants refuse it.
"""

from __future__ import annotations

import csv
from typing import Any

import numpy as np
from torch import nn

FEATURES = ("length", "width", "weight")
"""Columns of the CSV file that the model sees."""
LABEL = "kind"
"""Column of the CSV file that the model is to predict."""
CLASSES = ("perch", "pike", "roach")
"""Values of that column."""


def model() -> nn.Module:
    """Return a model from features to a score for each class."""
    return nn.Sequential(
        nn.Linear(len(FEATURES), 16),
        nn.ReLU(),
        nn.Linear(16, len(CLASSES)),
    )


def load_data(partition: Any) -> tuple[Any, Any]:
    """Return this participant's features, [n, ...] numbers, and labels, [n] whole numbers.

    ``partition.path`` is what it named with --data; ``partition.id`` and ``partition.count`` are
    its --partition-id and --num-partitions, for data that all have and divide among them.
    """
    with open(partition.path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    # On one scale for all: nobody learns anybody's mean.
    features = [[float(row[name]) / 10 for name in FEATURES] for row in rows]
    labels = [CLASSES.index(row[LABEL]) for row in rows]
    return np.array(features), np.array(labels)


# def train(model, features, labels, settings):
#     """Change the model in place, and return the mean loss of the last epoch.
#
#     Without it there is stochastic gradient descent on the cross entropy. ``features`` and
#     ``labels`` are tensors; ``settings`` has num_epochs, batch_size and learning_rate.
#     """
