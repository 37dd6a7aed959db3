"""The demo's line of a round is right in whatever order its processes are heard."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from fl_chain.cli.demo_rounds import RoundBoard, RoundTally
from fl_chain.roles.demo import DemoEvent

NOBODY_WAITS = 1.0


def event(source: str, name: str, number: int, **values: Any) -> DemoEvent:
    return DemoEvent(source, name, {"round": number, **values})


def participant(index: int, number: int) -> list[DemoEvent]:
    name = f"participant-{index}"
    return [
        event(name, "training", number),
        event(
            *(name, "submitted", number),
            gas=40,
            bytes=100,
            energy_millijoules=1500,
            energy_source="estimated",
        ),
    ]


def round_events(number: int, proposer: int, attester: int) -> list[list[DemoEvent]]:
    """What two participants and two of three aggregators say about a round, by process."""
    examined = {
        who: [event(f"aggregator-{who}", "examined", number, sequence=n) for n in range(2)]
        for who in (1, 2, 3)
    }
    said = {
        proposer: event(
            f"aggregator-{proposer}", "proposed", number, gas=80, bytes=50, included=2, updates=2
        ),
        attester: event(f"aggregator-{attester}", "attested", number, gas=70, agrees=True),
    }
    final = event(f"aggregator-{attester}", "finalized", number, proposer="0x")
    return [
        *(participant(index, number) for index in range(2)),
        *([*examined[who], *([said[who]] if who in said else [])] for who in (1, 2, 3)),
        [final],  # by the process that attested last
    ]


def streams(*rounds: list[list[DemoEvent]]) -> dict[str, list[DemoEvent]]:
    """Return the events of each process in the order in which it says them."""
    found: dict[str, list[DemoEvent]] = {}
    for one in rounds:
        for told in itertools.chain.from_iterable(one):
            found.setdefault(told.source, []).append(told)
    return found


def listen(told: list[DemoEvent], quorum: int = 2) -> list[RoundTally]:
    board = RoundBoard(quorum)
    shown = []
    for now, one in enumerate(told, start=1):
        board.add(one, float(now))
        shown += board.take()
    return [*shown, *board.take(is_over=True)]


def summary(tally: RoundTally) -> tuple[int, int, int, int, int, str]:
    voices = tally.done("attesting")
    return (
        *(tally.round, tally.num_included, voices),
        *(tally.gas, tally.bytes_pinned, tally.energy),
    )


@pytest.mark.parametrize("seed", range(50))
def test_each_round_has_its_own_numbers_in_whatever_order_processes_are_heard(seed: int) -> None:
    """Another aggregator than the first proposes in two of three rounds."""
    turns = [(1, 2), (2, 3), (3, 1)]
    pipes = streams(*(round_events(n, *turn) for n, turn in enumerate(turns, start=1)))
    rng = random.Random(seed)
    told = []
    while pipes:
        source = rng.choice(sorted(pipes))
        told.append(pipes[source].pop(0))
        if not pipes[source]:
            del pipes[source]
    assert [summary(tally) for tally in listen(told)] == [
        (number, 2, 2, 2 * 40 + 80 + 70, 2 * 100 + 50, "~3.0 J") for number in (1, 2, 3)
    ]


@pytest.mark.parametrize(
    ("sources", "shown"),
    [
        (["measured", "measured"], "3.0 J"),
        (["measured", "estimated"], "~3.0 J"),
        (["none", "none"], "-"),
        (["none", "measured"], "1.5 J"),
        ([], "-"),
    ],
)
def test_energy_is_marked_where_a_part_of_it_is_estimated(sources: list[str], shown: str) -> None:
    tally = RoundTally(1)
    for source in sources:
        said = {"energy_millijoules": 1500 * (source != "none"), "energy_source": source}
        tally.add(event("participant-0", "submitted", 1, **said), 1.0)
    assert tally.energy == shown


def test_a_line_waits_for_what_led_to_it_and_for_no_more() -> None:
    *others, proposed, final = itertools.chain.from_iterable(round_events(1, 3, 2))
    assert proposed.event == "proposed"
    board = RoundBoard(2)
    for one in (*others, final):
        board.add(one, 1.0)
        assert list(board.take()) == []
    board.add(proposed, 2.0)
    (tally,) = board.take()
    assert tally.finalized_at == 1.0


def test_late_words_about_a_round_that_was_shown_change_no_other() -> None:
    told = list(itertools.chain.from_iterable(round_events(1, 1, 2)))
    board = RoundBoard(2)
    for one in told:
        board.add(one, 1.0)
    assert len(list(board.take())) == 1
    board.add(event("aggregator-3", "examined", 1, sequence=0), 2.0)
    for one in participant(0, 2):
        board.add(one, 2.0)
    assert board.latest is not None
    assert (board.latest.round, board.latest.done("verifying")) == (2, 0)
    assert board.latest.gas == 40
    assert list(board.take(is_over=True)) == []


def test_a_bond_belongs_to_no_round() -> None:
    board = RoundBoard(2)
    board.add(DemoEvent("aggregator-1", "deposited", {"wei": 1, "gas": 30}), 1.0)
    assert board.latest is None


def test_voices_against_do_not_count_for_the_model_that_becomes_final() -> None:
    told = [
        *participant(0, 1),
        event("aggregator-1", "proposed", 1, gas=80, bytes=50, included=1, updates=1),
        event("aggregator-2", "attested", 1, gas=70, agrees=False),
        event("aggregator-3", "attested", 1, gas=70, agrees=False),
        event("aggregator-3", "rejected", 1, proposer="0x"),
        event("aggregator-2", "proposed", 1, gas=80, bytes=50, included=1, updates=1),
        event("aggregator-3", "attested", 1, gas=70, agrees=True),
        event("aggregator-3", "finalized", 1, proposer="0x"),
    ]
    (tally,) = listen(told)
    assert summary(tally) == (1, 1, 2, 40 + 2 * 80 + 3 * 70, 100 + 2 * 50, "~1.5 J")


@pytest.mark.parametrize("quorum", [0, 2])
def test_a_model_that_is_final_by_the_window_waits_for_no_voices(quorum: int) -> None:
    told = [
        *participant(0, 1),
        event("aggregator-1", "proposed", 1, gas=80, bytes=50, included=1, updates=1),
        event("aggregator-1", "finalized", 1, gas=60),
    ]
    board = RoundBoard(quorum)
    for one in told:
        board.add(one, NOBODY_WAITS)
    (tally,) = board.take()
    assert summary(tally) == (1, 1, 1, 40 + 80 + 60, 150, "~1.5 J")


def test_an_aborted_round_has_no_line_and_holds_up_nothing() -> None:
    told = [
        *participant(0, 1),
        event("aggregator-2", "aborted", 1, gas=50),
        *itertools.chain.from_iterable(round_events(2, 2, 3)),
    ]
    assert [tally.round for tally in listen(told)] == [2]
