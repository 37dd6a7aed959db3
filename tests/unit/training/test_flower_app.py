"""The source of a Flower app: what belongs to it, and that what was read is what runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from fl_chain.errors import TrainingError
from fl_chain.training.flower_app import FlowerApp, read_app_files

PROJECT = """\
[project]
name = "toy"
[tool.flwr.app.components]
clientapp = "toy.client_app:app"
[tool.flwr.app.config]
lr = 0.5
model.depth = 3
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "toy").mkdir()
    (tmp_path / "pyproject.toml").write_text(PROJECT)
    (tmp_path / "toy" / "__init__.py").write_text("")
    (tmp_path / "toy" / "client_app.py").write_text(
        "from toy.parts.numbers import two\napp = two\n"
    )
    (tmp_path / "toy" / "parts").mkdir()
    (tmp_path / "toy" / "parts" / "numbers.py").write_text("two = 2\n")
    return tmp_path


def test_code_and_pyproject_belong_to_an_app_and_nothing_else(directory: Path) -> None:
    for name in (".venv/x.py", "venv/x.py", "env/pyvenv.cfg", "env/x.py", "toy/.x.py", "data.csv"):
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("")
    (directory / "toy" / "__pycache__").mkdir()
    assert list(read_app_files(directory)) == [
        "pyproject.toml",
        "toy/__init__.py",
        "toy/client_app.py",
        "toy/parts/numbers.py",
    ]


def test_nested_tables_of_the_configuration_have_dotted_keys(directory: Path) -> None:
    app = FlowerApp(directory, read_app_files(directory))
    assert (app.name, app.client) == ("toy", "toy.client_app:app")
    assert app.run_config == {"lr": 0.5, "model.depth": 3}


def test_what_was_read_is_what_runs(directory: Path) -> None:
    app = FlowerApp(directory, read_app_files(directory))
    (directory / "toy" / "parts" / "numbers.py").write_text("two = 3\n")
    assert app.load(app.client) == 2
    later = FlowerApp(directory, read_app_files(directory))
    assert later.load(later.client) == 3
    assert not list(directory.rglob("__pycache__"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("raise KeyError('lost')\n", r"numbers\.py, line 1, in the import of .*KeyError: 'lost'"),
        ("two = \n", r"numbers\.py, line 1, in the import of .*SyntaxError"),
        ("import nowhere_to_be_found\n", r"numbers\.py, line 1, .*ModuleNotFoundError"),
        ("\nraise SystemExit(3)\n", r"numbers\.py, line 2, .*SystemExit: 3"),
        ("", r"client_app\.py, line 1, in the import of .*ImportError"),
    ],
)
def test_what_goes_wrong_is_told_with_its_line(directory: Path, text: str, message: str) -> None:
    (directory / "toy" / "parts" / "numbers.py").write_text(text)
    app = FlowerApp(directory, read_app_files(directory))
    with pytest.raises(TrainingError, match=message):
        app.load(app.client)


@pytest.mark.parametrize("reference", ["toy", ":app", "toy:", ""])
def test_a_reference_has_two_halves(directory: Path, reference: str) -> None:
    with pytest.raises(TrainingError, match="module:attribute"):
        FlowerApp(directory, read_app_files(directory)).load(reference)


def test_a_directory_without_an_app_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"has no pyproject\.toml"):
        read_app_files(tmp_path)
    with pytest.raises(TrainingError, match=r"has no pyproject\.toml"):
        read_app_files(tmp_path / "nowhere")


@pytest.mark.parametrize("text", ["[project]\nname = 'x'\n", "x = ", "project = 3\n"])
def test_a_pyproject_of_something_else_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(TrainingError, match=r"pyproject\.toml (is not TOML|names no)"):
        FlowerApp(tmp_path, {"pyproject.toml": text})


def test_links_odd_names_foreign_encodings_and_large_files_are_refused(directory: Path) -> None:
    odd = directory / "toy" / "odd.py"
    odd.symlink_to("/etc/hostname")
    with pytest.raises(TrainingError, match="is a link"):
        read_app_files(directory)
    odd.unlink()
    odd.write_bytes(b"\xff")
    with pytest.raises(TrainingError, match="no text in UTF-8"):
        read_app_files(directory)
    odd.write_text("#" * 2**20)
    with pytest.raises(TrainingError, match="more than 1 MiB"):
        read_app_files(directory)
    odd.rename(directory / "toy" / "a b.py")
    with pytest.raises(TrainingError, match="has a name"):
        read_app_files(directory)
