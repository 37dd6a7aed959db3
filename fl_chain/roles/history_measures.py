"""What every round cost and yielded: from records, receipts, and what its participants say.

Counts, times and gas follow from the chain. Loss, accuracy and energy are in the round's report,
where the participants' claims are added up; without it these columns stay empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor

from fl_chain.aggregation.round_blobs import compute_pinned_bytes
from fl_chain.index.selection import EVERYTHING, Selection
from fl_chain.protocol.measurement import MEASURED_LIMIT, MILLIONTHS, MeasuredTotals
from fl_chain.protocol.records import UpdateCommitted, UpdatesListed, UpdateSubmitted
from fl_chain.protocol.report import RoundReport
from fl_chain.roles.history import RoundSummary, summarize_rounds
from fl_chain.roles.history_gas import sum_gas_by_round
from fl_chain.roles.manifest_shelf import FETCHES_AT_ONCE
from fl_chain.roles.round_openings import find_openings
from fl_chain.roles.task_history import Row, TaskHistory


def list_measures(history: TaskHistory, selection: Selection = EVERYTHING) -> Iterator[Row]:
    """Yield a row per round that has opened.

    ``commit_s`` and ``collect_s`` are the seconds of block time to the last commitment and update
    on record, ``aggregate_s`` those to the proposal, ``decide_s`` those to the final model. What
    ``base_accuracy`` and ``base_loss`` are about is the model that the round *started from*.
    """
    openings = find_openings(history)
    rounds = {
        number: summary
        for number, summary in summarize_rounds(history).items()
        if selection.covers(number, openings[number].opens_at)
    }
    gas = sum_gas_by_round(history, Selection(selection.first_round, selection.last_round))
    updates = history.index.count_updates()
    commits, submissions = _find_last(history)
    counts = {
        number: updates.get(number, (0, 0))[0] + sum(entry.count for entry in summary.lists)
        for number, summary in rounds.items()
    }
    reports = _find_reports(history, rounds, counts)
    size = compute_pinned_bytes(history.manifest) if history.manifest else None
    for number, summary in rounds.items():
        report = reports.get(number)
        included = len(report.included) if report else None
        yield {
            "round": number,
            "updates": counts[number],
            "included": included,
            "bytes": included * size if included is not None and size else None,
            **_measure_time(
                openings[number].opens_at,
                summary,
                commits.get(number),
                submissions.get(number),
            ),
            "gas": gas[number],
            **_describe_totals(report.totals if report else None),
        }


def _describe_totals(totals: MeasuredTotals | None) -> Row:
    if totals is None:
        names = ("examples", "train_loss", "slowest_s", "base_accuracy", "base_loss")
        return dict.fromkeys((*names, "energy_kwh", "energy"))
    has_base = totals.base_examples > 0
    accuracy = totals.accuracy
    return {
        "examples": totals.train_examples,
        "train_loss": _read_loss(totals.train_loss_millionths),
        "slowest_s": totals.train_milliseconds_max / 1000,
        "base_accuracy": None if accuracy is None else round(accuracy, 4),
        "base_loss": _read_loss(totals.base_loss_millionths) if has_base else None,
        "energy_kwh": float(f"{totals.kilowatt_hours:.3g}") if totals.energy_updates else None,
        "energy": _name_energy(totals),
    }


def _read_loss(millionths: int) -> float | None:
    """Return a loss, None if it is no number."""
    return millionths / MILLIONTHS if millionths < MEASURED_LIMIT - 1 else None


def _name_energy(totals: MeasuredTotals) -> str | None:
    """Return how the energy came about; a part that is estimated makes all of it that."""
    if totals.energy_updates == 0:
        return None
    return "estimated" if totals.estimated_millijoules else "measured"


def _measure_time(
    start: int, summary: RoundSummary, committed: int | None, submitted: int | None
) -> Row:
    """Return the seconds of each step of a round, None of one that did not come."""
    proposed = summary.proposal.timestamp if summary.proposal else None
    finalized = summary.finalized.timestamp if summary.finalized else None
    steps = {
        "commit_s": committed,
        "collect_s": submitted,
        "aggregate_s": proposed,
        "decide_s": finalized,
    }
    seconds: Row = {}
    for name, moment in steps.items():
        seconds[name] = None if moment is None else moment - start
        start = start if moment is None else moment
    return seconds


def _find_last(history: TaskHistory) -> tuple[dict[int, int], dict[int, int]]:
    """Return when the last commitment and the last update of each round were recorded."""
    commits: dict[int, int] = {}
    submissions: dict[int, int] = {}
    for item in history.index.records(UpdateCommitted, UpdatesListed):
        match item.record:
            case UpdateCommitted() as committed:
                commits[committed.round] = committed.timestamp
            case UpdatesListed() as listed:
                submissions[listed.round] = listed.timestamp
    for item in history.index.updates():
        if isinstance(item.record, UpdateSubmitted):
            number = item.record.round
            submissions[number] = max(item.record.timestamp, submissions.get(number, 0))
    return commits, submissions


def _find_reports(
    history: TaskHistory, rounds: dict[int, RoundSummary], counts: dict[int, int]
) -> dict[int, RoundReport]:
    """Return the reports that can be had, of rounds with a proposal."""
    # The index is read here: a database belongs to its thread.
    sizes = {number: history.compute_report_bytes(count) for number, count in counts.items()}

    def find(number: int) -> RoundReport | None:
        proposal = rounds[number].proposal
        return history.shelf.find_report(proposal, sizes[number]) if proposal else None

    numbers: Sequence[int] = list(rounds)
    with ThreadPoolExecutor(FETCHES_AT_ONCE) as pool:
        found = zip(numbers, pool.map(find, numbers), strict=True)
        return {number: report for number, report in found if report is not None}
