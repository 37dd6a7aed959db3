"""Gas of an update over many rounds and many participants: it should be flat.

    .venv/bin/python -m benchmarks.gas_flatness [--rounds 1000] [--participants 1000]

Real transactions on a local chain node, gas from receipts. Digests are random bytes: the cost of
calldata depends on them.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from pathlib import Path

from benchmarks.federation import Federation, chain_node
from fl_chain.protocol.actions import Finalize, Propose, SubmitUpdate
from fl_chain.storage.memory import MemoryStore


def digest(*parts: object) -> bytes:
    """Return 32 bytes that look random and are the same every time."""
    return hashlib.sha256(repr(parts).encode()).digest()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--participants", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, chain_node(Path(directory)) as rpc_url:
        start = time.monotonic()
        one = Federation(rpc_url, MemoryStore(), 1, arguments.rounds)
        participant, aggregator = one.ledger(one.accounts[0]), one.ledger(one.coordinator)
        gas: dict[str, list[int]] = {"submit": [], "propose": [], "finalize": []}
        for number in range(1, arguments.rounds + 1):
            update = SubmitUpdate(number, digest("u", number), digest("c", number), 800)
            model = (digest(k, number) for k in "mnop")
            gas["submit"].append(participant.send(update).gas_used)
            gas["propose"].append(aggregator.send(Propose(number, *model)).gas_used)
            gas["finalize"].append(aggregator.send(Finalize(number)).gas_used)
        print(f"{arguments.rounds} rounds of one participant:")
        for name, values in gas.items():
            steady = values[2:-1]
            print(
                f"  {name:<9} round 1 {values[0]:7,}   later: median "
                f"{statistics.median(steady):9,.0f}  min {min(steady):7,}  max {max(steady):7,}"
            )
        many = Federation(rpc_url, MemoryStore(), arguments.participants, 2)
        for number in (1, 2):
            submits = []
            for index, account in enumerate(many.accounts):
                update = SubmitUpdate(number, digest(index, number), digest(number, index), 800)
                submits.append(many.ledger(account).send(update).gas_used)
            print(
                f"{arguments.participants} participants, round {number}: submit median "
                f"{statistics.median(submits):,.0f}  min {min(submits):,}  max {max(submits):,}"
            )
            if number == 1:
                ledger = many.ledger(many.coordinator)
                ledger.send(Propose(1, *(digest(k) for k in "mnop")))
                ledger.send(Finalize(1))
        print(f"({time.monotonic() - start:.0f} s)")


if __name__ == "__main__":
    main()
