"""Makes a participant's update of a round: from the journal, from late training, or by training."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from fl_chain.protocol.commitment import SALT_BYTES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest
from fl_chain.protocol.measurement import Measurement
from fl_chain.protocol.staleness import discount_weight, list_base_digests
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.journal import Journal, JournalEntry
from fl_chain.roles.liveness import compute_due
from fl_chain.roles.local_update import (
    UpdatePlace,
    add_unsent,
    derive_update_secret,
    find_training_round,
    take_unsent,
)
from fl_chain.roles.local_work import train_and_measure
from fl_chain.roles.progress import Progress, noticed_after, timed
from fl_chain.roles.sealer import Sealer
from fl_chain.training.energy import EnergyMeter
from fl_chain.training.trainer import Memory, Trainer, TrainingResult

TRAINING_SHARE = 0.8
"""So much of the time until updates are due is for training, where it may be cut short."""


@dataclass(frozen=True, slots=True)
class _Trained:
    """What training made of a model, before it becomes the update of a round."""

    place: UpdatePlace
    result: TrainingResult
    measurement: Measurement | None
    memory: Memory
    """What was known before it."""


class UpdateMaker:
    """Makes updates for one participant of one task.

    Where updates may be late, training that a round did not wait for is kept for the next one.

    Parameters
    ----------
    follower
        The task, with the participant's key.
    trainer
        Trains on the participant's own data.
    journal
        Survives restarts.
    sealer
        Seals updates, where the task asks for that.
    meter
        Measures the energy of the training, where the task asks for measurements.
    progress
        Told about training.
    patiently
        Repeats what asks other machines.
    """

    def __init__(
        self,
        follower: TaskFollower,
        trainer: Trainer,
        journal: Journal,
        sealer: Sealer,
        meter: EnergyMeter,
        progress: Progress,
        patiently: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._follower = follower
        self._trainer = trainer
        self._journal = journal
        self._sealer = sealer
        self._meter = meter
        self._progress = progress
        self._patiently = patiently
        self._late: _Trained | None = None

    def read(self, round_number: int) -> JournalEntry | None:
        """Return the update of a round that was made before, as of the journal."""
        bases = self._list_bases(round_number)
        return self._journal.read_update(self._manifest().task_id, round_number, bases)

    def make(self, round_number: int, values: dict[str, Any]) -> JournalEntry | None:
        """Return the current round's update.

        It is None if the round was over before the training was, and the task lets what was trained
        become the update of the next one.

        Parameters
        ----------
        round_number
            The current round.
        values
            Takes the seconds of each step, for the log.

        Raises
        ------
        FlChainError
            As :class:`~fl_chain.training.trainer.Trainer` and the follower do.
        """
        entry = self.read(round_number)
        if entry is not None:
            return entry
        trained = self._take_late(round_number) or self._train(round_number, values)
        if self._manifest().max_staleness:
            self._late = trained
            self._patiently(self._follower.refresh)
            if self._follower.task.current.round != round_number:
                self._progress("carried_over", {"round": round_number})
                return None
        return self._encode(trained, round_number, values)

    def forget_late(self) -> None:
        """Forget what was trained: an update of it is on record."""
        self._late = None

    def _take_late(self, round_number: int) -> _Trained | None:
        late, self._late = self._late, None
        if late is None or late.place.base_model in self._list_bases(round_number):
            return late
        most = self._manifest().max_staleness
        self._progress("outdated", {"round": late.place.training_round, "most": most})
        return None

    def _train(self, round_number: int, values: dict[str, Any]) -> _Trained:
        task, manifest = self._follower.task, self._manifest()
        recipe, former = manifest.recipe, None
        with timed(values, "fetch_seconds"):
            if recipe.algorithm == "scaffold":
                former = self._patiently(self._follower.former_model)
            model = self._patiently(self._follower.base_model)
        training_round = find_training_round(manifest, round_number, task.current.base_round)
        place = UpdatePlace(
            manifest,
            round_number,
            task.base_digest.hex(),
            self._follower.ledger.sender,
            training_round,
        )
        memory = self._read_memory(manifest.task_id)
        self._trainer.restore(memory)
        self._progress("training", {"round": round_number})
        with timed(values, "decode_seconds"):
            parameters = place.decode(model)
            before = None if former is None else place.decode(former)
        due = compute_due(self._follower) or self._follower.now
        rest = due - self._follower.now
        train = partial(
            self._trainer.train,
            parameters,
            seed=place.seed,
            round_number=training_round,
            former=before,
            seconds=rest * TRAINING_SHARE if recipe.reference_steps else None,
        )
        evaluate = partial(self._trainer.evaluate, parameters, round_number=training_round)

        def notice() -> None:
            if not manifest.max_staleness:
                self._progress("training_late", {"round": round_number})

        with noticed_after(rest, notice):
            if manifest.measurements:
                result, measurement = train_and_measure(evaluate, train, self._meter, values)
                values["energy_millijoules"] = measurement.energy_millijoules
                values["energy_source"] = measurement.energy_source.value
            else:
                measurement = None
                with timed(values, "train_seconds"):
                    result = train()
        if result.is_cut_short:
            self._progress("cut_short", {"round": round_number, "steps": result.num_steps})
        if math.isfinite(result.loss):
            values["loss"] = round(result.loss, 6)
        return _Trained(place, result, measurement, memory)

    def _encode(self, trained: _Trained, round_number: int, values: dict[str, Any]) -> JournalEntry:
        """Write the update down before anybody hears of it."""
        parameters = self._follower.task.parameters
        place = replace(trained.place, round_number=round_number)
        with timed(values, "encode_seconds"):
            secret = derive_update_secret(self._follower.ledger, place.manifest)
            lanes, unsent = place.encode(trained.result, take_unsent(trained.memory), secret)
            is_secret = place.manifest.privacy.is_masked
            blob = (
                place.to_secret(lanes) if is_secret else place.to_blob(lanes, trained.measurement)
            )
            staleness = self._list_bases(round_number).index(place.base_model)
            weight = min(trained.result.num_examples, parameters.max_weight)
            weight = max(1, discount_weight(weight, staleness))
            salt = os.urandom(SALT_BYTES) if parameters.commit_seconds else b""
            task_id = place.manifest.task_id
            digest = b"" if is_secret else compute_digest(blob)
        with timed(values, "seal_seconds"):
            pinned = self._sealer.seal(round_number, blob)
        with timed(values, "write_seconds"):
            what = weight, digest, pinned, salt
            entry = JournalEntry(task_id, round_number, place.base_model, *what, is_secret)
            memory = add_unsent(self._trainer.memory(), unsent)
            self._journal.write_memory(task_id, round_number, memory)
            self._journal.write_update(entry)
        if staleness:
            values["staleness"] = staleness
        return entry

    def _read_memory(self, task_id: str) -> Memory:
        """Return what training knew after the last round that has an update of this participant.

        After a round whose update was late it knows nothing: nobody has that update.
        """
        task = self._follower.task
        last = task.last_round_of.get(self._follower.ledger.sender, 0)
        if task.parameters.list_seconds:
            last = task.current.round - 1  # records do not say whose updates are in lists
        return self._journal.read_memory(task_id, last)

    def _list_bases(self, round_number: int) -> tuple[str, ...]:
        staleness = self._manifest().max_staleness
        return list_base_digests(self._follower.task, round_number, staleness)

    def _manifest(self) -> Manifest:
        manifest: Manifest = self._patiently(lambda: self._follower.manifest)
        return manifest
