"""An IPFS node of one's own, as a participant runs it on a machine of theirs."""

from __future__ import annotations

import json
import os
import re
import signal
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from fl_chain.storage.ipfs import IpfsStore
from tests.end_to_end.commands import Site

DATA = b"an update"
PORTS = ("--api-port", "0", "--swarm", "/ip4/127.0.0.1/tcp/0")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    for process in made.processes():
        process.kill()


@contextmanager
def node(site: Site, name: str, *arguments: str) -> Iterator[dict[str, Any]]:
    with site.start("ipfs", "run", "--repo", name, *PORTS, "--json", *arguments) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        yield json.loads(line)
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(20) == 0


def test_organizations_with_one_key_share_a_private_swarm(site: Site) -> None:
    key = ("--swarm-key", "swarm.key")
    site.run("ipfs", "new-swarm-key", "swarm.key")
    with node(site, "one", *key) as one:
        # By name, as an organization's firewall and certificates know it.
        where = one["swarm"][0].replace("/ip4/127.0.0.1/", "/dns4/localhost/")
        with (
            node(site, "two", *key, "--peer", where) as two,
            IpfsStore(one["api"]) as here,
            IpfsStore(two["api"], timeout_seconds=20) as there,
        ):
            assert there.get(here.put(DATA), max_bytes=len(DATA)) == DATA
    assert site.wait_until_quiet() == []


def test_a_swarm_key_is_for_its_owner_and_never_made_twice(site: Site) -> None:
    path = site.directory / "swarm.key"
    site.run("ipfs", "new-swarm-key", "swarm.key")
    made = path.read_text()
    assert re.fullmatch(r"/key/swarm/psk/1\.0\.0/\n/base16/\n[0-9a-f]{64}\n", made)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    site.run("ipfs", "new-swarm-key", "swarm.key", code=10)
    assert path.read_text() == made
    site.run("ipfs", "new-swarm-key", "nowhere/swarm.key", code=16)


def test_who_lets_everybody_in_is_told(site: Site) -> None:
    public = ("--swarm", "/ip4/0.0.0.0/tcp/0")
    for arguments, is_told in (
        (PORTS, False),
        ((*PORTS, *public), True),
        (
            (
                *PORTS,
                *public,
                "--allow-peer",
                "12D3KooWJzmx9F2dXbyRURS8cGJf1twcumufbP3RwFew7pqe6AUA",
            ),
            False,
        ),
    ):
        with site.start("ipfs", "run", *arguments) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            while "other nodes" not in lines[-1]:
                lines.append(process.stdout.readline())
            os.killpg(process.pid, signal.SIGINT)
            lines += process.stdout.readlines()
            assert process.wait(20) == 0
        assert any("whoever reaches it" in line for line in lines) == is_told
        assert lines[-1] == "stopped\n"


def test_a_node_ends_with_its_command_even_if_that_is_killed(site: Site) -> None:
    with site.start("ipfs", "run", *PORTS, "--json") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        assert len(site.processes()) > 1
        process.kill()
        process.wait(20)
    assert site.wait_until_quiet() == []


def test_a_node_that_ends_by_itself_is_told(site: Site) -> None:
    with site.start("ipfs", "run", *PORTS, "--json") as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        (child,) = (one for one in site.processes() if one.pid != process.pid)
        child.kill()
        _, err = process.communicate(timeout=20)
    assert process.returncode == 15
    assert "the IPFS node ended with exit code -9" in err
    assert "node.log" in err
    assert (site.directory / ".fl-chain" / "ipfs-node" / "node.log").is_file()


def test_a_node_may_keep_its_blocks_in_the_directory_that_one_is_in(site: Site) -> None:
    with node(site, "."):
        assert (site.directory / "node.log").is_file()
    assert (site.directory / "identity.key").is_file()
