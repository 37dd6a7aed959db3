"""The index says what the chain says: after reorganisations, damage, races, and lies."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from fl_chain.chain.connection import ChainConnection, RpcError
from fl_chain.errors import LedgerError
from fl_chain.index.database import VERSION
from fl_chain.index.index import HistoryIndex
from fl_chain.protocol.logs import compute_history_hash, decode_log
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.roles import indexing
from fl_chain.roles.indexing import locate_index, open_index, update_index
from tests.world import Federation, World

Change = Callable[[Path], None]


def fresh(federation: Federation) -> HistoryIndex:
    """Return an index that has never seen another chain."""
    return federation.history().index


def content(index: HistoryIndex) -> list[Any]:
    """Return all that an index says, and what it would be compared by."""
    return [*index.history(), index.head.history, index.head.num_records]


def assert_is_of_chain(index: HistoryIndex, federation: Federation) -> None:
    update_index(index, federation.world.connection)
    assert content(index) == content(fresh(federation))
    assert list(index.logs()) == list(federation.ledger().fetch(0).logs)


@pytest.fixture
def federation(world: World) -> Federation:
    made = world.federation(num_rounds=2)
    made.run_round()
    return made


def test_the_index_has_every_record_of_the_chain_in_its_order(
    federation: Federation, tmp_path: Path
) -> None:
    index = open_index(tmp_path, federation.world.connection, federation.address)
    assert_is_of_chain(index, federation)
    logs = list(index.logs())
    records = [decode_log(log) for log in logs]
    chain_id, address = index.chain_id, index.ledger
    assert index.head.history == compute_history_hash(chain_id, address, records)
    federation.submit_honestly()
    assert_is_of_chain(index, federation)
    index.close()
    again = open_index(tmp_path, federation.world.connection, federation.address)
    assert [item.record for item in again.history()][: len(records)] == records
    assert again.head.num_records > len(records)


def test_what_is_known_is_not_asked_for_again(federation: Federation) -> None:
    asked: list[int] = []

    class Counting(ChainConnection):
        def try_batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
            logs = [params[0] for method, params in calls if method == "eth_getLogs"]
            asked.extend(int(selection["fromBlock"], 16) for selection in logs)
            return super().try_batch(calls)

    connection = Counting(federation.world.connection.rpc_url)
    index = fresh(federation)
    head = index.head
    update_index(index, connection)
    assert asked == []
    federation.submit_honestly()
    update_index(index, connection)
    assert asked == [head.block + 1]


@pytest.mark.parametrize("is_deep", [False, True], ids=["one_update", "whole_round"])
def test_a_chain_that_was_rewritten_leaves_nothing_of_the_old_one(
    federation: Federation, tmp_path: Path, is_deep: bool
) -> None:
    connection = federation.world.connection
    index = open_index(tmp_path, connection, federation.address)
    update_index(index, connection)
    blobs = [federation.update(number) for number in range(3)]
    snapshot = connection.call("evm_snapshot")
    federation.submit(0, blobs[0])
    update_index(index, connection)
    if is_deep:
        federation.submit(1, blobs[1])
        federation.submit(2, blobs[2])
        update_index(index, connection)
        federation.propose(**proposal(federation))
    update_index(index, connection)
    forgotten = [item.record for item in index.history()]
    assert connection.call("evm_revert", snapshot)
    federation.submit(2, blobs[2], weight=77)
    federation.submit(0, blobs[0], weight=78)
    assert_is_of_chain(index, federation)
    now = [item.record for item in index.history()]
    assert now != forgotten
    assert [r.weight for r in now[-2:]] == [77, 78]  # type: ignore[union-attr]


def proposal(federation: Federation) -> dict[str, bytes]:
    derived = federation.derive()
    return {"model": derived.model, "report": derived.report}


def test_a_reorganisation_of_the_node_itself_is_followed(world: World, tmp_path: Path) -> None:
    federation = world.federation(num_rounds=1)
    blobs = [federation.update(number) for number in range(2)]
    index = open_index(tmp_path, world.connection, federation.address)
    federation.submit(0, blobs[0])
    federation.submit(1, blobs[1])
    update_index(index, world.connection)
    before = index.head
    world.connection.call("anvil_reorg", 2, [])  # the last two blocks, and their transactions
    assert_is_of_chain(index, federation)
    assert index.head.hash != before.hash
    assert len(list(index.updates())) == 0


def test_a_chain_that_began_anew_is_indexed_anew(federation: Federation, tmp_path: Path) -> None:
    connection = federation.world.connection
    index = open_index(tmp_path, connection, federation.address)
    update_index(index, connection)
    with sqlite3.connect(index_file(federation, tmp_path)) as database:
        database.execute("UPDATE checkpoints SET hash = ?", (b"\1" * 32,))
    assert_is_of_chain(index, federation)


def index_file(federation: Federation, state: Path) -> Path:
    return locate_index(state, federation.world.connection.chain_id, federation.address)


def damage(path: Path) -> None:
    path.write_bytes(b"no database at all" * 100)


def age(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute(f"PRAGMA user_version = {VERSION + 1}")


def rename(path: Path) -> None:
    with sqlite3.connect(path) as database:
        database.execute("UPDATE subject SET chain_id = 1")


@pytest.mark.parametrize("change", [Path.unlink, damage, age, rename])
def test_a_file_that_is_no_index_of_the_task_is_made_anew(
    federation: Federation, tmp_path: Path, change: Change
) -> None:
    connection = federation.world.connection
    index = open_index(tmp_path, connection, federation.address)
    update_index(index, connection)
    index.close()
    change(index_file(federation, tmp_path))
    found = open_index(tmp_path, connection, federation.address)
    assert found.head.block == -1
    assert_is_of_chain(found, federation)


def test_an_index_whose_running_hash_is_not_the_contracts_is_made_anew(
    federation: Federation, tmp_path: Path
) -> None:
    connection = federation.world.connection
    index = open_index(tmp_path, connection, federation.address)
    update_index(index, connection)
    with sqlite3.connect(index_file(federation, tmp_path)) as database:
        database.execute("UPDATE checkpoints SET history = zeroblob(32)")
        database.execute("DELETE FROM updates")
    assert_is_of_chain(index, federation)


def test_where_nothing_can_be_written_the_index_is_kept_in_memory(
    federation: Federation, tmp_path: Path
) -> None:
    (tmp_path / "index").write_text("a file where the folder should be")
    index = open_index(tmp_path, federation.world.connection, federation.address)
    assert_is_of_chain(index, federation)
    assert (tmp_path / "index").is_file()


def test_two_who_bring_one_index_up_to_date_add_nothing_twice(
    federation: Federation, tmp_path: Path
) -> None:
    connection = federation.world.connection
    one, other = (open_index(tmp_path, connection, federation.address) for _ in range(2))
    head = one.head
    update_index(one, connection)
    assert not other.append(head, [], 0, b"")  # as if it had begun before the first one was done
    assert_is_of_chain(other, federation)


class Lying(ChainConnection):
    """A chain node whose logs pass through somebody's hands."""

    def __init__(self, url: str, change: Callable[[list[Any]], Any]) -> None:
        self.change = change
        super().__init__(url)

    def try_batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
        answers = super().try_batch(calls)
        return [
            self.change(answer) if method == "eth_getLogs" and answer else answer
            for (method, _), answer in zip(calls, answers, strict=True)
        ]


def omit(logs: list[Any]) -> list[Any]:
    return logs[:-1]


def repeat(logs: list[Any]) -> list[Any]:
    return [*logs, logs[-1]]


def alter(logs: list[Any]) -> list[Any]:
    data = logs[-1]["data"]
    return [*logs[:-1], {**logs[-1], "data": data[:-1] + ("0" if data[-1] != "0" else "1")}]


@pytest.mark.parametrize("change", [omit, repeat, alter])
def test_a_node_that_omits_repeats_or_alters_records_gets_no_history_told(
    federation: Federation, change: Callable[[list[Any]], Any]
) -> None:
    lying = Lying(federation.world.connection.rpc_url, change)
    index = HistoryIndex(None, lying.chain_id, federation.address)
    with pytest.raises(LedgerError, match=r"do not hash to what the contract says") as error:
        update_index(index, lying)
    assert "another chain node" in error.value.hint


def test_a_node_that_refuses_long_answers_is_asked_for_shorter_ones(
    federation: Federation, monkeypatch: pytest.MonkeyPatch
) -> None:
    spans: list[int] = []

    class Stingy(ChainConnection):
        def try_batch(self, calls: Sequence[tuple[str, Sequence[Any]]]) -> list[Any]:
            answers = super().try_batch(calls)
            for position, (method, params) in enumerate(calls):
                if method == "eth_getLogs":
                    ends = (int(params[0][name], 16) for name in ("toBlock", "fromBlock"))
                    spans.append(next(ends) - next(ends) + 1)
                    if spans[-1] > 2:
                        answers[position] = RpcError("query returned too many results")
            return answers

    monkeypatch.setattr(indexing, "FEW_LOGS", 0)  # so that it stays at what was accepted
    stingy = Stingy(federation.world.connection.rpc_url)
    index = HistoryIndex(None, stingy.chain_id, federation.address)
    head = fresh(federation).head.block
    update_index(index, stingy)
    assert head > 10
    assert max(spans) == indexing.FIRST_WINDOW
    assert content(index) == content(fresh(federation))


def test_a_contract_that_is_none_of_ours_is_refused_by_its_records(world: World) -> None:
    federation = world.federation(num_rounds=1)

    def forge(logs: list[Any]) -> list[Any]:
        return [{**logs[0], "topics": ["0x" + "ab" * 32]}, *logs[1:]]

    lying = Lying(world.connection.rpc_url, forge)
    with pytest.raises(LedgerError, match="unknown event"):
        update_index(HistoryIndex(None, lying.chain_id, federation.address), lying)


def test_updates_and_transactions_are_found_by_what_names_them(world: World) -> None:
    federation = world.federation()
    federation.submit_honestly()
    history = federation.history()
    for item in history.index.updates():
        record = item.record
        assert isinstance(record, UpdateSubmitted)
        assert history.index.find_cid_digest(record.cid_digest) == [item]
        assert history.index.find_transaction(item.transaction) == [item]
    created = next(history.index.records())
    found = history.index.find_transaction(created.transaction)
    assert found[0] == created
    assert [item.position for item in found] == sorted(item.position for item in found)
    assert history.index.find_transaction(bytes(32)) == []
    assert history.index.find_cid_digest(bytes(32)) == []
