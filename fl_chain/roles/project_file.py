"""The code that a task's recipe names: one's own copy held against the record, and fetched."""

from __future__ import annotations

from pathlib import Path

from fl_chain.errors import InvalidManifest, LocalStateError, MalformedBlob, UsageError
from fl_chain.protocol.app_bundle import AppBundle, decode_bundle
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.recipe import FLOWER_SUFFIX
from fl_chain.storage.store import ContentStore
from fl_chain.training.flower_app import FlowerApp, read_app_files
from fl_chain.training.project import MAX_SOURCE_BYTES, Project, read_source

_FLOWER_HINT = "name your copy of it with participant run --flower; others cannot use it"


def open_project(manifest: Manifest, path: Path | None) -> Project | None:
    """Return somebody's own copy of a task's project; None if the task has none.

    It is never fetched here, and another file is not executed: nobody runs what they have not seen.

    Raises
    ------
    UsageError
        The task has a project and no file is named, or another one; or it has none.
    TrainingError
        The file does not work.
    """
    named = manifest.recipe.project
    if named is None:
        if path is not None:
            raise UsageError(f"{_ours(manifest)}, and has no project", "leave out --project")
        return None
    name, cid = named
    if name.endswith(FLOWER_SUFFIX):
        raise UsageError(f"{name} of this task is a Flower app", _FLOWER_HINT)
    hint = (
        f"fl-chain task project --task 0x... NEW_{name} fetches the one of the task, to read"
        " and run; a changed file needs another task"
    )
    if path is None:
        raise UsageError(f"this task trains with {name}: name your copy with --project", hint)
    source = read_source(path)
    own = compute_cid(source)
    if str(own) != cid:
        raise UsageError(f"{path} is not the {name} of this task: {own}, not {cid}", hint)
    return Project(path, source)


def open_flower_app(
    manifest: Manifest, store: ContentStore, directory: Path
) -> tuple[FlowerApp, AppBundle]:
    """Return somebody's own copy of a task's Flower app, and what the task says of it.

    Nothing of what is fetched is executed: the files in the directory are, if they are the same.

    Raises
    ------
    UsageError
        The task has no Flower app, or one with other files.
    TrainingError
        The directory has none.
    InvalidManifest
        What the manifest names is no bundle of this task's model.
    StoreError
        It cannot be had.
    """
    named = manifest.recipe.project
    if named is None or not named[0].endswith(FLOWER_SUFFIX):
        raise UsageError(f"{_ours(manifest)}, which is no Flower app", "leave out --flower")
    bundle = _decode(manifest, _fetch(manifest, store)[1])
    app = FlowerApp(directory, read_app_files(directory))
    names = sorted({*app.files, *bundle.files})
    other = [name for name in names if app.files.get(name) != bundle.files.get(name)]
    if other:
        more = f" and {len(other) - 1} more" if len(other) > 1 else ""
        raise UsageError(
            f"{directory} is not the Flower app of this task: {other[0]}{more} differs",
            "fl-chain task project --task 0x... NEW_DIRECTORY fetches the one of the task, to read"
            " and run; a changed app needs another task",
        )
    return app, bundle


def fetch_project(manifest: Manifest, store: ContentStore, path: Path) -> str:
    """Write a task's project to a new file, or its Flower app to a new directory; return its CID.

    Raises
    ------
    UsageError
        The task has none, or there is something else already.
    InvalidManifest
        What the manifest names is no CID, or no Flower app.
    StoreError
        It cannot be had.
    """
    cid, source = _fetch(manifest, store)
    files = {path: source}
    if manifest.recipe.model.endswith(FLOWER_SUFFIX):
        texts = _decode(manifest, source).files
        files = {path / name: text.encode() for name, text in texts.items()}
        if path.is_dir() and any(path.iterdir()):
            raise UsageError(f"{path} is not empty", "name a directory that is not there yet")
    try:
        for place, data in files.items():
            if place != path:
                place.parent.mkdir(parents=True, exist_ok=True)
            with place.open("xb") as file:
                file.write(data)
    except FileExistsError:
        if not path.is_file() or path.read_bytes() != source:
            what = "a directory" if path.is_dir() else "another file"
            raise UsageError(f"{path} is {what}", "name a file that is not there yet") from None
    except OSError as error:
        raise LocalStateError(f"cannot write {path}: {error.strerror}") from None
    return str(cid)


def _fetch(manifest: Manifest, store: ContentStore) -> tuple[Cid, bytes]:
    named = manifest.recipe.project
    if named is None:
        raise UsageError(f"{_ours(manifest)}, and has no project")
    try:
        cid = Cid.parse(named[1])
    except MalformedBlob:
        raise InvalidManifest(f"the project of this task has no CID: {named[1]!r}") from None
    return cid, store.get(cid, max_bytes=MAX_SOURCE_BYTES)


def _decode(manifest: Manifest, data: bytes) -> AppBundle:
    name = manifest.recipe.model
    try:
        bundle = decode_bundle(data)
    except MalformedBlob as error:
        raise InvalidManifest(f"{name} of this task: {error.message}") from None
    if bundle.layout != manifest.layout:
        raise InvalidManifest(f"{name} of this task has other arrays than its models")
    return bundle


def _ours(manifest: Manifest) -> str:
    return f"this task trains {manifest.recipe.model!r} on {manifest.recipe.data!r}"
