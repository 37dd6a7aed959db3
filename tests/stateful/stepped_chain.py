"""A devnet whose time a test tells, and how contract and model are held against each other there.

Blocks and calls alike are of the second that the test is at, so that a deadline is met or missed
by exactly as much as the test wants.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine, run_state_machine_as_test

from fl_chain.chain.answers import read_logs
from fl_chain.chain.connection import ChainConnection, RpcError
from fl_chain.chain.contracts import decode_error, encode_action, encode_view
from fl_chain.protocol.actions import LedgerAction, RegistryAction
from fl_chain.protocol.logs import decode_log

ETHER = 10**18
IS_EXPLORING = os.environ.get("HYPOTHESIS_PROFILE") == "explore"


class SteppedChain:
    """A devnet at one second at a time, in which everybody may be acted for."""

    def __init__(self, rpc_url: str) -> None:
        self._connection = ChainConnection(rpc_url)
        self._connection.call("anvil_autoImpersonateAccount", True)
        self.chain_id = self._connection.chain_id
        self.now = 0
        """The second that it is, which never goes back."""

    def begin(self, people: Sequence[str]) -> None:
        """Make everybody rich, at the second of the newest block."""
        block = self._connection.call("eth_getBlockByNumber", "latest", False)
        self.now = int(block["timestamp"], 16)
        for person in people:
            self._connection.call("anvil_setBalance", person, hex(1000 * ETHER))

    def deploy(self, sender: str, code: bytes) -> tuple[str, list[Any]]:
        """Create a contract; return its address and its first records."""
        creation = {"from": sender, "data": "0x" + code.hex(), "gas": hex(12_000_000)}
        receipt = self._send(creation)
        return receipt["contractAddress"].lower(), _read_records(receipt)

    def try_action(
        self,
        sender: str,
        contract: str,
        action: LedgerAction | RegistryAction,
        error: str,
        wei: int = 0,
    ) -> list[Any]:
        """Act, and return the records of it; ``error`` names the refusal that has to come instead.

        Raises:
            AssertionError: It is refused and must not be, or the other way round.
        """
        call = {
            "from": sender,
            "to": contract,
            "data": "0x" + encode_action(action).hex(),
            "gas": hex(2_000_000),
            "value": hex(wei),
        }
        if error:
            with pytest.raises(RpcError) as caught:
                self._connection.call("eth_call", call, "latest", {}, {"time": hex(self.now)})
            assert decode_error(caught.value.data)[0] == error
            return []
        return _read_records(self._send(call))

    def views(self, contract: str, calls: Sequence[tuple[Any, ...]]) -> list[bytes]:
        """Return what view functions answer; a call is a name and its arguments."""
        answers = self._connection.batch(
            [
                (
                    "eth_call",
                    (
                        {"to": contract, "data": "0x" + encode_view(*call).hex()},
                        "latest",
                        {},
                        {"time": hex(self.now)},
                    ),
                )
                for call in calls
            ]
        )
        return [bytes.fromhex(answer[2:]) for answer in answers]

    def balance(self, contract: str) -> int:
        """Return what a contract has, in wei."""
        return int(self._connection.call("eth_getBalance", contract, "latest"), 16)

    def close(self) -> None:
        self._connection.call("anvil_autoImpersonateAccount", False)

    def _send(self, transaction: dict[str, str]) -> Any:
        self._connection.call("evm_setNextBlockTimestamp", self.now)
        transaction_hash = self._connection.call("eth_sendTransaction", transaction)
        receipt = None
        while receipt is None:
            receipt = self._connection.call("eth_getTransactionReceipt", transaction_hash)
        assert receipt["status"] == "0x1"
        return receipt


def drive(machine: Callable[[], RuleBasedStateMachine], num_tasks: int) -> None:
    """Play machines of some kind; ``HYPOTHESIS_PROFILE=explore`` plays many more of them."""
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=1000 if IS_EXPLORING else num_tasks,
            stateful_step_count=40,
            # To shrink a failure takes minutes; to explore has the time.
            phases=tuple(Phase) if IS_EXPLORING else (Phase.generate,),
        ),
    )


def _read_records(receipt: Any) -> list[Any]:
    return [decode_log(log) for log in read_logs(receipt["logs"])]
