#!/usr/bin/env python3
"""Write what ByzFL, EPFL's library of robust rules in floats, makes of some updates.

    pip install byzfl
    scripts/compare_byzfl.py

Into tests/vectors/byzfl/rules.json, which a test compares our integers with. ByzFL is no
dependency: it brings torchvision and more. Its Krum counts one neighbour more than the paper's and
ours, it has no Bulyan, and its centered clipping asks for a radius. These are left out.
"""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path

import numpy as np
from byzfl import NNM, GeometricMedian, Median, TrMean  # type: ignore[import-not-found]

FILE = Path(__file__).resolve().parent.parent / "tests" / "vectors" / "byzfl" / "rules.json"
SIZE, COUNT = 40, 11
MANY_STEPS = 200


def main() -> None:
    """Write the file."""
    random = np.random.RandomState(0)
    cases = []
    for f in (1, 2, 3):
        common = random.randint(-3000, 3001, SIZE)
        updates = common + random.randint(-900, 901, (COUNT, SIZE))
        updates[:f] = random.randint(-32767, 32768, (f, SIZE))
        vectors = updates.astype(np.float64)
        made = {
            "median": Median()(vectors),
            "trimmed_mean": TrMean(f=f)(vectors),
            "nnm_trimmed_mean": TrMean(f=f)(NNM(f=f)(vectors)),
            "geometric_median": GeometricMedian(nu=0.1, T=MANY_STEPS)(vectors),
        }
        aggregates = {rule: values.tolist() for rule, values in made.items()}
        cases.append({"num_malicious": f, "updates": updates.tolist(), "aggregates": aggregates})
    FILE.parent.mkdir(parents=True, exist_ok=True)
    lines = ",\n".join(f"  {json.dumps(case)}" for case in cases)
    text = f'{{\n "byzfl": "{version("byzfl")}",\n "cases": [\n{lines}\n ]\n}}\n'
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
