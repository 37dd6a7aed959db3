"""Whoever audits with keys that open nothing is told why."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from fl_chain.audit.findings import Verdict
from fl_chain.chain.encryption_keys import create_encryption_key
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.cli.main import run
from fl_chain.errors import BlobUnavailable, UsageError
from fl_chain.protocol.actions import Rotate
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.encryption import derive_public_key, name_key
from fl_chain.roles.readers import check_reader
from tests.world import Federation, World

AUDITOR = 31
PASSWORD = "correct horse"
Audit = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def federation(world: World) -> Federation:
    auditor = str(world.account(AUDITOR).address).lower()
    made = world.federation(num_rounds=1, privacy={"mode": "sealed", "auditors": [auditor]})
    made.run_round()
    return made


@pytest.fixture
def audit(
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Audit:
    """Audit as the command does, with an account that has an encryption key of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "password").write_text(PASSWORD + "\n")

    def call(federation: Federation, account: LocalAccount) -> tuple[int, str, str]:
        directory = tmp_path / ".fl-chain" / "keys"
        directory.mkdir(parents=True)
        keystore = Account.encrypt(account.key, PASSWORD, kdf="scrypt", iterations=2**10)
        (directory / "somebody.json").write_text(json.dumps(keystore))
        create_encryption_key(directory / "somebody.encryption", PASSWORD, is_generated=True)
        endpoints = ["--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address]
        arguments = ["audit", "run", "--task", federation.address, *endpoints, "--jobs", "1"]
        code = run([*arguments, "--reader", "somebody", "--password-file", "password"])
        return (code, *capsys.readouterr())

    return call


def ring_of(secret: bytes) -> dict[bytes, bytes]:
    return {name_key(derive_public_key(secret)): secret}


def check(federation: Federation, account: int, secret: bytes) -> bool:
    evidence = replace(federation.evidence(), keys=ring_of(secret))
    address = str(federation.world.account(account).address).lower()
    return check_reader(evidence, "somebody", address)


def test_a_reader_is_one_by_any_key_that_it_ever_named(federation: Federation) -> None:
    auditor = str(federation.world.account(AUDITOR).address).lower()
    former = federation.secrets[auditor]
    assert check(federation, AUDITOR, former)
    federation.name_encryption_key(auditor)
    assert check(federation, AUDITOR, former)
    assert check(federation, AUDITOR, federation.secrets[auditor])


def test_whoever_is_no_reader_is_told_who_is(federation: Federation) -> None:
    with pytest.raises(UsageError, match="somebody is no reader of this task") as caught:
        check(federation, AUDITOR + 1, os.urandom(32))
    assert all(reader in str(caught.value.hint) for reader in federation.manifest.readers)


def test_a_reader_that_never_named_its_key_is_told_that(federation: Federation) -> None:
    with pytest.raises(UsageError, match="is a reader of this task, and has named none") as caught:
        check(federation, AUDITOR, os.urandom(32))
    assert "set-encryption-key" in str(caught.value.hint)


def test_whoever_took_the_place_of_a_reader_is_one(world: World) -> None:
    auditor, successor = world.account(AUDITOR), world.account(AUDITOR + 2)
    made = world.federation(
        num_rounds=1,
        privacy={"mode": "sealed", "auditors": [str(auditor.address).lower()]},
    )
    registry = EthereumRegistry(world.connection, made.task.parameters.registry, auditor)
    accepting = EthereumRegistry(world.connection, made.task.parameters.registry, successor)
    registry.send(Rotate(registry.sender, accepting.sender, accepting.accept(registry.sender)))
    made.name_encryption_key(accepting.sender)
    assert check(made, AUDITOR + 2, made.secrets[accepting.sender])
    with pytest.raises(UsageError, match="is no reader") as caught:
        check(made, AUDITOR + 3, os.urandom(32))
    assert accepting.sender in str(caught.value.hint)
    assert registry.sender not in str(caught.value.hint)


def test_what_cannot_be_read_is_left_to_the_audit(federation: Federation) -> None:
    def fetch_nothing(cid: Cid, max_bytes: int) -> bytes:
        raise BlobUnavailable(f"{cid} is not there")

    evidence = replace(federation.evidence(), fetch_blob=fetch_nothing, keys=ring_of(b"\1" * 32))
    assert check_reader(evidence, "somebody", "0x" + "77" * 20)
    nothing = replace(evidence, ledger=replace(evidence.ledger, logs=[]))
    assert check_reader(nothing, "somebody", "0x" + "77" * 20)


def test_a_reader_is_told_that_updates_are_not_sealed_to_it(federation: Federation) -> None:
    """It named the key after the round, in the place of one that it has no more."""
    auditor = str(federation.world.account(AUDITOR).address).lower()
    federation.name_encryption_key(auditor)
    closed = [f for f in federation.audit(reader=auditor) if f.verdict == Verdict.UNDECIDABLE]
    assert [finding.check for finding in closed] == ["update_blob", "exclusions", "aggregate"]
    assert all("none of the reader's keys opens them" in finding.detail for finding in closed)
    assert not any("--reader" in finding.detail for finding in closed)
    closed = [f for f in federation.audit() if f.verdict == Verdict.UNDECIDABLE]
    assert all("--reader" in finding.detail for finding in closed)


def test_the_command_audits_nothing_with_a_key_that_no_reader_has(
    federation: Federation, audit: Audit
) -> None:
    code, out, err = audit(federation, federation.world.account(AUDITOR + 4))
    assert (code, out) == (3, "")
    assert err.startswith("error: somebody is no reader of this task")
    assert federation.aggregator_address(0) in err


def test_the_command_says_where_nothing_is_sealed(world: World, audit: Audit) -> None:
    code, out, err = audit(world.federation(num_rounds=1), world.account(AUDITOR + 4))
    assert code == 0
    assert "PASS" in out
    assert err == "updates of this task are not sealed: --reader is of no use\n"
