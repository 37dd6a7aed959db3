"""Participants: admitted, removed, revoked, and followed by new keys."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from fl_chain.chain.keys import sign_hash
from fl_chain.protocol.actions import Admit, Remove, Revoke, Rotate, Succeed
from fl_chain.protocol.attestation import compute_signing_hash, compute_succession
from tests.stateful.side_by_side import (
    COORDINATOR,
    KEYS,
    PARTICIPANTS,
    PEOPLE,
    STRANGER,
    SUCCESSORS,
    SideBySide,
    anybody,
    coordinators,
    participants,
)


class ParticipantRules(SideBySide):
    """Who takes part, and under which key."""

    @rule(actor=coordinators, who=st.lists(participants, min_size=1, max_size=2))
    def admit(self, actor: int, who: list[int]) -> None:
        self.act(actor, Admit(tuple(PEOPLE[i] for i in who)))

    @rule(actor=anybody, who=participants)
    def remove(self, actor: int, who: int) -> None:
        self.act(actor, Remove(PEOPLE[who]))

    @rule(actor=anybody)
    def remove_the_revoked(self, actor: int) -> None:
        for person in sorted(self.task.admitted):
            if not self.people.state.is_enrolled(person):
                self.act(actor, Remove(person))

    @rule(actor=coordinators, who=participants, luck=st.integers(0, 2))
    def revoke(self, actor: int, who: int, luck: int) -> None:
        if not luck:
            self.act_in_registry(actor, Revoke((PEOPLE[who],)))

    @rule(
        actor=st.sampled_from([None, None, COORDINATOR, STRANGER]),
        who=participants,
        successor=st.sampled_from([*SUCCESSORS] * 3 + [*PARTICIPANTS]),
        is_forged=st.sampled_from([False] * 9 + [True]),
        is_followed=st.booleans(),
    )
    def rotate(
        self, actor: int | None, who: int, successor: int, is_forged: bool, is_followed: bool
    ) -> None:
        keys = PEOPLE[who], PEOPLE[successor]
        message = compute_succession(*keys)
        chain_id = self.chain.chain_id + is_forged
        signed = compute_signing_hash(chain_id, self.registry, message)
        rotation = Rotate(*keys, sign_hash(KEYS[successor], signed))
        self.act_in_registry(who if actor is None else actor, rotation)
        if is_followed:
            self.act(STRANGER, Succeed(PEOPLE[who]))

    @rule(actor=anybody, who=participants)
    def succeed(self, actor: int, who: int) -> None:
        self.act(actor, Succeed(PEOPLE[who]))

    @rule(actor=anybody)
    def succeed_all(self, actor: int) -> None:
        for participant in self.people.state.successors:
            self.act(actor, Succeed(participant))
