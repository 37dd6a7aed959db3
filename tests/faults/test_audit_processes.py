"""The processes of an audit end with it, whatever ends it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl_chain.audit.findings import Verdict
from fl_chain.protocol.cid import cid_from_digest
from fl_chain.storage.api_address import api_url
from tests.end_to_end.commands import MARK, Site
from tests.golden import CHECKOUT
from tests.proxies import IpfsProxy, ipfs_proxy
from tests.world import Federation, World

WAIT_SECONDS = 30
AUDIT = """
import sys
from functools import partial
from fl_chain.audit.audit import run_audit
from fl_chain.audit.findings import compute_verdict
from fl_chain.chain.connection import ChainConnection
from fl_chain.roles.audit_process import find_opener, open_ipfs
from fl_chain.roles.audit_workers import ParallelWorkers
from fl_chain.roles.auditor import collect_evidence
from fl_chain.storage.ipfs import IpfsStore
rpc, ipfs, task = sys.argv[1:]
with IpfsStore(ipfs) as store:
    evidence = collect_evidence(ChainConnection(rpc), task, store)
    opener = partial(open_ipfs, find_opener(store))
    try:
        with ParallelWorkers(2, opener, process_bytes=0) as workers:
            print(compute_verdict(run_audit(evidence, workers=workers)))
    except KeyboardInterrupt:
        sys.exit(130)
"""


@pytest.fixture(scope="module")
def federation(world: World) -> Federation:
    made = world.federation(num_rounds=1)
    made.run_round()
    return made


@pytest.fixture
def proxy(world: World) -> Iterator[IpfsProxy]:
    with ipfs_proxy(api_url(world.ipfs_address)) as made:
        yield made


def start(site: Site, federation: Federation, ipfs: str) -> subprocess.Popen[str]:
    rpc = federation.world.connection.rpc_url
    return subprocess.Popen(
        [sys.executable, "-c", AUDIT, rpc, ipfs, federation.address],
        cwd=CHECKOUT,
        env={**os.environ, MARK: site.mark},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def test_processes_that_read_ipfs_nodes_find_the_same_and_end(
    federation: Federation, proxy: IpfsProxy, tmp_path: Path
) -> None:
    site = Site(tmp_path)
    with start(site, federation, proxy.address) as process:
        assert process.communicate(timeout=WAIT_SECONDS) == (f"{Verdict.PASS}\n", "")
    assert process.returncode == 0
    assert site.wait_until_quiet() == []


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGKILL], ids=lambda how: how.name)
def test_processes_end_with_an_audit_that_is_broken_off(
    federation: Federation, proxy: IpfsProxy, tmp_path: Path, how: signal.Signals
) -> None:
    site = Site(tmp_path)
    cid = str(cid_from_digest(federation.task.rounds[1].updates[0].cid_digest, 0))
    proxy.silent_about.add(cid)
    with start(site, federation, proxy.address) as process:
        deadline = time.monotonic() + WAIT_SECONDS
        while cid not in proxy.asked:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        # As a terminal does: to all of them.
        (os.killpg if how == signal.SIGINT else os.kill)(process.pid, how)
        out, err = process.communicate(timeout=WAIT_SECONDS)
    assert out == ""
    # Of what was killed, Python's own tracker says that it cleans up.
    assert err == "" or how == signal.SIGKILL
    assert process.returncode == (130 if how == signal.SIGINT else -how)
    assert site.wait_until_quiet() == []
