"""A memory chain behind the seam that a chain node is behind, as one account sees it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from eth_account.signers.local import LocalAccount

from fl_chain.chain.keys import derive_secret, label_secret, sign_hash
from fl_chain.chain.ledger import Page, Receipt, Standing
from fl_chain.chain.memory import MemoryChain
from fl_chain.errors import UsageError
from fl_chain.protocol.actions import LedgerAction
from fl_chain.protocol.attestation import Signature, compute_signing_hash
from fl_chain.protocol.logs import topic_of


class MemoryLedger:
    """A memory chain as one account sees it; see :class:`fl_chain.chain.ledger.Ledger`.

    Parameters
    ----------
    chain
        Shared by all accounts.
    sender
        Address to act as; empty only reads.
    account
        The sender's key, to sign attestations with.
    """

    def __init__(
        self, chain: MemoryChain, sender: str = "", account: LocalAccount | None = None
    ) -> None:
        self._chain = chain
        self._account = account
        self.chain_id = chain.chain_id
        self.address = chain.address
        self.sender = sender
        self._kinds: frozenset[bytes] | None = None
        self._seen = 0

    def fetch(self, from_block: int) -> Page:
        """Return the logs from a block on."""
        with self._chain.news:
            logs = tuple(log for log in self._chain.logs if log.block_number >= from_block)
            number = self._chain.block_number
            return Page(logs, number + 1, self._chain.now, latest_block=number)

    def send(self, action: LedgerAction) -> Receipt:
        """Carry out an action; see the seam for errors."""
        if not self.sender:
            raise UsageError("this command has no key to send from", "name one with --key")
        return self._chain.carry_out(self.sender, action)

    def sign(self, message: bytes) -> Signature:
        """Sign a message; see the seam."""
        if self._account is None:
            raise UsageError("this command has no key to sign with", "name one with --key")
        return sign_hash(self._account, compute_signing_hash(self.chain_id, self.address, message))

    def derive_secret(self, purpose: str, number: int) -> bytes:
        """Return bytes that only the sender's key yields; see the seam."""
        if self._account is None:
            raise UsageError("this command has no key to derive from", "name one with --key")
        label = label_secret(self.chain_id, self.address, purpose, number)
        return derive_secret(self._account, label)

    def settle(self) -> None:
        """Nothing is ever under way here."""

    def check_funds(self) -> None:
        """Nothing costs anything here."""

    def predecessor_of(self, registry: str, participant: str) -> str:
        """Return the key whose place a participant took; see the seam."""
        assert registry == self._chain.task.parameters.registry  # noqa: S101 - there is no other
        return self._chain.registry.state.predecessors.get(participant, "")

    def is_enrolled(self, registry: str, participant: str) -> bool:
        """Return whether the registry lists a participant; see the seam."""
        assert registry == self._chain.task.parameters.registry  # noqa: S101 - there is no other
        return self._chain.registry.state.is_enrolled(participant)

    def standings_of(self, registry: str, participants: Sequence[str]) -> list[Standing]:
        """Return what the registry says about several participants; see the seam."""
        assert registry == self._chain.task.parameters.registry  # noqa: S101 - there is no other
        state = self._chain.registry.state
        return [
            Standing(
                state.is_enrolled(who),
                state.successors.get(who, ""),
                state.encryption_keys.get(who, b""),
            )
            for who in participants
        ]

    def watch(self, *kinds: type[Any]) -> None:
        """Say which records :meth:`wait` is to wake for, before reading the logs."""
        wanted = frozenset(map(topic_of, kinds))
        with self._chain.news:
            if wanted != self._kinds:
                self._kinds, self._seen = wanted, len(self._chain.logs)

    def wait(self, timeout_seconds: float) -> bool:
        """Return True once a watched record may have been added, False on timeout."""
        with self._chain.news:
            return self._chain.news.wait_for(self._has_news, timeout_seconds)

    def _has_news(self) -> bool:
        fresh, self._seen = self._chain.logs[self._seen :], len(self._chain.logs)
        return any(not self._kinds or log.topics[0] in self._kinds for log in fresh)
