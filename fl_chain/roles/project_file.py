"""The Python file that a task's recipe names: held against the one on record, and fetched."""

from __future__ import annotations

from pathlib import Path

from fl_chain.errors import InvalidManifest, LocalStateError, MalformedBlob, UsageError
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.manifest import Manifest
from fl_chain.storage.store import ContentStore
from fl_chain.training.project import MAX_SOURCE_BYTES, Project, read_source


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


def fetch_project(manifest: Manifest, store: ContentStore, path: Path) -> str:
    """Write a task's project to a new file, and return its CID.

    Raises
    ------
    UsageError
        The task has none, or there is another file already.
    InvalidManifest
        What the manifest names is no CID.
    StoreError
        It cannot be had.
    """
    named = manifest.recipe.project
    if named is None:
        raise UsageError(f"{_ours(manifest)}, and has no project")
    try:
        cid = Cid.parse(named[1])
    except MalformedBlob:
        raise InvalidManifest(f"the project of this task has no CID: {named[1]!r}") from None
    source = store.get(cid, max_bytes=MAX_SOURCE_BYTES)
    try:
        with path.open("xb") as file:
            file.write(source)
    except FileExistsError:
        if not path.is_file() or path.read_bytes() != source:
            raise UsageError(f"{path} is another file", "name one that is not there yet") from None
    except OSError as error:
        raise LocalStateError(f"cannot write {path}: {error.strerror}") from None
    return str(cid)


def _ours(manifest: Manifest) -> str:
    return f"this task trains {manifest.recipe.model!r} on {manifest.recipe.data!r}"
