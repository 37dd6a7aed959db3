"""The files of an evidence bundle: in a folder, or in one tar archive, read without unpacking it.

A bundle comes from a stranger. Only the files that a bundle has are looked at, by their exact
names; an archive is never unpacked, and of a folder nothing is followed that is no plain file.
"""

from __future__ import annotations

import hashlib
import os
import stat
import tarfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from fl_chain.audit.bundle import FILES, INDEX, MAX_INDEX_BYTES
from fl_chain.errors import LocalStateError, UsageError

PIECE_BYTES = 2**20
MOST_MEMBERS = 32
"""Of an archive; a bundle has far fewer."""
ARCHIVE = ".tar"


class BundleReader:
    """Opens a bundle, and reads parts of its files.

    Parameters
    ----------
    path
        The folder or the archive.

    Raises
    ------
    UsageError
        There is none, or it is not one.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._files: dict[str, tuple[IO[bytes], int, int]] = {}
        try:
            if path.is_dir():
                self._open_folder()
            else:
                self._open_archive()
        except (OSError, tarfile.TarError, ValueError) as error:
            self.close()
            reason = getattr(error, "strerror", None) or error
            raise UsageError(
                f"cannot read {path}: {reason}", "it is a folder or a .tar of evidence export"
            ) from None
        if INDEX not in self._files:
            self.close()
            raise UsageError(
                f"{path} is no evidence bundle: it has no {INDEX}",
                "make one with: fl-chain evidence export",
            )

    def size_of(self, name: str) -> int | None:
        """Return the size of a file in bytes; None if it is not there."""
        found = self._files.get(name)
        return found[2] if found else None

    def read_at(self, name: str, offset: int, size: int) -> bytes:
        """Return so many bytes of a file, fewer at its end."""
        file, start, length = self._files[name]
        file.seek(start + offset)
        return file.read(max(min(size, length - offset), 0))

    def read(self, name: str, max_bytes: int) -> bytes:
        """Return a whole file.

        Raises
        ------
        UsageError
            It has more than ``max_bytes``.
        """
        size = self.size_of(name) or 0
        if size > max_bytes:
            raise UsageError(f"{name} of {self.path} has more than {max_bytes} bytes")
        return self.read_at(name, 0, size)

    def pieces(self, name: str) -> Iterator[bytes]:
        """Yield a file in pieces."""
        offset = 0
        while piece := self.read_at(name, offset, PIECE_BYTES):
            offset += len(piece)
            yield piece

    def hash(self, name: str) -> bytes:
        """Return the SHA-256 of a file."""
        hasher = hashlib.sha256()
        for piece in self.pieces(name):
            hasher.update(piece)
        return hasher.digest()

    def close(self) -> None:
        """Close all files."""
        for file, _, _ in self._files.values():
            file.close()
        self._files.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _open_folder(self) -> None:
        for name in (INDEX, *FILES):
            path = self.path / name
            if not os.path.lexists(path):
                continue
            if not stat.S_ISREG(path.lstat().st_mode):
                raise ValueError(f"{name} is no plain file")
            file = path.open("rb")
            self._files[name] = (file, 0, path.stat().st_size)

    def _open_archive(self) -> None:
        with tarfile.open(self.path, "r:") as archive:
            for number, member in enumerate(archive):
                if number >= MOST_MEMBERS:
                    raise ValueError(f"it has more than {MOST_MEMBERS} members")
                if member.name not in (INDEX, *FILES) or member.name in self._files:
                    raise ValueError(f"{member.name[:80]!r} is no file of a bundle, or there twice")
                if not member.isreg() or member.sparse is not None:
                    raise ValueError(f"{member.name} is no plain file")
                self._files[member.name] = (self.path.open("rb"), member.offset_data, member.size)


class BundleWriter:
    """Writes the files of a bundle into a folder, and makes an archive of it if that is asked for.

    Parameters
    ----------
    path
        What to make: an archive if its name ends with .tar, otherwise a folder; not there yet.

    Raises
    ------
    UsageError
        It is there.
    """

    def __init__(self, path: Path) -> None:
        if path.exists():
            raise UsageError(f"{path} is there already", "name another one, or delete it")
        self.path = path
        self.folder = path.with_name(f"{path.name}.part")
        try:
            self.folder.mkdir(parents=True)
        except OSError as error:
            raise LocalStateError(
                f"cannot make {self.folder}: {error.strerror}", "delete it, or name another bundle"
            ) from None

    def open(self, name: str) -> IO[bytes]:
        """Open a file of the bundle for writing."""
        path = self.folder / name
        path.parent.mkdir(exist_ok=True)
        return path.open("wb")

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file."""
        with self.open(name) as file:
            file.write(data)

    def finish(self) -> None:
        """Give the bundle its name, once all files are written.

        The same files make the same archive: it has no times, owners or modes of its own.
        """
        if self.path.suffix != ARCHIVE:
            self.folder.rename(self.path)
            return
        unfinished = self.folder / "archive"
        with tarfile.open(unfinished, "w:", format=tarfile.PAX_FORMAT) as archive:
            for name in (INDEX, *FILES):
                member = tarfile.TarInfo(name)
                member.size = (self.folder / name).stat().st_size
                member.mode = 0o644
                with (self.folder / name).open("rb") as file:
                    archive.addfile(member, file)
        unfinished.rename(self.path)
        self.discard()

    def discard(self) -> None:
        """Delete what was written and has no name of its own."""
        for name in (INDEX, *FILES, "archive"):
            (self.folder / name).unlink(missing_ok=True)
        for folder in {(self.folder / name).parent for name in FILES} - {self.folder}:
            if folder.exists():
                folder.rmdir()
        if self.folder.exists():
            self.folder.rmdir()


def read_index(reader: BundleReader) -> bytes:
    """Return the bytes of a bundle's index."""
    return reader.read(INDEX, MAX_INDEX_BYTES)
