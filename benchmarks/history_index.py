"""How fast the index of a task's history is made, and how fast it answers.

    .venv/bin/python -m benchmarks.history_index [--participants 1000] [--rounds 10]
        [--many-rounds 1000]

First real transactions on a local chain node: signed updates in batches, so that a block has many
records. Fetching alone, the index, and web3's decoded events take turns over the same blocks. Then
an index of many rounds, of made-up records and without a chain, is asked what people ask.
"""

from __future__ import annotations

import argparse
import hashlib
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from web3 import HTTPProvider, Web3

from benchmarks.federation import Federation, chain_node
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.contracts import LEDGER, load_artifact
from fl_chain.index.index import HistoryIndex
from fl_chain.index.selection import Selection
from fl_chain.protocol.actions import Finalize, Propose, SubmitBatch
from fl_chain.protocol.logs import Log, encode_log
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
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message
from fl_chain.roles.history import list_models, list_rounds
from fl_chain.roles.history_disputes import list_disputes
from fl_chain.roles.history_updates import list_participants, list_updates
from fl_chain.roles.indexing import update_index
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.roles.task_history import TaskHistory
from fl_chain.storage.memory import MemoryStore

BATCH = 100
REPEATS = 5
LEDGER_ADDRESS = "0x" + "1e" * 20
START = 1_700_000_000


def digest(*parts: object) -> bytes:
    """Return 32 bytes that look random and are the same every time."""
    return hashlib.sha256(repr(parts).encode()).digest()


def address(number: int) -> str:
    """Return a made-up address."""
    return "0x" + digest("participant", number)[:20].hex()


def timed(action: Callable[[], Any]) -> float:
    """Return how long an action takes, in seconds."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


def fill(federation: Federation, num_rounds: int) -> None:
    """Put rounds on chain in which everybody takes part, by batches of signed updates."""
    aggregator = federation.ledger(federation.coordinator)
    signers = [(account, federation.ledger(account)) for account in federation.accounts]
    for number in range(1, num_rounds + 1):
        for first in range(0, len(signers), BATCH):
            updates = []
            for place, (_, ledger) in enumerate(signers[first : first + BATCH], start=first):
                content = digest("u", number, place), digest("c", number, place)
                message = compute_update_message(number, *content, 800)
                updates.append(SignedUpdate(*content, 800, ledger.sign(message)))
            aggregator.send(SubmitBatch(number, tuple(updates)))
        aggregator.send(Propose(number, *(digest(kind, number) for kind in "mnop")))
        aggregator.send(Finalize(number))


def measure_indexing(participants: int, num_rounds: int) -> None:
    """Print events a second of the index, of fetching alone, and of web3's decoded events."""
    with tempfile.TemporaryDirectory() as directory, chain_node(Path(directory)) as rpc_url:
        federation = Federation(rpc_url, MemoryStore(), participants, num_rounds)
        fill(federation, num_rounds)
        connection, ledger = ChainConnection(rpc_url), federation.address
        web3 = Web3(HTTPProvider(rpc_url))
        contract = web3.eth.contract(
            address=web3.to_checksum_address(ledger), abi=load_artifact(LEDGER)["abi"]
        )

        def index() -> None:
            path = Path(directory) / f"{time.monotonic_ns()}.sqlite"
            made = HistoryIndex(path, connection.chain_id, ledger)
            update_index(made, connection)
            made.close()

        events = len(connection.fetch_logs(0, address=ledger))
        seconds: dict[str, list[float]] = {"fetching alone": [], "index": [], "web3, decoded": []}
        for _ in range(REPEATS):
            seconds["fetching alone"].append(
                timed(lambda: connection.fetch_logs(0, address=ledger))
            )
            seconds["index"].append(timed(index))
            seconds["web3, decoded"].append(
                timed(lambda: contract.events.UpdateSubmitted().get_logs(from_block=0))
            )
    print(f"{events:,} events of {num_rounds} rounds with {participants:,} participants")
    for name, values in seconds.items():
        median = statistics.median(values)
        print(f"  {name:<15} {median:6.2f} s  {events / median:9,.0f} events/s")


def made_up(participants: int, num_rounds: int) -> Iterator[Record]:
    """Yield the records of a task in which everybody takes part in every round."""
    words = (digest(name) for name in "abcd")
    parameters = TaskParameters(
        *["0x" + "2e" * 20] * 2, *words, num_rounds, 1, participants, 1000, 600, 600, 0, 0, 0, 1,
        1000, 9, 0, False
    )  # fmt: skip
    when = START
    yield TaskCreated(address(-1), parameters, when)
    yield AggregatorAppointed(address(-1), 0, when)
    yield RoundOpened(1, 0, when, when)
    for number in range(participants):
        yield ParticipantAdmitted(address(number), when)
    names = [address(number) for number in range(participants)]
    for number in range(1, num_rounds + 1):
        when += 30
        for place, name in enumerate(names):
            content = digest(number, place)
            yield UpdateSubmitted(number, name, place, content, content, 800, when)
        yield ModelProposed(number, address(-1), *(digest(k, number) for k in "mnop"), when)
        yield RoundFinalized(number, digest("m", number), when)
        if number < num_rounds:
            yield RoundOpened(number + 1, number, when, when)


def build(path: Path | None, participants: int, num_rounds: int) -> HistoryIndex:
    """Return the index of a made-up task; each block has what 100 updates or less come with."""
    index = HistoryIndex(path, 31337, LEDGER_ADDRESS)
    logs: list[Log] = []
    block = 0
    for position, record in enumerate(made_up(participants, num_rounds)):
        block = position // BATCH
        topics, data = encode_log(record)
        place = (block, position % BATCH, digest("transaction", block))
        logs.append(Log(LEDGER_ADDRESS, topics, data, *place))
        if len(logs) == 200 * BATCH:
            index.append(index.head, logs, block, digest("block", block))
            logs = []
    index.append(index.head, logs, block + 1, digest("block", block + 1))
    return index


def measure_answers(participants: int, num_rounds: int) -> None:
    """Print how long the index of a large task takes to answer."""
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "index.sqlite"
        seconds = timed(lambda: build(path, participants, num_rounds).close())
        size = sum(file.stat().st_size for file in Path(directory).iterdir())
        index = HistoryIndex(path, 31337, LEDGER_ADDRESS)
        count = index.head.num_records
        print(f"{count:,} made-up events of {num_rounds:,} rounds: {size / 2**20:,.0f} MiB")
        print(f"  made in {seconds:.0f} s, the making up included")
        # Every round is over, so nothing is asked of a chain.
        nobody = cast(ChainConnection, None)

        def history() -> TaskHistory:
            return TaskHistory(index, nobody, ManifestShelf(None, 31337))

        questions: dict[str, Callable[[], Any]] = {
            "rounds": lambda: list(list_rounds(history())),
            "updates of a round": lambda: list(list_updates(history(), Selection(500, 500))),
            "updates of a participant": lambda: list(
                list_updates(history(), Selection(participant=address(5)))
            ),
            "participants": lambda: list(list_participants(history())),
            "models": lambda: list(list_models(history())),
            "disputes": lambda: list(list_disputes(history())),
        }
        for name, ask in questions.items():
            ask()
            median = statistics.median(timed(ask) for _ in range(REPEATS))
            print(f"  {name:<25} {median * 1000:7.0f} ms")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--many-rounds", type=int, default=1000)
    arguments = parser.parse_args()
    measure_indexing(arguments.participants, arguments.rounds)
    measure_answers(arguments.participants, arguments.many_rounds)


if __name__ == "__main__":
    main()
