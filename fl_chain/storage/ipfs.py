"""A content store on an IPFS node: the embedded one or any Kubo, by its API address.

The node is not trusted. CIDs are computed here, in `put` as in `get`, and the import profile goes
with every add, because a node's own configuration decides about whatever a request leaves out.
"""

from __future__ import annotations

import json
import threading
import time
import warnings
import weakref
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self, TypeVar

import ipfshttpclient
import requests
import urllib3.exceptions
from ipfshttpclient import exceptions as client_errors

from fl_chain.errors import (
    BlobCorrupt,
    BlobTooLarge,
    BlobUnavailable,
    MalformedBlob,
    StoreError,
    StoreUnreachable,
)
from fl_chain.protocol.cid import Cid, CidHasher, compute_cid
from fl_chain.remote_access import NO_ACCESS, Access, explain_refusal, origin_of
from fl_chain.storage.api_address import api_url

__all__ = ["IMPORT_PARAMETERS", "Endpoint", "IpfsStore"]

# ipfshttpclient 0.7.0 passes an argument that urllib3 2 deprecates; users cannot do anything about
# it, and pyproject.toml pins urllib3 below the version that would refuse it.
warnings.filterwarnings("ignore", message=r".*'strict'.*", category=FutureWarning)
warnings.filterwarnings("ignore", message=r".*'strict'.*", category=DeprecationWarning)

IMPORT_PARAMETERS: Final = {
    "cid-version": "1",
    "raw-leaves": "true",
    "chunker": "size-1048576",
    "max-file-links": "1024",
    "hash": "sha2-256",
    "trickle": "false",
    "inline": "false",
    "nocopy": "false",
    "wrap-with-directory": "false",
    "pin": "true",
}
"""The profile unixfs-v1-2025 of IPIP-499, spelled out as options of ``/api/v0/add``."""

CONNECT_TIMEOUT_SECONDS: Final = 5.0
_GRACE_SECONDS: Final = 5.0
_UPLOAD_PIECE_BYTES: Final = 1 << 20

_BROKEN_STREAM: Final = (
    client_errors.ProtocolError,
    client_errors.ConnectionError,
    requests.ConnectionError,
    requests.exceptions.ChunkedEncodingError,
    urllib3.exceptions.HTTPError,
)
_DAMAGED = ("is damaged on disk", "has different hash than requested")
"""How the embedded node and Kubo say that a stored block does not hash to its name."""
Endpoint = tuple[str, Access, float]
"""API multiaddr, what opens it, and seconds for what it does not have."""
_T = TypeVar("_T")


class IpfsStore:
    """A `ContentStore` on the node that answers at `api_multiaddr`.

    Parameters
    ----------
    api_multiaddr
        Such as ``/ip4/127.0.0.1/tcp/5001``.
    access
        What opens the node's API.
    timeout_seconds
        How long the node may look for content that it does not have, and how long it may be silent.

    Raises
    ------
    UsageError
        When the address is not one.
    """

    def __init__(
        self, api_multiaddr: str, access: Access = NO_ACCESS, *, timeout_seconds: float = 60.0
    ) -> None:
        self._url = api_url(api_multiaddr)
        self._api_multiaddr = api_multiaddr
        self._access = access
        self._timeout_seconds = timeout_seconds
        # A requests session is not made for several threads at once.
        self._of_thread = threading.local()
        self._clients: weakref.WeakSet[Any] = weakref.WeakSet()
        self._clients_lock = threading.Lock()

    @property
    def endpoint(self) -> Endpoint:
        """What another process needs to open the same node."""
        return self._api_multiaddr, self._access, self._timeout_seconds

    def put(self, data: bytes) -> Cid:
        """See `ContentStore.put`: pinned, and durable on the node's disk."""
        cid = compute_cid(data)
        # ipfshttpclient writes into the dictionary that it is given.
        answer = self._call(lambda: self._client().add_bytes(data, opts=dict(IMPORT_PARAMETERS)))
        if answer != str(cid):
            raise StoreError(
                f"the IPFS node at {self._api_multiaddr} stored {cid} as {answer}",
                "it does not follow the import parameters of unixfs-v1-2025; use a newer Kubo "
                "(0.40 or later) or the node of `fl-chain devnet up`",
            )
        return cid

    def get(self, cid: Cid, *, max_bytes: int) -> bytes:
        """See `ContentStore.get`."""
        try:
            return self._download(cid, max_bytes)
        except _BROKEN_STREAM:
            pass  # once more: the node may have found the missing block meanwhile
        try:
            return self._download(cid, max_bytes)
        except _BROKEN_STREAM as error:
            self._look_for_damage(cid)
            raise BlobUnavailable(
                f"the IPFS node at {self._api_multiaddr} broke off in the middle of {cid}",
                "a block of it may be missing; see the node's log",
            ) from error

    @property
    def address(self) -> str:
        """The node's API, multiaddr."""
        return self._api_multiaddr

    def keeps(self, cid: Cid, *, max_bytes: int) -> bool:
        """Return whether the node itself has all of a blob, unharmed, without asking other nodes.

        Raises
        ------
        StoreUnreachable
            Nobody answers.
        """
        try:
            self._download(cid, max_bytes, {"offline": "true"})
        except (BlobUnavailable, BlobCorrupt, *_BROKEN_STREAM):
            return False
        except BlobTooLarge:
            return True  # it has what the CID names, which is more than it should be
        return True

    def version(self) -> str:
        """Return name and version of the node's software.

        Raises
        ------
        StoreUnreachable
            Nobody answers, or something that is not an IPFS node.
        """
        answer = self._call(lambda: self._client().version())
        try:
            return str(answer.get("AgentVersion") or f"kubo/{answer['Version']}")
        except (AttributeError, KeyError, TypeError) as error:
            raise self._not_ipfs() from error

    def peer_addresses(self) -> list[str]:
        """Return the multiaddrs at which other nodes can reach this one, with its peer id."""
        answer = self._call(lambda: self._client().id())
        try:
            return [str(address) for address in answer["Addresses"] or ()]
        except (KeyError, TypeError) as error:
            raise self._not_ipfs() from error

    def connect(self, multiaddr: str) -> None:
        """Let the node open a connection to another node.

        Raises
        ------
        StoreError
            When the other node cannot be reached.
        """
        answer = self._call(lambda: self._post("swarm/connect", multiaddr))
        if not answer.ok:
            if refusal := self._refusal(requests.HTTPError(response=answer)):
                raise refusal
            raise StoreError(f"the IPFS node cannot connect to {multiaddr}: {_message(answer)}")

    def close(self) -> None:
        """Close the connections of all threads; the store can be used again afterwards."""
        with self._clients_lock:
            for client in list(self._clients):
                client.close()
            self._clients.clear()
            self._of_thread = threading.local()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _client(self) -> Any:
        client = getattr(self._of_thread, "client", None)
        if client is None:
            # Not ipfshttpclient.connect(), which refuses every node newer than 2021.
            client = ipfshttpclient.Client(
                self._api_multiaddr,
                session=True,
                chunk_size=_UPLOAD_PIECE_BYTES,
                timeout=(CONNECT_TIMEOUT_SECONDS, self._timeout_seconds + _GRACE_SECONDS),
            )
            # ipfshttpclient has no option for it; its version is pinned.
            self._access.prepare(client._client._session, self._url)
            self._of_thread.client = client
            with self._clients_lock:
                self._clients.add(client)
        return client

    def _download(
        self, cid: Cid, max_bytes: int, more: Mapping[str, str] = MappingProxyType({})
    ) -> bytes:
        options = {"length": str(max_bytes + 1), "timeout": f"{self._timeout_seconds:g}s", **more}
        deadline = time.monotonic() + self._timeout_seconds + _GRACE_SECONDS
        hasher = CidHasher()
        pieces: list[bytes] = []
        try:
            stream = self._call(
                lambda: self._client().cat(str(cid), opts=dict(options), stream=True)
            )
            with stream:
                for piece in stream:
                    hasher.update(piece)
                    if hasher.size_bytes > max_bytes:
                        raise BlobTooLarge(f"{cid} has more than {max_bytes} bytes")
                    pieces.append(piece)
                    if time.monotonic() > deadline:
                        raise BlobUnavailable(f"{cid} did not arrive in time")
        except _NodeRefused as error:
            self._raise_if_damaged(cid, error)
            raise BlobUnavailable(
                f"the IPFS node at {self._api_multiaddr} cannot provide {cid}: {error.message}",
                "is the node that stored it running and connected?",
            ) from error
        if hasher.cid() != cid:
            # Kubo reports an error in mid-stream in a trailer, which HTTP clients do not show: its
            # early end looks like this, too.
            raise BlobCorrupt(
                f"the IPFS node at {self._api_multiaddr} sent {hasher.size_bytes} bytes that are "
                f"not {cid}",
                "a block of it may be missing or damaged; see the node's log",
            )
        return b"".join(pieces)

    def _look_for_damage(self, cid: Cid) -> None:
        """Raise BlobCorrupt if a block of a large blob is damaged: a broken stream can't say so."""
        pending, seen = [str(cid)], set[str]()
        while pending:
            block = pending.pop()
            seen.add(block)
            try:
                # Offline: damage is local, and a block that is elsewhere is not worth a search.
                stat, refs = (
                    self._call(partial(self._post, command, block, offline="true"))
                    for command in ("block/stat", "refs")
                )
            except StoreError:
                return  # away by now: absence is what the caller reports
            if not stat.ok:
                self._raise_if_damaged(cid, _NodeRefused(_message(stat)))
            for line in refs.text.splitlines() if refs.ok else ():
                reference = _reference(line)
                if reference and reference not in seen:
                    pending.append(reference)

    def _post(self, command: str, argument: str, **options: str) -> requests.Response:
        """Run a command whose answer ipfshttpclient reads wrongly, or not at all."""
        with requests.Session() as session:
            self._access.prepare(session, self._url)
            return session.post(
                f"{self._url}{command}",
                params={"arg": argument, "timeout": f"{self._timeout_seconds:g}s", **options},
                timeout=(CONNECT_TIMEOUT_SECONDS, self._timeout_seconds + _GRACE_SECONDS),
            )

    def _raise_if_damaged(self, cid: Cid, error: _NodeRefused) -> None:
        if any(phrase in error.message for phrase in _DAMAGED):
            raise BlobCorrupt(
                f"the IPFS node at {self._api_multiaddr} holds {cid} damaged: {error.message}",
                "add the content again to repair it",
            ) from error

    def _call(self, request: Callable[[], _T]) -> _T:
        """Run a request; every request here may be repeated without harm."""
        try:
            return self._call_once(request)
        except _ConnectionFailed:
            # The node may have closed an idle connection at the very moment it was reused.
            return self._call_once(request)

    def _call_once(self, request: Callable[[], _T]) -> _T:
        try:
            return request()
        except client_errors.ErrorResponse as error:
            raise _NodeRefused(f"the IPFS node refused: {error}") from error
        except client_errors.StatusError as error:
            raise self._refusal(error) or self._not_ipfs() from error
        except (client_errors.TimeoutError, requests.Timeout) as error:
            raise BlobUnavailable(
                f"the IPFS node at {self._api_multiaddr} was silent for "
                f"{self._timeout_seconds + _GRACE_SECONDS:g} seconds"
            ) from error
        except (client_errors.CommunicationError, requests.RequestException) as error:
            raise self._refusal(error) or _ConnectionFailed(
                f"no IPFS node answers at {self._api_multiaddr}",
                "start one with `fl-chain devnet up`, or check --ipfs",
            ) from error
        except client_errors.Error as error:
            raise self._not_ipfs() from error

    def _refusal(self, error: Exception) -> StoreUnreachable | None:
        # ipfshttpclient wraps what Requests raises.
        refusal = explain_refusal(origin_of(self._url), getattr(error, "original", error))
        if refusal is None:
            return None
        reason, hint = refusal
        return StoreUnreachable(f"{self._api_multiaddr}: {reason}", hint)

    def _not_ipfs(self) -> StoreUnreachable:
        return StoreUnreachable(
            f"what answers at {self._api_multiaddr} is not the API of an IPFS node",
            "check --ipfs: the API of Kubo listens on port 5001, its gateway on 8080",
        )


class _ConnectionFailed(StoreUnreachable):
    """No connection, or one that ended before the answer began."""


class _NodeRefused(StoreError):
    """The node understood the request and answered with an error."""


def _reference(line: str) -> str:
    """Return the CID in a line of the answer to ``refs``, empty if there is none."""
    try:
        return str(Cid.parse(json.loads(line)["Ref"]))
    except (ValueError, KeyError, TypeError, MalformedBlob):
        return ""


def _message(answer: requests.Response) -> str:
    try:
        return str(answer.json()["Message"])
    except (ValueError, KeyError, TypeError):
        return f"HTTP status {answer.status_code}"
