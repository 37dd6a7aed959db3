"""Audit registers on a chain: found by their records, read whole, written to by anybody."""

from __future__ import annotations

from eth_account.signers.local import LocalAccount

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.contracts import (
    AUDIT_REGISTER,
    encode_action,
    encode_creation,
    encode_view,
    matches_runtime_code,
)
from fl_chain.chain.keys import sign_hash
from fl_chain.chain.ledger import Receipt
from fl_chain.chain.sender import TransactionSender
from fl_chain.errors import LedgerError, MalformedBlob
from fl_chain.protocol.actions import RecordAudit
from fl_chain.protocol.audit_records import AuditRecorded, RegisterCreated
from fl_chain.protocol.audit_statement import (
    Audit,
    SignedAudit,
    compute_audit_signing_hash,
)
from fl_chain.protocol.logs import compute_history_hash, decode_log, topic_of

MOST_READS = 20
"""Attempts to read logs and running hash without a record in between."""


def find_registers(connection: ChainConnection) -> list[str]:
    """Return the address of every audit register on the chain whose code is ours, oldest first."""
    logs = connection.fetch_logs(0, topics=["0x" + topic_of(RegisterCreated).hex()])
    return [
        log.address
        for log in logs
        if matches_runtime_code(AUDIT_REGISTER, connection.code(log.address))
    ]


def read_register(connection: ChainConnection, register: str) -> list[AuditRecorded]:
    """Return every audit on record in a register, in order.

    Raises
    ------
    LedgerError
        The chain node left out, altered or reordered records.
    """
    for _ in range(MOST_READS):
        try:
            records = [decode_log(log) for log in connection.fetch_logs(0, address=register)]
        except MalformedBlob as error:
            raise LedgerError(f"{connection.origin}: {error.message}", "check --rpc") from None
        answer = connection.view(register, encode_view("historyHash"))
        if answer == compute_history_hash(connection.chain_id, register, records):
            return [record for record in records if isinstance(record, AuditRecorded)]
    raise LedgerError(
        f"{connection.origin} left out, altered or reordered records of the audit register at"
        f" {register}",
        "ask another chain node with --rpc",
    )


def sign_audit(account: LocalAccount, chain_id: int, audit: Audit) -> SignedAudit:
    """Return an audit, signed with a key."""
    signature = sign_hash(account, compute_audit_signing_hash(chain_id, audit))
    return SignedAudit(chain_id, str(account.address).lower(), audit, signature)


class AuditRegisterSender:
    """Records audits from one account, which need not be an auditor's.

    Parameters
    ----------
    connection
        The chain node.
    account
        Who pays.
    """

    def __init__(self, connection: ChainConnection, account: LocalAccount) -> None:
        self._connection = connection
        self._sender = TransactionSender(connection, account)

    def deploy(self) -> str:
        """Deploy an audit register and return its address."""
        return self._sender.deploy(encode_creation(AUDIT_REGISTER))

    def record(self, register: str, signed: SignedAudit) -> Receipt:
        """Put a signed audit on record.

        Raises
        ------
        TransactionRejected
            NotSigned, AlreadyRecorded.
        InsufficientFunds
            The account cannot pay.
        """
        action = RecordAudit(signed.auditor, signed.audit, signed.signature)
        return self._sender.send(register, encode_action(action))
