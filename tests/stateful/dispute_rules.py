"""Disputes: every question, and moves that are right, late, missing or wrong."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from fl_chain.protocol.actions import (
    AnswerHeader,
    AnswerStatus,
    AnswerValue,
    Challenge,
    ConcludeDispute,
    DecideListedUpdate,
    DecideUpdate,
    ListRecord,
    Propose,
    ProveOmission,
    SelectPart,
    SplitPart,
    UpdateRecord,
)
from fl_chain.protocol.dispute import Stage
from fl_chain.protocol.opening import Opening
from fl_chain.protocol.parts import Contribution, pack_parts
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import Question, UpdatesListed
from tests.stateful.contents import NUM_VALUES
from tests.stateful.honest_steps import HonestSteps
from tests.stateful.side_by_side import (
    AGGREGATORS,
    CONTENTS,
    MODEL,
    OTHER,
    PEOPLE,
    STRANGER,
    WORD,
    anybody,
)

MOVES = ["right"] * 8 + [
    *("last second", "late", "silence", "stranger", "wrong content", "wrong chunk"),
    *("wrong stage", "wrong sum", "stray"),
]


class DisputeRules(HonestSteps):
    """What challengers ask, and what is answered."""

    @rule(
        challenger=anybody,
        proposed=st.sampled_from([MODEL, OTHER]),
        question=st.sampled_from([*Question, Question.VALUE, Question.VALUE]),
        position=st.sampled_from([0, 0, 1, 2, 3, 255, 256, NUM_VALUES - 1, NUM_VALUES]),
        excess=st.sampled_from([0] * 9 + [-1, 1]),
        moves=st.lists(st.sampled_from(MOVES), max_size=7),
    )
    def dispute(
        self,
        challenger: int,
        proposed: bytes,
        question: Question,
        position: int,
        excess: int,
        moves: list[str],
    ) -> None:
        self.deposit_again()
        self.reach_a_proposal(proposed)
        wei = max(0, self.task.parameters.bond + excess)
        self.act(challenger, Challenge(self.task.current.round, question, position, wei))
        for move in moves:
            self.move(move)

    @rule(
        who=anybody,
        question=st.sampled_from([Question.HEADER, Question.VALUE, Question.STATUS]),
        position=st.sampled_from([0, 0, 1, 255, 256]),
        moves=st.lists(st.sampled_from(MOVES), min_size=3, max_size=9),
    )
    def whole_dispute(self, who: int, question: Question, position: int, moves: list[str]) -> None:
        """Play a dispute to its end, mostly."""
        self.dispute(who, MODEL, question, position, 0, moves)

    @rule(moves=st.lists(st.sampled_from(MOVES), min_size=1, max_size=3))
    def some_moves(self, moves: list[str]) -> None:
        for move in moves:
            self.move(move)

    @rule(actor=anybody, sequence=st.integers(0, 3), kind=st.sampled_from(["short", "strange"]))
    def prove_omission(self, actor: int, sequence: int, kind: str) -> None:
        number = self.task.current.round
        if self.task.phase(self.now) == Phase.AGGREGATING:
            digest = self.report(kind)
            for aggregator in AGGREGATORS:
                self.act(aggregator, Propose(number, MODEL, WORD[8], digest, WORD[9]))
        opening = CONTENTS.open(self.task.proposal.report_digest, 1)
        self.act(actor, ProveOmission(number, sequence, opening))

    def move(self, how: str) -> None:
        """Make the move that is awaited, or another one if ``how`` says so."""
        task, number = self.task, self.task.current.round
        dispute, proposer = task.dispute, task.proposal.proposer
        history = task.rounds.get(number)
        if not history or not history.proposal:
            return
        if dispute.stage == Stage.NONE and how != "wrong stage":
            return
        if how in ("late", "last second"):
            self.wait_until(dispute.until + (how == "late"))
        if how == "silence":
            self.wait_until(dispute.until + 1)
            self.act(STRANGER, ConcludeDispute(number))
            return
        model, chunk = history.proposal.model_digest, 1 + 4 * dispute.position // 1024
        base = task.base_digest
        if how == "wrong content":
            model, base = base, model
        if how == "wrong chunk":
            chunk += 1
        mover = PEOPLE[STRANGER] if how == "stranger" else proposer
        stage = Stage.SINGLE if how == "wrong stage" else dispute.stage
        match stage, dispute.question:
            case Stage.ASKED, Question.HEADER:
                genesis = CONTENTS.open(CONTENTS.genesis, chunk - 1)
                opening = CONTENTS.open(model, chunk - 1)
                self.act(mover, AnswerHeader(number, genesis, opening))
            case Stage.ASKED, Question.STATUS:
                opening = CONTENTS.open(task.proposal.report_digest, chunk)
                self.act(mover, AnswerStatus(number, opening))
            case Stage.ASKED, _:
                parts = self.claim_parts(how, base, model)
                openings = CONTENTS.open(base, chunk), CONTENTS.open(model, chunk)
                self.act(mover, AnswerValue(number, *openings, parts))
            case Stage.SPLIT, _:
                mover = PEOPLE[STRANGER] if how == "stranger" else dispute.challenger
                parts = task.claimed_parts if how != "wrong content" else (7,) * 32
                part = min(len(how) % 3, dispute.count - (how != "wrong chunk"))
                self.act(mover, SelectPart(number, part, parts))
            case Stage.SELECTED, _:
                parts = pack_parts([dispute.claim, Contribution(0, 0)])
                self.act(mover, SplitPart(number, parts))
            case _:
                self.decide(how)

    def claim_parts(self, how: str, base: bytes, model: bytes) -> tuple[int, ...]:
        """Return claims that lead to the proposed value: the truth is none of them, mostly."""
        offset = 4 * self.task.dispute.position
        step = CONTENTS.read(model, offset, 4) - CONTENTS.read(base, offset, 4)
        parts = [Contribution(3, step), Contribution(5, 0)]
        if how == "wrong sum":
            parts[1] = Contribution(5, 9)
        if how == "stray":
            parts += [Contribution(0, 0)] * 29 + [Contribution(1, 0)]
        if self.task.current.num_updates == 1:
            parts = [Contribution(8, step), *parts[2:]]
        return pack_parts(parts)

    def decide(self, how: str) -> None:
        task, number = self.task, self.task.current.round
        dispute, history = task.dispute, task.rounds[number]
        report = CONTENTS.open(task.proposal.report_digest, 1 + (how == "wrong chunk"))
        chunk = 1 + 2 * dispute.position // 1024
        sequence = dispute.first + (how == "wrong content")
        found = [one for one in history.updates if one.sequence == sequence]
        if update := next(iter(found or history.updates), None):
            what = (update.digest, update.cid_digest, update.weight, update.timestamp)
            record = UpdateRecord(update.participant, *what)
            lane = CONTENTS.open(update.digest, chunk)
            self.act(STRANGER, DecideUpdate(number, record, report, lane))
        for listed in history.lists:
            if self.task.dispute.stage == Stage.SINGLE:
                self.decide_listed(listed, sequence, report, chunk)

    def decide_listed(
        self, listed: UpdatesListed, sequence: int, report: Opening, chunk: int
    ) -> None:
        digests = listed.digest, listed.cid_digest
        record = ListRecord(
            listed.aggregator, listed.first, listed.count, *digests, listed.timestamp
        )
        position = max(0, sequence - listed.first)
        opening = CONTENTS.open(listed.digest, 1 + position // 4)
        entry = opening.chunk[256 * (position % 4) :][:256]
        lane = CONTENTS.open(entry[32:64], chunk)
        number = self.task.current.round
        self.act(STRANGER, DecideListedUpdate(number, record, opening, report, lane))
