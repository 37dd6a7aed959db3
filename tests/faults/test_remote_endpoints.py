"""Endpoints behind TLS are opened by what the configuration names, and nobody else learns it."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.watcher import LogWatcher
from fl_chain.cli.main import run
from fl_chain.errors import ChainUnreachable, FlChainError, StoreUnreachable
from fl_chain.relay.client import RelayClient
from fl_chain.remote_access import Access
from fl_chain.storage.api_address import api_url
from fl_chain.storage.ipfs import IpfsStore
from tests.guards import NAME, SECRET, Gate, Issuer, gate
from tests.proxies import chain_proxy
from tests.unit.protocol.test_signed_update import EXAMPLE
from tests.world import Federation, World

Open = Callable[[Gate, Access], object]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


@pytest.fixture(scope="module")
def federation(world: World) -> Federation:
    made = world.federation(num_rounds=1)
    made.run_round()
    return made


@pytest.fixture
def chain(world: World, issuer: Issuer) -> Iterator[Gate]:
    with gate(issuer, world.connection.rpc_url) as made:
        yield made


@pytest.fixture
def ipfs(world: World, issuer: Issuer) -> Iterator[Gate]:
    with gate(issuer, api_url(world.ipfs_address).removesuffix("/api/v0/")) as made:
        yield made


def configure(directory: Path, issuer: Issuer, *gates: Gate) -> None:
    lines = ["[network]", f'rpc = "{gates[0].url}"', f'ipfs = "{gates[1].multiaddr}"']
    for one in gates:
        lines += [
            f'[access."{one.url}"]',
            f'headers_file = "{issuer.headers_file}"',
            f'certificate = "{issuer.certificate}"',
            f'authority = "{issuer.authority}"',
        ]
    (directory / "fl-chain.toml").write_text("\n".join(lines))


# ---------------------------------------------------------------- opened


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_audit_through_gates_passes_and_tells_no_secret(
    federation: Federation,
    chain: Gate,
    ipfs: Gate,
    issuer: Issuer,
    jobs: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    configure(tmp_path, issuer, chain, ipfs)
    monkeypatch.chdir(tmp_path)
    # Requests would send what .netrc has for the host, and trust what the environment names.
    (tmp_path / ".netrc").write_text("machine localhost login eve password wrong\n")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", os.devnull)
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    code = run(["audit", "run", "--task", federation.address, "--jobs", jobs])
    out, err = capfd.readouterr()
    assert code == 0, out + err
    assert chain.num_passed
    assert ipfs.num_passed
    assert not chain.num_refused + ipfs.num_refused
    assert SECRET not in out + err


def test_content_goes_in_and_comes_out_through_a_gate(ipfs: Gate, issuer: Issuer) -> None:
    content = os.urandom(3 * 2**20)
    with IpfsStore(ipfs.multiaddr, issuer.access) as store:
        cid = store.put(content)
        assert store.get(cid, max_bytes=len(content)) == content
        assert store.keeps(cid, max_bytes=len(content))
        assert store.version()
    assert not ipfs.num_refused


def test_a_subscription_goes_through_a_gate_as_well(
    federation: Federation, world: World, issuer: Issuer
) -> None:
    shown = list[Headers]()

    def answer(socket: ServerConnection) -> None:
        assert socket.request is not None
        shown.append(socket.request.headers)
        for _ in socket:
            socket.send('{"id": 1, "result": "0x1"}')
            socket.send('{"method": "eth_subscription"}')

    with serve(answer, "localhost", 0, ssl=issuer.context()) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        port = server.socket.getsockname()[1]
        connection = ChainConnection(world.connection.rpc_url, access=issuer.access)
        connection.rpc_url = f"https://localhost:{port}"  # the same node, one would say
        watcher = LogWatcher(connection, federation.address)
        try:
            watcher.subscribe(frozenset())
            assert watcher.wait(10)
        finally:
            watcher.close()
            server.shutdown()
            thread.join()
    assert [headers[NAME] for headers in shown] == [SECRET]


def test_a_subscription_is_never_sent_elsewhere_or_through_a_proxy(
    federation: Federation, world: World, issuer: Issuer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as stranger:
        elsewhere = f"127.0.0.1:{stranger.getsockname()[1]}"
        for name in ("HTTPS_PROXY", "HTTP_PROXY", "WS_PROXY", "WSS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://{elsewhere}")
        monkeypatch.setenv("SOCKS_PROXY", f"socks5://{elsewhere}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)

        def redirect(socket: ServerConnection, request: Request) -> Response:
            response = socket.respond(307, "")
            response.headers["Location"] = f"wss://{elsewhere}/"
            return response

        with serve(print, "localhost", 0, ssl=issuer.context(), process_request=redirect) as server:
            thread = Thread(target=server.serve_forever)
            thread.start()
            connection = ChainConnection(world.connection.rpc_url, access=issuer.access)
            connection.rpc_url = f"https://localhost:{server.socket.getsockname()[1]}"
            watcher = LogWatcher(connection, federation.address)
            try:
                watcher.subscribe(frozenset())
                watcher.wait(0.1)  # asks for the log in place of a subscription
            finally:
                watcher.close()
                server.shutdown()
                thread.join()
        stranger.setblocking(False)
        with pytest.raises(BlockingIOError):
            stranger.accept()


@pytest.mark.parametrize("answer", ["5", "null", "[]", "{}", "[" * 100_000, "nonsense"])
def test_a_node_that_answers_nonsense_has_no_subscription(
    federation: Federation, world: World, answer: str
) -> None:
    def reply(socket: ServerConnection) -> None:
        for _ in socket:
            socket.send(answer)

    with serve(reply, "127.0.0.1", 0) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        connection = ChainConnection(world.connection.rpc_url)
        connection.rpc_url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
        watcher = LogWatcher(connection, federation.address)
        try:
            watcher.subscribe(frozenset())
            watcher.wait(0.1)
        finally:
            watcher.close()
            server.shutdown()
            thread.join()


# ---------------------------------------------------------------- not opened


def open_chain(opened: Gate, access: Access) -> object:
    return ChainConnection(opened.url, access=access, timeout_seconds=10)


def open_ipfs(opened: Gate, access: Access) -> object:
    with IpfsStore(opened.multiaddr, access, timeout_seconds=5) as store:
        return store.version()


@pytest.fixture(params=[open_chain, open_ipfs], ids=["chain", "IPFS"])
def open_it(request: pytest.FixtureRequest) -> Open:
    opener: Open = request.param
    return opener


@pytest.fixture
def gate_of(open_it: Open, chain: Gate, ipfs: Gate) -> Gate:
    return chain if open_it is open_chain else ipfs


def refusal(open_it: Open, opened: Gate, access: Access) -> FlChainError:
    with pytest.raises((ChainUnreachable, StoreUnreachable)) as caught:
        open_it(opened, access)
    assert SECRET not in str(caught.value)
    return caught.value


def test_who_shows_no_header_is_told_to_name_one(
    open_it: Open, gate_of: Gate, issuer: Issuer
) -> None:
    error = refusal(open_it, gate_of, Access((), issuer.certificate, issuer.authority))
    assert "it does not let us in (HTTP status 401)" in error.message
    assert f'headers_file or a certificate in [access."{gate_of.url}"]' in error.hint


def test_who_shows_no_certificate_comes_not_in(
    open_it: Open, gate_of: Gate, issuer: Issuer
) -> None:
    # What is told depends on whether the alert or the end of the connection arrives first.
    refusal(open_it, gate_of, Access(issuer.access.headers, None, issuer.authority))
    assert not gate_of.num_passed + gate_of.num_refused


def test_an_endpoint_that_nobody_vouches_for_learns_nothing(
    open_it: Open, gate_of: Gate, issuer: Issuer, tmp_path: Path
) -> None:
    other = Issuer(tmp_path)
    for authority in (None, other.authority):
        access = Access(issuer.access.headers, issuer.certificate, authority)
        error = refusal(open_it, gate_of, access)
        assert "nobody whom this machine trusts vouches for it" in error.message
        assert "name its authority" in error.hint
    assert not gate_of.num_passed + gate_of.num_refused


def test_an_endpoint_that_sends_elsewhere_is_not_followed(
    open_it: Open, gate_of: Gate, issuer: Issuer, world: World
) -> None:
    with chain_proxy(world.connection.rpc_url) as elsewhere:
        for place in (elsewhere.url, "", "\xff", "//"):
            gate_of.leads_to = place
            error = refusal(open_it, gate_of, issuer.access)
            assert "it sends us elsewhere" in error.message
        assert not elsewhere.num_requests


# ---------------------------------------------------------------- addresses that are secrets


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1:1/v3/KEY",
        "http://127.0.0.1:1/?key=KEY",
        "http://eve:KEY@127.0.0.1:1",
        "http://KEY@127.0.0.1:1/v3/KEY",
        "ws://127.0.0.1:1/ws/v3/KEY",
        "http://KEY@[::1/KEY",
        "chain.example/v3/KEY",
        "https://chain.example:80x?apikey=KEY",
        "/dns4/user:KEY@host/tcp/1",
        "/dns4/localhost:1\\\\@KEY/tcp/1",
    ],
)
def test_an_error_tells_no_more_of_an_address_than_where_it_leads(
    address: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    def ask_relay() -> None:
        RelayClient(address).hand_in(EXAMPLE)

    def ask_node() -> None:
        with IpfsStore(address, timeout_seconds=1) as store:
            store.version()

    for ask in (lambda: ChainConnection(address, timeout_seconds=2), ask_relay, ask_node):
        with pytest.raises(FlChainError) as caught:
            ask()
        assert "KEY" not in str(caught.value)
    monkeypatch.chdir(tmp_path)
    for lines in (
        f'[network]\nrpc = "{address}"',
        f'[network]\nrpc = ["{address}"]',
        f'[access."{address}"]\npassword = "KEY"',
    ):
        (tmp_path / "fl-chain.toml").write_text(lines)
        assert run(["history", "tasks"]) in (10, 13)
        out, err = capfd.readouterr()
        assert "KEY" not in out + err
        assert "Traceback" not in err


def test_nothing_is_sent_in_the_clear(
    tmp_path: Path,
    issuer: Issuer,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "fl-chain.toml").write_text(
        '[network]\nrpc = "http://chain.invalid:8545/v3/KEY"\n'
        f'[access."http://chain.invalid:8545"]\nheaders_file = "{issuer.headers_file}"\n'
    )
    assert run(["history", "tasks"]) == 10
    message = capfd.readouterr().err
    assert "what opens http://chain.invalid:8545 would travel in the clear" in message
    assert "https://" in message
