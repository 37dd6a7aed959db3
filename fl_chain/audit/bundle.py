"""The evidence bundle: how evidence of a task is written down, so that it needs no server later.

An index in canonical JSON names every other file with its size and hash; blocks are JSON lines,
the content is a CAR file. Nothing in a bundle is believed: the checks in bundle_checks.py hold each
part against the next, from the hash of the last block down to every event log.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.address import parse_address
from fl_chain.protocol.canonical_json import MAX_INTEGER, decode_json, encode_json
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.constants import FORMAT
from fl_chain.protocol.digest import parse_digest

EVIDENCE: Final = "evidence"
INDEX: Final = "bundle.json"
BLOCKS: Final = "blocks.jsonl"
STATE: Final = "state.json"
CONTENT: Final = "content.car"
BUILDS: Final = {
    "disputes": "build/Disputes.json",
    "ledger": "build/RoundLedger.json",
    "registry": "build/ParticipantRegistry.json",
}
FILES: Final = (BLOCKS, STATE, CONTENT, *BUILDS.values())
"""Every file of a bundle beside its index; there are no others."""
CONTRACTS: Final = ("ledger", "registry")
"""Those that emit records."""
ACCOUNTS: Final = (*CONTRACTS, "disputes")
"""Those whose code the state shows."""
HISTORY_SLOTS: Final = {"ledger": 1, "registry": 0}
"""Storage slot of each contract's history hash."""

MAX_INDEX_BYTES: Final = 2**26
MAX_STATE_BYTES: Final = 2**24
MAX_LINE_BYTES: Final = 2**26
"""A block with all its proofs: some 30 million gas of calldata are 2 MB."""


@dataclass(frozen=True, slots=True)
class BundleFile:
    """A file of a bundle, as the index names it."""

    name: str
    size: int
    sha256: bytes


@dataclass(frozen=True, slots=True)
class BundleIndex:
    """What a bundle says that it is about."""

    chain_id: int
    ledger: str
    registry: str
    disputes: str
    """The code that the ledger runs for disputes."""
    block: int
    """The last block that it shows."""
    block_hash: bytes
    is_linked: bool
    """Whether it has every header from the first block that it shows to the last."""
    files: tuple[BundleFile, ...]
    missing: tuple[Cid, ...]
    """Content that could not be had when the bundle was made."""


@dataclass(frozen=True, slots=True)
class BundleEntry:
    """Proofs of a transaction and its receipt."""

    index: int
    transaction: tuple[bytes, ...]
    receipt: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class BundleBlock:
    """A block: its header, and what of it is about the task."""

    header: bytes
    entries: tuple[BundleEntry, ...]


@dataclass(frozen=True, slots=True)
class BundleAccount:
    """A contract in the state of the last block: its code, and proofs."""

    code: bytes
    account: tuple[bytes, ...]
    storage: tuple[bytes, ...]
    """Of the history hash; nothing where there is none."""


def encode_index(index: BundleIndex) -> bytes:
    """Return the canonical bytes of an index."""
    return encode_json(
        {
            "block": index.block,
            "block_hash": index.block_hash.hex(),
            "chain_id": index.chain_id,
            "disputes": index.disputes,
            "files": [
                {"bytes": file.size, "name": file.name, "sha256": file.sha256.hex()}
                for file in index.files
            ],
            "format": FORMAT,
            "is_linked": index.is_linked,
            "kind": EVIDENCE,
            "ledger": index.ledger,
            "missing": [str(cid) for cid in index.missing],
            "registry": index.registry,
        }
    )


def decode_index(data: bytes) -> BundleIndex:
    """Return the index whose canonical bytes are ``data``.

    Raises
    ------
    MalformedBlob
        Not a canonical index, or of other files than a bundle has.
    """
    members: Any = decode_json(data)
    try:
        if (members["format"], members["kind"]) != (FORMAT, EVIDENCE):
            raise MalformedBlob("format or kind of the evidence bundle is unknown")
        index = BundleIndex(
            chain_id=_count(members["chain_id"]),
            ledger=parse_address(members["ledger"]),
            registry=parse_address(members["registry"]),
            disputes=parse_address(members["disputes"]),
            block=_count(members["block"]),
            block_hash=parse_digest(members["block_hash"]),
            is_linked=members["is_linked"],
            files=tuple(
                BundleFile(file["name"], _count(file["bytes"]), parse_digest(file["sha256"]))
                for file in members["files"]
            ),
            missing=tuple(Cid.parse(text) for text in members["missing"]),
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob(
            "the bundle's index lacks a field or has one of the wrong kind"
        ) from None
    if [file.name for file in index.files] != list(FILES):
        raise MalformedBlob(f"a bundle has the files {', '.join(FILES)}, in this order")
    if type(index.is_linked) is not bool or encode_index(index) != data:
        raise MalformedBlob("the bundle's index has unknown fields or is not in canonical form")
    return index


def encode_block(block: BundleBlock) -> bytes:
    """Return a block as a line, with its end."""
    return (
        encode_json(
            {
                "entries": [
                    {
                        "index": entry.index,
                        "receipt": _texts(entry.receipt),
                        "transaction": _texts(entry.transaction),
                    }
                    for entry in block.entries
                ],
                "header": block.header.hex(),
            }
        )
        + b"\n"
    )


def decode_block(line: bytes) -> BundleBlock:
    """Return the block of a line, without its end.

    Raises
    ------
    MalformedBlob
        Not a canonical line.
    """
    members: Any = decode_json(line)
    try:
        block = BundleBlock(
            bytes.fromhex(members["header"]),
            tuple(
                BundleEntry(
                    _count(entry["index"]),
                    _nodes(entry["transaction"]),
                    _nodes(entry["receipt"]),
                )
                for entry in members["entries"]
            ),
        )
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("a block lacks a field or has one of the wrong kind") from None
    if encode_block(block) != line + b"\n":
        raise MalformedBlob("a block has unknown fields or is not in canonical form")
    return block


def encode_state(accounts: dict[str, BundleAccount]) -> bytes:
    """Return the canonical bytes of the contracts' states."""
    return encode_json(
        {
            name: {
                "account": _texts(account.account),
                "code": account.code.hex(),
                "storage": _texts(account.storage),
            }
            for name, account in accounts.items()
        }
    )


def decode_state(data: bytes) -> dict[str, BundleAccount]:
    """Return the states of the contracts.

    Raises
    ------
    MalformedBlob
        Not canonical, or not of exactly these.
    """
    members: Any = decode_json(data)
    try:
        accounts = {
            name: BundleAccount(
                bytes.fromhex(account["code"]),
                _nodes(account["account"]),
                _nodes(account["storage"]),
            )
            for name, account in members.items()
        }
    except (KeyError, TypeError, AttributeError, ValueError):
        raise MalformedBlob("the state lacks a field or has one of the wrong kind") from None
    if sorted(accounts) != sorted(ACCOUNTS) or encode_state(accounts) != data:
        raise MalformedBlob(f"the state is not that of {', '.join(ACCOUNTS)} in canonical form")
    return accounts


def split_lines(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a file that is read in pieces, without their ends.

    Raises
    ------
    MalformedBlob
        A line of more than MAX_LINE_BYTES, or a last one without its end.
    """
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
        if len(rest) > MAX_LINE_BYTES:
            raise MalformedBlob(f"a line of the bundle has more than {MAX_LINE_BYTES} bytes")
    if rest:
        raise MalformedBlob("the last line of the bundle's blocks has no end")


def _count(value: Any) -> int:
    if type(value) is not int or not 0 <= value <= MAX_INTEGER:
        raise ValueError(value)
    return value


def _texts(nodes: tuple[bytes, ...]) -> list[str]:
    return [node.hex() for node in nodes]


def _nodes(texts: Any) -> tuple[bytes, ...]:
    if not isinstance(texts, list):
        raise ValueError(texts)
    return tuple(bytes.fromhex(text) for text in texts)
