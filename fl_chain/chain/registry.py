"""A registry on an Ethereum chain."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.contracts import REGISTRY, encode_action
from fl_chain.chain.ethereum import check_code
from fl_chain.chain.ledger import Receipt
from fl_chain.chain.sender import TransactionSender
from fl_chain.errors import LedgerError, UsageError
from fl_chain.protocol.actions import EnrolWithBond, RegistryAction
from fl_chain.protocol.attestation import Signature, compute_signing_hash, compute_succession
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.registry import Registry
from fl_chain.protocol.registry_records import RegistryCreated


class EthereumRegistry:
    """A registry at an address, as one account sees it.

    Parameters
    ----------
    connection
        The chain node.
    address
        The ParticipantRegistry, 0x and 40 digits.
    account
        Key to send from; None only reads.

    Raises
    ------
    UnknownContract
        The code at the address is not this version's ParticipantRegistry.
    """

    def __init__(
        self, connection: ChainConnection, address: str, account: LocalAccount | None = None
    ) -> None:
        self.connection = connection
        self.chain_id = connection.chain_id
        self.address = address.lower()
        check_code(connection, self.address, REGISTRY)
        self._sender = TransactionSender(connection, account) if account else None
        self.sender = self._sender.address if self._sender else ""

    def replay(self) -> Registry:
        """Return the state after all records of the registry.

        Raises
        ------
        ProtocolError
            The chain node's logs are not those of a registry.
        """
        registry = None
        for log in self.connection.fetch_logs(0, address=self.address):
            record = decode_log(log)
            if isinstance(record, RegistryCreated):
                registry = Registry(record)
            elif registry is not None:
                registry.apply(record)  # type: ignore[arg-type]
        if registry is None:
            raise LedgerError(f"the registry at {self.address} has no records", "check --rpc")
        return registry

    def send(self, action: RegistryAction) -> Receipt:
        """Carry out an action and wait until it is on chain.

        Raises
        ------
        TransactionRejected
            The contract refused; the error carries its custom error and values.
        InsufficientFunds
            The account cannot pay.
        """
        wei = action.wei if isinstance(action, EnrolWithBond) else 0
        return self._require_sender().send(self.address, encode_action(action), wei)

    def accept(self, participant: str) -> Signature:
        """Return the sender's acceptance to take the place of a participant's key here."""
        sender = self._require_sender()
        message = compute_succession(participant, sender.address)
        return sender.sign(compute_signing_hash(self.chain_id, self.address, message))

    def _require_sender(self) -> TransactionSender:
        if self._sender is None:
            raise UsageError("this command has no key to send from", "name one with --key")
        return self._sender
