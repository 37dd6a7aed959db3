"""Logs: how records are written, decoded and hashed.

One rule for every event of all contracts, since all arguments are of static ABI types:

* record hash = keccak256(topic 0, then every argument as one 32-byte ABI word, in order);
* history hash = keccak256(previous history hash, record hash), from
  keccak256(chain id, contract address).

Source: Solidity ABI specification, sections "Events" and "Formal Specification of the Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from itertools import islice
from typing import Any, get_type_hints

from eth_hash.auto import keccak

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.parts import MOST_PARTS
from fl_chain.protocol.records import (
    AUDIT_RECORDS,
    LEDGER_RECORDS,
    REGISTRY_RECORDS,
    Record,
    TaskParameters,
)

WORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Log:
    """An event log as a chain node reports it; hostile until decoded and replayed."""

    address: str
    topics: tuple[bytes, ...]
    data: bytes
    block_number: int
    log_index: int
    transaction_hash: bytes


@dataclass(frozen=True, slots=True)
class _Schema:
    """How one record type is laid out in words."""

    signature: str
    topic: bytes
    word_types: tuple[str, ...]
    """ABI type of each word; structures and arrays are their parts in order."""


def _describe(kind: type[Any]) -> _Schema:
    arguments: list[str] = []
    words: list[str] = []
    for abi_types in _abi_types(kind):
        is_struct = isinstance(abi_types, tuple)
        arguments.append(f"({','.join(abi_types)})" if is_struct else abi_types)
        if not is_struct:
            element, _, length = abi_types.removesuffix("]").partition("[")
            abi_types = [element] * int(length or 1)
        words += abi_types
    signature = f"{kind.__name__}({','.join(arguments)})"
    return _Schema(signature, keccak(signature.encode()), tuple(words))


def _abi_types(kind: type[Any]) -> list[Any]:
    hints = get_type_hints(kind, include_extras=True)
    return [
        tuple(_abi_types(TaskParameters))
        if hints[entry.name] is TaskParameters
        else hints[entry.name].__metadata__[0]
        for entry in fields(kind)
    ]


_SCHEMAS: dict[type[Any], _Schema] = {
    kind: _describe(kind) for kind in (*LEDGER_RECORDS, *REGISTRY_RECORDS, *AUDIT_RECORDS)
}
_KINDS_BY_TOPIC: dict[bytes, type[Any]] = {schema.topic: kind for kind, schema in _SCHEMAS.items()}


def signature_of(kind: type[Any]) -> str:
    """Return the event signature of a record type.

    Examples
    --------
    >>> from fl_chain.protocol.records import RoundAborted
    >>> signature_of(RoundAborted)
    'RoundAborted(uint32,uint40)'
    """
    return _SCHEMAS[kind].signature


def topic_of(kind: type[Any]) -> bytes:
    """Return topic 0 of a record type: keccak256 of its signature."""
    return _SCHEMAS[kind].topic


def decode_log(log: Log) -> Record:
    """Return the record that a log holds.

    Raises
    ------
    MalformedBlob
        An unknown event, or words that are no value of the argument's type.
    """
    kind = _KINDS_BY_TOPIC.get(log.topics[0] if log.topics else b"")
    if kind is None:
        raise MalformedBlob(f"log of an unknown event in block {log.block_number}")
    words = [*log.topics[1:], *_split(log.data)]
    types = _SCHEMAS[kind].word_types
    if len(words) != len(types) or len(log.topics) - 1 != kind.INDEXED:
        raise MalformedBlob(f"log of {kind.__name__} has {len(words)} words, not {len(types)}")
    values = (_decode_word(name, word) for name, word in zip(types, words, strict=True))
    record: Record = kind(*(_take_argument(entry.name, values) for entry in fields(kind)))
    return record


def _take_argument(name: str, values: Iterator[Any]) -> Any:
    match name:
        case "parameters":
            return TaskParameters(*islice(values, len(fields(TaskParameters))))
        case "parts" | "rows":
            return tuple(islice(values, MOST_PARTS))
        case _:
            return next(values)


def encode_log(record: Record) -> tuple[tuple[bytes, ...], bytes]:
    """Return topics and data of the log that would hold ``record``."""
    words = list(encode_words(record))
    indexed = type(record).INDEXED
    return (topic_of(type(record)), *words[:indexed]), b"".join(words[indexed:])


def compute_record_hash(record: Record) -> bytes:
    """Return the 32-byte hash under which the contract appends ``record`` to its history."""
    return keccak(topic_of(type(record)) + b"".join(encode_words(record)))


def compute_history_start(chain_id: int, contract: str) -> bytes:
    """Return the history hash of a contract before its first record."""
    return keccak(
        chain_id.to_bytes(WORD_BYTES) + bytes.fromhex(contract[2:]).rjust(WORD_BYTES, b"\0")
    )


def append_history(history: bytes, record: Record) -> bytes:
    """Return the history hash after ``record``."""
    return keccak(history + compute_record_hash(record))


def compute_history_hash(chain_id: int, contract: str, records: Sequence[Record]) -> bytes:
    """Return the history hash after all ``records``, the first at index 0."""
    history = compute_history_start(chain_id, contract)
    for record in records:
        history = append_history(history, record)
    return history


def _split(data: bytes) -> list[bytes]:
    if len(data) % WORD_BYTES:
        raise MalformedBlob("log data is not a whole number of words")
    return [data[i : i + WORD_BYTES] for i in range(0, len(data), WORD_BYTES)]


def _decode_word(abi_type: str, word: bytes) -> Any:
    if len(word) != WORD_BYTES:
        raise MalformedBlob(f"a word has {WORD_BYTES} bytes, not {len(word)}")
    if abi_type == "bytes32":
        return word
    if abi_type == "bool":
        if int.from_bytes(word) > 1:
            raise MalformedBlob(f"word 0x{word.hex()} is no bool")
        return any(word)
    if abi_type.startswith("int"):
        value = int.from_bytes(word, signed=True)
        size = int(abi_type.removeprefix("int")) // 8
        if not -(256**size) <= 2 * value < 256**size:
            raise MalformedBlob(f"word 0x{word.hex()} is no {abi_type}")
        return value
    size = 20 if abi_type == "address" else int(abi_type.removeprefix("uint")) // 8
    if any(word[: WORD_BYTES - size]):
        raise MalformedBlob(f"word 0x{word.hex()} is no {abi_type}")
    return "0x" + word[-20:].hex() if abi_type == "address" else int.from_bytes(word)


def encode_words(record: Any) -> Iterator[bytes]:
    """Yield a record's or a structure's fields as 32-byte ABI words."""
    for entry in fields(record):
        value = getattr(record, entry.name)
        if isinstance(value, TaskParameters):
            yield from encode_words(value)
        elif isinstance(value, bytes):
            yield value
        elif isinstance(value, str):
            yield bytes.fromhex(value[2:]).rjust(WORD_BYTES, b"\0")
        elif isinstance(value, tuple):
            yield from (word.to_bytes(WORD_BYTES) for word in value)
        else:
            yield (int(value) % 2**256).to_bytes(WORD_BYTES)
