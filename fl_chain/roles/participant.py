"""The participant: trains on its own data when a round opens, pins and records the update."""

from __future__ import annotations

from typing import Any

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import UsageError
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.actions import CommitUpdate, RevealUpdate, SubmitUpdate
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.commitment import compute_commitment
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import (
    ParticipantAdmitted,
    ParticipantSucceeded,
    RoundAborted,
    RoundFinalized,
    RoundOpened,
    SeedRevealed,
    TaskStopped,
    UpdateCommitted,
    UpdateSubmitted,
)
from fl_chain.relay.client import RelayClient
from fl_chain.roles.admission import seek_admission
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.journal import Journal, JournalEntry
from fl_chain.roles.liveness import (
    SLOT_SECONDS,
    WaitReporter,
    compute_due,
    move_on,
    report_end,
)
from fl_chain.roles.masked_part import MaskedPart
from fl_chain.roles.masker import Masker
from fl_chain.roles.patience import DEFAULT_PATIENCE_SECONDS, with_patience
from fl_chain.roles.progress import Progress, ignore_progress
from fl_chain.roles.recorder import RETRY_SECONDS, Recorder
from fl_chain.roles.sealer import Sealer
from fl_chain.roles.submission import DirectSubmission, RelayedSubmission
from fl_chain.roles.update_maker import UpdateMaker
from fl_chain.storage.store import ContentStore
from fl_chain.training.energy import EnergyMeter, SilentMeter
from fl_chain.training.trainer import Trainer

GRACE_SECONDS = 15
"""How long a participant leaves it to the aggregators to finalize or abort."""
HEARTBEAT_SECONDS = 5.0
"""Longest wait for news before looking again."""
_OPENING = (Phase.SCHEDULED, Phase.COMMITTING, Phase.COLLECTING)
NEWS = (
    *(RoundOpened, RoundFinalized, RoundAborted, TaskStopped),
    *(ParticipantAdmitted, ParticipantSucceeded, UpdateCommitted, SeedRevealed),
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
    keys
        What opens shares of others, in a task with masked updates.
    relay
        Hands the updates in and pays for them; None if the participant does both.
    meter
        Measures the energy of the training, where the task asks for measurements.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        trainer: Trainer,
        journal: Journal,
        *,
        keys: KeyRing = NO_KEYS,
        relay: RelayClient | None = None,
        meter: EnergyMeter | None = None,
        progress: Progress = ignore_progress,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self.follower = TaskFollower(ledger, store)
        self._ledger = ledger
        self._store = store
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._wait_reporter = WaitReporter(progress)
        self._submission: DirectSubmission | RelayedSubmission = DirectSubmission(self.follower)
        if relay is not None:
            self._submission = RelayedSubmission(
                self.follower, relay, store, progress, self._patiently
            )
        self._maker = UpdateMaker(
            self.follower,
            trainer,
            journal,
            Sealer(self.follower, store, progress, self._patiently),
            meter or SilentMeter(),
            progress,
            self._patiently,
        )
        self._recorder = Recorder(
            ledger, store, self._submission, progress, self._patiently, self._maker.forget_late
        )
        self._masker = Masker(self.follower, store, journal, keys, progress, self._patiently)
        self._masked = MaskedPart(
            self.follower, self._maker, self._masker, self._recorder, progress
        )
        self._must_show_funds = self._submission.needs_funds
        self._recorded_in = 0
        """Round whose update was recorded; a list says so to those alone who read it."""
        self._sat_out = 0
        """Last round that this participant was not selected for."""
        self._has_told_spent = False
        """Whether it has said that its privacy budget is spent."""

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
        is_first = not self.follower.has_started
        self._ledger.watch(*NEWS, *self._further_news())
        records = self._patiently(self.follower.refresh)
        task = self.follower.task
        # A stop aborts the round that is open, whose deadline had not passed.
        stopped_in = task.current.round if task.current.is_stopped else None
        for record in records:
            if isinstance(record, RoundAborted) and not is_first and record.round != stopped_in:
                self._progress("ended", {"round": record.round})
        if task.is_over:
            report_end(task, self._progress)
            return True
        round_number = task.current.round
        if self._is_awaited():
            if self._ledger.sender not in task.admitted and not self._masked.has_to_tell():
                self._patiently(lambda: seek_admission(self._ledger, task, self._progress))
                return False  # as what the records say now
            if task.parameters.commit_seconds and not self._submission.takes_commitments:
                raise UsageError(
                    "this task asks for commitments, which nobody can send for a participant",
                    "leave out --relay",
                )
            if self._must_show_funds:
                self._patiently(self._ledger.check_funds)
                if task.is_masked:
                    self._masker.require_keys()
                self._must_show_funds = False
            self._take_part(round_number)
        elif self._has_spent():
            self._has_told_spent = True
            self._progress("budget_spent", {"round": round_number, **self._spending()})
        elif self._sits_out():
            self._sat_out = round_number
            self._progress("not_selected", {"round": round_number})
        elif not self._patiently(lambda: move_on(self.follower, GRACE_SECONDS, self._progress)):
            self._wait_reporter.report(self.follower)
            self._ledger.wait(self._pause())
        return False

    def _is_awaited(self) -> bool:
        """Return whether the round has room for something that this participant has not sent."""
        task, sender = self.follower.task, self._ledger.sender
        if self._masked.has_to_tell():
            return self._masker.is_final()
        if sender in task.admitted and not (task.is_selected(sender) and task.can_pay(sender)):
            return False
        if sender not in task.admitted and task.is_sampled and self.follower.phase in _OPENING:
            return True  # the sooner it is admitted, the sooner it can be selected
        match self.follower.phase:
            case Phase.COMMITTING:
                return (
                    not task.has_committed(sender) and self._recorder.lost_in != task.current.round
                )
            case Phase.COLLECTING if task.parameters.commit_seconds:
                is_ready = task.has_committed(sender) and self._shows_from() <= self.follower.now
                return is_ready and self._recorder.lost_in != task.current.round
            case Phase.COLLECTING:
                number = task.current.round
                return task.last_round_of.get(sender) != number != self._recorded_in
            case _:
                return False

    def _further_news(self) -> tuple[type[Any], ...]:
        """Return the records that end what only some tasks have."""
        is_masked = self.follower.has_started and self.follower.task.is_masked
        return (UpdateSubmitted,) if is_masked else ()

    def _has_spent(self) -> bool:
        """Return whether no open round has anything to do for this participant, and never will.

        Unless it has said so, or the round is the one of its last update.
        """
        task, sender = self.follower.task, self._ledger.sender
        is_open = self.follower.phase in (Phase.COMMITTING, Phase.COLLECTING)
        is_over = sender in task.admitted and not task.can_pay(sender)
        has_acted = task.last_round_of.get(sender) == task.current.round
        return is_open and is_over and not has_acted and not self._has_told_spent

    def _spending(self) -> dict[str, int]:
        """Return what this participant's updates cost, and the most that they may."""
        task = self.follower.task
        spent = task.spent(self._ledger.sender)
        return {
            "updates": spent // task.parameters.privacy_cost,
            "spent": spent,
            "budget": task.parameters.privacy_budget,
        }

    def _sits_out(self) -> bool:
        """Return whether the round has opened without this participant, which has not said so."""
        task, sender = self.follower.task, self._ledger.sender
        is_open = self.follower.phase in (Phase.COMMITTING, Phase.COLLECTING)
        is_new = is_open and self._sat_out != task.current.round
        return is_new and sender in task.admitted and not task.is_selected(sender)

    def _shows_from(self) -> int:
        """Return when nobody can commit any more, whatever the clocks of chain and participant."""
        task = self.follower.task
        if task.committing.closed_at or self.follower.block_time > task.commit_until:
            return 0
        return task.commit_until + min(SLOT_SECONDS, task.parameters.collect_seconds // 4)

    def _take_part(self, round_number: int) -> None:
        values: dict[str, Any] = {"round": round_number}
        task = self.follower.task
        if task.is_masked:
            self._masked.take_part(round_number, values)
        elif not task.parameters.commit_seconds:
            if entry := self._maker.make(round_number, values):
                self._submit(entry, values)
        elif not task.has_committed(self._ledger.sender):
            if entry := self._maker.make(round_number, values):
                self._commit(entry, values)
        elif entry := self._read_committed(round_number):
            self._submit(entry, values)
        else:
            reason = "the journal does not have the update that was committed to"
            self._recorder.give_up(round_number, reason)

    def _commit(self, entry: JournalEntry, values: dict[str, Any]) -> None:
        """Commit to an update that nobody else gets to see before all have committed."""
        commitment = self._commitment_to(entry)
        action = CommitUpdate(entry.round, commitment)
        gas = self._recorder.send(action, "commit_seconds", values)
        if gas is not None:
            self._progress("committed", {**values, "commitment": commitment.hex(), "gas": gas})

    def _read_committed(self, round_number: int) -> JournalEntry | None:
        entry = self._maker.read(round_number)
        pending = self.follower.task.pending[self._ledger.sender]
        is_it = entry is not None and self._commitment_to(entry) == pending.commitment
        return entry if is_it else None

    def _commitment_to(self, entry: JournalEntry) -> bytes:
        ledger = self._ledger
        digests = entry.digest, compute_cid(entry.pinned).digest
        place = ledger.chain_id, ledger.address, entry.round, ledger.sender
        return compute_commitment(*place, *digests, entry.weight, entry.salt)

    def _submit(self, entry: JournalEntry, values: dict[str, Any]) -> None:
        """Pin an update and record it, with its salt if there is a commitment to it."""
        if self.follower.task.has_budget and not self._can_record(entry.round):
            # Shown and not on record, it would tell as much, and nobody would count it.
            self._recorder.give_up(entry.round, "the round cannot take the update any more")
            return
        cid = self._recorder.pin(entry.pinned, values)
        update = entry.round, entry.digest, cid.digest, entry.weight
        action = RevealUpdate(*update, entry.salt) if entry.salt else SubmitUpdate(*update)
        if self._recorder.submit(action, cid, len(entry.pinned), values):
            self._recorded_in = entry.round

    def _can_record(self, round_number: int) -> bool:
        """Return whether the round can take this participant's update, by the records of now."""
        self._patiently(self.follower.refresh)
        task = self.follower.task
        is_open = task.current.round == round_number and self.follower.phase == Phase.COLLECTING
        return is_open and self._ledger.sender in task.admitted and self._is_awaited()

    def _pause(self) -> float:
        due, task = compute_due(self.follower), self.follower.task
        if due is None:
            return HEARTBEAT_SECONDS
        if self._masked.has_to_tell():
            return RETRY_SECONDS  # blocks that confirm the record are no news
        waits = [HEARTBEAT_SECONDS, max(0.05, due + GRACE_SECONDS - self.follower.now)]
        if task.has_committed(self._ledger.sender):
            # In COMMITTING its end is before that, and brings one here again.
            shows_in = self._shows_from() - self.follower.now
            waits += [shows_in] if shows_in > 0 else []
        return min(waits)

    def _patiently(self, action: Any) -> Any:
        return with_patience(action, self._patience_seconds, self._progress)
