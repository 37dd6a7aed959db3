"""A chain node that told the truth once, and lies about old blocks in a later audit.

Caught by ``ledger_history``, ``ledger_state`` and ``ledger_code`` as in a first audit. What the
former audit found is of no help to it: a round is taken over only if the running hash over all
records up to its proposal is still the same, and nothing is if a check of the task fails.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.audit.scope import Scope
from fl_chain.chain.connection import ChainConnection
from fl_chain.protocol.logs import compute_history_hash, decode_log, encode_log
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.roles.auditor import audit_task, collect_evidence
from fl_chain.roles.former_audits import FormerAudits, locate_former_audits
from tests.proxies import ChainProxy, chain_proxy
from tests.world import Federation, World, problems

Change = Callable[[str, list[Any], Any], Any]


@pytest.fixture(scope="module")
def finished(world: World) -> Federation:
    federation = world.federation(num_rounds=2)
    federation.run_round()
    federation.run_round()
    return federation


@pytest.fixture
def node(world: World) -> Iterator[ChainProxy]:
    with chain_proxy(world.connection.rpc_url) as proxy:
        yield proxy


def logs_of(federation: Federation, change: Callable[[list[Any]], list[Any]]) -> Change:
    """Change the ledger's logs."""

    def changed(method: str, params: list[Any], result: Any) -> Any:
        is_ledger = method == "eth_getLogs" and params[0]["address"] == federation.address
        return change(result) if is_ledger else result

    return changed


def without_the_fifth(logs: list[Any]) -> list[Any]:
    return logs[:5] + logs[6:]


def with_another_word(logs: list[Any]) -> list[Any]:
    middle = len(logs) // 2
    data = logs[middle]["data"]
    other = data[:-1] + ("1" if data[-1] == "0" else "0")
    return [*logs[:middle], {**logs[middle], "data": other}, *logs[middle + 1 :]]


def in_older_blocks(logs: list[Any]) -> list[Any]:
    return [*logs[:-1], {**logs[-1], "blockNumber": logs[len(logs) // 2]["blockNumber"]}]


def of_a_former_time(logs: list[Any]) -> list[Any]:
    return logs[:-4]


@pytest.mark.parametrize(
    "lie", [without_the_fifth, with_another_word, in_older_blocks, of_a_former_time]
)
def test_a_history_that_is_told_otherwise_fails_and_nothing_is_taken_over(
    finished: Federation,
    node: ChainProxy,
    tmp_path: Path,
    lie: Callable[[list[Any]], list[Any]],
) -> None:
    def audit() -> list[Finding]:
        return audit_task(
            ChainConnection(node.url),
            finished.address,
            finished.store,
            state=tmp_path,
            is_resumed=True,
        )

    assert problems(audit()) == []
    assert {f.round for f in audit() if f.audited_at} == {1, 2}
    node.change = logs_of(finished, lie)
    lied = audit()
    assert (None, "ledger_history", "FAIL") in problems(lied)
    assert not [finding for finding in lied if finding.audited_at]
    node.change = lambda method, params, result: result
    assert problems(audit()) == []


def test_a_creation_that_is_told_otherwise_fails_and_nothing_is_taken_over(
    finished: Federation, node: ChainProxy, tmp_path: Path
) -> None:
    def audit() -> list[Finding]:
        connection = ChainConnection(node.url)
        return audit_task(
            connection, finished.address, finished.store, state=tmp_path, is_resumed=True
        )

    audit()

    def change(method: str, params: list[Any], result: Any) -> Any:
        is_creation = method == "eth_getTransactionByHash"
        return {**result, "input": result["input"][:-2] + "ff"} if is_creation else result

    node.change = change
    lied = audit()
    assert (None, "ledger_code", "FAIL") in problems(lied)
    assert not [finding for finding in lied if finding.audited_at]


def test_a_past_that_is_consistent_in_itself_has_its_rounds_executed_again(
    finished: Federation, tmp_path: Path
) -> None:
    """Even a node that answers the running hash of its own forgery gets no round taken over."""
    evidence = collect_evidence(finished.world.connection, finished.address, finished.store)
    path = locate_former_audits(tmp_path, evidence.chain_id, finished.address)
    former = FormerAudits(path, evidence.chain_id, finished.address)
    assert problems(run_audit(evidence, observer=former)) == []
    former.close()
    logs = list(evidence.ledger.logs)
    position = next(
        n
        for n, log in enumerate(logs)
        if isinstance(record := decode_log(log), UpdateSubmitted) and record.round == 2
    )
    record = decode_log(logs[position])
    assert isinstance(record, UpdateSubmitted)
    topics, data = encode_log(replace(record, weight=record.weight + 1))
    logs[position] = replace(logs[position], topics=topics, data=data)
    records = [decode_log(log) for log in logs]
    history_hash = compute_history_hash(evidence.chain_id, finished.address, records)
    forged = replace(
        evidence,
        ledger=replace(evidence.ledger, logs=logs, history_hash=history_hash),
        state=None,
    )
    rounds = FormerAudits(path, evidence.chain_id, finished.address).rounds
    assert set(rounds) == {1, 2}
    found = run_audit(forged, scope=Scope(former=rounds))
    assert compute_verdict(found) == Verdict.FAIL
    assert (2, "aggregate", "FAIL") in problems(found)
    assert {finding.round for finding in found if finding.audited_at} == {1}
    with_state = run_audit(replace(forged, state=evidence.state), scope=Scope(former=rounds))
    assert (None, "ledger_state", "FAIL") in problems(with_state)
    assert not [finding for finding in with_state if finding.audited_at]
