"""Anchors: one word on another chain that stands for the history of a task up to a block.

Whoever runs a devnet can make its blocks anew. A word that was on another chain before, which it
does not run, says that this very history was there no later than that.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from eth_hash.auto import keccak

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.canonical_json import MAX_INTEGER, decode_json, encode_json
from fl_chain.protocol.constants import FORMAT
from fl_chain.protocol.digest import parse_digest

ANCHOR: Final = "anchor"
PREFIX: Final = b"fl_chain/1 anchor "
"""What the data of an anchor's transaction begins with, before the 32 bytes of the root."""
MAX_ANCHOR_BYTES: Final = 2**12


@dataclass(frozen=True, slots=True)
class AnchoredHistory:
    """What an anchor stands for."""

    chain_id: int
    ledger: str
    block: int
    block_hash: bytes
    history_hash: bytes
    """Of the ledger, at this block."""


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where an anchor is."""

    root: bytes
    chain_id: int
    """Of the chain that has it."""
    transaction: bytes


def compute_root(history: AnchoredHistory) -> bytes:
    """Return the one word that stands for a history."""
    return keccak(
        PREFIX
        + history.chain_id.to_bytes(32)
        + bytes.fromhex(history.ledger[2:]).rjust(32, b"\0")
        + history.block.to_bytes(32)
        + history.block_hash
        + history.history_hash
    )


def encode_anchor_data(root: bytes) -> bytes:
    """Return the data of the transaction that anchors a root."""
    return PREFIX + root


def encode_anchor(anchor: Anchor) -> bytes:
    """Return the canonical bytes of a file that says where an anchor is."""
    return encode_json(
        {
            "chain_id": anchor.chain_id,
            "format": FORMAT,
            "kind": ANCHOR,
            "root": anchor.root.hex(),
            "transaction": anchor.transaction.hex(),
        }
    )


def decode_anchor(data: bytes) -> Anchor:
    """Return what a file says about where an anchor is.

    Raises
    ------
    MalformedBlob
        Not a canonical one.
    """
    if len(data) > MAX_ANCHOR_BYTES:
        raise MalformedBlob(f"an anchor has at most {MAX_ANCHOR_BYTES} bytes")
    members: Any = decode_json(data)
    try:
        if (members["format"], members["kind"]) != (FORMAT, ANCHOR):
            raise MalformedBlob("format or kind of the anchor is unknown")
        chain_id = members["chain_id"]
        if type(chain_id) is not int or not 0 < chain_id <= MAX_INTEGER:
            raise ValueError(chain_id)
        root, transaction = (parse_digest(members[name]) for name in ("root", "transaction"))
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("the anchor lacks a field or has one of the wrong kind") from None
    anchor = Anchor(root, chain_id, transaction)
    if encode_anchor(anchor) != data:
        raise MalformedBlob("the anchor has unknown fields or is not in canonical form")
    return anchor
