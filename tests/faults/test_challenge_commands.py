"""The commands of challengers and of those who are owed money, with the mistakes they invite."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from eth_account import Account

from fl_chain.cli.main import run
from fl_chain.roles.statements import write_statement
from tests.world import CHALLENGER, Federation, World

PASSWORD = "correct horse"


class Cli:
    """Runs commands in this process, with the key of a challenger."""

    def __init__(self, world: World, directory: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        (directory / "password").write_text(PASSWORD)
        account = world.account(CHALLENGER)
        keystore = Account.encrypt(account.key, PASSWORD, kdf="scrypt", iterations=2)
        key = directory / ".fl-chain" / "keys" / "watcher.json"
        key.parent.mkdir(parents=True)
        key.write_text(json.dumps(keystore))
        key.chmod(0o600)
        self._options = [
            *("--key", "watcher", "--password-file", str(directory / "password")),
            *("--rpc", world.connection.rpc_url),
        ]

    def __call__(self, federation: Federation, *arguments: str) -> tuple[int, str, str]:
        self._capsys.readouterr()
        code = run([*arguments, "--task", federation.address, *self._options])
        out, err = self._capsys.readouterr()
        return code, out, err


@pytest.fixture
def cli(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Cli:
    monkeypatch.chdir(tmp_path)
    return Cli(world, tmp_path, capsys)


def test_a_task_without_bonds_has_nothing_to_challenge(world: World, cli: Cli) -> None:
    code, out, err = cli(world.federation(), "challenge", "run", "--ipfs", world.ipfs_address)
    assert (code, out) == (10, "")
    assert "no disputes" in err
    assert "committee.bond_gwei" in err


def test_two_signatures_are_turned_into_money(world: World, cli: Cli, tmp_path: Path) -> None:
    federation = world.federation(aggregators=1, bond_gwei=6 * 10**9, challenge_seconds=9)
    federation.deposit_bonds()
    paths = [tmp_path / "one.json", tmp_path / "other.json"]
    for path, model in zip(paths, (b"one", b"other"), strict=True):
        write_statement(path, federation.sign(0, model, b"report"))
    names = list(map(str, paths))
    code, out, err = cli(federation, "challenge", "equivocation", names[0])
    assert (code, out) == (10, "")
    assert "contradict neither each other nor what is on record" in err
    code, out, _ = cli(federation, "challenge", "equivocation", *names)
    assert code == 0
    assert "signed two results, its bond is taken" in out
    assert cli(federation, "challenge", "equivocation", *names)[0] == 10
    code, out, _ = cli(federation, "bond", "claim")
    assert code == 0
    assert out.endswith("paid out: 3 ether\n")
    code, out, err = cli(federation, "bond", "claim")
    assert (code, out) == (13, "")
    assert "NothingToPay" in err


def test_an_attestation_of_nobody_here_is_refused(world: World, cli: Cli, tmp_path: Path) -> None:
    one, other = (world.federation(aggregators=1, bond_gwei=6) for _ in range(2))
    path = tmp_path / "foreign.json"
    write_statement(path, other.sign(0, b"model", b"report"))
    code, out, err = cli(one, "challenge", "equivocation", str(path))
    assert (code, out) == (10, "")
    assert "of no aggregator of this task" in err


def test_a_bond_comes_back_after_the_end_and_to_its_aggregator_only(world: World, cli: Cli) -> None:
    federation = world.federation(aggregators=1, bond_gwei=6)
    federation.deposit_bonds()
    code, out, err = cli(federation, "bond", "withdraw")
    assert (code, out) == (13, "")
    assert "BondLocked" in err
    federation.stop()
    code, out, err = cli(federation, "bond", "withdraw")
    assert (code, out) == (13, "")
    assert "NothingToPay" in err


def test_only_the_coordinator_pauses(world: World, cli: Cli) -> None:
    code, out, err = cli(world.federation(), "task", "pause", "60")
    assert (code, out) == (13, "")
    assert "NotCoordinator" in err
