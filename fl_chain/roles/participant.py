"""The participant: trains on its own data when a round opens, pins and records the update."""

from __future__ import annotations

from typing import Any

from fl_chain.chain.ledger import Ledger
from fl_chain.errors import TransactionRejected, UsageError
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.actions import CommitUpdate, RevealUpdate, SubmitMasked, SubmitUpdate, Unmask
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.commitment import compute_commitment
from fl_chain.protocol.digest import compute_digest
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
    LOST_RACES,
    SLOT_SECONDS,
    WaitReporter,
    compute_due,
    move_on,
    report_end,
)
from fl_chain.roles.masker import Masker
from fl_chain.roles.patience import DEFAULT_PATIENCE_SECONDS, with_patience
from fl_chain.roles.progress import Progress, ignore_progress, timed
from fl_chain.roles.sealer import Sealer
from fl_chain.roles.submission import DirectSubmission, RelayedSubmission, SubmissionAction
from fl_chain.roles.update_maker import UpdateMaker
from fl_chain.storage.store import ContentStore
from fl_chain.training.energy import EnergyMeter, SilentMeter
from fl_chain.training.trainer import Trainer

GRACE_SECONDS = 15
"""How long a participant leaves it to the aggregators to finalize or abort."""
HEARTBEAT_SECONDS = 5.0
"""Longest wait for news before looking again."""
RETRY_SECONDS = 0.5
"""Longest wait for news after a refusal, which our clock may have been ahead for."""

ALREADY_SENT = ("AlreadySubmitted", "AlreadyCommitted", "AlreadyUnmasked")
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
        self._masker = Masker(self.follower, store, journal, keys, progress, self._patiently)
        self._must_show_funds = self._submission.needs_funds
        self._recorded_in = 0
        """Round whose update was recorded; a list says so to those alone who read it."""
        self._lost_in = 0
        """Round whose update was committed to, and is not in the journal."""
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
        for record in self._patiently(self.follower.refresh):
            if isinstance(record, RoundAborted) and not is_first:
                self._progress("ended", {"round": record.round})
        task = self.follower.task
        if task.is_over:
            report_end(task, self._progress)
            return True
        round_number = task.current.round
        if self._is_awaited():
            if self._ledger.sender not in task.admitted and not self._has_to_tell():
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
        if self._has_to_tell():
            return self._masker.is_final()
        if sender in task.admitted and not (task.is_selected(sender) and task.can_pay(sender)):
            return False
        if sender not in task.admitted and task.is_sampled and self.follower.phase in _OPENING:
            return True  # the sooner it is admitted, the sooner it can be selected
        match self.follower.phase:
            case Phase.COMMITTING:
                return not task.has_committed(sender) and self._lost_in != task.current.round
            case Phase.COLLECTING if task.parameters.commit_seconds:
                is_ready = task.has_committed(sender) and self._shows_from() <= self.follower.now
                return is_ready and self._lost_in != task.current.round
            case Phase.COLLECTING:
                number = task.current.round
                return task.last_round_of.get(sender) != number != self._recorded_in
            case _:
                return False

    def _has_to_tell(self) -> bool:
        """Return whether this participant's update is in, and its seeds may be asked for."""
        if self.follower.phase != Phase.UNMASKING:
            return False
        task, sender = self.follower.task, self._ledger.sender
        is_due = task.has_entered(sender) and not task.has_unmasked(sender)
        return is_due and self._masker.has_more(task.current.round)

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
            self._take_part_masked(round_number, values)
        elif not task.parameters.commit_seconds:
            if entry := self._maker.make(round_number, values):
                self._submit(entry, values)
        elif not task.has_committed(self._ledger.sender):
            if entry := self._maker.make(round_number, values):
                self._commit(entry, values)
        elif entry := self._read_committed(round_number):
            self._submit(entry, values)
        else:
            self._miss(round_number, "the journal does not have the update that was committed to")

    def _take_part_masked(self, round_number: int, values: dict[str, Any]) -> None:
        task, sender = self.follower.task, self._ledger.sender
        if self.follower.phase == Phase.UNMASKING:
            self._tell(round_number, values)
        elif not task.has_committed(sender):
            if not self._masker.has_group():
                self._miss(round_number, "its group is too small to hide anybody")
            # Trained before: what training knew after the last round is read by its record.
            elif self._maker.make(round_number, values):
                self._share(round_number, values)
        else:
            entry = self._maker.read(round_number)
            masked = entry and self._masker.mask(entry)
            if entry and masked:
                self._submit_masked(entry, *masked, values)
            else:
                self._miss(round_number, "the journal does not have what was shared")

    def _share(self, round_number: int, values: dict[str, Any]) -> None:
        """Commit to a share bundle, which all of the group can read."""
        with timed(values, "share_seconds"):
            word = self._masker.share(round_number)
        if word is None:
            self._miss(round_number, "its masks are out already")
            return
        gas = self._send(CommitUpdate(round_number, word), "commit_seconds", values)
        if gas is not None:
            self._progress("shared", {**values, "bundle": word.hex(), "gas": gas})

    def _submit_masked(
        self, entry: JournalEntry, masked: bytes, apart: int, values: dict[str, Any]
    ) -> None:
        with timed(values, "pin_seconds"):
            cid = self._patiently(lambda: self._store.put(masked))
        digest = compute_digest(masked)
        action = SubmitMasked(entry.round, digest, cid.digest, entry.weight, apart)
        gas = self._send(action, "submit_seconds", values)
        if gas is not None:
            self._report_submitted(values, digest, cid, masked, entry.weight, gas)

    def _tell(self, round_number: int, values: dict[str, Any]) -> None:
        """Record what this participant tells of the seeds of its group."""
        with timed(values, "tell_seconds"):
            word = self._masker.tell(round_number)
        if word is not None:
            gas = self._send(Unmask(round_number, word), "unmask_seconds", values)
            if gas is not None:
                self._progress("unmasked", {**values, "reveal": word.hex(), "gas": gas})

    def _miss(self, round_number: int, reason: str) -> None:
        self._lost_in = round_number
        self._progress("missed", {"round": round_number, "reason": reason})

    def _commit(self, entry: JournalEntry, values: dict[str, Any]) -> None:
        """Commit to an update that nobody else gets to see before all have committed."""
        commitment = self._commitment_to(entry)
        action = CommitUpdate(entry.round, commitment)
        gas = self._send(action, "commit_seconds", values)
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
        with timed(values, "pin_seconds"):
            cid = self._patiently(lambda: self._store.put(entry.pinned))
        update = entry.round, entry.digest, cid.digest, entry.weight
        action = RevealUpdate(*update, entry.salt) if entry.salt else SubmitUpdate(*update)
        gas = self._send(action, "submit_seconds", values)
        if gas is not None:
            self._recorded_in = entry.round
            self._report_submitted(values, entry.digest, cid, entry.pinned, entry.weight, gas)

    def _report_submitted(
        self, values: dict[str, Any], digest: bytes, cid: Cid, pinned: bytes, weight: int, gas: int
    ) -> None:
        self._progress(
            "submitted",
            {
                **values,
                "digest": digest.hex(),
                "cid": str(cid),
                "bytes": len(pinned),
                "weight": weight,
                "gas": gas,
            },
        )

    def _send(self, action: SubmissionAction, what: str, values: dict[str, Any]) -> int | None:
        """Send and return the gas; None if the round has moved on or has it already."""
        try:
            with timed(values, what):
                gas: int | None = self._patiently(lambda: self._submission.submit(action))
        except TransactionRejected as error:
            if error.error not in (*LOST_RACES, *ALREADY_SENT):
                raise
            # The round closed without us, or what was sent before a restart was mined after all.
            event = "resumed" if error.error in ALREADY_SENT else "missed"
            self._progress(event, {"round": action.round, "reason": error.error})
            if event == "missed":
                self._ledger.wait(RETRY_SECONDS)
                return None
            gas = None
        self._maker.forget_late()
        return gas

    def _pause(self) -> float:
        due, task = compute_due(self.follower), self.follower.task
        if due is None:
            return HEARTBEAT_SECONDS
        if self._has_to_tell():
            return RETRY_SECONDS  # blocks that confirm the record are no news
        waits = [HEARTBEAT_SECONDS, max(0.05, due + GRACE_SECONDS - self.follower.now)]
        if task.has_committed(self._ledger.sender):
            # In COMMITTING its end is before that, and brings one here again.
            shows_in = self._shows_from() - self.follower.now
            waits += [shows_in] if shows_in > 0 else []
        return min(waits)

    def _patiently(self, action: Any) -> Any:
        return with_patience(action, self._patience_seconds, self._progress)
