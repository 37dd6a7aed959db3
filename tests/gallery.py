"""Tasks in every state that a page can show, and an explorer of them on a real port."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from fl_chain.chain.ethereum import find_tasks
from fl_chain.protocol.actions import Abort
from fl_chain.protocol.cid import compute_cid
from fl_chain.roles.services import Services
from fl_chain.web.server import open_explorer
from tests.attacks.test_chain_node_that_lies import finish_round
from tests.world import LOOK_SECONDS, Federation, World

HOSTILE = """<script>alert(1)</script>"' javascript:x {{7*7}}"""
"""The name of a task: a manifest takes any printable ASCII."""
PATIENCE_SECONDS = 60
KEEP_SECONDS = 30 * 86_400
"""Of the task in which something is missing."""


class HostileFederation(Federation):
    """A task whose coordinator chose its name to do harm."""

    name = HOSTILE


@dataclass(frozen=True, slots=True)
class Gallery:
    """One task for each thing that can be."""

    world: World
    whole: Federation
    """Rounds with a rejected proposal, aborted, and after a dispute; one update is damaged."""
    wrong: Federation
    """Round 1 is right, the model of round 2 is not; its name is hostile."""
    missing: Federation
    """A report that cannot be had."""
    listed: Federation
    """Updates in a list, and no model yet."""
    sampled: Federation
    """Waiting for secrets."""
    committed: Federation
    """A commitment that was not revealed yet."""
    stopped: Federation
    """Ended before anything happened."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the explorer answered."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body of a twin."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Visitor:
    """Asks an explorer, byte for byte as it is told."""

    url: str

    def ask(self, path: str, method: str = "GET", **headers: str) -> Answer:
        """Send one request."""
        place = urlsplit(self.url)
        connection = HTTPConnection(str(place.hostname), place.port, timeout=PATIENCE_SECONDS)
        try:
            connection.putrequest(method, path, skip_host=True)
            for name, value in {"host": place.netloc, **headers}.items():
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            text = response.read().decode("utf-8")
            named = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, named, text)
        finally:
            connection.close()

    def wait_for_verdict(self, federation: Federation, *verdicts: str) -> None:
        """Wait until the watchman has come to one of some verdicts about a task."""
        give_up = time.monotonic() + PATIENCE_SECONDS
        while self.ask(f"/task/{federation.address}.json").json["verdict"] not in verdicts:
            assert time.monotonic() < give_up, self.ask(f"/task/{federation.address}.json").json
            time.sleep(0.2)


@pytest.fixture(scope="session")
def gallery(world: World) -> Gallery:
    """Make the tasks, once."""
    return Gallery(
        world,
        make_whole(world),
        _make_wrong(world),
        _make_missing(world),
        _make_listed(world),
        world.federation(num_rounds=1, sample_rate=Decimal("0.5"), seed_seconds=600),
        _make_committed(world),
        _make_stopped(world),
    )


@pytest.fixture(scope="module")
def visitor(gallery: Gallery, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Visitor]:
    """Run the explorer of the gallery until everything in it is audited.

    For a module only: a test elsewhere that holds the clock would hold the server for good.
    """
    tasks = [
        federation.address
        for federation in vars_of(gallery)
        if federation.address in {address for address, _ in find_tasks(gallery.world.connection)}
    ]
    with run_explorer(gallery.world, tmp_path_factory.mktemp("explorer"), tasks) as url:
        made = Visitor(url)
        made.wait_for_verdict(gallery.whole, "PASS")
        made.wait_for_verdict(gallery.wrong, "FAIL")
        made.wait_for_verdict(gallery.missing, "UNDECIDABLE")
        yield made


def vars_of(gallery: Gallery) -> list[Federation]:
    """Return all tasks of a gallery."""
    return [
        *(gallery.whole, gallery.wrong, gallery.missing, gallery.listed),
        *(gallery.sampled, gallery.committed, gallery.stopped),
    ]


@contextmanager
def run_explorer(world: World, state: Path, tasks: list[str]) -> Iterator[str]:
    """Run an explorer in a thread, and return its address."""
    services = Services(state, world.connection.rpc_url, world.ipfs_address)
    with open_explorer(services, "127.0.0.1", 0, tasks, LOOK_SECONDS) as explorer:
        thread = threading.Thread(target=explorer.serve)
        thread.start()
        try:
            yield explorer.url
        finally:
            explorer.stop()
            thread.join()


def make_whole(world: World) -> Federation:
    """Round 1 after a proposal that was overruled, 2 aborted, 3 after a dispute."""
    made = world.federation(
        3, aggregators=3, quorum=2, bond_gwei=1, num_rounds=2, min_updates=1, challenge_seconds=60
    )
    made.deposit_bonds()
    made.submit_honestly()
    derived = made.derive()
    made.propose(b"no model", derived.report)
    for aggregator in (1, 2):
        made.attest(made.sign(aggregator, derived.model, derived.report))
    world.advance_clock(made.task.parameters.aggregate_seconds + 1)
    finish_round(made, derived)
    world.advance_clock(made.task.parameters.collect_seconds + 1)
    made.ledger(made.coordinator).send(Abort(2))
    made.submit(0, made.update(0)[:-1])
    made.submit(1, made.update(1), weight=60)
    made.submit(2, made.update(2), weight=30)
    world.advance_clock(made.task.parameters.aggregate_seconds * 2)
    finish_round(made, made.derive(), is_disputed=True)
    return made


def _make_wrong(world: World) -> Federation:
    made = HostileFederation(world, 3, 0, {}, {"num_rounds": 2}, {})
    made.run_round()
    made.submit_honestly()
    made.propose(*made.lie())
    made.finalize()
    return made


def _make_missing(world: World) -> Federation:
    made = world.federation(num_rounds=1, keep_seconds=KEEP_SECONDS)
    made.submit_honestly()
    derived = made.derive()
    made.propose(derived.model, derived.report)
    world.block_file(compute_cid(derived.report)).unlink()
    made.finalize()
    return made


def _make_listed(world: World) -> Federation:
    made = world.federation(3, aggregators=2, list_seconds=300, num_rounds=1)
    made.list_updates(1, made.entry(0), made.entry(1))
    return made


def _make_committed(world: World) -> Federation:
    made = world.federation(num_rounds=1, commit_seconds=300)
    made.commit(0, made.update(0))
    return made


def _make_stopped(world: World) -> Federation:
    made = world.federation(num_rounds=1)
    made.stop()
    return made


__all__ = ["Gallery", "Visitor", "gallery", "run_explorer", "visitor"]
