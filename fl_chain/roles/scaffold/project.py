"""The model and the data of a task. Every participant runs this file, on its own data.

What a task trains with is this file and no other: its CID is in the task. Change it before you
create the task; afterwards it is another file, and participants refuse it.
"""

from __future__ import annotations

from typing import Any

from torch import nn

from fl_chain.training.tables import Category, Number, Table

TABLE = Table(
    (
        Number("length", unit="cm", low=1, high=200, middle=30, scale=10),
        Number("width", unit="cm", low=1, high=50, middle=7, scale=2),
        Number("weight", unit="10 g", low=0, high=2000, middle=40, scale=20, missing=40),
    ),
    label=Category("kind", ("perch", "pike", "roach")),
)
"""What is in the files: each value is held against it before training. All scale by these
constants, so that nobody learns anybody's mean."""


def model() -> nn.Module:
    """Return a model from features to a score for each class."""
    return nn.Sequential(
        nn.Linear(len(TABLE.features), 16),
        nn.ReLU(),
        nn.Linear(16, TABLE.num_outputs),
    )


def load_data(partition: Any) -> tuple[Any, Any]:
    """Return this participant's features, [n, ...] numbers, and labels, [n] whole numbers.

    ``partition.path`` is what it named with --data; ``partition.id`` and ``partition.count`` are
    its --partition-id and --num-partitions, for data that all have and divide among them.
    """
    return TABLE.load(partition.path)


# A function train(model, features, labels, settings) may follow, which changes the model in place
# and returns the mean loss. Without it there is stochastic gradient descent on the cross entropy.
