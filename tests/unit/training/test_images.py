"""Images are what the schema says, or are refused with their file and the reason."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fl_chain.errors import TrainingError
from fl_chain.training.images import Images

GREY = Images(("cat", "dog"), width=4, height=3)
COLOUR = Images(("cat", "dog"), width=4, height=3, channels=3)
PIXELS = np.arange(12, dtype=np.uint8).reshape(3, 4) * 20


def save(directory: Path, name: str, pixels: np.ndarray = PIXELS) -> Path:
    path = directory / name
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def test_images_become_features_by_class_and_name(tmp_path: Path) -> None:
    save(tmp_path, "dog/b.png", PIXELS + 1)
    save(tmp_path, "dog/a.bmp", PIXELS + 2)
    save(tmp_path, "cat/z.pgm")
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "cat" / ".thumbs").write_bytes(b"")
    features, labels = GREY.load(tmp_path)
    assert labels.tolist() == [0, 1, 1]
    assert (features.shape, features.dtype) == ((3, 1, 3, 4), np.float32)
    assert np.array_equal(np.rint(features[:, 0] * 255), [PIXELS, PIXELS + 2, PIXELS + 1])
    assert 0 <= features.min() <= features.max() <= 1


def test_colours_come_first(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (3, 4, 3)).astype(np.uint8)
    save(tmp_path, "cat/a.png", pixels)
    features, _ = COLOUR.load(tmp_path)
    assert features.shape == (1, 3, 3, 4)
    assert np.array_equal(np.rint(features[0] * 255), pixels.transpose(2, 0, 1))


def test_of_one_class_alone_there_may_be_images(tmp_path: Path) -> None:
    save(tmp_path, "dog/a.png")
    assert GREY.load(tmp_path)[1].tolist() == [1]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: path.write_bytes(b"not an image"), "is no image"),
        (lambda path: path.write_bytes(b""), "is no image"),
        (lambda path: path.mkdir(), "is damaged"),
        (lambda path: Image.new("L", (3, 4)).save(path), "has 3 x 4 pixels, not 4 x 3"),
        (lambda path: Image.new("RGB", (4, 3)).save(path), r"is RGB, not grey \(L\)"),
        (lambda path: Image.new("RGBA", (4, 3)).save(path), r"is RGBA, not grey"),
        (lambda path: Image.new("L", (4, 3)).save(path, "GIF"), "is no image"),
    ],
    ids=["text", "empty", "folder", "size", "colour", "transparent", "format"],
)
def test_what_does_not_fit_is_reported_and_the_rest_can_be_had(
    tmp_path: Path, make: Callable[[Path], object], reason: str
) -> None:
    save(tmp_path, "cat/good.png")
    make(tmp_path / "cat" / "bad.png")
    data = GREY.read(tmp_path)
    assert len(data.labels) == len(data.features) == 1
    assert [refusal.file for refusal in data.refusals] == ["cat/bad.png"]
    with pytest.raises(TrainingError, match=rf"1 of 2 images do not fit: cat/bad\.png: {reason}"):
        GREY.load(tmp_path)


def test_an_image_that_breaks_off_is_damaged(tmp_path: Path) -> None:
    path = save(tmp_path, "cat/a.png")
    path.write_bytes(path.read_bytes()[:45])
    assert "is damaged" in str(GREY.read(tmp_path).refusals[0])


def test_an_image_that_claims_to_be_huge_is_not_decoded(tmp_path: Path) -> None:
    (tmp_path / "cat").mkdir()
    (tmp_path / "cat" / "bomb.pgm").write_bytes(b"P5 60000 60000 255\n")
    (refusal,) = GREY.read(tmp_path).refusals
    assert refusal.reason == "is far larger than 4 x 3 pixels"


def test_many_refusals_are_counted_and_the_first_named(tmp_path: Path) -> None:
    for number in range(8):
        save(tmp_path, f"cat/{number}.png", PIXELS[:2])
    with pytest.raises(TrainingError, match=r"8 of 8 images do not fit: .*; and 3 more"):
        GREY.load(tmp_path)


@pytest.mark.parametrize("name", ["fish", "label.csv"])
def test_a_folder_with_something_else_in_it_is_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path, "cat/a.png")
    path = tmp_path / name
    path.write_text("x") if "." in name else path.mkdir()
    with pytest.raises(TrainingError, match=f"{name} is no folder of a class") as error:
        GREY.read(tmp_path)
    assert error.value.hint == "known: cat, dog"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"cannot read .*nowhere: No such file"):
        GREY.read(tmp_path / "nowhere")


@pytest.mark.parametrize(
    "settings",
    [
        {"classes": "cat"},
        {"classes": ()},
        {"classes": ("cat", "cat")},
        {"classes": (1, 2)},
        {"width": 0},
        {"height": -1},
        {"channels": 4},
    ],
)
def test_a_schema_that_cannot_be_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(TrainingError):
        Images(**{"classes": ("cat",), "width": 4, "height": 3, **settings})


def test_without_pillow_it_is_said_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save(tmp_path, "cat/a.png")
    imported = builtins.__import__

    def without(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "PIL":
            raise ImportError(name)
        return imported(name, *arguments, **options)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(TrainingError, match="images need Pillow") as error:
        GREY.read(tmp_path)
    assert "fl_chain[images]" in error.value.hint
