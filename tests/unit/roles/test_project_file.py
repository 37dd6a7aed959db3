"""Nobody runs another file than the one on record, and nobody runs one unseen."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from fl_chain.errors import BlobUnavailable, InvalidManifest, LocalStateError, UsageError
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.manifest import Manifest, decode_manifest
from fl_chain.roles.new_project import make_project
from fl_chain.roles.project_file import fetch_project, open_project
from fl_chain.storage.memory import MemoryStore
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
