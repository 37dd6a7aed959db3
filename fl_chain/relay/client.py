"""Hands a participant's signed update to a relay."""

from __future__ import annotations

from typing import Any

import requests
from urllib3.exceptions import HTTPError

from fl_chain.errors import RelayRefused, RelayUnreachable, UsageError
from fl_chain.protocol.signed_update import Handover, encode_handover
from fl_chain.remote_access import NO_ACCESS, Access, clean_url, explain_refusal, origin_of

TIMEOUT_SECONDS = 10
MAX_ANSWER_BYTES = 4096


class RelayClient:
    """A relay at a URL.

    Parameters
    ----------
    url
        ``http://`` or ``https://``, without a path.
    access
        What opens it.

    Raises
    ------
    UsageError
        No such URL.
    """

    def __init__(self, url: str, access: Access = NO_ACCESS) -> None:
        try:
            self._url = clean_url(url).rstrip("/")
        except UsageError as error:
            raise UsageError(
                f"no address of a relay: {error.message}",
                "check --relay: https://relay.example is one",
            ) from None
        self.origin = origin_of(url)
        self._session = requests.Session()
        access.prepare(self._session, self._url)

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
                f"{self._url}/updates",
                data=encode_handover(handover),
                headers={"Content-Type": "application/json"},
                timeout=TIMEOUT_SECONDS,
                stream=True,
            ) as answer:
                text = answer.raw.read(MAX_ANSWER_BYTES, decode_content=False)
        except (requests.RequestException, HTTPError, OSError) as error:
            raise self._refusal(error) or RelayUnreachable(
                f"no relay answers at {self.origin}: {type(error).__name__}", "check --relay"
            ) from None
        if answer.status_code == requests.codes.accepted:
            return
        if answer.status_code == requests.codes.unprocessable:
            raise RelayRefused(f"the relay at {self.origin} refused: {_printable(text)}")
        raise self._refusal(requests.HTTPError(response=answer)) or RelayUnreachable(
            f"{self.origin} answered with status {answer.status_code} and is no relay of this task",
            "check --relay",
        )

    def _refusal(self, error: Exception) -> RelayUnreachable | None:
        refusal = explain_refusal(self.origin, error)
        return refusal and RelayUnreachable(f"{self.origin}: {refusal[0]}", refusal[1])


def _printable(text: bytes) -> str:
    """Return what a relay said as one line that can do a terminal no harm."""
    plain: Any = text.decode("utf-8", errors="replace")
    return "".join(letter if letter.isprintable() else " " for letter in plain)[:200]
