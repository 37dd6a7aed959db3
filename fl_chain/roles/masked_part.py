"""What a participant does in a round with masked updates: share seeds, submit, and tell."""

from __future__ import annotations

from typing import Any

from fl_chain.protocol.actions import CommitUpdate, SubmitMasked, Unmask
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.phases import Phase
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.journal import JournalEntry
from fl_chain.roles.masker import Masker
from fl_chain.roles.progress import Progress, timed
from fl_chain.roles.recorder import Recorder
from fl_chain.roles.update_maker import UpdateMaker


class MaskedPart:
    """One participant's part in the rounds of one task.

    Parameters
    ----------
    follower
        The task, with the participant's key.
    maker
        Makes updates.
    masker
        Masks them.
    recorder
        Puts on record what comes of it.
    progress
        Told about it.
    """

    def __init__(
        self,
        follower: TaskFollower,
        maker: UpdateMaker,
        masker: Masker,
        recorder: Recorder,
        progress: Progress,
    ) -> None:
        self._follower = follower
        self._maker = maker
        self._masker = masker
        self._recorder = recorder
        self._progress = progress

    def has_to_tell(self) -> bool:
        """Return whether this participant's update is in, and its seeds may be asked for."""
        if self._follower.phase != Phase.UNMASKING:
            return False
        task, sender = self._follower.task, self._follower.ledger.sender
        is_due = task.has_entered(sender) and not task.has_unmasked(sender)
        return is_due and self._masker.has_more(task.current.round)

    def take_part(self, round_number: int, values: dict[str, Any]) -> None:
        """Do what the current phase of a round asks for; ``values`` takes the seconds of it."""
        if self._follower.phase == Phase.UNMASKING:
            self._tell(round_number, values)
        elif self._follower.task.has_committed(self._follower.ledger.sender):
            entry = self._maker.read(round_number)
            masked = entry and self._masker.mask(entry)
            if entry and masked:
                self._submit(entry, *masked, values)
            else:
                reason = "the journal does not have what was shared, or its group is another now"
                self._recorder.give_up(round_number, reason)
        elif not self._masker.has_group():
            self._recorder.give_up(round_number, "its group is too small to hide anybody")
        # Trained before: what training knew after the last round is read by its record.
        elif self._maker.make(round_number, values):
            self._share(round_number, values)

    def _share(self, round_number: int, values: dict[str, Any]) -> None:
        """Commit to a share bundle, which all of the group can read."""
        with timed(values, "share_seconds"):
            word = self._masker.share(round_number)
        if word is None:
            self._recorder.give_up(round_number, "its masks are out already")
            return
        gas = self._recorder.send(CommitUpdate(round_number, word), "commit_seconds", values)
        if gas is not None:
            self._progress("shared", {**values, "bundle": word.hex(), "gas": gas})

    def _submit(
        self, entry: JournalEntry, masked: bytes, apart: int, values: dict[str, Any]
    ) -> None:
        cid, digest = self._recorder.pin(masked, values), compute_digest(masked)
        action = SubmitMasked(entry.round, digest, cid.digest, entry.weight, apart)
        self._recorder.submit(action, cid, len(masked), values)

    def _tell(self, round_number: int, values: dict[str, Any]) -> None:
        """Record what this participant tells of the seeds of its group."""
        with timed(values, "tell_seconds"):
            word = self._masker.tell(round_number)
        if word is not None:
            gas = self._recorder.send(Unmask(round_number, word), "unmask_seconds", values)
            if gas is not None:
                self._progress("unmasked", {**values, "reveal": word.hex(), "gas": gas})
