"""The participant: trains on its own data when a round opens, pins and records the update."""

from __future__ import annotations

import hashlib
from typing import Any

from fl_chain.aggregation.derive import update_header
from fl_chain.aggregation.fixed_point import decode_model, encode_update, expand_words
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import SubmitUpdate
from fl_chain.protocol.blob import count_values, encode_blob
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.layout import flatten, unflatten
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import (
    ParticipantAdmitted,
    ParticipantSucceeded,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    TaskStopped,
)
from fl_chain.roles.admission import seek_admission
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.journal import Journal, JournalEntry
from fl_chain.roles.liveness import (
    LOST_RACES,
    WaitReporter,
    compute_due,
    move_on,
    report_end,
)
from fl_chain.roles.patience import DEFAULT_PATIENCE_SECONDS, with_patience
from fl_chain.roles.progress import Progress, ignore_progress, timed
from fl_chain.storage.store import ContentStore
from fl_chain.training.trainer import Trainer

GRACE_SECONDS = 15
"""How long a participant leaves it to the aggregators to finalize or abort."""
HEARTBEAT_SECONDS = 5.0
"""Longest wait for news before looking again."""

ALREADY_SUBMITTED = "AlreadySubmitted"
NEWS = (
    *(RoundOpened, RoundFinalized, RoundAborted, TaskStopped),
    *(ParticipantAdmitted, ParticipantSucceeded),
)


class ParticipantRole:
    """Takes part in every round of one task until the task is over.

    Parameters
    ----------
    ledger
        The task, with the participant's key.
    store
        The participant's IPFS node.
    trainer
        Trains on the participant's own data.
    journal
        Survives restarts.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        trainer: Trainer,
        journal: Journal,
        *,
        progress: Progress = ignore_progress,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self.follower = TaskFollower(ledger, store)
        self._ledger = ledger
        self._store = store
        self._trainer = trainer
        self._journal = journal
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._wait_reporter = WaitReporter(progress)
        self._has_shown_funds = False

    def run(self) -> None:
        """Work until the task is over.

        Raises
        ------
        FlChainError
            Something that waiting does not mend. Running again continues where this left off.
        """
        while not self.step():
            pass

    def step(self) -> bool:
        """Do what is to be done now, or wait for news; return whether the task is over."""
        self._ledger.watch(*NEWS)
        is_first = not self.follower.has_started
        for record in self._patiently(self.follower.refresh):
            if isinstance(record, RoundAborted) and not is_first:
                self._progress("ended", {"round": record.round})
        task = self.follower.task
        if task.is_over:
            report_end(task, self._progress)
            return True
        round_number = task.current.round
        has_submitted = task.last_round_of.get(self._ledger.sender) == round_number
        if self.follower.phase == Phase.COLLECTING and not has_submitted:
            if self._ledger.sender not in task.admitted:
                self._patiently(lambda: seek_admission(self._ledger, task, self._progress))
                return False  # as what the records say now
            if not self._has_shown_funds:
                self._patiently(self._ledger.check_funds)
                self._has_shown_funds = True
            self._take_part(round_number)
        elif not self._patiently(lambda: move_on(self.follower, GRACE_SECONDS, self._progress)):
            self._wait_reporter.report(self.follower)
            self._ledger.wait(self._pause())
        return False

    def _take_part(self, round_number: int) -> None:
        values: dict[str, Any] = {"round": round_number}
        entry = self._make_update(round_number, values)
        with timed(values, "digest_seconds"):
            digest = compute_digest(entry.blob)
        with timed(values, "pin_seconds"):
            cid = self._patiently(lambda: self._store.put(entry.blob))
        action = SubmitUpdate(round_number, digest, cid.digest, entry.weight)
        try:
            with timed(values, "submit_seconds"):
                receipt = self._patiently(lambda: self._ledger.send(action))
        except TransactionRejected as error:
            if error.error not in (*LOST_RACES, ALREADY_SUBMITTED):
                raise
            # The round closed without us, or what was sent before a restart was mined after all.
            event = "resumed" if error.error == ALREADY_SUBMITTED else "missed"
            self._progress(event, {"round": round_number, "reason": error.error})
            return
        self._progress(
            "submitted",
            {
                **values,
                "digest": digest.hex(),
                "cid": str(cid),
                "bytes": len(entry.blob),
                "weight": entry.weight,
                "gas": receipt.gas_used,
            },
        )

    def _make_update(self, round_number: int, values: dict[str, Any]) -> JournalEntry:
        """Return this round's update, from the journal if it was made before a restart."""
        task = self.follower.task
        base_model = task.base_digest.hex()
        manifest = self._patiently(lambda: self.follower.manifest)
        entry = self._journal.read_update(manifest.task_id, round_number, base_model)
        if entry is not None:
            return entry
        with timed(values, "fetch_seconds"):
            model = self._patiently(self.follower.base_model)
        encoding = manifest.encoding
        self._progress("training", {"round": round_number})
        with timed(values, "decode_seconds"):
            parameters = unflatten(
                decode_model(model, encoding.model_fraction_bits), manifest.layout
            )
        with timed(values, "train_seconds"):
            result = self._trainer.train(parameters, seed=self._seed(round_number))
        with timed(values, "encode_seconds"):
            words = None
            if encoding.rounding == "stochastic":
                words = expand_words(
                    self._label("rounding", round_number), count_values(manifest.layout)
                )
            lanes = encode_update(
                flatten(result.parameter_delta, manifest.layout),
                encoding.fraction_bits,
                encoding.max_abs,
                words,
            )
            header = update_header(manifest, round_number, base_model, self._ledger.sender)
            blob = encode_blob(header, lanes)
            weight = min(result.num_examples, task.parameters.max_weight)
            entry = JournalEntry(manifest.task_id, round_number, base_model, weight, blob)
            self._journal.write_update(entry)
        values["loss"] = round(result.loss, 6)
        return entry

    def _seed(self, round_number: int) -> int:
        """Seed of this round's training: the same after a restart, another for everybody else."""
        return int.from_bytes(hashlib.sha256(self._label("training", round_number)).digest()[:4])

    def _label(self, purpose: str, round_number: int) -> bytes:
        manifest = self.follower.manifest
        parts = (
            "fl_chain",
            purpose,
            str(manifest.recipe.seed),
            manifest.task_id,
            str(round_number),
            self._ledger.sender,
        )
        return "/".join(parts).encode()

    def _pause(self) -> float:
        due = compute_due(self.follower)
        if due is None:
            return HEARTBEAT_SECONDS
        return min(HEARTBEAT_SECONDS, max(0.05, due + GRACE_SECONDS - self.follower.now))

    def _patiently(self, action: Any) -> Any:
        return with_patience(action, self._patience_seconds, self._progress)
