"""Send transactions from one account, and know what became of each.

Before anything is sent the node estimates the transaction, so a refusal costs no gas and arrives
with the contract's own error. A signed transaction is put into an outbox before it leaves: it can
then be sent again after a crash without any risk of happening twice, since its hash is fixed.
"""

from __future__ import annotations

import contextlib
import time
from typing import Any, NoReturn, Protocol

from eth_account.signers.local import LocalAccount
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from fl_chain.chain.answers import read_bytes, read_field, read_quantity
from fl_chain.chain.connection import ChainConnection, RpcError
from fl_chain.chain.contracts import decode_error
from fl_chain.chain.ether import format_ether
from fl_chain.chain.keys import derive_secret, sign_hash
from fl_chain.chain.ledger import Receipt
from fl_chain.errors import ChainUnreachable, InsufficientFunds, TransactionRejected
from fl_chain.protocol.attestation import Signature

GAS_MARGIN = 1.25
"""Estimate to gas limit: another transaction may come first and make ours dearer."""
SPARE_GAS = 150_000
"""Added to it: the attestation that decides a round costs that much more than the one before."""
FIRST_RECEIPT_POLL_SECONDS = 0.005
LONGEST_RECEIPT_POLL_SECONDS = 0.25
RECEIPT_TIMEOUT_SECONDS = 120.0
MOST_NONCES = 5
"""Attempts when another program sends from the same account at the same time."""
_HINTS = {
    "AlreadyEnrolled": "it is in the registry already",
    "NoRewards": "a task with a table [reward] has a pot, until it is over",
    "NotAdmitted": "ask the coordinator for: fl-chain task admit",
    "NotAggregator": "name the key of one of the task's aggregators with --key",
    "AggregatorBarred": "its fault is on record; fl-chain history rounds shows where",
    "BondTooLow": "deposit it: fl-chain aggregator run does so, if the account has the money",
    "BondLocked": "an aggregator's bond is free once the task is over and its challenge window"
    " passed, a participant's a while after it left the registry",
    "NotCoordinator": "name the coordinator's key with --key",
    "NotRegistrar": "name the key that deployed the registry with --key",
    "CommitmentsRequired": "fl-chain participant run commits first, and reveals later",
    "NotCommitted": "this participant takes part again in the next round",
    "NotEnrolled": "fl-chain registry show tells who is; the registrar or a bond enrols",
    "EnrolmentClosed": "ask the registrar for: fl-chain registry enrol",
    "UnexpectedDeposit": "send exactly the bond; fl-chain registry show tells how much",
    "NotParticipant": "name the participant's own key with --key, or the registrar's",
    "NotAccepted": "let the new key sign anew: fl-chain registry accept",
    "SuccessionDue": "move the admission to the new key: fl-chain task succeed",
    "NoSuccessor": "rotate the key first: fl-chain registry rotate",
    "SuccessorAdmitted": "the new key takes part already",
    "StillEnrolled": "only whom the registry has revoked is removed",
    "TaskOver": "the task has ended; fl-chain history rounds shows how",
    "NotSelected": "fl-chain history participants shows who is; the next round draws anew",
    "SeedWithheld": "this aggregator acts again once it reveals its secret of the next round",
    "SeedsFixed": "commit once the round is open: what is committed then counts from the next on",
    "SeedsNotFixed": "wait until all aggregators have committed, or until their time is over",
    "WrongSecret": "fl-chain aggregator run keeps the secrets, and commits anew by itself",
    "NotSigned": "the statement was altered, or is of another chain",
    "AlreadyRecorded": "nothing to do: fl-chain audit list shows it",
    "UnknownVerdict": "make the statement with: fl-chain audit run --sign",
    "IncompleteAudit": "make the statement with: fl-chain audit run --sign",
    "NoSampling": "in this task everybody takes part in every round",
}
_KNOWN = ("already known", "already imported", "known transaction")
_NONCE_USED = ("nonce too low", "replacement transaction underpriced")


class Outbox(Protocol):
    """Remembers the one transaction that was signed but is not known to be mined."""

    def write_transaction(self, raw: bytes) -> None:
        """Remember a signed transaction before it leaves."""
        ...

    def read_transaction(self) -> bytes | None:
        """Return the remembered transaction."""
        ...

    def forget_transaction(self) -> None:
        """Forget it: it is mined, or never will be."""
        ...


class TransactionSender:
    """Signs with one account and sends over one connection.

    Parameters
    ----------
    connection
        The chain node.
    account
        Holder of the key.
    outbox
        Closes the gap that a crash between signing and mining would leave; None leaves it open.
    """

    def __init__(
        self,
        connection: ChainConnection,
        account: LocalAccount,
        outbox: Outbox | None = None,
    ) -> None:
        self._connection = connection
        self._account = account
        self._outbox = outbox
        self._answers_when_mined = True
        self.address = str(account.address).lower()

    def check_funds(self) -> None:
        """Raise InsufficientFunds if the account has nothing at all."""
        if read_quantity(self._connection.call("eth_getBalance", self.address, "latest")) == 0:
            raise self._unfunded(0, None)

    def send(self, to: str | None, data: bytes, wei: int = 0) -> Receipt:
        """Send ``data`` to a contract, or deploy it when ``to`` is None, and wait.

        Raises
        ------
        TransactionRejected, InsufficientFunds, ChainUnreachable
        """
        self.settle()
        for _ in range(MOST_NONCES - 1):
            with contextlib.suppress(_NonceUsed):
                return self._send_once(to, data, wei)
        return self._send_once(to, data, wei)

    def deploy(self, creation: bytes) -> str:
        """Deploy a contract and return its address."""
        receipt = self.send(None, creation)
        answer = self._connection.call(
            "eth_getTransactionReceipt", "0x" + receipt.transaction_hash.hex()
        )
        return "0x" + read_bytes(read_field(answer, "contractAddress")).hex()

    def sign(self, signing_hash: bytes) -> Signature:
        """Sign 32 bytes that are no transaction."""
        return sign_hash(self._account, signing_hash)

    def derive_secret(self, label: bytes) -> bytes:
        """Return 32 bytes that only the holder of the key can compute."""
        return derive_secret(self._account, label)

    def _send_once(self, to: str | None, data: bytes, wei: int) -> Receipt:
        request: dict[str, Any] = {
            "from": self.address,
            "data": "0x" + data.hex(),
            "value": hex(wei),
        }
        if to is not None:
            request["to"] = to
        nonce, block, balance, estimate = self._connection.try_batch(
            [
                ("eth_getTransactionCount", [self.address, "pending"]),
                ("eth_getBlockByNumber", ["latest", False]),
                ("eth_getBalance", [self.address, "latest"]),
                ("eth_estimateGas", [request]),
            ]
        )
        for answer in (nonce, block, balance):
            if isinstance(answer, RpcError):
                raise answer
        gas_limit = read_quantity(read_field(block, "gasLimit"))
        price = 2 * read_quantity(block.get("baseFeePerGas", "0x0")) + 10**9
        funds = read_quantity(balance)
        if isinstance(estimate, RpcError):
            self._refuse(estimate, funds)
        gas = min(int(read_quantity(estimate) * GAS_MARGIN) + SPARE_GAS, gas_limit)
        if funds < gas * price + wei:
            raise self._unfunded(funds, gas * price + wei)
        signed = self._account.sign_transaction(
            {
                "chainId": self._connection.chain_id,
                "nonce": read_quantity(nonce),
                "gas": gas,
                "maxFeePerGas": price,
                "maxPriorityFeePerGas": min(price, 10**9),
                "value": wei,
                "data": data,
                **({"to": to_checksum_address(to)} if to is not None else {}),
            }
        )
        raw = bytes(signed.raw_transaction)
        if self._outbox is not None:
            self._outbox.write_transaction(raw)
        try:
            receipt = self._transmit(raw)
        except (TransactionRejected, InsufficientFunds):
            self._forget()
            raise
        self._forget()
        return receipt

    def settle(self) -> None:
        """Send once more what was signed before a crash, so that its fate is known."""
        raw = self._outbox.read_transaction() if self._outbox is not None else None
        if raw is None:
            return
        # Refused means no longer wanted: what the chain says now decides what to send.
        with contextlib.suppress(TransactionRejected, InsufficientFunds):
            self._transmit(raw)
        self._forget()

    def _forget(self) -> None:
        if self._outbox is not None:
            self._outbox.forget_transaction()

    def _transmit(self, raw: bytes) -> Receipt:
        receipt = self._ask_for_receipt_at_once(raw) if self._answers_when_mined else None
        if receipt is None:
            [sent] = self._connection.try_batch([("eth_sendRawTransaction", ["0x" + raw.hex()])])
            if isinstance(sent, RpcError):
                message = sent.message.lower()
                is_known = any(word in message for word in _KNOWN)
                if not is_known and self._fetch_receipt(raw) is None:
                    if any(word in message for word in _NONCE_USED):
                        # Another transaction took its place: this one will never be mined.
                        raise _NonceUsed(
                            f"another program sends from {self.address}", "stop one of the two"
                        ) from None
                    self._refuse(sent, None)
        return self._await_receipt(raw, receipt)

    def _ask_for_receipt_at_once(self, raw: bytes) -> Any:
        """Return the receipt that a node gives which knows EIP-7966, or None.

        None says nothing about the transaction, which may be on its way: sent once more in the
        usual manner, the node's answer tells. Nor is such a node asked in this manner again, or one
        that mines slowly: meanwhile nobody else can use the connection.
        """
        start = time.monotonic()
        try:
            [answer] = self._connection.try_batch(
                [("eth_sendRawTransactionSync", ["0x" + raw.hex()])]
            )
        except ChainUnreachable:
            answer = None
        is_receipt = answer is not None and not isinstance(answer, RpcError)
        is_slow = time.monotonic() - start > LONGEST_RECEIPT_POLL_SECONDS
        self._answers_when_mined = is_receipt and not is_slow
        return answer if is_receipt else None

    def _await_receipt(self, raw: bytes, answer: Any) -> Receipt:
        """Return the receipt, ``answer`` or one that is asked for until it is there."""
        deadline = time.monotonic() + RECEIPT_TIMEOUT_SECONDS
        pause = FIRST_RECEIPT_POLL_SECONDS
        while answer is None:
            if time.monotonic() > deadline:
                raise ChainUnreachable(
                    f"transaction 0x{keccak(raw).hex()} is not mined after"
                    f" {RECEIPT_TIMEOUT_SECONDS:.0f} s",
                    "it may still be; check the chain before you send again",
                )
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_RECEIPT_POLL_SECONDS)
            answer = self._fetch_receipt(raw)
        receipt = Receipt(
            keccak(raw),
            read_quantity(read_field(answer, "blockNumber")),
            read_quantity(read_field(answer, "gasUsed")),
        )
        if read_quantity(read_field(answer, "status")) != 1:
            self._explain(receipt)
        return receipt

    def _fetch_receipt(self, raw: bytes) -> Any:
        return self._connection.call("eth_getTransactionReceipt", "0x" + keccak(raw).hex())

    def _explain(self, receipt: Receipt) -> NoReturn:
        """Raise why a mined transaction failed, by carrying it out once more after its block."""
        what = f"transaction 0x{receipt.transaction_hash.hex()} failed in block"
        what += f" {receipt.block_number}"
        sent = self._connection.call(
            "eth_getTransactionByHash", "0x" + receipt.transaction_hash.hex()
        )
        request = {"data": read_field(sent, "input")}
        request |= {name: sent[name] for name in ("from", "to", "value") if sent.get(name)}
        name, values = "", dict[str, Any]()
        try:
            self._connection.call("eth_call", request, hex(receipt.block_number))
        except RpcError as error:
            name, values = decode_error(error.data)
        raise TransactionRejected(
            f"{what}: {name}" if name else what,
            "the round moved on before it was mined",
            error=name,
            values=values,
        )

    def _refuse(self, error: RpcError, funds: int | None) -> None:
        name, values = decode_error(error.data)
        if name:
            listed = ", ".join(f"{key}={_show(value)}" for key, value in values.items())
            raise TransactionRejected(
                f"the contract refused: {name}({listed})",
                _HINTS.get(name, ""),
                error=name,
                values=values,
            )
        if funds == 0 or "insufficient funds" in error.message.lower():
            raise self._unfunded(funds or 0, None)
        raise TransactionRejected(f"the chain node refused the transaction: {error.message}")

    def _unfunded(self, funds: int, needed: int | None) -> InsufficientFunds:
        cost = format_ether(needed, round_up=True) if needed else ""
        need = f", the transaction may cost {cost}" if cost else " to pay for a transaction"
        return InsufficientFunds(
            f"{self.address} has {format_ether(funds)}{need}",
            f"on the local devnet: fl-chain devnet fund {self.address}",
        )


class _NonceUsed(TransactionRejected):
    """Another transaction of the account took the place of this one."""


def _show(value: Any) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
