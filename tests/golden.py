"""Access to the golden vectors; their formats are in tests/vectors/README.md."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests import reference as ref

CHECKOUT = Path(__file__).resolve().parent.parent


def load(name: str) -> Any:
    """Return one file of vectors."""
    return json.loads((CHECKOUT / "tests" / "vectors" / name).read_text(encoding="utf-8"))


def blob_of(parts: dict[str, Any]) -> bytes:
    """Return the bytes of a blob given in parts."""
    return ref.join_parts(
        bytes.fromhex(parts["prefix"]),
        parts["header"].encode("latin-1"),
        parts["padding"],
        bytes.fromhex(parts["data"]),
    )


def named(cases: list[dict[str, Any]], key: str) -> dict[str, Any]:
    """Return arguments for parametrize that call each case by its own words."""
    return {"argvalues": cases, "ids": [str(case[key]).replace(" ", "_") for case in cases]}
