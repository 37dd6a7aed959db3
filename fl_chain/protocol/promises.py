"""Promises to keep content: who said so, and until when.

A record on chain names content by digest and CID, and whoever it names has signed that; in a task
that asks for it, it is also the promise to provide the content for some time after the record. What
size the content has follows from the manifest. No rule depends on a promise: it tells whom to ask
for what is missing.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl_chain.protocol.manifest import Manifest


@dataclass(frozen=True, slots=True)
class Promise:
    """What somebody said about a blob."""

    by: str
    """Address of who recorded it, or signed it for a list or a relay."""
    until: int
    """Seconds since the epoch."""


def read_promise(manifest: Manifest, sender: str, recorded_at: int) -> Promise | None:
    """Return the promise that a record is; None in a task that asks for none.

    Parameters
    ----------
    manifest
        Of the task.
    sender
        Whose content the record names: the coordinator's, a participant's or an aggregator's.
    recorded_at
        Block time of the record, seconds since the epoch.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> read_promise(SimpleNamespace(keep_seconds=60), "0x...", 1_700_000_000)
    Promise(by='0x...', until=1700000060)
    """
    if manifest.keep_seconds == 0:
        return None
    return Promise(sender, recorded_at + manifest.keep_seconds)
