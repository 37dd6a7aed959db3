"""When each round opened, by which seed, and how many it selected: no single record says so.

A record tells when a round opens at the latest. It opens earlier if all secrets of its seed are
revealed before, and a pause moves it once more.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl_chain.protocol.records import Record, RoundOpened, TaskPaused
from fl_chain.protocol.round import Task
from fl_chain.roles.task_history import TaskHistory


@dataclass(frozen=True, slots=True)
class Opening:
    """How a round opened, or is going to."""

    opens_at: int
    """Block time, in seconds since the epoch."""
    seed: bytes | None = None
    """32 bytes; None as long as it is not fixed, and where all take part."""
    selected: int | None = None
    """How many participants it selected; None as `seed`."""


def find_openings(history: TaskHistory) -> dict[int, Opening]:
    """Return how each round opened, by its number: paused and sampled tasks are replayed."""
    is_sampled = history.parameters.sample_rate > 0
    openings: dict[int, Opening] = {}
    if not is_sampled and not any(history.index.records(TaskPaused)):
        for item in history.index.records(RoundOpened):
            if isinstance(item.record, RoundOpened):
                openings[item.record.round] = Opening(item.record.opens_at)
        return openings

    def note(task: Task, seed: bytes | None) -> None:
        selected = task.count_selected() if seed is not None else None
        openings[task.current.round] = Opening(task.current.opened_at, seed, selected)

    def note_end(task: Task, record: Record) -> None:
        if isinstance(record, RoundOpened) and task.current.round:
            note(task, task.seed if is_sampled else None)

    task = history.replay(note_end)
    if task.current.round:
        note(task, task.seed_of(task.current.round, history.now))
    return openings
