"""Every mistake and fault ends in one line that says what happened, one that says what to do, and
the documented exit code; never in a traceback."""

from __future__ import annotations

import json
import os
import resource
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from eth_account import Account
from eth_account.signers.local import LocalAccount

from fl_chain.chain.ethereum import Deployer, EthereumLedger
from fl_chain.cli.main import run
from fl_chain.protocol.actions import Stop
from fl_chain.roles.coordinator import create_task
from fl_chain.roles.journal import Journal
from fl_chain.roles.task_file import parse_task
from tests.world import Federation, World, make_account

PASSWORD = "correct horse"
NOBODY = "0x" + "77" * 20
POOR: LocalAccount = Account.create()
ALICE = str(make_account(1).address)
"""Address of the key `alice`, in the mixed case that other programs write."""
CLOSED_PORT = 1


@dataclass
class Outcome:
    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run a command line in this process; whatever escapes from it fails the test."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Outcome:
        capsys.readouterr()
        code = run(list(arguments))
        return Outcome(code, *capsys.readouterr())

    return call


def assert_error(outcome: Outcome, code: int, message: str, hint: str = "") -> None:
    """One line of error, one of hint, nothing on standard output."""
    assert outcome.code == code, outcome
    lines = outcome.err.splitlines()
    assert lines, outcome
    assert lines[0].startswith("error: "), outcome
    assert message in lines[0], outcome
    assert len(lines) <= 2, outcome
    if hint:
        assert lines[1].startswith(" hint: "), outcome
        assert hint in lines[1], outcome
    assert "Traceback" not in outcome.out + outcome.err


@pytest.fixture(scope="module")
def federation(world: World) -> Federation:
    made = world.federation(num_rounds=1)
    made.run_round()
    return made


@pytest.fixture(scope="module")
def endpoints(world: World) -> list[str]:
    return ["--rpc", world.connection.rpc_url, "--ipfs", world.ipfs_address]


def write_key(directory: Path, name: str, account: LocalAccount) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    keystore = Account.encrypt(account.key, PASSWORD, kdf="scrypt", iterations=2**10)
    (directory / f"{name}.json").write_text(json.dumps(keystore))


@pytest.fixture
def keys(tmp_path: Path, world: World) -> list[str]:
    """Options that open the coordinator's key; `alice`, `poor` and `stranger` are there too."""
    directory = tmp_path / ".fl-chain" / "keys"
    write_key(directory, "coordinator", world.account(0))
    write_key(directory, "alice", world.account(1))
    write_key(directory, "stranger", world.account(9))
    write_key(directory, "poor", POOR)
    (tmp_path / "password").write_text(PASSWORD + "\n")
    return ["--key", "coordinator", "--password-file", "password"]


def task_file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "task.toml"
    path.write_text(text)
    return str(path)


GOOD_TASK = '[recipe]\nmodel = "digits_mlp"\ndata = "digits"\n'


def committee(line: str) -> str:
    """Return a good task but for one line of its committee."""
    return f"{GOOD_TASK}[committee]\n{line}\n"


# ---------------------------------------------------------------- chain


def test_no_chain_node_at_the_url(cli: Cli) -> None:
    url = f"http://127.0.0.1:{CLOSED_PORT}"
    assert_error(cli("history", "tasks", "--rpc", url), 13, url, "fl-chain devnet up")
    for nonsense in ("nonsense", "ftp://127.0.0.1", "127.0.0.1:8545", "http://", "http://[::1"):
        outcome = cli("history", "tasks", "--rpc", nonsense)
        assert_error(outcome, 10, "no address of a chain node", "http://127.0.0.1:8545")


def test_something_else_answers_at_the_url(cli: Cli, world: World) -> None:
    ipfs_port = world.ipfs_address.rsplit("/", 1)[1]
    outcome = cli("history", "tasks", "--rpc", f"http://127.0.0.1:{ipfs_port}")
    assert outcome.code == 13
    assert_error(outcome, 13, "")


def test_no_devnet_runs_here(cli: Cli) -> None:
    assert_error(cli("history", "tasks"), 10, "no devnet runs in /", "fl-chain devnet up")


def test_another_chain_than_configured(cli: Cli, world: World, tmp_path: Path) -> None:
    (tmp_path / "fl-chain.toml").write_text(
        f'[network]\nrpc = "{world.connection.rpc_url}"\nchain_id = 1\n'
    )
    assert_error(cli("history", "tasks"), 13, "serves chain 31337, expected 1", "--rpc")


def test_no_contract_or_a_foreign_one_at_the_address(
    cli: Cli, endpoints: list[str], federation: Federation, keys: list[str]
) -> None:
    rpc = endpoints[:2]
    for address in (NOBODY, federation.created.registry, federation.address_of(0)):
        for command in ("rounds", "updates", "participants"):
            outcome = cli("history", command, "--task", address, *rpc)
            found = "the code" if address == federation.created.registry else "no contract"
            assert_error(outcome, 13, f"{found} at {address}", "fl-chain history tasks")
        outcome = cli("participant", "run", "--task", address, *endpoints, *keys)
        assert_error(outcome, 13, f"{found} at {address}")
        outcome = cli("audit", "run", "--task", address, *endpoints)
        assert_error(outcome, 3, address, "fl-chain history tasks")


def test_an_address_that_is_none(cli: Cli, endpoints: list[str]) -> None:
    for address in ("0x12", "nonsense", "", "0x" + "zz" * 20):
        outcome = cli("history", "rounds", "--task", address, *endpoints[:2])
        assert_error(outcome, 10, "is no address", "--help")


def test_a_key_without_funds(
    cli: Cli, endpoints: list[str], keys: list[str], tmp_path: Path
) -> None:
    outcome = cli(
        "task", "create", task_file(tmp_path, GOOD_TASK), *endpoints, *keys[2:], "--key", "poor"
    )
    told = f"{POOR.address.lower()} has 0 ether"
    assert_error(outcome, 13, told, f"fl-chain devnet fund {POOR.address.lower()}")
    assert "pinned" not in outcome.out + outcome.err


@pytest.mark.parametrize("target", [1, 2])
def test_whoever_waits_for_more_participants_than_there_are_is_told(
    world: World, target: int
) -> None:
    description = {
        "participants": [str(POOR.address).lower()],
        "rounds": {"target_updates": target, "collect_seconds": 90},
        "recipe": {"model": "digits_mlp", "data": "digits"},
    }
    told: dict[str, Any] = {}
    deployer = Deployer(world.connection, world.account(0))
    create_task(parse_task(description), deployer, world.store, told.__setitem__)
    expected = {"target": 2, "participants": 1, "seconds": 90} if target == 2 else None
    assert told.get("few_participants") == expected


@pytest.mark.parametrize("budget", [0, 29, 30])
def test_whoever_gives_a_budget_for_fewer_updates_than_rounds_is_told(
    world: World, budget: int
) -> None:
    description: dict[str, Any] = {
        "participants": [str(POOR.address).lower()],
        "rounds": {"num_rounds": 3},
        "recipe": {"model": "digits_mlp", "data": "digits"},
    }
    if budget:
        description["privacy"] = {"cost": 10, "budget": budget, "max_order": 8}
    told: dict[str, Any] = {}
    deployer = Deployer(world.connection, world.account(0))
    create_task(parse_task(description), deployer, world.store, told.__setitem__)
    expected = {"updates": 2, "rounds": 3} if budget == 29 else None
    assert told.get("short_budget") == expected


@pytest.mark.parametrize("quorum", [0, 2])
def test_whoever_lets_a_rule_that_the_contract_cannot_check_to_one_aggregator_is_told(
    world: World, quorum: int
) -> None:
    accounts = [str(world.account(number).address).lower() for number in range(3)]
    description: dict[str, Any] = {
        "participants": accounts,
        "rule": "median",
        "num_malicious": 1,
        "rounds": {"min_updates": 3, "target_updates": 3},
        "recipe": {"model": "digits_mlp", "data": "digits"},
    }
    if quorum:
        description["committee"] = {"aggregators": accounts, "quorum": quorum}
    told: dict[str, Any] = {}
    deployer = Deployer(world.connection, world.account(0))
    create_task(parse_task(description), deployer, world.store, told.__setitem__)
    assert told.get("only_audits") == (None if quorum else {"rule": "median"})


@pytest.mark.parametrize("noise", ["none", "on updates", "in training"])
def test_whoever_publishes_sums_of_updates_without_noise_is_told(world: World, noise: str) -> None:
    recipe: dict[str, Any] = {"model": "digits_mlp", "data": "digits"}
    privacy: dict[str, Any] = {"mode": "masked", "group_size": 4, "confirmations": 0}
    budget = {"epsilon": 99, "delta": Decimal("0.00001")}
    if noise == "on updates":
        privacy |= {"clip_norm": 1, "noise_multiplier": 1} | budget
    elif noise == "in training":
        recipe |= {"max_grad_norm": 1, "noise_multiplier": 1, "sampling_rate": 1}
        privacy |= budget
    description = {
        "participants": [str(world.account(number).address).lower() for number in range(4)],
        "rounds": {"min_updates": 4, "target_updates": 4, "commit_seconds": 9, "unmask_seconds": 9},
        "measurements": False,
        "privacy": privacy,
        "recipe": recipe,
    }
    told: dict[str, Any] = {}
    deployer = Deployer(world.connection, world.account(0))
    create_task(parse_task(description), deployer, world.store, told.__setitem__)
    assert ("bare_sums" in told) == (noise == "none")


def test_who_cannot_pay_is_told_before_the_work(
    cli: Cli, world: World, endpoints: list[str], keys: list[str]
) -> None:
    deployer = Deployer(world.connection, world.account(0))
    poor = str(POOR.address).lower()
    description = {
        "participants": [poor],
        "committee": {"aggregators": [poor]},
        "recipe": {"model": "digits_mlp", "data": "digits"},
    }
    task = create_task(parse_task(description), deployer, world.store).ledger
    for role in ("participant", "aggregator"):
        outcome = cli(role, "run", "--task", task, *endpoints, *keys[2:], "--key", "poor", "--json")
        events = {json.loads(line)["event"] for line in outcome.out.splitlines()}
        assert "training" not in events
        outcome.out = ""
        assert_error(outcome, 13, f"{poor} has 0 ether", f"fl-chain devnet fund {poor}")
    EthereumLedger(world.connection, task, world.account(0)).send(Stop())
    for role in ("participant", "aggregator"):
        over = cli(role, "run", "--task", task, *endpoints, *keys[2:], "--key", "poor")
        assert (over.code, over.err) == (0, "")  # there is nothing left to pay for


def test_what_only_the_coordinator_may(
    cli: Cli, endpoints: list[str], federation: Federation, keys: list[str]
) -> None:
    options = ["--task", federation.address, *endpoints[:2], *keys[2:], "--key", "stranger"]
    assert_error(cli("task", "stop", *options), 13, "NotCoordinator")
    assert_error(cli("task", "admit", NOBODY, *options), 13, "NotRegistrar")


@pytest.mark.parametrize(
    ("nonsense", "hint"),
    [
        ("nonsense", "fl-chain key list"),
        ("alcie", "did you mean alice?"),
        ("../keys/alice", "fl-chain key list"),
        ("0x12", "0x and 40 digits"),
        ("0x" + "g" * 40, "0x and 40 digits"),
    ],
)
def test_accounts_that_are_neither_addresses_nor_keys(
    cli: Cli,
    endpoints: list[str],
    federation: Federation,
    keys: list[str],
    nonsense: str,
    hint: str,
) -> None:
    told = f"{nonsense!r} is neither an address nor the name of a key in .fl-chain/keys"
    options = ["--task", federation.address, *endpoints[:2], *keys]
    assert_error(cli("task", "admit", nonsense, *options), 10, told, hint)
    assert_error(cli("devnet", "fund", nonsense, *endpoints[:2]), 10, told, hint)


def test_the_wrong_key_for_a_role(
    cli: Cli, world: World, endpoints: list[str], keys: list[str]
) -> None:
    fresh = world.federation(num_rounds=1)
    options = ["--task", fresh.address, *endpoints, *keys[2:], "--key", "stranger"]
    assert_error(cli("participant", "run", *options), 10, "is not admitted", "fl-chain task admit")
    aggregator = fresh.aggregator_address(0)
    told = "is no aggregator of this task"
    assert_error(cli("aggregator", "run", *options), 10, told, f"--key: {aggregator}")


# ---------------------------------------------------------------- IPFS


def test_no_ipfs_node(
    cli: Cli, endpoints: list[str], federation: Federation, keys: list[str], tmp_path: Path
) -> None:
    nobody = ["--ipfs", f"/ip4/127.0.0.1/tcp/{CLOSED_PORT}"]
    chain = ["--ipfs", f"/ip4/127.0.0.1/tcp/{endpoints[1].rsplit(':', 1)[1]}"]
    for ipfs, told in ((nobody, "no IPFS node answers"), (chain, "is not the API of an IPFS node")):
        create = ["task", "create", task_file(tmp_path, GOOD_TASK), *keys]
        assert_error(cli(*create, *endpoints[:2], *ipfs), 12, told, "--ipfs")
        export = ["model", "export", "m.safetensors", "--task", federation.address]
        assert_error(cli(*export, *endpoints[:2], *ipfs), 12, told, "--ipfs")


def test_an_audit_without_ipfs_is_undecidable(
    cli: Cli, endpoints: list[str], federation: Federation
) -> None:
    ipfs = ["--ipfs", f"/ip4/127.0.0.1/tcp/{CLOSED_PORT}"]
    outcome = cli("audit", "run", "--task", federation.address, *endpoints[:2], *ipfs)
    assert outcome.code in (2, 3)
    assert "no IPFS node answers" in outcome.out + outcome.err


def test_an_ipfs_address_that_is_none(
    cli: Cli, endpoints: list[str], federation: Federation
) -> None:
    for nonsense in ("nonsense", "/ip4/127.0.0.1", "/ip4/999.0.0.1/tcp/1", "/ip4/127.0.0.1/tcp/x"):
        outcome = cli(
            *("model", "export", "m.safetensors", "--task", federation.address),
            *(*endpoints[:2], "--ipfs", nonsense),
        )
        assert_error(outcome, 10, "not the API address of an IPFS node", "/ip4/127.0.0.1")


def test_a_role_gives_up_after_its_patience(
    cli: Cli, world: World, endpoints: list[str], keys: list[str]
) -> None:
    fresh = world.federation(num_rounds=1)
    options = ["--task", fresh.address, *endpoints[:2], *keys[2:], "--patience", "0.3"]
    options += ["--ipfs", f"/ip4/127.0.0.1/tcp/{CLOSED_PORT}", "--json"]
    for role, key in (("participant", "alice"), ("aggregator", "coordinator")):
        if role == "aggregator":
            fresh.submit_honestly()
        outcome = cli(role, "run", *options, "--key", key)
        events = [json.loads(line)["event"] for line in outcome.out.splitlines()]
        assert set(events) == {"waiting"}
        outcome.out = ""
        assert_error(outcome, 12, "no IPFS node answers", "devnet up")


# ---------------------------------------------------------------- keys


def test_keys_that_cannot_be_opened(
    cli: Cli, endpoints: list[str], federation: Federation, keys: list[str], tmp_path: Path
) -> None:
    stop = ["task", "stop", "--task", federation.address, *endpoints[:2]]
    missing = cli(*stop, "--key", "nobody", *keys[2:])
    assert_error(missing, 17, "no key file at", "fl-chain key new")
    (tmp_path / "wrong").write_text("incorrect donkey\n")
    wrong = cli(*stop, "--key", "coordinator", "--password-file", "wrong")
    assert_error(wrong, 17, "wrong password", "--password-file")
    no_file = cli(*stop, "--key", "coordinator", "--password-file", "nowhere")
    assert_error(no_file, 17, "cannot read a password", "first line")
    (tmp_path / "empty").write_text("")
    assert_error(cli(*stop, "--key", "coordinator", "--password-file", "empty"), 17, "empty")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\n")
    assert_error(cli(*stop, "--key", "coordinator", "--password-file", "binary"), 17, "binary")
    assert_error(cli(*stop, "--key", "coordinator"), 10, "no password", "--password-file")


@pytest.mark.parametrize(
    "contents",
    [
        "",
        "not json",
        "[]",
        "{}",
        '{"version": 3}',
        '{"version": 4, "crypto": {}}',
        '{"version": 3, "crypto": {"kdf": "none"}}',
        '{"version": 3, "crypto": []}',
        "\xff",
    ],
)
def test_a_damaged_key_file(
    cli: Cli,
    endpoints: list[str],
    federation: Federation,
    keys: list[str],
    tmp_path: Path,
    contents: str,
) -> None:
    path = tmp_path / ".fl-chain" / "keys" / "damaged.json"
    path.write_bytes(contents.encode("latin-1"))
    stop = ["task", "stop", "--task", federation.address, *endpoints[:2], *keys[2:]]
    assert_error(cli(*stop, "--key", "damaged"), 17, "damaged.json")
    listing = cli("key", "list")
    assert listing.code in (0, 17)


def test_a_key_is_never_overwritten(cli: Cli, keys: list[str], tmp_path: Path) -> None:
    path = tmp_path / ".fl-chain" / "keys" / "alice.json"
    before = path.read_bytes()
    assert_error(cli("key", "new", "alice", *keys[2:]), 17, "exists", "never overwritten")
    assert path.read_bytes() == before
    for name in ("../alice", "a/b", "", "a b"):
        assert_error(cli("key", "new", name, *keys[2:]), 10, "is no name for a key")


# ---------------------------------------------------------------- files that people write


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("[recipe", "is not TOML", ""),
        ("\x00", "is not TOML", ""),
        ("recepie = 1", "unknown field recepie", "did you mean recipe?"),
        (GOOD_TASK + "epochs = 3", "unknown field recipe.epochs", "did you mean recipe.num_epochs"),
        (GOOD_TASK + "num_epochs = 1.5", "recipe.num_epochs is", ""),
        (GOOD_TASK + "num_epochs = true", "recipe.num_epochs is True", ""),
        (GOOD_TASK + "[rounds]\nnum_rounds = 'five'", "rounds.num_rounds is 'five'", ""),
        ("recipe = 5", "recipe is a table", ""),
        ("", "[recipe] lacks", ""),
        ("participants = 'alice'\n" + GOOD_TASK, "participants is a list", ""),
        ("participants = ['alcie']\n" + GOOD_TASK, "participants: 'alcie' is", "mean alice?"),
        ("participants = ['']\n" + GOOD_TASK, "participants: '' is neither", "key list"),
        (committee("aggregators = ['0x12']"), "committee.aggregators: '0x12' is", "40 digits"),
        (committee("aggregators = ['alcie']"), "committee.aggregators: 'alcie'", "mean alice?"),
        (committee("aggregators = 'alice'"), "committee.aggregators is a list", ""),
        (committee(f"aggregators = ['alice', '{ALICE}']"), f"{ALICE} is listed twice", ""),
        (committee("quorum = '2'"), "committee.quorum is '2'", ""),
        (committee("bond_gwei = 0.5"), "committee.bond_gwei is", ""),
        (committee("bond = 1"), "unknown field committee.bond", "mean committee.bond_gwei"),
        ("committee = ['alice']\n" + GOOD_TASK, "committee is a table", ""),
        ("aggregator = 'alice'\n" + GOOD_TASK, "unknown field aggregator", "known: "),
        ("registry = 'alice'\n" + GOOD_TASK, "registry: 'alice' is no address", "40 digits"),
        (GOOD_TASK + "[rounds]\ntarget_updates = 'two'", "rounds.target_updates is 'two'", ""),
        (committee("aggregators = [5]"), "committee.aggregators is a list", ""),
        (f"participants = ['{NOBODY}', '{NOBODY}']\n" + GOOD_TASK, "listed twice", ""),
        (f"participants = ['alice', '{ALICE}']\n" + GOOD_TASK, f"{ALICE} is listed twice", ""),
    ],
)
def test_a_malformed_task_file(
    cli: Cli,
    endpoints: list[str],
    keys: list[str],
    world: World,
    tmp_path: Path,
    text: str,
    message: str,
    hint: str,
) -> None:
    before = world.connection.call("eth_blockNumber")
    outcome = cli("task", "create", task_file(tmp_path, text), *endpoints, *keys)
    assert_error(outcome, 10, message, hint)
    assert world.connection.call("eth_blockNumber") == before


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        (GOOD_TASK.replace("digits_mlp", "digits_mpl"), 14, "digits_mpl"),
        (GOOD_TASK + "[rounds]\nmin_updates = 3\ntarget_updates = 2", 11, "rounds.min_updates <="),
        (GOOD_TASK + "[rounds]\nnum_rounds = 0", 11, "rounds.num_rounds is 1 to"),
        (
            GOOD_TASK + "[rounds]\nmax_weight = 4294967295\ntarget_updates = 100000",
            11,
            "rounds.target_updates * rounds.max_weight * encoding.max_abs",
        ),
        (GOOD_TASK + "[encoding]\nmax_abs = 40000", 11, "encoding.max_abs is 1 to 32767"),
        (committee("quorum = 2"), 11, "committee.quorum is 0, or 2 to 1 and more than half"),
        (committee(f"aggregators = ['alice', '{NOBODY}']\nquorum = 1"), 11, "committee.quorum is"),
        (committee(f"aggregators = ['{'0x' + '00' * 20}']"), 11, "committee.aggregators does not"),
        (committee("bond_gwei = -1"), 11, "committee.bond_gwei is 0 to 2^53 - 1"),
        (GOOD_TASK + "seed = -1", 11, "recipe.seed is 0 to"),
        ("name = 'ä'\n" + GOOD_TASK, 11, "task.toml: name is 1 to"),
    ],
)
def test_a_task_that_could_not_be_carried_out(
    cli: Cli,
    endpoints: list[str],
    keys: list[str],
    world: World,
    tmp_path: Path,
    text: str,
    code: int,
    message: str,
) -> None:
    before = world.connection.call("eth_blockNumber")
    outcome = cli("task", "create", task_file(tmp_path, text), *endpoints, *keys)
    assert_error(outcome, code, message)
    assert world.connection.call("eth_blockNumber") == before


def test_a_model_that_does_not_take_the_data(
    cli: Cli, endpoints: list[str], keys: list[str], world: World, tmp_path: Path
) -> None:
    before = world.connection.call("eth_blockNumber")
    text = GOOD_TASK.replace('"digits"', '"mnist"')
    outcome = cli("task", "create", task_file(tmp_path, text), *endpoints, *keys)
    assert_error(outcome, 14, "digits_mlp takes 64 features, mnist has 784", "mcmahan_2nn")
    assert world.connection.call("eth_blockNumber") == before


def test_the_word_audit_elsewhere_changes_no_exit_code(cli: Cli) -> None:
    assert_error(cli("key", "new", "audit", "--password-file", "none"), 17, "none")
    assert_error(cli("--state", "audit", "history", "tasks"), 10, "no devnet runs")
    assert_error(cli("audit", "run", "--task", "0x12"), 3, "is no address")


def test_an_audit_without_an_ipfs_node_accuses_nobody(
    cli: Cli, endpoints: list[str], federation: Federation
) -> None:
    nowhere = ["--ipfs", f"/ip4/127.0.0.1/tcp/{CLOSED_PORT}"]
    outcome = cli("audit", "run", "--task", federation.address, *endpoints[:2], *nowhere)
    assert_error(outcome, 3, "no IPFS node answers", "check --ipfs")


def test_a_missing_task_file(cli: Cli, endpoints: list[str], keys: list[str]) -> None:
    assert_error(cli("task", "create", "none.toml", *endpoints, *keys), 10, "cannot read none.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[network", "is not TOML"),
        ("[netwrok]\nrpc = 'x'", "unknown field netwrok.rpc"),
        ("[network]\nurl = 'x'", "unknown field network.url"),
        ("[network]\nrpc = 5", "network.rpc is no text"),
        ("[network]\nchain_id = true", "network.chain_id is no whole number"),
        ("network = 5", "unknown field network"),
    ],
)
def test_a_malformed_configuration(cli: Cli, tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "fl-chain.toml").write_text(text)
    assert_error(cli("history", "tasks"), 10, message)


def test_a_missing_configuration_that_was_named(cli: Cli) -> None:
    assert_error(cli("--config", "none.toml", "key", "list"), 10, "cannot read none.toml")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["history", "nonsense"],
        ["history", "rounds"],
        ["audit", "run", "--nonsense"],
        ["audit", "run", "--task", NOBODY, "--round", "0"],
        ["participant", "run", "--task", NOBODY, "--key", "a", "--alpha", "-1"],
        ["devnet", "up", "--devnet", "ganache"],
    ],
    ids=" ".join,
)
def test_a_command_line_that_makes_no_sense(cli: Cli, arguments: list[str]) -> None:
    assert_error(cli(*arguments), 3 if arguments[0] == "audit" else 10, "", "--help")


# ---------------------------------------------------------------- data


def test_data_that_does_not_exist(
    cli: Cli, endpoints: list[str], keys: list[str], tmp_path: Path
) -> None:
    text = GOOD_TASK.replace('"digits"', '"digit"')
    outcome = cli("task", "create", task_file(tmp_path, text), *endpoints, *keys)
    assert_error(outcome, 14, "'digit'", "did you mean 'digits'")


def test_a_partition_that_does_not_exist(
    cli: Cli, world: World, endpoints: list[str], keys: list[str]
) -> None:
    fresh = world.federation(num_rounds=1)
    options = ["--task", fresh.address, *endpoints, *keys[2:], "--key", "alice"]
    outcome = cli("participant", "run", *options, "--partition-id", "3", "--num-partitions", "3")
    assert_error(outcome, 14, "no partition 3 of 3", "counts from 0")


# ---------------------------------------------------------------- this machine


@pytest.fixture
def taken_port() -> Iterator[None]:
    """Somebody listens on the chain node's usual port: this test, or another program already."""
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", 8545))
            listener.listen()
        except OSError:
            pass
        yield


@pytest.mark.usefixtures("taken_port")
def test_a_port_that_is_taken(cli: Cli, tmp_path: Path) -> None:
    outcome = cli("devnet", "up")
    outcome.out = ""
    assert_error(outcome, 15, "port 8545", "--any-ports")
    assert cli("devnet", "down").out == "nothing was running\n"


def test_a_participant_runs_once_in_a_task(
    cli: Cli, world: World, endpoints: list[str], keys: list[str], tmp_path: Path
) -> None:
    fresh = world.federation(1, num_rounds=1)
    options = ["--task", fresh.address, *endpoints, *keys[2:], "--key", "alice"]
    with Journal(tmp_path / ".fl-chain" / "journal" / fresh.address / ALICE.lower()):
        outcome = cli("participant", "run", *options)
        assert_error(outcome, 16, f"in use by another process (pid {os.getpid()})", "end the other")
        assert outcome.out == ""


def test_a_damaged_devnet_record(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / ".fl-chain").mkdir()
    for contents in ("", "[]", "{}", '{"kind": "anvil", "services": [{}]}', "\xff"):
        (tmp_path / ".fl-chain" / "devnet.json").write_bytes(contents.encode("latin-1"))
        for command in (["devnet", "status"], ["devnet", "down"], ["history", "tasks"]):
            assert_error(cli(*command), 16, "devnet.json is damaged", "remove it")


def test_a_file_in_the_place_of_the_state_directory(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert_error(cli("--state", "file", "key", "list"), 10, "file")


def test_a_model_that_cannot_be_written_or_does_not_exist(
    cli: Cli, endpoints: list[str], federation: Federation, tmp_path: Path
) -> None:
    export = ["model", "export", "--task", federation.address, *endpoints]
    assert_error(
        cli(*export, "no/such/directory/m"), 10, "cannot write no/such/directory/m", "make it"
    )
    (tmp_path / "file").write_text("")
    assert_error(cli(*export, "file/m"), 10, "there is no folder file")
    os.mkfifo(tmp_path / "pipe")
    assert_error(cli(*export, "pipe"), 10, "cannot write pipe: it is there, and no file")
    assert_error(cli(*export, "m", "--round", "7"), 10, "round 7 has no final model", "round 1")
    assert not (tmp_path / "m").exists()


def limited(max_bytes: int, arguments: list[str], directory: Path) -> Outcome:
    """Run a command whose files cannot grow past a size, as on a disk that fills up."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (max_bytes, max_bytes))

    done = subprocess.run(
        [sys.executable, "-m", "fl_chain.cli", *arguments],
        cwd=directory,
        capture_output=True,
        text=True,
        preexec_fn=limit,
        timeout=120,
        env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def test_a_disk_that_fills_up_while_a_model_is_exported(
    endpoints: list[str], federation: Federation, tmp_path: Path
) -> None:
    (tmp_path / "m.safetensors").write_text("the one before")
    export = ["model", "export", "--task", federation.address, *endpoints, "m.safetensors"]
    outcome = limited(1000, export, tmp_path)
    assert_error(outcome, 16, "cannot write m.safetensors")
    assert [path.name for path in tmp_path.iterdir()] == ["m.safetensors"]
    assert (tmp_path / "m.safetensors").read_text() == "the one before"


def test_a_disk_that_fills_up_under_the_journal(
    world: World, endpoints: list[str], keys: list[str], tmp_path: Path
) -> None:
    fresh = world.federation(1, num_rounds=1)
    options = ["--task", fresh.address, *endpoints, *keys[2:], "--key", "alice", "--json"]
    outcome = limited(1000, ["participant", "run", *options], tmp_path)
    assert [json.loads(line)["event"] for line in outcome.out.splitlines()] == [
        "joined",
        "training",
    ]
    assert_error(outcome, 16, "update.safetensors", "free disk space")
    assert fresh.task.current.num_updates == 0


def test_an_option_in_the_wrong_place_is_told_its_place(cli: Cli) -> None:
    outcome = cli("key", "list", "--state", "here")
    assert_error(outcome, 10, "No such option '--state'", "put it first: fl-chain --state … key …")
