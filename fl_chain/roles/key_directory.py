"""The public keys that people have named in the registry, to encrypt to them.

The registry has the name of a key, its SHA-256, and so the CID of the key itself, which its holder
pins. Nobody has to be believed about it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from fl_chain.chain.ledger import Standing
from fl_chain.errors import LedgerError, MalformedBlob
from fl_chain.protocol.cid import Cid, cid_from_digest
from fl_chain.protocol.encryption import PUBLIC_KEY_BYTES, check_public_key
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.timely_fetch import TimelyFetcher
from fl_chain.storage.store import ContentStore


@dataclass(frozen=True, slots=True)
class KeyHolder:
    """Somebody to encrypt to."""

    address: str
    is_enrolled: bool
    key: bytes | None
    """Public key; None if there is no usable one to be had."""


class KeyDirectory:
    """Looks keys up, and remembers those that it has fetched.

    Parameters
    ----------
    follower
        The task, which says which registry is asked.
    store
        Where keys are pinned.
    patiently
        Repeats what asks other machines.
    """

    def __init__(
        self,
        follower: TaskFollower,
        store: ContentStore,
        patiently: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._follower = follower
        self._fetcher = TimelyFetcher(store)
        self._patiently = patiently
        self._known: dict[bytes, bytes] = {}
        """Public keys by their names."""

    def find_holders(self, accounts: Sequence[str], seconds: float) -> list[KeyHolder]:
        """Return who stands at the end of each account's line, with the key to encrypt to.

        A key that has not come after so many seconds is none: somebody named one that nobody has.

        Raises
        ------
        LedgerError
            The registry's answers go round in a circle.
        """
        lines = [[account] for account in accounts]
        standings = self._ask(accounts)
        while moved := [i for i, standing in enumerate(standings) if standing.successor]:
            for index in moved:
                successor = standings[index].successor
                if successor in lines[index]:
                    raise LedgerError(f"the registry has {successor} succeed itself", "check --rpc")
                lines[index].append(successor)
            found = self._ask([lines[index][-1] for index in moved])
            for index, standing in zip(moved, found, strict=True):
                standings[index] = standing
        self._fetch(standings, seconds)
        return [
            KeyHolder(line[-1], standing.is_enrolled, self._known.get(_name_of(standing) or b""))
            for line, standing in zip(lines, standings, strict=True)
        ]

    def find_name(self, holder: str) -> bytes | None:
        """Return the name of the key that somebody enrolled has; None of others, or without one."""
        (standing,) = self._ask([holder])
        return _name_of(standing)

    def _fetch(self, standings: Sequence[Standing], seconds: float) -> None:
        names = {name for name in map(_name_of, standings) if name is not None}
        cids = [cid_from_digest(name, PUBLIC_KEY_BYTES) for name in names - self._known.keys()]
        wanted = dict.fromkeys(cids, PUBLIC_KEY_BYTES)
        found: dict[Cid, bytes] = self._patiently(lambda: self._fetcher.fetch(wanted, seconds))
        for cid, key in found.items():
            with contextlib.suppress(MalformedBlob):
                check_public_key(key)
                self._known[cid.digest] = key

    def _ask(self, accounts: Sequence[str]) -> list[Standing]:
        registry = self._follower.task.parameters.registry
        standings: list[Standing] = self._patiently(
            lambda: self._follower.ledger.standings_of(registry, accounts)
        )
        return standings


def _name_of(standing: Standing) -> bytes | None:
    return standing.encryption_key or None if standing.is_enrolled else None
