"""Records: the facts that the contracts emit, and the running hash over them.

A record is one event log. Its type is the event's signature, its fields are the event's arguments,
all of static ABI types, so one rule decodes, encodes and hashes every one of them:

* record hash = keccak256(topic 0, then every argument as one 32-byte ABI word, in order);
* history hash = keccak256(previous history hash, record hash), from
  keccak256(chain id, contract address).

Source: Solidity ABI specification, sections "Events" and "Formal Specification of the Encoding".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from enum import IntEnum
from itertools import islice
from typing import Any, ClassVar, get_type_hints

from eth_hash.auto import keccak

from fl_chain.errors import MalformedBlob
from fl_chain.protocol.parts import MOST_PARTS
from fl_chain.protocol.registry_records import (
    EncryptionKeySet as EncryptionKeySet,
)
from fl_chain.protocol.registry_records import (
    EnrolmentBondClaimed as EnrolmentBondClaimed,
)
from fl_chain.protocol.registry_records import (
    ParticipantBonded as ParticipantBonded,
)
from fl_chain.protocol.registry_records import (
    ParticipantEnrolled as ParticipantEnrolled,
)
from fl_chain.protocol.registry_records import (
    ParticipantLeft as ParticipantLeft,
)
from fl_chain.protocol.registry_records import (
    ParticipantRevoked as ParticipantRevoked,
)
from fl_chain.protocol.registry_records import (
    ParticipantRotated as ParticipantRotated,
)
from fl_chain.protocol.registry_records import (
    RegistryCreated as RegistryCreated,
)
from fl_chain.protocol.words import (
    Address,
    Bool,
    Bytes32,
    Int32,
    Parts,
    Uint8,
    Uint32,
    Uint40,
    Uint96,
)

WORD_BYTES = 32
RECORD_PREFIX_BYTES = 23
"""So much of a record hash, or of a commitment, fits beside a participant's standing."""


class Fault(IntEnum):
    """Why a bond is taken or a proposal rejected; the numbers of contracts/libraries/Faults.sol."""

    NONE = 0
    OVERRULED = 1
    """A quorum of the committee attested to other results than the one proposed."""
    EQUIVOCATION = 2
    """An aggregator signed two results for one round."""
    OMISSION = 3
    """The report of a proposal gives a submitted update no status."""
    WRONG_MODEL = 4
    """A value of the proposed model does not follow from the updates that its report includes."""
    SILENCE = 5
    """A party of a dispute let the time of its move pass."""
    FALSE_CHALLENGE = 6
    """What was challenged was right."""


class Question(IntEnum):
    """What a challenge asks to show; the numbers of contracts/libraries/Questions.sol."""

    NONE = 0
    HEADER = 1
    """That a chunk of the model's header is that of the genesis model's header."""
    VALUE = 2
    """That a value of the model follows from the updates that the report includes."""
    STATUS = 3
    """That the report gives an update a status."""


@dataclass(frozen=True, slots=True)
class TaskParameters:
    """What the contract fixes before anyone trains; see contracts/interfaces/ILedgerTypes.sol."""

    registry: Address
    manifest_digest: Bytes32
    manifest_cid_digest: Bytes32
    genesis_digest: Bytes32
    genesis_cid_digest: Bytes32
    num_rounds: Uint32
    min_updates: Uint32
    target_updates: Uint32
    max_weight: Uint32
    collect_seconds: Uint32
    aggregate_seconds: Uint32
    challenge_seconds: Uint32
    quorum: Uint32
    """Attestations that decide a proposal at once; 0 if only the challenge window does."""
    bond: Uint96
    """Deposit of an aggregator, in wei."""
    header_chunks: Uint32
    """Chunks of 1,024 bytes in the header of every update and model."""
    num_values: Uint32
    fraction_shift: Uint32
    """Fraction bits of a model less those of an update."""
    commit_seconds: Uint32
    """Time to commit, before updates are revealed; 0 where they are submitted at once."""
    is_open: Bool
    """Whether anybody may admit enrolled participants; otherwise only the coordinator."""


@dataclass(frozen=True, slots=True)
class TaskCreated:
    """A ledger was deployed."""

    INDEXED: ClassVar[int] = 1
    coordinator: Address
    parameters: TaskParameters
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class AggregatorAppointed:
    """The task was created with this aggregator, the next in the order of turns."""

    INDEXED: ClassVar[int] = 1
    aggregator: Address
    seat: Uint32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class BondDeposited:
    """An aggregator added to its bond."""

    INDEXED: ClassVar[int] = 1
    aggregator: Address
    amount: Uint96
    """In wei, as every amount."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class BondWithdrawn:
    """An aggregator made its bond a payout after the end of the task."""

    INDEXED: ClassVar[int] = 1
    aggregator: Address
    amount: Uint96
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class BondSlashed:
    """An aggregator lost its bond; half of it went to the beneficiary, if there is one."""

    INDEXED: ClassVar[int] = 2
    aggregator: Address
    beneficiary: Address
    amount: Uint96
    fault: Uint8
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PayoutClaimed:
    """Somebody was paid what was due to it."""

    INDEXED: ClassVar[int] = 1
    account: Address
    amount: Uint96
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantAdmitted:
    """The coordinator admitted a participant to the task."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantRemoved:
    """A participant whom the registry had revoked was removed from the task."""

    INDEXED: ClassVar[int] = 1
    participant: Address
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class RoundOpened:
    """A round began to collect updates."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    base_round: Uint32
    opens_at: Uint40
    """Not before the time of the record; later if the task is paused."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class UpdateSubmitted:
    """A participant recorded its update of a round."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    participant: Address
    sequence: Uint32
    digest: Bytes32
    cid_digest: Bytes32
    weight: Uint32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ModelProposed:
    """An aggregator proposed the model of a round."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    proposer: Address
    model_digest: Bytes32
    model_cid_digest: Bytes32
    report_digest: Bytes32
    report_cid_digest: Bytes32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ModelAttested:
    """An aggregator signed the result that it derived."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    aggregator: Address
    model_digest: Bytes32
    report_digest: Bytes32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ProposalRejected:
    """The proposed model of a round was dropped; the turns begin again."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    proposer: Address
    fault: Uint8
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ProposalChallenged:
    """Somebody disputes the proposed model of a round."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    challenger: Address
    question: Uint8
    position: Uint32
    """The chunk of the header, the value of the model, or the update, that it is about."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ValueAnswered:
    """The proposer claimed what each part of the updates contributes to the value in question."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    base_value: Int32
    proposed_value: Int32
    parts: Parts
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PartSelected:
    """The challenger named a part that contributes something else than is claimed."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    part: Uint32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class PartSplit:
    """The proposer claimed what each part of the selected one contributes."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    parts: Parts
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ChallengeFailed:
    """A challenger lost its deposit; half of it went to the beneficiary, who had proposed."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    challenger: Address
    beneficiary: Address
    amount: Uint96
    fault: Uint8
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class RoundFinalized:
    """The proposed model became final."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    model_digest: Bytes32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class RoundAborted:
    """A round ended without a model of its own."""

    INDEXED: ClassVar[int] = 1
    round: Uint32
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class TaskPaused:
    """The coordinator lets no further round open before a time."""

    INDEXED: ClassVar[int] = 0
    until: Uint40
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class TaskStopped:
    """The coordinator ended the task."""

    INDEXED: ClassVar[int] = 0
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class UpdateCommitted:
    """A participant recorded a commitment to its update of a round."""

    INDEXED: ClassVar[int] = 2
    round: Uint32
    participant: Address
    commitment: Bytes32
    """See :mod:`fl_chain.protocol.commitment`."""
    timestamp: Uint40


@dataclass(frozen=True, slots=True)
class ParticipantSucceeded:
    """The admission of a participant moved to the key that the registry names as its successor."""

    INDEXED: ClassVar[int] = 2
    participant: Address
    successor: Address
    timestamp: Uint40


LedgerRecord = (
    TaskCreated
    | AggregatorAppointed
    | ParticipantAdmitted
    | ParticipantRemoved
    | BondDeposited
    | BondWithdrawn
    | BondSlashed
    | PayoutClaimed
    | RoundOpened
    | UpdateSubmitted
    | ModelProposed
    | ModelAttested
    | ProposalRejected
    | ProposalChallenged
    | ValueAnswered
    | PartSelected
    | PartSplit
    | ChallengeFailed
    | RoundFinalized
    | RoundAborted
    | TaskPaused
    | TaskStopped
    | UpdateCommitted
    | ParticipantSucceeded
)
RegistryRecord = (
    RegistryCreated
    | ParticipantEnrolled
    | ParticipantRevoked
    | ParticipantBonded
    | ParticipantLeft
    | EnrolmentBondClaimed
    | ParticipantRotated
    | EncryptionKeySet
)
Record = LedgerRecord | RegistryRecord

LEDGER_RECORDS: tuple[type[Any], ...] = LedgerRecord.__args__
REGISTRY_RECORDS: tuple[type[Any], ...] = RegistryRecord.__args__


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
    kind: _describe(kind) for kind in (*LEDGER_RECORDS, *REGISTRY_RECORDS)
}
_KINDS_BY_TOPIC: dict[bytes, type[Any]] = {schema.topic: kind for kind, schema in _SCHEMAS.items()}


def signature_of(kind: type[Any]) -> str:
    """Return the event signature of a record type.

    Examples
    --------
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
        case "parts":
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
