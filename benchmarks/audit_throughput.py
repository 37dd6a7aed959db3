"""How fast and how small the audit is: seconds per round, MB/s of updates, peak memory.

    .venv/bin/python -m benchmarks.audit_throughput [--participants 10 100] [--rounds 2]

Real chain node, real IPFS node, updates of mcmahan_2nn size with random lanes, an honest
aggregator. The audit runs in a process of its own; peak memory is that process's. Hashing alone is
what the digests and CIDs of the same bytes cost.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.federation import Federation, chain_node
from fl_chain.protocol.actions import SubmitUpdate
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.storage.embedded_node import start_node
from fl_chain.storage.ipfs import IpfsStore

AUDIT = """
import json, resource, sys, time
from fl_chain.audit.findings import compute_verdict
from fl_chain.chain.connection import ChainConnection
from fl_chain.roles.auditor import audit_task
from fl_chain.storage.ipfs import IpfsStore
rpc, api, task = sys.argv[1:]
with IpfsStore(api) as store:
    connection = ChainConnection(rpc)
    start = time.perf_counter()
    findings = audit_task(connection, task, store)
    seconds = time.perf_counter() - start
assert "torch" not in sys.modules
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps([compute_verdict(findings), seconds, peak / 1024]))
"""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    print("participants  rounds  verdict  s/round  MB/s  hashing alone MB/s  peak MiB")
    for count in arguments.participants:
        measure(count, arguments.rounds)


def measure(count: int, rounds: int) -> None:
    """Build a task of some size, audit it, and print one line."""
    with tempfile.TemporaryDirectory() as name, chain_node(Path(name)) as rpc_url:
        directory = Path(name)
        node = start_node(directory / "ipfs", log_path=directory / "ipfs.log", detached=False)
        try:
            with IpfsStore(node.api_multiaddr) as store:
                task = Federation(rpc_url, store, count, rounds)
                role = AggregatorRole(task.ledger(task.coordinator), store)
                update = b""
                for number in range(1, rounds + 1):
                    role.follower.refresh()
                    base = role.follower.task.base_digest.hex()
                    for account in task.accounts:
                        update = task.random_update(account, number, base)
                        cid = store.put(update)
                        action = SubmitUpdate(number, compute_digest(update), cid.digest, 800)
                        task.ledger(account).send(action)
                    while role.follower.task.current.num_finalized < number:
                        role.step()
            command = [sys.executable, "-c", AUDIT, rpc_url, node.api_multiaddr, task.address]
            output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
            verdict, seconds, peak = json.loads(output)
        finally:
            node.stop()
    start = time.perf_counter()
    for _ in range(20):
        compute_digest(update)
        compute_cid(update)
    hashing = 20 * len(update) / (time.perf_counter() - start) / 1e6
    size = count * rounds * len(update) / 1e6
    print(
        f"{count:12}  {rounds:6}  {verdict:>7}  {seconds / rounds:7.2f}  {size / seconds:4.0f}"
        f"  {hashing:18.0f}  {peak:8.0f}",
        flush=True,
    )


if __name__ == "__main__":
    main()
