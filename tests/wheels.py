"""Files that are not the wheel that somebody asked for."""

from __future__ import annotations

import zipfile
from pathlib import Path


def write_wheel(directory: Path, content: bytes | dict[str, bytes] | None) -> Path:
    """Write a file of these bytes, or an archive of these files; return its path.

    With None there is no file.
    """
    path = directory / "wheel.whl"
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, data in content.items():
                archive.writestr(name, data)
    return path
