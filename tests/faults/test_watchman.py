"""The watchman: what it says is about what is on record now, and it says when it does not know."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

from fl_chain.audit.findings import Finding, Verdict
from fl_chain.roles.services import Services
from fl_chain.roles.watchman import RoundAudit, TaskAudit, Watchman
from tests.world import LOOK_SECONDS, Federation, World

PATIENCE_SECONDS = 60


def watch(world: World, state: Path, federation: Federation, ipfs: str = "") -> Watchman:
    services = Services(state, world.connection.rpc_url, ipfs or world.ipfs_address)
    return Watchman(services, [federation.address], LOOK_SECONDS)


def wait_until(holds: Callable[[], object]) -> None:
    give_up = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < give_up
        time.sleep(0.1)


def test_a_model_is_audited_as_it_comes_on_record(world: World, tmp_path: Path) -> None:
    federation = world.federation(num_rounds=2)
    with watch(world, tmp_path, federation) as watchman:
        wait_until(lambda: watchman.audit_of(federation.address).findings)
        assert watchman.audit_of(federation.address).rounds == {}
        for number, lies in ((1, False), (2, True)):
            federation.submit_honestly()
            derived = federation.derive()
            honest = (derived.model, derived.report)
            federation.propose(*(federation.lie() if lies else honest))
            federation.finalize()
            wait_until(lambda n=number: n in watchman.audit_of(federation.address).rounds)
        audit = watchman.audit_of(federation.address)
        assert audit.rounds[1].verdict == Verdict.PASS
        wait_until(lambda: watchman.audit_of(federation.address).rounds[2].verdict == Verdict.FAIL)
        assert {finding.verdict for finding in audit.findings} == {Verdict.PASS}


def test_a_verdict_is_about_the_model_that_was_audited_and_no_other() -> None:
    made = RoundAudit("aa", (Finding("aggregate", Verdict.PASS, 1),))
    audit = TaskAudit(rounds={1: made})
    assert audit.of_round(1, "aa") is made
    assert audit.of_round(1, "bb") is None
    assert audit.of_round(1, None) is None
    assert audit.of_round(2, "aa") is None


def test_a_chain_that_was_rewritten_leaves_no_verdict_about_the_old_one(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=1)
    federation.submit_honestly()
    derived = federation.derive()
    snapshot = world.connection.call("evm_snapshot")
    federation.propose(*federation.lie())
    with watch(world, tmp_path, federation) as watchman:
        wait_until(lambda: 1 in watchman.audit_of(federation.address).rounds)
        wait_until(lambda: watchman.audit_of(federation.address).rounds[1].verdict == Verdict.FAIL)
        assert world.connection.call("evm_revert", snapshot)
        wait_until(lambda: 1 not in watchman.audit_of(federation.address).rounds)
        federation.propose(derived.model, derived.report)
        wait_until(lambda: 1 in watchman.audit_of(federation.address).rounds)
        audit = watchman.audit_of(federation.address).of_round(1, derived.model_digest.hex())
        assert audit is not None


def test_an_ipfs_node_that_is_away_is_a_problem_and_no_verdict(
    world: World, tmp_path: Path
) -> None:
    federation = world.federation(num_rounds=1)
    with watch(world, tmp_path, federation, "/ip4/127.0.0.1/tcp/1") as watchman:
        wait_until(lambda: watchman.audit_of(federation.address).problem)
        audit = watchman.audit_of(federation.address)
        assert (audit.findings, dict(audit.rounds)) == ((), {})
        assert "127.0.0.1" in audit.problem
