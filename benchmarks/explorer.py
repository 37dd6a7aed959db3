"""How fast pages of a large task open: by default 1,000 rounds of 1,000 participants.

    .venv/bin/python -m benchmarks.explorer [--rounds 1000] [--participants 1000]

The records are made up and put into an index directly, and a chain node that is not there answers
from it; pages are asked for over HTTP. No audit runs meanwhile.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import uvicorn

from fl_chain.chain.connection import RpcError
from fl_chain.chain.contracts import DISPUTES, LEDGER, encode_view, load_artifact
from fl_chain.index.index import HistoryIndex
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.logs import Log, encode_log, topic_of
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import (
    AggregatorAppointed,
    ModelProposed,
    ParticipantAdmitted,
    Record,
    RoundFinalized,
    RoundOpened,
    TaskCreated,
    TaskParameters,
    UpdateSubmitted,
)
from fl_chain.roles.explorer import Explorer
from fl_chain.roles.indexing import locate_index
from fl_chain.roles.watchman import Watchman
from fl_chain.web.application import make_application
from fl_chain.web.guard import LOOPBACK_NAMES
from fl_chain.web.page import Site

CHAIN_ID = 31337
TASK = "0x" + 40 * "7"
REPEATS = 5
BLOCK_HASH = bytes(32)


class IndexedChain:
    """Answers like a chain node whose last block is the last one of an index."""

    rpc_url = "none"
    chain_id = CHAIN_ID

    def __init__(self, path: Path) -> None:
        index = HistoryIndex(path, CHAIN_ID, TASK)
        self._head = index.head
        self._created = next(index.logs())
        index.close()

    def call(self, method: str, *params: Any) -> Any:
        """Answer one request."""
        if method == "eth_blockNumber":
            return hex(self._head.block)
        if method == "eth_getBlockByNumber":
            return {"hash": "0x" + BLOCK_HASH.hex(), "timestamp": hex(self._head.block)}
        is_hash = params[0]["data"] == "0x" + encode_view("historyHash").hex()
        word = self._head.history if is_hash else Phase.FINALIZED.to_bytes(32)
        return "0x" + word.hex()

    def try_batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any | RpcError]:
        """Answer several requests."""
        return [self.call(method, *params) for method, params in calls]

    def fetch_logs(self, from_block: int, **selection: Any) -> list[Log]:
        """Return the creation of the one task."""
        is_asked = selection["topics"] == ["0x" + topic_of(TaskCreated).hex()]
        return [self._created] if is_asked else []

    def code(self, contract: str) -> bytes:
        """Return the code of a ledger, or of disputes."""
        name = LEDGER if contract == TASK else DISPUTES
        return bytes.fromhex(load_artifact(name)["deployedBytecode"][2:])

    def view(self, contract: str, data: bytes) -> bytes:
        """Return the parameters of the one task, with the time of its creation behind them."""
        assert (contract, data) == (TASK, encode_view("parameters"))
        return self._created.data


def make_records(rounds: int, participants: int) -> Iterator[list[Record]]:
    """Yield the records of the creation, then those of each round."""

    def digest(*place: object) -> bytes:
        return compute_digest(repr(place).encode())

    who = [f"0x{1 + number:040x}" for number in range(participants)]
    task = tuple(digest("task", part) for part in range(4))
    windows = (rounds, 1, participants, 1000, 600, 600, 0, 0, 0, 1, 1000, 9, 0, False)
    parameters = TaskParameters(*["0x" + 40 * "8"] * 2, *task, *windows)
    coordinator = "0x" + 40 * "9"
    yield [
        TaskCreated(coordinator, parameters, 1),
        AggregatorAppointed(coordinator, 1, 1),
        *(ParticipantAdmitted(address, 1) for address in who),
    ]
    for number in range(1, rounds + 1):
        model = digest("model", number)
        yield [
            RoundOpened(number, number - 1, 10 * number, 10 * number),
            *(
                UpdateSubmitted(
                    number,
                    address,
                    sequence,
                    digest(number, sequence),
                    digest("cid", number, sequence),
                    1 + sequence,
                    10 * number + 5,
                )
                for sequence, address in enumerate(who)
            ),
            ModelProposed(number, coordinator, model, model, model, model, 10 * number + 7),
            RoundFinalized(number, model, 10 * number + 9),
        ]


def fill_index(path: Path, rounds: int, participants: int) -> None:
    """Put all records into an index, one block for each round."""
    index = HistoryIndex(path, CHAIN_ID, TASK)
    for block, records in enumerate(make_records(rounds, participants)):
        logs = []
        for place, record in enumerate(records):
            topics, data = encode_log(record)
            transaction = compute_digest(f"{block} {place}".encode())
            logs.append(Log(TASK, topics, data, block, place, transaction))
        index.append(index.head, logs, block, BLOCK_HASH)
    index.close()


def measure_pages(state: Path, chain: IndexedChain, rounds: int) -> None:
    """Ask for pages, and print how long each took: the first time, and again."""
    services: Any = SimpleNamespace(
        state=state, connect=lambda: chain, open_store_if_any=lambda seconds: None
    )
    site = Site(Explorer(services), Watchman(services))
    config = uvicorn.Config(make_application(site, LOOPBACK_NAMES), port=0, log_level="critical")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    port = server.servers[0].sockets[0].getsockname()[1]
    base = f"http://127.0.0.1:{port}"
    some = f"0x{1:040x}"
    transaction = "0x" + compute_digest(f"{rounds} 5".encode()).hex()
    paths = {
        "all tasks": "/",
        "task": f"/task/{TASK}",
        "task, last page": f"/task/{TASK}?page={-(-(rounds + 1) // 50)}",
        "round": f"/task/{TASK}/round/{rounds}",
        "participants": f"/task/{TASK}/participants",
        "participant": f"/task/{TASK}/participant/{some}",
        "update": f"/task/{TASK}/update/{rounds}/0",
        "transaction": f"/task/{TASK}/transaction/{transaction}",
    }
    print(f"{'page':<18}{'first, s':>10}{'again, s':>10}{'kB':>8}")
    for name, path in paths.items():
        times = []
        for _ in range(1 + REPEATS):
            start = time.monotonic()
            with urllib.request.urlopen(base + path, timeout=600) as answer:  # noqa: S310
                size = len(answer.read())
            times.append(time.monotonic() - start)
        again = statistics.median(times[1:])
        print(f"{name:<18}{times[0]:>10.2f}{again:>10.2f}{size / 1000:>8.0f}")
    server.should_exit = True
    thread.join()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--participants", type=int, default=1000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        path = locate_index(Path(directory), CHAIN_ID, TASK)
        start = time.monotonic()
        fill_index(path, arguments.rounds, arguments.participants)
        seconds, size = time.monotonic() - start, path.stat().st_size / 1e6
        print(f"{arguments.rounds:,} rounds of {arguments.participants:,} updates each")
        print(f"index: {size:,.0f} MB, made in {seconds:.0f} s")
        measure_pages(Path(directory), IndexedChain(path), arguments.rounds)


if __name__ == "__main__":
    main()
