"""Seals a participant's updates to the readers of the task, under the keys that they have now."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import Any

from fl_chain.errors import UsageError
from fl_chain.privacy.sealing import CONTENT_KEY_BYTES, SealPlace, seal_update
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.key_directory import KeyDirectory
from fl_chain.roles.progress import Progress
from fl_chain.storage.store import ContentStore

LOOK_SECONDS = 1.0
"""Between two looks for keys that are not there."""
LAST_LOOK_SECONDS = 15.0
"""For the keys of aggregators, however late it is: without any a participant ends."""


class Sealer:
    """What stands between a participant's update and what it pins; nothing in an open task.

    Parameters
    ----------
    follower
        The task, with the participant's key.
    store
        Where the readers' keys are pinned.
    progress
        Told whom an update is not sealed to.
    patiently
        Repeats what asks other machines.
    """

    def __init__(
        self,
        follower: TaskFollower,
        store: ContentStore,
        progress: Progress,
        patiently: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._follower = follower
        self._progress = progress
        self._patiently = patiently
        self._directory = KeyDirectory(follower, store, patiently)

    def seal(self, round_number: int, blob: bytes) -> bytes:
        """Return what to pin of an update.

        A reader that has no usable key is waited for, until half of the time to commit or to submit
        has passed, whichever is first; so no reader can stop the others. One that was revoked is
        not.

        Raises
        ------
        UsageError
            No aggregator has a key: the update would be for nobody.
        """
        manifest = self._follower.manifest
        if not manifest.privacy.is_sealed:
            return blob
        begins, ends = self._find_times()
        is_told, until = False, ends - (ends - begins) // 2
        # What is made late waits for no more keys, and fetches those there are all the same.
        keys, lacking = self._find_keys((self._follower.now + ends) / 2)
        while lacking and self._follower.now < until:
            if not is_told:
                self._progress("awaiting_keys", _name(round_number, lacking))
            is_told = True
            self._follower.ledger.wait(LOOK_SECONDS)
            self._patiently(self._follower.refresh)
            keys, lacking = self._find_keys(until)
        num_aggregators = len(manifest.committee.aggregators)
        if not any(keys[:num_aggregators]):
            keys, lacking = self._find_keys(self._follower.now + LAST_LOOK_SECONDS)
        if not any(keys[:num_aggregators]):
            raise UsageError(
                "no aggregator of this task has an encryption key to seal updates to",
                "each names one with: fl-chain registry set-encryption-key"
                f" --task {self._follower.ledger.address} --key NAME; then start again",
            )
        if lacking:
            self._progress("sealed_without", _name(round_number, lacking))
        place = SealPlace(manifest.task_id, round_number, self._follower.ledger.sender)
        return seal_update(place, blob, keys, secrets.token_bytes(CONTENT_KEY_BYTES))

    def _find_times(self) -> tuple[int, int]:
        """Return from when until when what is sealed can be put on record."""
        task = self._follower.task
        if seconds := task.parameters.commit_seconds:
            return task.commit_until - seconds, task.commit_until
        return task.collect_until - task.parameters.collect_seconds, task.collect_until

    def _find_keys(self, until: float) -> tuple[list[bytes | None], list[str]]:
        """Return the key of each reader, and the readers that should have one and do not."""
        seconds = until - self._follower.now
        holders = self._directory.find_holders(self._follower.manifest.readers, seconds)
        lacking = [one.address for one in holders if one.key is None and one.is_enrolled]
        return [one.key for one in holders], lacking


def _name(round_number: int, readers: list[str]) -> dict[str, Any]:
    return {"round": round_number, "readers": ", ".join(readers)}
