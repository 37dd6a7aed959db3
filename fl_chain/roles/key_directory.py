"""The public keys that people have named in the registry, to encrypt to them.

The registry has the name of a key, its SHA-256, and so the CID of the key itself, which its holder
pins. Nobody has to be believed about it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from fl_chain.errors import BlobTooLarge, BlobUnavailable, LedgerError, MalformedBlob
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.protocol.encryption import PUBLIC_KEY_BYTES, check_public_key
from fl_chain.roles.follower import TaskFollower
from fl_chain.storage.store import ContentStore


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
        self._store = store
        self._patiently = patiently
        self._known: dict[bytes, bytes] = {}
        """Public keys by their names."""

    def is_enrolled(self, holder: str) -> bool:
        """Return whether the registry lists somebody."""
        return bool(self._ask(self._follower.ledger.is_enrolled, holder))

    def find_holder(self, account: str) -> str:
        """Return the last key of an account's line.

        Raises
        ------
        LedgerError
            The registry's answers go round in a circle.
        """
        line = [account]
        while successor := self._ask(self._follower.ledger.successor_of, line[-1]):
            if successor in line:
                raise LedgerError(f"the registry has {successor} succeed itself", "check --rpc")
            line.append(successor)
        return line[-1]

    def find_name(self, holder: str) -> bytes | None:
        """Return the name of the key that somebody enrolled has; None of others, or without one."""
        if not self.is_enrolled(holder):
            return None
        return self._ask(self._follower.ledger.encryption_key_of, holder) or None

    def find_key(self, holder: str) -> bytes | None:
        """Return the public key of somebody enrolled; None if there is no usable one to be had."""
        name = self.find_name(holder)
        if name is None:
            return None
        if name not in self._known:
            cid = cid_from_digest(name, PUBLIC_KEY_BYTES)
            try:
                key = self._patiently(lambda: self._store.get(cid, max_bytes=PUBLIC_KEY_BYTES))
                check_public_key(key)
            except (BlobUnavailable, BlobTooLarge, MalformedBlob):
                return None
            self._known[name] = key
        return self._known[name]

    def _ask(self, question: Callable[[str, str], Any], participant: str) -> Any:
        registry = self._follower.task.parameters.registry
        return self._patiently(lambda: question(registry, participant))
