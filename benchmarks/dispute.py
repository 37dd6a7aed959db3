"""A whole dispute about one wrong value, from the challenge to the loss of the bond.

    .venv/bin/python -m benchmarks.dispute [--participants 1000] [--values 1000000] [--lists]

Real transactions on a local chain node, gas from receipts; the content is in memory, so that what
is measured is the dispute and not a disk. The proposer lies as well as it can, and both parties are
the roles that people run.
"""

from __future__ import annotations

import argparse
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.federation import COLLECT_SECONDS, Federation, chain_node
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.records import BondSlashed, Fault
from fl_chain.roles.challenger import ChallengerRole
from fl_chain.roles.cheats import WrongAggregator
from fl_chain.storage.memory import MemoryStore

SHOWN = ("proposed", "challenged", "answered", "selected", "decided")


class _Done(Exception):
    """Ends a role that has done what is measured."""


class Watch:
    """Prints what both parties report, with the time since the challenge."""

    def __init__(self) -> None:
        self.challenged_at = 0.0
        self.gas: list[tuple[str, int]] = []
        """What each move cost, in order."""
        self.ended = threading.Event()
        self._lock = threading.Lock()

    def note(self, who: str, event: str, values: dict[str, Any]) -> None:
        """Print an event; raise once the dispute is over."""
        now = time.monotonic()
        with self._lock:
            if event == "challenged":
                self.challenged_at = now
            if event in SHOWN:
                self.gas.append((str(values.get("stage", event)), values["gas"]))
                since = f"{now - self.challenged_at:8.2f} s" if self.challenged_at else " " * 10
                detail = {k: v for k, v in values.items() if k not in ("proposer", "model")}
                print(f"{since}  {who:<10} {event:<10} {detail}", flush=True)
        if self.ended.is_set():
            raise _Done

    def run(self, who: str, role: Any) -> threading.Thread:
        """Start a role in a thread."""

        def work() -> None:
            with suppress(_Done):
                while not self.ended.is_set():
                    role.step()

        thread = threading.Thread(target=work, name=who, daemon=True)
        thread.start()
        return thread


def hold_dispute(participants: int, values: int, *, is_listed: bool = False) -> Watch:
    """Let a proposer lie about one value, and a challenger win; print every move.

    The updates have records of their own, or are all in one list.
    """
    store, watch = MemoryStore(), Watch()
    with tempfile.TemporaryDirectory() as directory, chain_node(Path(directory)) as rpc_url:
        start = time.monotonic()
        federation = Federation(
            rpc_url,
            store,
            participants,
            1,
            layout=(("parameters", (values,)),),
            bond_gwei=10**9,
            challenge_seconds=3600,
            list_seconds=COLLECT_SECONDS - 1 if is_listed else 0,
        )
        base = federation.genesis_digest.hex()
        (federation.list_all if is_listed else federation.submit_all)(store, base)
        print(f"{participants:,} updates of {values:,} values on record")
        print(f"(after {time.monotonic() - start:.0f} s)\n")
        for who, account, kind in (
            ("proposer", federation.coordinator, WrongAggregator),
            ("challenger", federation.accounts[0], ChallengerRole),
        ):
            ledger = federation.ledger(account)
            watch.run(who, kind(ledger, store, progress=partial(watch.note, who)))
        reader = federation.ledger(federation.coordinator)
        while True:
            records = [decode_log(log) for log in reader.fetch(0).logs]
            if slashes := [record for record in records if isinstance(record, BondSlashed)]:
                break
            time.sleep(0.02)
        elapsed = time.monotonic() - watch.challenged_at
        watch.ended.set()
        assert Fault(slashes[0].fault) == Fault.WRONG_MODEL
        print(f"\nfrom the challenge to the loss of the bond: {elapsed:.1f} s")
        time.sleep(1)  # whoever sent the last move reports it
    return watch


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--participants", type=int, default=1000)
    parser.add_argument("--values", type=int, default=1_000_000)
    parser.add_argument("--lists", action="store_true", help="the updates are in a list")
    arguments = parser.parse_args()
    hold_dispute(arguments.participants, arguments.values, is_listed=arguments.lists)


if __name__ == "__main__":
    main()
