"""How fast and how small the audit is: rounds/s, MB/s of updates, peak memory.

    .venv/bin/python -m benchmarks.audit_throughput [--participants 10 100] [--rounds 2]
    .venv/bin/python -m benchmarks.audit_throughput --files --participants 1000 --values 1000000 \
        --rounds 1

Real chain node, an honest aggregator, updates of mcmahan_2nn size or any other with random lanes,
on a real IPFS node or, to see what is not fetching, in files. Every audit runs in a process of its
own; peak memory is that process's, and of those that it starts. Numbers of jobs take turns; shown
is the fastest of some repeats. Beside them stand two lower bounds, one core each: reading the same
updates from where they are, and their digests and CIDs alone.

Content in files is read twice: once with its CIDs, as a content store does, and once without, which
leaves the audit itself and the reading.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.federation import TWO_NN, Federation, chain_node
from benchmarks.folder_store import FolderStore
from fl_chain.protocol.actions import SubmitUpdate
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.storage.embedded_node import start_node
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.storage.store import ContentStore

AUDIT = """
import contextlib, json, resource, sys, threading, time
import psutil
from functools import partial
from pathlib import Path
from benchmarks.folder_store import FolderStore
from fl_chain.audit.findings import compute_verdict
from fl_chain.chain.connection import ChainConnection
from fl_chain.roles.auditor import audit_task
from fl_chain.storage.ipfs import IpfsStore
rpc, place, task, jobs, is_trusted = sys.argv[1:]
is_file = Path(place).is_dir()
folder = partial(FolderStore, Path(place), is_trusted=is_trusted == "1")
store = folder() if is_file else IpfsStore(place)
connection = ChainConnection(rpc)
trees = []
def watch():
    while True:
        with contextlib.suppress(psutil.Error):
            us = psutil.Process()
            trees.append(sum(p.memory_info().rss for p in (us, *us.children(recursive=True))))
        time.sleep(0.1)
threading.Thread(target=watch, daemon=True).start()
start = time.perf_counter()
findings = audit_task(
    connection, task, store, num_jobs=int(jobs), open_store=folder if is_file else None
)
seconds = time.perf_counter() - start
assert "torch" not in sys.modules
peak = max(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024, *trees)
print(json.dumps([compute_verdict(findings), seconds, peak / 2**20]))
"""
HEADINGS = (
    "participants",
    "rounds",
    "      content",
    "jobs",
    "verdict",
    "s/round",
    "rounds/s",
    "MB/s",
)


@dataclass
class Subject:
    """A task to audit, and where it is."""

    rpc_url: str
    place: str
    """API of an IPFS node, or a folder."""
    store: ContentStore
    task: str
    participants: int
    rounds: int
    cids: list[Cid]
    update_bytes: int

    @property
    def megabytes(self) -> float:
        """Of all updates."""
        return len(self.cids) * self.update_bytes / 1e6

    def audit(self, jobs: int, *, is_trusted: bool) -> tuple[str, float, float]:
        """Return verdict, seconds, and peak memory in MiB of an audit."""
        where = [self.rpc_url, self.place, self.task, str(jobs), str(int(is_trusted))]
        command = [sys.executable, "-c", AUDIT, *where]
        output = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        verdict, seconds, peak = json.loads(output)
        return verdict, seconds, peak

    def read(self) -> float:
        """Return the seconds that it takes to read every update, in one thread."""
        start = time.perf_counter()
        for cid in self.cids:
            self.store.get(cid, max_bytes=2 * self.update_bytes)
        return time.perf_counter() - start

    def hash(self) -> float:
        """Return the seconds that digests and CIDs of as many bytes take, in one thread."""
        update = self.store.get(self.cids[-1], max_bytes=2 * self.update_bytes)
        start = time.perf_counter()
        for _ in range(20):
            compute_digest(update)
            compute_cid(update)
        return (time.perf_counter() - start) / 20 * len(self.cids)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, nargs="+", default=[10, 100])
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--values", type=int, help="parameters of the model  [default: 2NN]")
    parser.add_argument("--jobs", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--files", action="store_true", help="content in files, no IPFS node")
    arguments = parser.parse_args()
    print("  ".join(HEADINGS), " peak MiB")
    for count in arguments.participants:
        with build(count, arguments.rounds, arguments.values, arguments.files) as subject:
            measure(subject, arguments.jobs, arguments.repeats)


def measure(subject: Subject, jobs: list[int], repeats: int) -> None:
    """Audit a task with several numbers of jobs, which take turns, and print a line for each."""
    is_folder = Path(subject.place).is_dir()
    kinds = [("files", False), ("files, no CID", True)] if is_folder else [("IPFS", False)]
    settings = [(count, *kind) for kind in kinds for count in jobs]
    made: dict[object, list[tuple[str, float, float]]] = {key: [] for key in settings}
    for _ in range(repeats):
        for key in settings:
            made[key].append(subject.audit(key[0], is_trusted=key[2]))
    for key, results in made.items():
        count, content, _ = key if isinstance(key, tuple) else (0, "", False)
        verdict = results[0][0]
        seconds = min(result[1] for result in results)
        peak = max(result[2] for result in results)
        show(subject, content, str(count), verdict, seconds, f"{peak:9.0f}")
    read = subject.read()
    show(subject, "read", "-", "-", read, "")
    show(subject, "digest, CID", "-", "-", subject.hash(), "")


def show(
    subject: Subject, content: str, jobs: str, verdict: str, seconds: float, peak: str
) -> None:
    """Print one line."""
    print(
        f"{subject.participants:12}  {subject.rounds:6}  {content:>13}  {jobs:>4}  {verdict:>7}"
        f"  {seconds / subject.rounds:7.2f}  {subject.rounds / seconds:8.2f}"
        f"  {subject.megabytes / seconds:4.0f}  {peak}",
        flush=True,
    )


@contextmanager
def build(count: int, rounds: int, values: int | None, is_folder: bool) -> Iterator[Subject]:
    """Make a task whose rounds are over, and let it be audited as long as the context lasts."""
    with tempfile.TemporaryDirectory() as name, chain_node(Path(name)) as rpc_url:
        directory = Path(name)
        if is_folder:
            folder = directory / "content"
            folder.mkdir()
            yield run_task(rpc_url, FolderStore(folder), str(folder), count, rounds, values)
            return
        node = start_node(directory / "ipfs", log_path=directory / "ipfs.log", detached=False)
        try:
            with IpfsStore(node.api_multiaddr) as store:
                yield run_task(rpc_url, store, node.api_multiaddr, count, rounds, values)
        finally:
            node.stop()


def run_task(
    rpc_url: str, store: ContentStore, place: str, count: int, rounds: int, values: int | None
) -> Subject:
    """Run every round of a task with random updates."""
    layout = (("parameters", (values,)),) if values else TWO_NN
    task = Federation(rpc_url, store, count, rounds, layout=layout)
    role = AggregatorRole(task.ledger(task.coordinator), store)
    cids: list[Cid] = []
    update = b""
    for number in range(1, rounds + 1):
        role.follower.refresh()
        base = role.follower.task.base_digest.hex()
        for account in task.accounts:
            update = task.random_update(account, number, base)
            cids.append(store.put(update))
            digests = compute_digest(update), cids[-1].digest
            task.ledger(account).send(SubmitUpdate(number, *digests, 800))
        while role.follower.task.current.num_finalized < number:
            role.step()
    return Subject(rpc_url, place, store, task.address, count, rounds, cids, len(update))


if __name__ == "__main__":
    main()
