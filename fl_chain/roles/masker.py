"""Masks a participant's updates: shares seeds, masks once, and tells once what the record asks for.

Source: Bonawitz et al. 2017 (https://eprint.iacr.org/2017/281), figure 4, with the ledger in the
place of the server; what is computed is in :mod:`fl_chain.privacy.masking`. What that leaves to
whoever calls it is here: everything is in the journal before it is published, no seed masks two
updates, and nothing is told before the record is final, or twice.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

import numpy as np

from fl_chain.aggregation.masked_groups import GroupRecord, list_groups
from fl_chain.aggregation.round_blobs import compute_ring_bits, encode_masked_update
from fl_chain.errors import CannotDecrypt, InvalidTransition, MalformedBlob, UsageError
from fl_chain.privacy.masking.bundle import (
    ReceivedShares,
    ShareBundle,
    draw_seeds,
    encode_bundle,
    find_pair_seeds,
    make_bundle,
    open_bundle,
)
from fl_chain.privacy.masking.groups import MIN_MEMBERS, GroupMember
from fl_chain.privacy.masking.masks import mask_lanes
from fl_chain.privacy.masking.reveal import encode_reveal, make_reveal
from fl_chain.privacy.sealing import KeyRing
from fl_chain.protocol.cid import Cid, compute_cid
from fl_chain.protocol.state import RoundHistory
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.journal import Journal, JournalEntry
from fl_chain.roles.key_directory import KeyDirectory
from fl_chain.roles.liveness import SLOT_SECONDS
from fl_chain.roles.local_update import SECRET_DTYPE
from fl_chain.roles.mask_state import DrawnSeeds, Received, decode_drawn, decode_received
from fl_chain.roles.progress import Progress
from fl_chain.roles.timely_fetch import TimelyFetcher
from fl_chain.storage.store import ContentStore

LOOK_SECONDS: Final = 1.0
"""Between two looks for bundles that are not there."""
_DRAWN, _RECEIVED, _MASKED, _TOLD = "drawn", "received", "masked", "told"


class Masker:
    """One participant's part in the masks of one task.

    Parameters
    ----------
    follower
        The task, with the participant's key.
    store
        Where bundles and keys are pinned.
    journal
        Survives restarts.
    keys
        Secrets of the participant's encryption keys, former ones as well.
    progress
        Told what was left out.
    patiently
        Repeats what asks other machines.
    """

    def __init__(
        self,
        follower: TaskFollower,
        store: ContentStore,
        journal: Journal,
        keys: KeyRing,
        progress: Progress,
        patiently: Callable[[Callable[[], Any]], Any],
    ) -> None:
        self._follower = follower
        self._store = store
        self._journal = journal
        self._keys = keys
        self._progress = progress
        self._patiently = patiently
        self._directory = KeyDirectory(follower, store, patiently)
        self._fetcher = TimelyFetcher(store)
        self._ended: tuple[RoundHistory | None, int] = (None, 0)
        """A round whose collection was seen to be over, and the block in which."""
        self._silent_in = 0
        """Last round of which the journal says that nothing is to be published, or nothing more."""

    def require_keys(self) -> None:
        """Refuse to begin without a key that others can encrypt shares to.

        Raises
        ------
        UsageError
        """
        name = self._directory.find_name(self._follower.ledger.sender)
        if name is None or name not in self._keys:
            raise UsageError(
                "this task has masked updates, and this participant has no encryption key"
                " that its registry names",
                "make and name one with: fl-chain registry set-encryption-key"
                f" --task {self._follower.ledger.address} --key NAME",
            )

    def has_group(self) -> bool:
        """Return whether the current round has drawn a group that hides this participant."""
        return self._find_member()[0] is not None

    def share(self, round_number: int) -> bytes | None:
        """Pin a share bundle; return the word to commit to, or None if there is nothing to share.

        That is where the group is too small to hide anybody, or masks of the round are out already.
        """
        drawn = self._read_drawn(round_number)
        member, members = self._find_member()
        if member is None:
            return None
        if drawn is None or drawn.member != member or drawn.members != members:
            if self._was_published(round_number):
                return None
            drawn = self._draw(member, members)
            self._journal.write_mask(_DRAWN, round_number, drawn.encode())
        bundle = drawn.bundle
        cid = self._patiently(lambda: self._store.put(bundle))
        return bytes(cid.digest)

    def mask(self, entry: JournalEntry) -> tuple[bytes, int] | None:
        """Return the masked update of a round, and with whom it is apart; the same every time.

        None if the journal lacks what the bundle on record was made from.
        """
        number = entry.round
        drawn = self._read_drawn(number)
        group = self._find_group(number)
        if drawn is None or group is None or not self._is_on_record(drawn, group):
            return None
        masked = self._read(_MASKED, number)
        if masked is not None:
            return masked, decode_received(self._read(_RECEIVED, number) or b"").apart
        if self._was_published(number):
            return None
        received = self._receive(drawn, group)
        masked = self._encode(entry, drawn, received)
        self._journal.write_mask(_RECEIVED, number, received.encode())
        self._journal.write_mask(_MASKED, number, masked)
        return masked, received.apart

    def is_final(self) -> bool:
        """Return whether who is in the current round's groups can not change any more.

        So many blocks follow the end of collection as the task asks for; where time ended it, a
        block has shown that time has passed.
        """
        task, number = self._follower.task, self._follower.task.current.round
        history = task.rounds[number]
        is_closed = task.current.closed_at or self._follower.block_time > task.collect_until
        if not is_closed and self._follower.now <= task.collect_until + SLOT_SECONDS:
            return False
        if self._ended[0] is not history:
            self._ended = history, self._follower.latest_block
            # The block that showed it may have come after the records were read.
            self._patiently(self._follower.refresh)
            if self._follower.task.rounds.get(number) is not history:
                return False
        depth = self._follower.latest_block - self._ended[1]
        return depth >= self._follower.manifest.privacy.confirmations

    def tell(self, round_number: int) -> bytes | None:
        """Pin what this member tells of the seeds asked for; return the word to put on record.

        None if that is nothing, or something was told in this round about another record.
        """
        told = self._read(_TOLD, round_number)
        if told is None:
            if self._silent_in >= round_number or self._is_behind(_TOLD, round_number):
                return None
            told = self._answer(round_number)
            if told is None:
                self._silent_in = round_number
                return None
            self._journal.write_mask(_TOLD, round_number, told)
        reveal = told
        cid = self._patiently(lambda: self._store.put(reveal))
        return bytes(cid.digest)

    def has_more(self, round_number: int) -> bool:
        """Return whether there may be something to tell in a round."""
        return self._silent_in < round_number

    def _answer(self, number: int) -> bytes | None:
        drawn, group = self._read_drawn(number), self._find_group(number)
        masked, received = self._read(_MASKED, number), self._read(_RECEIVED, number)
        if drawn is None or group is None or masked is None or received is None:
            return None
        history = self._follower.task.rounds[number]
        sender = self._follower.ledger.sender
        on_record = [one.cid_digest for one in history.updates if one.participant == sender]
        if on_record != [compute_cid(masked).digest] or not self._is_on_record(drawn, group):
            return None
        try:
            shares = decode_received(received).shares
            reveal = make_reveal(group.state, drawn.member, drawn.seeds, drawn.own_shares, shares)
        except (InvalidTransition, ValueError) as error:
            self._progress("untold", {"round": number, "reason": str(error)})
            return None
        return encode_reveal(reveal) if reveal.items else None

    def _encode(self, entry: JournalEntry, drawn: DrawnSeeds, received: Received) -> bytes:
        """Return the blob of an update under the masks of a member."""
        manifest, position = self._follower.manifest, drawn.member.position
        lanes = mask_lanes(
            np.frombuffer(entry.pinned, SECRET_DTYPE),
            entry.weight,
            drawn.member.place,
            position,
            drawn.seeds[0],
            find_pair_seeds(position, drawn.seeds, received.shares),
            compute_ring_bits(manifest),
        )
        place = entry.round, entry.base_model, drawn.member.participant
        return encode_masked_update(manifest, *place, lanes)

    def _find_member(self) -> tuple[GroupMember | None, tuple[str, ...]]:
        """Return this participant's place among the groups of the current round."""
        group = self._find_group(self._follower.task.current.round)
        if group is None or len(group.members) < MIN_MEMBERS:
            return None, ()
        position = group.find_position(self._follower.ledger.sender)
        return None if position is None else group.member(position), group.members

    def _find_group(self, number: int) -> GroupRecord | None:
        task, sender = self._follower.task, self._follower.ledger.sender
        history = task.rounds[number]
        if not history.commitments:  # as it will be with the first one
            history = replace(history, drawn=task.draw_members(), seed=task.seed)
        groups = list_groups(self._follower.manifest, history)
        return next((group for group in groups if sender in group.members), None)

    def _draw(self, member: GroupMember, members: tuple[str, ...]) -> DrawnSeeds:
        seeds = draw_seeds(member.size, member.position, secrets.token_bytes)
        # Whoever trained until late still commits in time, whosever key is not to be had.
        seconds = (self._follower.task.commit_until - self._follower.now) / 2
        keys = [one.key for one in self._directory.find_holders(members, seconds)]
        lacking = [who for who, key in zip(members, keys, strict=True) if key is None]
        if lacking:
            self._progress(
                "shared_without", {"round": member.place.round, "members": ", ".join(lacking)}
            )
        bundle, own = make_bundle(member, keys, seeds, secrets.token_bytes)
        return DrawnSeeds(member, members, seeds, own, encode_bundle(bundle))

    def _receive(self, drawn: DrawnSeeds, group: GroupRecord) -> Received:
        """Open the bundles of the others; one that cannot be had is waited for, for a while."""
        task = self._follower.task
        until = task.collect_until - task.parameters.collect_seconds // 2
        # Whoever begins late does not wait for more, and fetches what there is all the same.
        fetched_until = (self._follower.now + task.collect_until) / 2
        others = set(group.state.sharers) - {drawn.member.position}
        shares: dict[int, ReceivedShares] = {}
        bad: set[int] = set()
        while True:
            waiting = others - shares.keys() - bad
            for position, data in self._fetch(group, waiting, fetched_until).items():
                opened = self._open(group.read_bundle(position, data), drawn.member.position)
                if opened is None:
                    bad.add(position)
                else:
                    shares[position] = opened
            missing = others - shares.keys() - bad
            if not missing or self._follower.now >= until:
                break
            self._follower.ledger.wait(LOOK_SECONDS)
            self._patiently(self._follower.refresh)
        apart = sorted(others - shares.keys())
        if apart:
            who = ", ".join(group.members[position] for position in apart)
            self._progress("apart", {"round": group.place.round, "members": who})
        return Received(shares, sum(1 << position for position in apart))

    def _fetch(self, group: GroupRecord, positions: set[int], until: float) -> dict[int, bytes]:
        """Return the bundles of some positions, as far as they come until then."""
        blobs = {position: group.locate_bundle(position) for position in sorted(positions)}
        wanted = {blob.cid: blob.max_bytes for blob in blobs.values()}
        seconds = until - self._follower.now
        found: dict[Cid, bytes] = self._patiently(lambda: self._fetcher.fetch(wanted, seconds))
        return {i: found[blob.cid] for i, blob in blobs.items() if blob.cid in found}

    def _open(self, bundle: ShareBundle | None, own: int) -> ReceivedShares | None:
        """Return what is in a bundle for this member; None if that is nothing to rely on."""
        if bundle is None:
            return None
        for secret in self._keys.values():
            try:
                return open_bundle(bundle, secret, own)
            except CannotDecrypt:
                continue
            except MalformedBlob:
                return None
        return None

    def _is_on_record(self, drawn: DrawnSeeds, group: GroupRecord) -> bool:
        """Return whether others can use the bundle: it is on record, and of the group that is.

        A member that left before the first commitment of the round changed what had been drawn.
        """
        if drawn.members != group.members or drawn.member.place != group.place:
            return False
        sender = self._follower.ledger.sender
        word = compute_cid(drawn.bundle).digest
        commitments = self._follower.task.rounds[group.place.round].commitments
        return any((one.participant, one.commitment) == (sender, word) for one in commitments)

    def _read_drawn(self, number: int) -> DrawnSeeds | None:
        content = self._read(_DRAWN, number)
        return None if content is None else decode_drawn(content)

    def _read(self, name: str, number: int) -> bytes | None:
        found = self._journal.read_mask(name)
        return found[1] if found is not None and found[0] == number else None

    def _is_behind(self, name: str, number: int) -> bool:
        """Return whether something was written for a later round: this one was taken back."""
        found = self._journal.read_mask(name)
        return found is not None and found[0] > number

    def _was_published(self, number: int) -> bool:
        """Return whether a masked update of this round, or a later one, may be out already."""
        found = self._journal.read_mask(_MASKED)
        is_out = found is not None and found[0] >= number
        if is_out:
            self._silent_in = max(self._silent_in, number)
        return is_out
