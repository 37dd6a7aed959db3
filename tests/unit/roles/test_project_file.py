"""Nobody runs another file than the one on record, and nobody runs one unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.errors import BlobUnavailable, InvalidManifest, LocalStateError, UsageError
from fl_chain.protocol.app_bundle import AppArray, AppBundle, encode_bundle
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.manifest import Manifest, decode_manifest
from fl_chain.roles.new_project import make_project
from fl_chain.roles.project_file import fetch_project, open_flower_app, open_project
from fl_chain.storage.memory import MemoryStore
from fl_chain.training.flower_app import read_app_files
from tests import golden

BOOBY_TRAP = b"raise SystemExit('this was run')\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    make_project(tmp_path / "fish")
    return tmp_path / "fish" / "project.py"


def small_manifest() -> Manifest:
    return decode_manifest(golden.load("manifest/manifest.json")["cases"][0]["text"].encode())


def manifest_of(source: bytes | str) -> Manifest:
    cid = source if isinstance(source, str) else str(compute_cid(source))
    manifest = small_manifest()
    recipe = replace(
        manifest.recipe, model="project.py", data="project.py", environment=(("project.py", cid),)
    )
    return replace(manifest, recipe=recipe)


def test_the_file_on_record_is_opened_whatever_its_copy_is_called(path: Path) -> None:
    copy = path.with_name("mine.py")
    copy.write_bytes(path.read_bytes())
    opened = open_project(manifest_of(path.read_bytes()), copy)
    assert opened is not None
    assert opened.source == path.read_bytes()


def test_another_file_is_refused_before_it_is_run(path: Path) -> None:
    manifest = manifest_of(path.read_bytes())
    path.write_bytes(BOOBY_TRAP)
    with pytest.raises(UsageError, match=r"is not the project.py of this task") as caught:
        open_project(manifest, path)
    assert "fl-chain task project" in caught.value.hint


def test_without_a_file_nothing_is_fetched_and_run(path: Path) -> None:
    with pytest.raises(UsageError, match="name your copy with --project"):
        open_project(manifest_of(BOOBY_TRAP), None)


def test_a_task_without_a_project_takes_none(path: Path) -> None:
    assert open_project(small_manifest(), None) is None
    with pytest.raises(UsageError, match="and has no project"):
        open_project(small_manifest(), path)
    with pytest.raises(UsageError, match="and has no project"):
        fetch_project(small_manifest(), MemoryStore(), path)


def test_a_fetched_file_is_the_one_on_record_and_replaces_no_other(tmp_path: Path) -> None:
    store = MemoryStore()
    cid = store.put(BOOBY_TRAP)
    path = tmp_path / "project.py"
    for _ in range(2):  # once more does no harm
        assert fetch_project(manifest_of(BOOBY_TRAP), store, path) == str(cid)
        assert path.read_bytes() == BOOBY_TRAP
    path.write_bytes(b"mine")
    with pytest.raises(UsageError, match="is another file"):
        fetch_project(manifest_of(BOOBY_TRAP), store, path)
    assert path.read_bytes() == b"mine"
    with pytest.raises(LocalStateError, match="cannot write"):
        fetch_project(manifest_of(BOOBY_TRAP), store, tmp_path / "nowhere" / "project.py")


def test_what_cannot_be_had_or_has_no_cid_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BlobUnavailable):
        fetch_project(manifest_of(b"missing"), MemoryStore(), tmp_path / "project.py")
    with pytest.raises(InvalidManifest, match="has no CID"):
        fetch_project(manifest_of("bogus"), MemoryStore(), tmp_path / "project.py")
    assert not (tmp_path / "project.py").exists()


def test_a_new_project_is_not_put_among_other_files(path: Path) -> None:
    with pytest.raises(UsageError, match="is not empty"):
        make_project(path.parent)
    with pytest.raises(LocalStateError, match="cannot write"):
        make_project(path / "below")


@pytest.mark.parametrize("name", ["../up.py", "a\x1b[2J.py", "model", ".py", "x" * 98 + ".py"])
@pytest.mark.parametrize("cid", ["bafkqaaa", "\x1b[2J", "1.0", ""])
def test_a_hostile_name_or_version_is_no_project(name: str, cid: str) -> None:
    recipe = replace(small_manifest().recipe, model=name, environment=((name, cid),))
    assert recipe.project is None


ARRAYS = (AppArray("b", (2,), "float32"), AppArray("n", (), "int64", (0,)))
PYPROJECT = '[project]\nname = "toy"\n[tool.flwr.app.components]\nclientapp = "toy:app"\n'
FILES = {"pyproject.toml": PYPROJECT, "toy/client.py": BOOBY_TRAP.decode()}
BUNDLE = AppBundle(FILES, ARRAYS, {}, {"lr": 0.5})


def manifest_of_app(data: bytes, bundle: AppBundle = BUNDLE) -> Manifest:
    manifest = small_manifest()
    name = "toy.flower"
    environment = ((name, str(compute_cid(data))),)
    recipe = replace(manifest.recipe, model=name, data=name, environment=environment)
    return replace(manifest, recipe=recipe, layout=bundle.layout)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    for name, text in FILES.items():
        place = tmp_path / "app" / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    return tmp_path / "app"


def stored(data: bytes) -> MemoryStore:
    store = MemoryStore()
    store.put(data)
    return store


def test_ones_own_copy_of_an_app_is_opened_and_not_executed(app: Path) -> None:
    data = encode_bundle(BUNDLE)
    opened, bundle = open_flower_app(manifest_of_app(data), stored(data), app)
    assert (opened.files, opened.client, bundle) == (FILES, "toy:app", BUNDLE)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda app: (app / "toy" / "client.py").write_text("x"), "toy/client.py differs"),
        (lambda app: (app / "toy" / "client.py").unlink(), "toy/client.py differs"),
        (lambda app: (app / "a.py").write_text("x"), "a.py differs"),
        (
            lambda app: [(app / name).write_text("x") for name in ("a.py", "b.py", "c.py")],
            "a.py and 2 more differs",
        ),
    ],
)
def test_an_app_with_other_files_is_refused_and_they_are_named(
    app: Path, change: Any, message: str
) -> None:
    data = encode_bundle(BUNDLE)
    change(app)
    with pytest.raises(UsageError, match=message) as caught:
        open_flower_app(manifest_of_app(data), stored(data), app)
    assert "fl-chain task project" in caught.value.hint


def test_an_app_and_a_project_are_not_taken_for_each_other(app: Path, path: Path) -> None:
    data = encode_bundle(BUNDLE)
    with pytest.raises(UsageError, match=r"which is no Flower app"):
        open_flower_app(manifest_of(BOOBY_TRAP), MemoryStore(), app)
    with pytest.raises(UsageError, match="is no Flower app"):
        open_flower_app(small_manifest(), MemoryStore(), app)
    for named in (path, None):
        with pytest.raises(UsageError, match=r"toy\.flower of this task is a Flower app"):
            open_project(manifest_of_app(data), named)


def test_a_record_that_names_no_app_of_this_task_is_impossible(app: Path) -> None:
    other = replace(BUNDLE, arrays=(AppArray("c", (3,), "float32"),))
    for data, message in (
        (b"{}", "toy.flower of this task: no Flower app"),
        (encode_bundle(other), "has other arrays than its models"),
    ):
        with pytest.raises(InvalidManifest, match=message):
            open_flower_app(manifest_of_app(data), stored(data), app)
        with pytest.raises(InvalidManifest, match=message):
            fetch_project(manifest_of_app(data), stored(data), app / "new")
    with pytest.raises(BlobUnavailable):
        open_flower_app(manifest_of_app(b"{}"), MemoryStore(), app)


def test_an_app_is_written_to_a_new_directory_whole(app: Path, tmp_path: Path) -> None:
    data = encode_bundle(BUNDLE)
    manifest, target = manifest_of_app(data), tmp_path / "deep" / "copy"
    assert fetch_project(manifest, stored(data), target) == str(compute_cid(data))
    assert read_app_files(target) == FILES
    open_flower_app(manifest, stored(data), target)
    with pytest.raises(UsageError, match="is not empty"):
        fetch_project(manifest, stored(data), target)
    with pytest.raises(UsageError, match="is another file"):
        fetch_project(manifest, stored(data), target / "pyproject.toml")


def test_a_file_is_not_written_over_a_directory(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="is a directory"):
        fetch_project(manifest_of(b"x = 1\n"), stored(b"x = 1\n"), tmp_path)
