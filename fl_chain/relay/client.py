"""Hands a participant's signed update to a relay."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import requests

from fl_chain.errors import RelayRefused, RelayUnreachable, UsageError
from fl_chain.protocol.signed_update import Handover, encode_handover

TIMEOUT_SECONDS = 10
MAX_ANSWER_BYTES = 4096
_LOOPBACK = ("127.0.0.1", "localhost", "::1")


class RelayClient:
    """A relay at a URL.

    Parameters
    ----------
    url
        ``http://`` or ``https://``, without a path.

    Raises
    ------
    UsageError
        No such URL.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UsageError(f"{url[:80]!r} is no relay", "it starts with http:// or https://")
        self.url = url.rstrip("/")
        self._session = requests.Session()
        # A proxy that the environment names is no way to reach this machine.
        self._session.trust_env = parts.hostname not in _LOOPBACK

    def hand_in(self, handover: Handover) -> None:
        """Hand in an update; the relay has it when this returns, the ledger not yet.

        Raises
        ------
        RelayUnreachable
            Nothing answers, or nothing that is a relay.
        RelayRefused
            The relay does not take it, and says why.
        """
        try:
            with self._session.post(
                f"{self.url}/updates",
                data=encode_handover(handover),
                headers={"Content-Type": "application/json"},
                timeout=TIMEOUT_SECONDS,
                stream=True,
                allow_redirects=False,
            ) as answer:
                text = answer.raw.read(MAX_ANSWER_BYTES, decode_content=False)
        except (requests.RequestException, OSError) as error:
            raise RelayUnreachable(
                f"no relay answers at {self.url}: {type(error).__name__}", "check --relay"
            ) from None
        if answer.status_code == requests.codes.accepted:
            return
        if answer.status_code == requests.codes.unprocessable:
            raise RelayRefused(f"the relay at {self.url} refused: {_printable(text)}")
        raise RelayUnreachable(
            f"{self.url} answered with status {answer.status_code} and is no relay of this task",
            "check --relay",
        )


def _printable(text: bytes) -> str:
    """Return what a relay said as one line that can do a terminal no harm."""
    plain: Any = text.decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in plain)[:200]
