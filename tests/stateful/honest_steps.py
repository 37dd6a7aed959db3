"""What honest parties do, so that tasks get somewhere between the steps that lead nowhere."""

from __future__ import annotations

from typing import Any

from hypothesis.stateful import rule

from fl_chain.protocol.actions import (
    Abort,
    CommitSeeds,
    CommitUpdate,
    DepositBond,
    Finalize,
    ListUpdates,
    Propose,
    RevealSeed,
    RevealUpdate,
    SubmitMasked,
    SubmitUpdate,
    Unmask,
)
from fl_chain.protocol.commitment import compute_commitment
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.sampling import compute_chain
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message
from fl_chain.protocol.state import SeedChain
from fl_chain.protocol.update_list import ListEntry, UpdateList, encode_update_list
from tests.stateful.side_by_side import (
    AGGREGATORS,
    CONTENTS,
    PARTICIPANTS,
    PEOPLE,
    STRANGER,
    SUCCESSORS,
    WORD,
    SideBySide,
)
from tests.stateful.stepped_chain import SteppedChain


class HonestSteps(SideBySide):
    """Each does what the phase asks for."""

    def __init__(self, chain: SteppedChain) -> None:
        super().__init__(chain)
        self.chosen: dict[int, tuple[bytes, bytes, int]] = {}
        """Participant to digest, CID digest and weight of the update that it committed to last."""
        self.secrets: dict[int, Any] = {}
        """Aggregator to the secrets that it committed to last, and their tip."""

    def do_what_is_due(self, offset: int, model: bytes) -> None:
        number = self.task.current.round
        match self.task.phase(self.now):
            case Phase.SCHEDULED:
                self.seed_in_time()
                self.pass_time_to(("opening", offset))
            case Phase.COMMITTING:
                for actor in PARTICIPANTS:
                    update = CONTENTS.updates[actor % 3], WORD[2], actor
                    commitment = self.commitment_of(actor, number, update)
                    if self.act(actor, CommitUpdate(number, commitment)):
                        self.chosen[actor] = update
                if self.task.phase(self.now) == Phase.COMMITTING:
                    self.pass_time_to(("end of commitments", 1))
            case Phase.COLLECTING:
                entries = [(who, 1 + who % 3, CONTENTS.updates[who % 3]) for who in PARTICIPANTS]
                if self.task.has_lists and self.task.parameters.target_updates >= 3:
                    listed = ListUpdates(number, 3, self.list_of(entries[:3]), WORD[5])
                    self.act(AGGREGATORS[0], listed)
                for actor in (*PARTICIPANTS, *SUCCESSORS):
                    self.act(actor, self.honest_update(actor))
                if self.task.phase(self.now) == Phase.COLLECTING:
                    self.pass_time_to(("end of collection", 1))
            case Phase.UNMASKING:
                for actor in (*PARTICIPANTS, *SUCCESSORS):
                    self.act(actor, Unmask(number, WORD[10]))
                if self.task.phase(self.now) == Phase.UNMASKING:
                    self.pass_time_to(("end of unmasking", 1))
            case Phase.AGGREGATING:
                if offset:
                    self.pass_time_to(("end of turns", 0))
                for actor in AGGREGATORS:
                    self.act(actor, Propose(number, model, WORD[8], self.report(), WORD[9]))
            case Phase.PROPOSED:
                self.pass_time_to(("end of window", offset))
                self.act(STRANGER, Finalize(number))
            case Phase.EXPIRED:
                self.act(STRANGER, Abort(number))

    def reach_a_proposal(self, model: bytes) -> None:
        for _ in range(8):
            if self.task.phase(self.now) != Phase.PROPOSED:
                self.do_what_is_due(0, model)

    def honest_update(self, actor: int) -> SubmitUpdate | RevealUpdate | SubmitMasked:
        number = self.task.current.round
        if self.task.is_masked:
            return SubmitMasked(
                number, CONTENTS.updates[actor % 3], WORD[2], min(actor, 10), actor % 2
            )
        if self.task.parameters.commit_seconds:
            return RevealUpdate(number, *self.update_of(actor), WORD[3])
        return SubmitUpdate(number, CONTENTS.updates[actor % 3], WORD[2], min(actor, 10))

    def update_of(self, actor: int) -> tuple[bytes, bytes, int]:
        return self.chosen.get(actor, (CONTENTS.updates[0], WORD[2], 5))

    def commitment_of(self, actor: int, number: int, update: tuple[bytes, bytes, int]) -> bytes:
        place = self.chain.chain_id, self.ledger, number, PEOPLE[actor]
        return compute_commitment(*place, *update, WORD[3])

    def list_of(self, entries: list[tuple[int, int, bytes]], is_forged: bool = False) -> bytes:
        """Keep a list with such entries; return its digest."""
        number, found = self.task.current.round, []
        for who, weight, digest in entries:
            what = (digest, WORD[2], weight)
            message = compute_update_message(number, *what)
            update = SignedUpdate(*what, self.sign(who, message, is_forged))
            found.append(ListEntry(PEOPLE[who], update))
        if not found:
            return WORD[6]
        return CONTENTS.add(encode_update_list(UpdateList("00" * 32, number, tuple(found))))

    def seed_in_time(self) -> None:
        """Let the aggregators of a round that is scheduled commit and reveal, if they have to."""
        members = self.task.committee.members
        if not self.task.is_sampled:
            return
        if not self.task.is_fixed(self.now):
            for actor in AGGREGATORS:
                if PEOPLE[actor] in members:
                    self.commit_anew(actor)
        self.pass_time_to(("first secret", 0))
        for actor in AGGREGATORS:
            self.reveal_next(actor, self.task.current.round)

    def commit_anew(self, actor: int) -> None:
        number = len(self.records)
        words = compute_chain(bytes([actor]) * 16 + number.to_bytes(16), 6)
        if self.act(actor, CommitSeeds(words[-1])):
            self.secrets[actor] = words

    def reveal_next(self, actor: int, number: int, offset: int = 1) -> None:
        """Reveal the word before the tip, or one at another distance from it."""
        words = self.secrets.get(actor, [WORD[2], WORD[3]])
        chain = self.task.seed_chains.get(PEOPLE[actor], SeedChain())
        place = words.index(chain.tip) if chain.tip in words else 0
        self.act(actor, RevealSeed(number, words[max(0, place - offset)]))

    @rule()
    def deposit_again(self) -> None:
        """Let those who are short of a bond have one."""
        for person, member in self.task.committee.members.items():
            if member.bond < self.task.parameters.bond:
                self.act(person, DepositBond(self.task.parameters.bond))
