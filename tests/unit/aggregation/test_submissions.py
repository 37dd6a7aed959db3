"""The updates of a round from records and lists: each rule that a list or an entry can break."""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl_chain.aggregation.submissions import Place, are_all, list_submissions, open_list
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.records import RoundOpened, UpdatesListed, UpdateSubmitted
from fl_chain.protocol.report import ExclusionReason
from fl_chain.protocol.state import RoundHistory
from tests import golden

VECTORS = golden.load("update_list/update_list.json")
CASE = VECTORS["cases"][1]
DATA = golden.blob_of(CASE["parts"])
ENTRIES = CASE["list"]["entries"]
EVERYBODY = frozenset(entry["participant"] for entry in ENTRIES)
PLACE = Place(
    VECTORS["chain_id"],
    VECTORS["ledger"],
    CASE["list"]["task"],
    CASE["list"]["round"],
    VECTORS["max_weight"],
    EVERYBODY,
)
WORD = b"\1" * 32
AGGREGATOR = "0x" + "a9" * 20


def listed_as(data: bytes, count: int = len(ENTRIES), first: int = 0) -> UpdatesListed:
    return UpdatesListed(PLACE.round, AGGREGATOR, first, count, compute_digest(data), WORD, 0)


def reasons(listed: UpdatesListed, data: bytes | None, place: Place = PLACE) -> set[str]:
    found = list(open_list(place, listed, data))
    assert [one.sequence for one in found] == [listed.first + i for i in range(listed.count)]
    return {one.reason.value if one.reason else "" for one in found}


def test_entries_of_a_right_list_are_as_if_they_had_records_of_their_own() -> None:
    listed = replace(listed_as(DATA, first=7), timestamp=99)
    found = list(open_list(PLACE, listed, DATA))
    assert [one.record for one in found] == [
        UpdateSubmitted(
            PLACE.round,
            entry["participant"],
            7 + position,
            bytes.fromhex(entry["digest"]),
            bytes.fromhex(entry["cid_digest"]),
            entry["weight"],
            99,
        )
        for position, entry in enumerate(ENTRIES)
    ]
    assert {one.reason for one in found} == {None}


@pytest.mark.parametrize(
    ("reason", "data", "recorded"),
    [
        ("unavailable", None, DATA),
        ("oversized", DATA + b"\0", DATA + b"\0"),
        ("wrong_digest", DATA, DATA[:-1] + b"\1"),
        ("wrong_digest", DATA[:-256], DATA),
        ("malformed", DATA[:-1], DATA[:-1]),
        ("malformed", DATA[:-256], DATA[:-256]),
        ("malformed", b" " + DATA[:-1], b" " + DATA[:-1]),
    ],
)
def test_a_list_that_breaks_a_rule_excludes_all_its_entries(
    reason: str, data: bytes | None, recorded: bytes
) -> None:
    assert reasons(listed_as(recorded), data) == {reason}


def test_a_right_list_of_another_number_of_entries_is_malformed() -> None:
    alone = golden.blob_of(VECTORS["cases"][0]["parts"])
    assert reasons(listed_as(alone, count=1), alone) == {""}
    assert reasons(listed_as(alone, count=2), alone) == {"malformed"}


@pytest.mark.parametrize("change", [{"task": "ab" * 32}, {"round": 4}], ids=str)
def test_a_list_of_another_task_or_round_is_misbound(change: dict[str, str]) -> None:
    place = replace(PLACE, **change)  # type: ignore[arg-type]
    assert reasons(listed_as(DATA), DATA, place) == {"misbound"}


@pytest.mark.parametrize(
    "change", [{"chain_id": 1}, {"ledger": "0x" + "1f" * 20}, {"max_weight": 9}], ids=str
)
def test_entries_for_another_place_are_unsigned(change: dict[str, int]) -> None:
    place = replace(PLACE, **change)  # type: ignore[arg-type]
    assert reasons(listed_as(DATA), DATA, place) == {"unsigned"}


def test_an_entry_that_says_nothing_spoils_no_other() -> None:
    data = DATA[:-1] + b"\1"
    found = list(open_list(PLACE, listed_as(data), data))
    assert [one.reason for one in found] == [None] * 3 + [ExclusionReason.UNSIGNED]
    assert found[-1].record is None


def test_who_is_no_member_does_not_count_by_list_or_by_record() -> None:
    stranger, *members = (entry["participant"] for entry in ENTRIES)
    history = RoundHistory(RoundOpened(PLACE.round, 0, 0, 0))
    history.updates.append(UpdateSubmitted(PLACE.round, stranger, 0, WORD, WORD, 1, 0))
    history.updates.append(UpdateSubmitted(PLACE.round, members[0], 5, WORD, WORD, 1, 0))
    history.lists.append(listed_as(DATA, first=1))
    place = replace(PLACE, members=frozenset(members))
    found = list_submissions(place, history, {1: DATA})
    assert [one.sequence for one in found] == list(range(6))
    assert [i for i, one in enumerate(found) if one.reason] == [0, 1]
    assert {one.reason for one in found} == {None, ExclusionReason.NOT_ADMITTED}


def test_without_lists_everybody_on_record_is_a_submission() -> None:
    history = RoundHistory(RoundOpened(PLACE.round, 0, 0, 0))
    history.updates.append(UpdateSubmitted(PLACE.round, AGGREGATOR, 0, WORD, WORD, 1, 0))
    (found,) = list_submissions(replace(PLACE, members=None), history, {})
    assert (found.record, found.reason) == (history.updates[0], None)


def test_a_list_may_be_away_if_all_its_entries_are_among_those_that_are() -> None:
    listed = listed_as(DATA, first=2)
    assert are_all({2, 3, 4, 5, 9}, listed)
    assert not are_all({2, 3, 5, 9}, listed)
