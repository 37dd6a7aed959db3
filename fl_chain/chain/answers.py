"""Read what a chain node answers: hostile until it has the form that Ethereum's JSON-RPC gives it.

Source: Ethereum JSON-RPC specification, https://ethereum.github.io/execution-apis/.
"""

from __future__ import annotations

from typing import Any

from requests import PreparedRequest, Response
from requests.adapters import HTTPAdapter
from requests.exceptions import RequestException

from fl_chain.errors import LedgerError
from fl_chain.protocol.logs import Log

MAX_ANSWER_BYTES = 2**28
"""Largest answer that is read: a million event logs."""

_PIECE_BYTES = 2**16
_MOST_DIGITS = 66


class AnswerTooLarge(RequestException):
    """An answer goes on beyond MAX_ANSWER_BYTES."""


class CappedAdapter(HTTPAdapter):
    """Reads an answer to its end at once, but never more than MAX_ANSWER_BYTES."""

    def send(self, request: PreparedRequest, *args: Any, **options: Any) -> Response:
        """Send a request and return the answer with its content."""
        answer = super().send(request, *args, **{**options, "stream": True})
        pieces, size = [], 0
        for piece in answer.iter_content(_PIECE_BYTES):
            size += len(piece)
            if size > MAX_ANSWER_BYTES:
                answer.close()
                raise AnswerTooLarge(f"the answer exceeds {MAX_ANSWER_BYTES} bytes")
            pieces.append(piece)
        answer._content = b"".join(pieces)
        return answer


def read_field(answer: Any, name: str) -> Any:
    """Return a member of an object."""
    if not isinstance(answer, dict) or name not in answer:
        raise _malformed(f"an object with {name}", answer)
    return answer[name]


def read_quantity(answer: Any) -> int:
    """Return a quantity, such as ``0x41``."""
    try:
        if isinstance(answer, str) and answer.startswith("0x") and len(answer) <= _MOST_DIGITS:
            return int(answer[2:], 16)
    except ValueError:
        pass
    raise _malformed("a quantity", answer)


def read_bytes(answer: Any) -> bytes:
    """Return data, such as ``0x00ff``."""
    try:
        if isinstance(answer, str) and answer.startswith("0x"):
            return bytes.fromhex(answer[2:])
    except ValueError:
        pass
    raise _malformed("data", answer)


def read_list(answer: Any) -> list[Any]:
    """Return an array."""
    if not isinstance(answer, list):
        raise _malformed("an array", answer)
    return answer


def read_log(answer: Any) -> Log:
    """Return an event log."""
    address = read_bytes(read_field(answer, "address"))
    return Log(
        address="0x" + address.hex(),
        topics=tuple(map(read_bytes, read_list(read_field(answer, "topics")))),
        data=read_bytes(read_field(answer, "data")),
        block_number=read_quantity(read_field(answer, "blockNumber")),
        log_index=read_quantity(read_field(answer, "logIndex")),
        transaction_hash=read_bytes(read_field(answer, "transactionHash")),
    )


def read_logs(answer: Any) -> list[Log]:
    """Return event logs in chain order."""
    return sorted(
        map(read_log, read_list(answer)), key=lambda log: (log.block_number, log.log_index)
    )


def _malformed(expected: str, answer: Any) -> LedgerError:
    return LedgerError(
        f"the chain node answered {str(answer)[:80]!r} where {expected} is due",
        "check that --rpc names an Ethereum node",
    )
