"""A model that is not the one of the task is told from it before anybody trains."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fl_chain.errors import InvalidManifest
from fl_chain.protocol.blob import Layout
from fl_chain.protocol.manifest import decode_manifest
from fl_chain.roles.join import build_trainer, report_labels
from fl_chain.training.datasets import Dataset
from fl_chain.training.models import build_model
from fl_chain.training.parameters import parameter_layout
from tests import golden

DATA = Dataset("few", np.zeros((2, 64), np.float32), np.array([0, 1]), 10)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden.bias": (65,)}, r"of 'hidden.bias' it has \(64,\), and the task \(65,\)"),
        ({"more": (2,)}, r"of 'more' it has no such tensor, and the task \(2,\)"),
        ({"hidden.bias": None}, r"of 'hidden.bias' it has \(64,\), and the task no such tensor"),
    ],
)
def test_the_first_tensor_that_differs_is_named(
    change: dict[str, tuple[int, ...] | None], message: str
) -> None:
    module = build_model("digits_mlp", 0)
    manifest = decode_manifest(golden.load("manifest/manifest.json")["cases"][0]["text"].encode())
    named = {**dict(parameter_layout(module)), **change}
    layout: Layout = tuple((name, shape) for name, shape in sorted(named.items()) if shape)
    with pytest.raises(InvalidManifest, match=message) as caught:
        build_trainer(manifest.recipe, layout, DATA, module)
    assert "install the version" in caught.value.hint


@pytest.mark.parametrize(
    ("labels", "num_classes", "told"),
    [
        (np.array([2, 2]), 3, {"one_class": {"examples": 2, "label": 2, "classes": 3}}),
        (np.array([2, 0]), 3, {}),
        (np.array([2, 2], np.float32), 0, {}),
    ],
)
def test_whoever_has_examples_of_one_class_alone_is_told(
    labels: np.ndarray[Any, Any], num_classes: int, told: dict[str, object]
) -> None:
    seen: dict[str, object] = {}
    dataset = Dataset("few", np.zeros((2, 4), np.float32), labels, num_classes)
    report_labels(dataset, seen.__setitem__)
    assert seen == told
