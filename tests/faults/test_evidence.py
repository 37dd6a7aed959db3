"""An evidence bundle stands for chain and IPFS: the same findings, without any server."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fl_chain.audit.findings import Verdict
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.devnet import faucet_account, start_chain_node
from fl_chain.chain.ethereum import transfer
from fl_chain.cli.main import run
from fl_chain.errors import UsageError
from fl_chain.protocol.cid import Cid
from fl_chain.roles.anchoring import anchor_history, check_anchor, history_of
from fl_chain.roles.evidence_export import export_evidence
from fl_chain.roles.evidence_verify import verify_bundle
from fl_chain.roles.history_updates import list_updates
from fl_chain.roles.manifest_shelf import ManifestShelf
from fl_chain.roles.task_history import TaskHistory
from tests.attacks.test_chain_node_that_lies import finish_round
from tests.world import Federation, World, problems

ETHER = 10**18
OFFLINE = """
import socket, sys

def refuse(*arguments, **options):
    raise OSError("there is no network here")

socket.socket.connect = socket.create_connection = refuse
class Block:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {"torch", "requests", "web3", "ipfshttpclient"}:
            raise ImportError(name + " is blocked")

sys.meta_path.insert(0, Block())
from fl_chain.cli.main import run
sys.exit(run(["evidence", "verify", sys.argv[1], "--json"]))
"""


@pytest.fixture(scope="module")
def federation(world: World) -> Federation:
    """Round 1 after a proposal that was overruled; round 2 with an update that is no blob."""
    made = world.federation(3, aggregators=3, quorum=2, bond_gwei=1, num_rounds=2, min_updates=1)
    made.deposit_bonds()
    made.submit_honestly()
    derived = made.derive()
    made.propose(b"no model", derived.report)
    for aggregator in (1, 2):
        made.attest(made.sign(aggregator, derived.model, derived.report))
    world.advance_clock(made.task.parameters.aggregate_seconds + 1)
    finish_round(made, derived)
    made.submit(0, made.update(0)[:-1])
    made.submit(1, made.update(1))
    made.submit(2, made.update(2))
    world.advance_clock(made.task.parameters.aggregate_seconds * 2)
    finish_round(made, made.derive())
    return made


def shelved(federation: Federation) -> TaskHistory:
    world = federation.world
    return federation.history(ManifestShelf(world.store, world.connection.chain_id))


def export(federation: Federation, path: Path, *, is_linked: bool = True) -> tuple[Cid, ...]:
    store = federation.world.store
    return export_evidence(shelved(federation), store, path, is_linked=is_linked).missing


@pytest.mark.parametrize("name", ["bundle.tar", "bundle"])
@pytest.mark.parametrize("is_linked", [True, False], ids=["linked", "sparse"])
def test_a_bundle_has_the_findings_of_chain_and_ipfs(
    federation: Federation, tmp_path: Path, name: str, is_linked: bool
) -> None:
    assert export(federation, tmp_path / name, is_linked=is_linked) == ()
    verified = verify_bundle(tmp_path / name)
    assert problems(verified.findings) == []
    online = {(f.check, f.round, f.detail) for f in federation.audit()}
    offline = {(f.check, f.round, f.detail) for f in verified.findings}
    # The contract's views are asked of a node; its storage is proved, and its code is known.
    assert {check for check, _, _ in online - offline} == {"ledger_state"}
    assert {check for check, _, _ in offline - online} == {
        "block_headers",
        "bundle_content",
        "bundle_files",
        "contract_build",
        "contract_proofs",
        "receipt_proofs",
        "senders",
    }


def test_the_same_history_makes_the_same_bytes(federation: Federation, tmp_path: Path) -> None:
    for name in ("one.tar", "other.tar"):
        export(federation, tmp_path / name)
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "other.tar").read_bytes()


def test_a_bundle_is_audited_where_there_is_no_network(
    federation: Federation, tmp_path: Path
) -> None:
    path = tmp_path / "bundle.tar"
    export(federation, path)
    done = subprocess.run(
        [sys.executable, "-c", OFFLINE, str(path)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        cwd=tmp_path,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout.splitlines()[-1])["verdict"] == "PASS"


def test_content_that_nobody_had_is_missing_and_undecidable(world: World, tmp_path: Path) -> None:
    federation = world.federation(2, num_rounds=1)
    federation.run_round()
    (gone,) = (
        Cid.parse(row["cid"]) for row in list_updates(shelved(federation)) if row["sequence"] == 0
    )
    world.block_file(gone).unlink()
    assert export(federation, tmp_path / "bundle.tar") == (gone,)
    verified = verify_bundle(tmp_path / "bundle.tar")
    assert problems(verified.findings) == [(1, "update_blob", "UNDECIDABLE")]


def test_nothing_is_left_of_an_export_that_failed(federation: Federation, tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    world, history = federation.world, shelved(federation)
    for name in ("bundle.tar", "bundle"):
        with pytest.raises(KeyboardInterrupt):
            export_evidence(history, world.store, tmp_path / name, on_step=fail)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "there").mkdir()
    with pytest.raises(UsageError, match="is there already"):
        export(federation, tmp_path / "there")


def test_the_commands_export_and_verify(
    federation: Federation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    world = federation.world
    place = ("--task", federation.address, "--rpc", world.connection.rpc_url)
    assert run(["evidence", "export", "a.tar", *place, "--ipfs", world.ipfs_address]) == 0
    assert capsys.readouterr().out.startswith("a.tar: ")
    assert run(["evidence", "verify", "a.tar"]) == 0
    out = capsys.readouterr().out
    assert "PASS         task      senders" in out
    assert run(["evidence", "verify", "nothing.tar"]) == 3
    assert "cannot read nothing.tar" in capsys.readouterr().err
    assert run(["evidence", "verify", "a.tar", "--anchor", "x"]) == 3


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ChainConnection]:
    """A second chain, which somebody else runs."""
    node = start_chain_node("anvil", tmp_path_factory.mktemp("elsewhere"), port=0)
    ChainConnection(node.rpc_url).call("anvil_setChainId", 4242)
    yield ChainConnection(node.rpc_url)
    node.process.stop()


def test_an_anchor_on_another_chain_says_since_when_a_history_was_there(
    federation: Federation, elsewhere: ChainConnection, tmp_path: Path
) -> None:
    export(federation, tmp_path / "bundle.tar")
    history = history_of(verify_bundle(tmp_path / "bundle.tar"))
    account = federation.world.account(50)
    transfer(elsewhere, faucet_account(), str(account.address).lower(), ETHER)
    anchor = anchor_history(elsewhere, account, history)
    finding = check_anchor(elsewhere, anchor, history)
    assert finding.verdict == Verdict.PASS
    assert "on chain 4242" in finding.detail
    federation.world.advance_clock(1)
    export(federation, tmp_path / "later.tar")
    later = history_of(verify_bundle(tmp_path / "later.tar"))
    assert check_anchor(elsewhere, anchor, later).verdict == Verdict.FAIL
    with pytest.raises(UsageError, match="the task's own chain"):
        anchor_history(federation.world.connection, account, history)


def test_the_commands_anchor_and_check_it(
    federation: Federation,
    elsewhere: ChainConnection,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("password").write_text("correct horse")
    secret = ("--password-file", "password")
    assert run(["key", "new", "auditor", *secret]) == 0
    address = next(word for word in capsys.readouterr().out.split() if word.startswith("0x"))
    transfer(elsewhere, faucet_account(), address.lower(), ETHER)
    export(federation, Path("a.tar"))
    there = ("--rpc", elsewhere.rpc_url)
    made = ["evidence", "anchor", "a.tar", *there, "--key", "auditor", *secret, "--out", "a.json"]
    assert run(made) == 0
    assert "anchored on chain 4242" in capsys.readouterr().out
    assert run(made) == 3
    assert "a.json is there already" in capsys.readouterr().err
    check = ["evidence", "verify", "a.tar", "--anchor", "a.json", "--anchor-rpc"]
    assert run([*check, elsewhere.rpc_url]) == 0
    assert "PASS         task      anchor" in capsys.readouterr().out
    assert run([*check, federation.world.connection.rpc_url]) == 3
    assert "the anchor is on 4242" in capsys.readouterr().err
    Path("a.json").write_text("{}")
    assert run([*check, elsewhere.rpc_url]) == 3
    assert "a.json is no anchor" in capsys.readouterr().err
