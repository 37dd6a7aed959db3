"""One connection to a chain node: raw JSON-RPC, with every failure put into words.

Calls that belong together travel in one batch, since a request costs more than what it asks for.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

import requests
from requests.exceptions import HTTPError, RequestException
from web3 import HTTPProvider

from fl_chain.chain.answers import (
    AnswerTooLarge,
    CappedAdapter,
    read_bytes,
    read_field,
    read_logs,
    read_quantity,
)
from fl_chain.errors import ChainUnreachable, LedgerError, UsageError, WrongChain
from fl_chain.protocol.logs import Log
from fl_chain.remote_access import NO_ACCESS, Access, clean_url, explain_refusal, origin_of

MOST_CALLS = 500
"""Calls of one request; nodes refuse larger ones, Geth from 1,001 on, others by their bytes."""
_EXAMPLE = "check --rpc, or network.rpc: http://127.0.0.1:8545 is one"
_HINT = "start one with: fl-chain devnet up, or name another with --rpc"


class RpcError(LedgerError):
    """The chain node answered a call with an error.

    Parameters
    ----------
    data
        Revert data, empty when there is none.
    """

    def __init__(self, message: str, data: bytes = b"") -> None:
        super().__init__(message)
        self.data = data


class ChainConnection:
    """A chain node at an RPC address.

    Parameters
    ----------
    rpc_url
        http(s) address of the node.
    chain_id
        The chain that the caller expects; None accepts any. Checked once, here.
    access
        What opens the node.
    timeout_seconds
        Longest time to wait for one answer.

    Raises
    ------
    ChainUnreachable
        Nothing that speaks JSON-RPC answers.
    WrongChain
        The node serves another chain.
    """

    def __init__(
        self,
        rpc_url: str,
        chain_id: int | None = None,
        access: Access = NO_ACCESS,
        *,
        timeout_seconds: float = 30,
    ) -> None:
        try:
            self.rpc_url = clean_url(rpc_url)
        except UsageError as error:
            raise UsageError(f"no address of a chain node: {error.message}", _EXAMPLE) from None
        self.origin = origin_of(self.rpc_url)
        self.access = access
        session = requests.Session()
        access.prepare(session, self.rpc_url)
        session.mount("http://", CappedAdapter())
        session.mount("https://", CappedAdapter())
        self._provider = HTTPProvider(
            self.rpc_url,
            request_kwargs={"timeout": timeout_seconds},
            session=session,
            exception_retry_configuration=None,
        )
        self._lock = threading.Lock()
        self.chain_id = read_quantity(self.call("eth_chainId"))
        if chain_id is not None and self.chain_id != chain_id:
            raise WrongChain(
                f"{self.origin} serves chain {self.chain_id}, expected {chain_id}",
                "point --rpc at the chain that the task was created on",
            )

    def call(self, method: str, *params: Any) -> Any:
        """Return the result of one JSON-RPC call; RpcError carries a revert's data."""
        return self.batch([(method, params)])[0]

    def batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Return the results of several calls; the first error is raised."""
        answers = self.try_batch(calls)
        for answer in answers:
            if isinstance(answer, RpcError):
                raise answer
        return answers

    def try_batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        """Return result or RpcError of each call, made in order and in few requests."""
        return [
            answer
            for first in range(0, len(calls), MOST_CALLS)
            for answer in self._request(calls[first : first + MOST_CALLS])
        ]

    def _request(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        try:
            with self._lock:  # a provider's session is not meant for two threads at once
                if len(calls) == 1:
                    method, params = calls[0]
                    answers: Any = [self._provider.make_request(method, list(params))]
                else:
                    requests: Any = list(calls)
                    answers = self._provider.make_batch_request(requests)
        except AnswerTooLarge as error:
            raise RpcError(f"{self.origin}: {error}") from None
        except (RequestException, OSError, ValueError) as error:
            refusal = explain_refusal(self.origin, error)
            if refusal is not None:
                reason, hint = refusal
                raise ChainUnreachable(f"{self.origin}: {reason}", hint) from None
            raise ChainUnreachable(
                f"no chain node answers at {self.origin}: {_reason(error)}", _HINT
            ) from None
        except (TypeError, KeyError, AttributeError):
            answers = None  # JSON, but not what JSON-RPC answers
        if not isinstance(answers, list) or len(answers) != len(calls):
            raise ChainUnreachable(f"{self.origin} does not speak JSON-RPC", _HINT)
        if len(answers) > 1:
            answers.sort(key=_position)
        return [self._unpack(answer) for answer in answers]

    def fetch_logs(self, from_block: int, **selection: Any) -> list[Log]:
        """Return logs from a block on, in order; ``address`` and ``topics`` select."""
        return read_logs(self.call("eth_getLogs", {"fromBlock": hex(from_block), **selection}))

    def view(self, contract: str, data: bytes) -> bytes:
        """Return what a contract's view function answers at the latest block."""
        answer = self.call("eth_call", {"to": contract, "data": "0x" + data.hex()}, "latest")
        return read_bytes(answer)

    def code(self, contract: str) -> bytes:
        """Return the code at an address, empty if there is none."""
        return read_bytes(self.call("eth_getCode", contract, "latest"))

    @staticmethod
    def _unpack(answer: Any) -> Any:
        if isinstance(answer, dict) and answer.get("error") is not None:
            error = answer["error"]
            details = error if isinstance(error, dict) else {"message": error}
            return RpcError(str(details.get("message", error)), _revert_data(details.get("data")))
        return read_field(answer, "result")


def _position(answer: Any) -> int:
    """Order of an answer in its batch: nodes may answer in any order."""
    number = read_field(answer, "id")
    return number if isinstance(number, int) else 0


def _revert_data(data: Any) -> bytes:
    """Return revert data, which nodes report as text or, like Hardhat, in an object."""
    if isinstance(data, dict):
        data = data.get("data")
    try:
        return read_bytes(data)
    except LedgerError:
        return b""


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError) and error.response is not None:
        return f"HTTP status {error.response.status_code}"
    text = str(error)
    for word in ("Connection refused", "timed out", "Name or service not known"):
        if word in text:
            return word.lower()
    return type(error).__name__
