"""A round of one list: what it costs to record ten thousand updates at once, and to verify them.

    .venv/bin/python -m benchmarks.lists [--participants 10000] [--values 1000]

Real transactions on a local chain node, gas from receipts; the content is in memory, so that what
is measured is the list and not a disk.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from benchmarks.federation import COLLECT_SECONDS, Federation, chain_node
from fl_chain.audit.audit import run_audit
from fl_chain.audit.findings import compute_verdict
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.auditor import collect_evidence
from fl_chain.storage.memory import MemoryStore


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=10_000)
    parser.add_argument("--values", type=int, default=1_000)
    arguments = parser.parse_args()
    participants, store = arguments.participants, MemoryStore()
    with tempfile.TemporaryDirectory() as directory, chain_node(Path(directory)) as rpc_url:
        federation = Federation(
            rpc_url,
            store,
            participants,
            1,
            layout=(("parameters", (arguments.values,)),),
            list_seconds=COLLECT_SECONDS - 1,
        )
        size, gas = federation.list_all(store, federation.genesis_digest.hex())
        print(f"{participants:,} updates of {arguments.values:,} values in one list")
        print(f"list: {size:,} bytes, {gas:,} gas, {gas / participants:.1f} gas an update")
        start = time.monotonic()
        AggregatorRole(federation.ledger(federation.coordinator), store).run()
        elapsed = time.monotonic() - start
        print(f"aggregator, from the end of collection to the final model: {elapsed:.1f} s")
        start = time.monotonic()
        findings = run_audit(collect_evidence(federation.connection, federation.address, store))
        print(f"audit: {time.monotonic() - start:.1f} s, {compute_verdict(findings).value}")


if __name__ == "__main__":
    main()
