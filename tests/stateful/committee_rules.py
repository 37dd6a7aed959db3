"""The committee: attestations, equivocation, bonds, and the money of the pot."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from fl_chain.protocol.actions import (
    Attest,
    ClaimPayout,
    DepositBond,
    FundPot,
    PayRewards,
    ProveEquivocation,
    ReclaimPot,
    WithdrawBond,
)
from fl_chain.protocol.attestation import Attestation
from fl_chain.protocol.rewarding import Payroll
from tests.stateful.honest_steps import HonestSteps
from tests.stateful.side_by_side import (
    AGGREGATORS,
    CONTENTS,
    COORDINATOR,
    MODEL,
    OTHER,
    STRANGER,
    WORD,
    Moment,
    aggregators,
    anybody,
    lags,
    models,
    moments,
)
from tests.stateful.stepped_chain import ETHER


class CommitteeRules(HonestSteps):
    """What aggregators sign, deposit and are paid."""

    @rule(
        actor=anybody,
        proposed=st.sampled_from([None, MODEL, OTHER, OTHER]),
        signers=st.lists(aggregators, min_size=1, max_size=3),
        lag=lags,
        model=models,
        is_standing=st.sampled_from([False, False, True]),
        is_forged=st.sampled_from([False] * 9 + [True]),
    )
    def attest(
        self,
        actor: int,
        proposed: bytes | None,
        signers: list[int],
        lag: int,
        model: bytes,
        is_standing: bool,
        is_forged: bool,
    ) -> None:
        if proposed is not None:
            self.reach_a_proposal(proposed)
        digests = (model, self.report())
        history = self.task.rounds.get(self.task.current.round)
        if is_standing and history and history.proposal:
            digests = (history.proposal.model_digest, history.proposal.report_digest)
        number = self.number(lag)
        signatures = tuple(self.sign_result(who, number, *digests, is_forged) for who in signers)
        self.act(actor, Attest(number, *digests, signatures))

    @rule(
        order=st.permutations(AGGREGATORS),
        proposed=st.sampled_from([MODEL, OTHER]),
        attested=st.sampled_from([MODEL, OTHER]),
        count=st.integers(1, 3),
    )
    def vote(self, order: list[int], proposed: bytes, attested: bytes, count: int) -> None:
        """Attest as committees do: everybody once, to the same result, some with bonds again."""
        self.deposit_again()
        self.reach_a_proposal(proposed)
        number = self.task.current.round
        for who in order[:count]:
            signature = self.sign_result(who, number, attested, self.report())
            self.act(who, Attest(number, attested, self.report(), (signature,)))

    @rule(
        actor=anybody,
        signers=st.tuples(aggregators, aggregators, st.booleans()),
        lags=st.tuples(lags, lags),
        models=st.tuples(models, models),
    )
    def prove_equivocation(
        self,
        actor: int,
        signers: tuple[int, int, bool],
        lags: tuple[int, int],
        models: tuple[bytes, bytes],
    ) -> None:
        one, other, is_same = signers
        attestations = [
            Attestation(number, model, WORD[7], self.sign_result(who, number, model, WORD[7]))
            for who, number, model in zip(
                (one, one if is_same else other), map(self.number, lags), models, strict=True
            )
        ]
        self.act(actor, ProveEquivocation(*attestations))

    @rule(actor=aggregators, wei=st.sampled_from([0, 1, 5, ETHER, None, None]))
    def deposit(self, actor: int, wei: int | None) -> None:
        self.act(actor, DepositBond(self.task.parameters.bond if wei is None else wei))

    @rule(moment=moments, actor=aggregators)
    def withdraw(self, moment: Moment, actor: int) -> None:
        self.pass_time_to(moment)
        self.act(actor, WithdrawBond())

    @rule(actor=anybody, wei=st.sampled_from([0, 1, 90, 90, 300]))
    def fund(self, actor: int, wei: int) -> None:
        self.act(actor, FundPot(wei))

    @rule(
        actor=anybody,
        lag=st.sampled_from([-3, -2, -1, -1, -1, 0]),
        part=st.sampled_from([0, 0, 0, 0, 1]),
        lie=st.sampled_from([""] * 6 + ["digest", "count", "chunk"]),
    )
    def pay(self, actor: int, lag: int, part: int, lie: str) -> None:
        number = self.number(lag)
        payroll = self.task.payrolls.get(number, Payroll(MODEL, 1, 0, 0))
        digest = OTHER if lie == "digest" else payroll.report_digest
        count = payroll.num_updates + (lie == "count")
        chunk = 1 if lie == "chunk" else 2 + part
        opening = CONTENTS.open(payroll.report_digest, chunk)
        self.act(actor, PayRewards(number, digest, count, part, opening))

    @rule(actor=st.sampled_from([COORDINATOR, COORDINATOR, STRANGER]))
    def reclaim(self, actor: int) -> None:
        self.act(actor, ReclaimPot())

    @rule(actor=anybody)
    def claim(self, actor: int) -> None:
        self.act(actor, ClaimPayout())
        for person, wei in list(self.task.committee.payouts.items()):
            if wei:
                self.act(person, ClaimPayout())
