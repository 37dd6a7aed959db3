"""Members of masked groups at work in a world, honest or not, one step at a time."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fl_chain.aggregation.masked_groups import GroupRecord, list_groups
from fl_chain.chain.ledger import Receipt
from fl_chain.protocol.actions import CommitUpdate, SubmitMasked, Unmask
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.phases import Phase
from fl_chain.roles.aggregator import AggregatorRole
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.journal import Journal, JournalEntry
from fl_chain.roles.local_update import SECRET_DTYPE
from fl_chain.roles.masker import Masker
from fl_chain.storage.store import ContentStore
from tests.world import Federation, World

Told = list[tuple[str, dict[str, Any]]]


class Member:
    """One participant's masker, its journal, and what it is told."""

    def __init__(self, federation: Federation, index: int, directory: Path) -> None:
        self.federation, self.index, self.directory = federation, index, directory
        self.address = federation.address_of(index)
        self.ledger = federation.ledger(federation.participants[index])
        self.told: Told = []
        self.journal = Journal(directory / str(index), bytes(32))
        self.begin()

    def begin(self, store: ContentStore | None = None) -> None:
        """Begin as a process that has just been started, with the journal that there is.

        What it pins in a store of its own nobody else gets to see.
        """
        self.follower = TaskFollower(self.ledger, self.federation.store)
        self.masker = Masker(
            self.follower,
            store or self.federation.store,
            self.journal,
            self.federation.ring(self.address),
            lambda event, values: self.told.append((event, values)),
            lambda action: action(),
        )

    def restart(self) -> None:
        """End without a word, and begin again."""
        self.journal.close()
        self.journal = Journal(self.directory / str(self.index), bytes(32))
        self.begin()

    def look(self) -> None:
        """Read the records that are new."""
        self.follower.refresh()

    @property
    def number(self) -> int:
        """Of the current round."""
        return self.follower.task.current.round

    def share(self) -> Receipt:
        """Pin a share bundle and commit to it."""
        self.look()
        word = self.masker.share(self.number)
        assert word is not None
        return self.ledger.send(CommitUpdate(self.number, word))

    def entry(self, lanes: NDArray[np.int16], weight: int = 0) -> JournalEntry:
        """Return an update as a participant keeps it before it is masked."""
        base = self.follower.task.base_digest.hex()
        data = lanes.astype(SECRET_DTYPE).tobytes()
        task = self.federation.manifest.task_id
        weight = weight or 100 + self.index
        return JournalEntry(task, self.number, base, weight, b"", data, b"", True)

    def mask(self, lanes: NDArray[np.int16] | None = None, weight: int = 0) -> tuple[bytes, int]:
        """Return a masked update, and with whom this member is apart."""
        self.look()
        masked = self.masker.mask(self.entry(self.lanes if lanes is None else lanes, weight))
        assert masked is not None
        return masked

    @property
    def lanes(self) -> NDArray[np.int16]:
        """The lanes of this member's update of the current round."""
        return self.federation.lanes(self.number * 100 + self.index)

    def submit(self, blob: bytes, apart: int = 0, weight: int = 0, **changes: Any) -> Receipt:
        """Pin and record anything as a masked update."""
        cid = self.federation.store.put(blob)
        weight = weight or 100 + self.index
        action = SubmitMasked(self.number, compute_digest(blob), cid.digest, weight, apart)
        return self.ledger.send(replace(action, **changes))

    def enter(self) -> Receipt:
        """Mask and submit honestly."""
        return self.submit(*self.mask())

    def tell(self) -> Receipt | None:
        """Tell what the group asks for; None if that is nothing."""
        self.look()
        word = self.masker.tell(self.number)
        return None if word is None else self.ledger.send(Unmask(self.number, word))

    def tell_anything(self, data: bytes) -> Receipt:
        """Record anything as what this member tells."""
        self.federation.store.put(data)
        return self.ledger.send(Unmask(self.number, compute_cid(data).digest))


class MaskedRound:
    """A federation of masked updates, and its members."""

    def __init__(
        self, world: World, directory: Path, num_participants: int = 5, **options: Any
    ) -> None:
        privacy = {"mode": "masked", "group_size": num_participants, **options.pop("privacy", {})}
        rounds = {"num_rounds": 1, "min_updates": 3, "seed_seconds": 600, "sample_rate": 1}
        rounds |= {"target_updates": num_participants}
        self.world = world
        self.federation = world.federation(
            num_participants,
            privacy=privacy,
            measurements=False,
            **{**rounds, **options},
        )
        for index in range(num_participants):
            self.federation.name_encryption_key(self.federation.address_of(index))
        self.members = [
            Member(self.federation, index, directory) for index in range(num_participants)
        ]

    def __getitem__(self, index: int) -> Member:
        return self.members[index]

    def open(self) -> None:
        """Let the aggregator make the round's seed, until members can share."""
        ledger = self.federation.ledger(self.federation.coordinator)
        role = AggregatorRole(ledger, self.federation.store, patience_seconds=5)
        while self.phase() == Phase.SCHEDULED:
            role.step()
        ledger.close()

    def phase(self) -> Phase:
        """Return the phase of the current round."""
        return self.federation.task.phase(self.federation.follower.now)

    def share(self, *indices: int) -> None:
        """Open the round and have some members share, all if none is named; then time ends it."""
        self.open()
        for index in indices or range(len(self.members)):
            self.members[index].share()
        if self.phase() == Phase.COMMITTING:
            self.world.advance_clock(self.federation.task.parameters.commit_seconds + 1)

    def enter(self, *indices: int) -> None:
        """Have some members submit honestly, all if none is named; then time ends it."""
        for index in indices or range(len(self.members)):
            self.members[index].enter()
        self.end_collection()

    def end_collection(self) -> None:
        """Let time end collection, unless everybody has submitted."""
        if self.phase() == Phase.COLLECTING:
            self.world.advance_clock(self.federation.task.parameters.collect_seconds + 1)

    def tell(self, *indices: int) -> None:
        """Have some members tell honestly, all if none is named; then time ends it."""
        for index in indices or range(len(self.members)):
            self.members[index].tell()
        self.end_unmasking()

    def end_unmasking(self) -> None:
        """Let time end unmasking, unless everybody has told."""
        if self.phase() == Phase.UNMASKING:
            self.world.advance_clock(self.federation.task.parameters.unmask_seconds + 1)

    def groups(self) -> tuple[GroupRecord, ...]:
        """Return the groups on record."""
        task = self.federation.task
        return list_groups(self.federation.manifest, task.rounds[task.current.round])
