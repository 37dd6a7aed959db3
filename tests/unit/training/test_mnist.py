"""The MNIST reader and its cache, on a small forged package."""

import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest

from fl_chain.errors import LocalStateError, TrainingError
from fl_chain.training import mnist
from fl_chain.training.mnist import load_mnist_arrays, read_mnist_tarball


def write_tarball(path: Path, contents: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz", compresslevel=1) as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def digits_json(num_examples: int, pixel: object = 0.5) -> bytes:
    return json.dumps({"data": [pixel] * (num_examples * mnist.NUM_PIXELS)}).encode()


def package(**replacements: bytes) -> dict[str, bytes]:
    """Two examples per digit; the pixels of digit d are d/10."""
    contents = {f"package/src/digits/{d}.json": digits_json(2, d / 10) for d in range(10)}
    return {"package/package.json": b"{}", **contents, **replacements}


@pytest.fixture(autouse=True)
def twenty_examples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mnist, "NUM_EXAMPLES", 20)


@pytest.fixture
def tarball(tmp_path: Path) -> Path:
    return write_tarball(tmp_path / "mnist-1.1.0.tgz", package())


def say_nothing(_message: str) -> None:
    pass


def cache_files(tarball: Path) -> list[Path]:
    return sorted(tarball.parent.glob("*.npy"))


def test_every_digit_gets_the_label_of_its_file(tarball: Path) -> None:
    features, labels = read_mnist_tarball(tarball)
    assert features.dtype == np.float32
    assert np.array_equal(labels, np.repeat(np.arange(10), 2))
    assert np.allclose(features, labels[:, None] / 10)


def test_examples_stay_with_their_labels_when_shuffled(tarball: Path) -> None:
    features, labels = load_mnist_arrays(tarball, say_nothing)
    assert np.allclose(features, labels[:, None] / 10)
    assert sorted(labels) == sorted(np.repeat(np.arange(10), 2))
    assert not np.array_equal(labels, np.sort(labels))


def test_a_warm_cache_gives_the_same_examples_without_the_tarball(tarball: Path) -> None:
    cold, cold_labels = load_mnist_arrays(tarball, say_nothing)
    tarball.unlink()
    messages: list[str] = []
    warm, warm_labels = load_mnist_arrays(tarball, messages.append)
    assert np.array_equal(cold, warm)
    assert np.array_equal(cold_labels, warm_labels)
    assert messages == []


def test_the_mapped_examples_cannot_be_written_to(tarball: Path) -> None:
    features, _ = load_mnist_arrays(tarball, say_nothing)
    with pytest.raises(ValueError, match="read-only"):
        features[0, 0] = 1


@pytest.mark.parametrize("victim", [0, 1])
@pytest.mark.parametrize("damage", ["absent", "empty", "truncated", "text", "another shape"])
def test_a_bad_cache_is_rebuilt(tarball: Path, victim: int, damage: str) -> None:
    wanted = load_mnist_arrays(tarball, say_nothing)
    wanted = (wanted[0].copy(), wanted[1].copy())
    path = cache_files(tarball)[victim]
    content = path.read_bytes()
    path.unlink()  # mapped by the arrays above: a new file leaves the mapping alone
    if damage == "another shape":
        np.save(path, np.zeros((3, 3), np.float32))
    elif damage != "absent":
        path.write_bytes({"empty": b"", "truncated": content[:-1], "text": b"x" * 99}[damage])
    got = load_mnist_arrays(tarball, say_nothing)
    assert np.array_equal(got[0], wanted[0])
    assert np.array_equal(got[1], wanted[1])
    assert path.read_bytes() == content


def test_labels_out_of_range_in_the_cache_are_rebuilt(tarball: Path) -> None:
    _, labels = load_mnist_arrays(tarball, say_nothing)
    np.save(cache_files(tarball)[1], labels + 1)
    assert np.array_equal(load_mnist_arrays(tarball, say_nothing)[1], labels)


def test_a_pickle_in_place_of_the_cache_is_not_run(tarball: Path) -> None:
    load_mnist_arrays(tarball, say_nothing)
    labels_path = cache_files(tarball)[1]
    np.save(labels_path, np.array([print], dtype=object), allow_pickle=True)
    assert load_mnist_arrays(tarball, say_nothing)[1].dtype == np.int64


def test_nothing_but_the_two_cache_files_is_left_behind(tarball: Path) -> None:
    load_mnist_arrays(tarball, say_nothing)
    assert len(list(tarball.parent.iterdir())) == 3


def test_a_cache_that_cannot_be_written_is_a_local_fault(
    tarball: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_args: object, **_kwargs: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(LocalStateError, match="No space left"):
        load_mnist_arrays(tarball, say_nothing)
    assert list(tarball.parent.iterdir()) == [tarball]


@pytest.mark.parametrize(
    ("three", "message"),
    [
        (b"[", "malformed"),
        (b"\xff", "malformed"),
        (b"[" * 100_000, "malformed"),
        (b"[]", "no list 'data'"),
        (b'{"data": 1}', "no list 'data'"),
        (b'{"data": [0]}', "in rows of 784"),
        (digits_json(2, pixel="1"), "not a list of numbers"),
        (digits_json(2, pixel=[0]), "not a list of numbers"),
        (digits_json(2, pixel=10**30), "not a list of numbers"),
        (digits_json(2, pixel=1.5), r"outside \[0, 1\]"),
        (digits_json(2, pixel=float("nan")), r"outside \[0, 1\]"),
        (digits_json(3), "holds 21 digits"),
    ],
)
def test_a_digit_of_another_form_is_refused(tmp_path: Path, three: bytes, message: str) -> None:
    contents = package(**{"package/src/digits/3.json": three})
    with pytest.raises(TrainingError, match=message) as caught:
        read_mnist_tarball(write_tarball(tmp_path / "bad.tgz", contents))
    assert "delete the file" in caught.value.hint


def test_a_package_without_some_digit_is_refused(tmp_path: Path) -> None:
    contents = package()
    del contents["package/src/digits/7.json"]
    with pytest.raises(TrainingError, match="lacks"):
        read_mnist_tarball(write_tarball(tmp_path / "bad.tgz", contents))


@pytest.mark.parametrize(("bound", "message"), [("MEMBER", "4 MiB"), ("ARCHIVE", "64 MiB")])
def test_more_bytes_than_the_package_has_are_not_unpacked(
    tarball: Path, bound: str, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mnist, f"MAX_{bound}_BYTES", 100)
    with pytest.raises(TrainingError, match=message):
        read_mnist_tarball(tarball)


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path, tarball: Path) -> None:
    content = tarball.read_bytes()
    flipped = bytearray(content)
    flipped[len(content) // 2] ^= 0xFF
    bad = tmp_path / "bad.tgz"
    for forged in (b"", b"hello", gzip.compress(b"hello"), content[: len(content) // 2], flipped):
        bad.write_bytes(forged)
        with pytest.raises(TrainingError):
            read_mnist_tarball(bad)


def test_a_missing_file_is_said_to_be_missing(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match="does not exist"):
        read_mnist_tarball(tmp_path / "absent.tgz")
