"""Rounds: updates in every form, secrets, seeds of masks, models, and the end."""

from __future__ import annotations

from hypothesis import strategies as st
from hypothesis.stateful import rule

from fl_chain.protocol.actions import (
    Abort,
    CommitSeeds,
    CommitUpdate,
    Finalize,
    ListUpdates,
    Pause,
    Propose,
    RevealUpdate,
    Stop,
    SubmitBatch,
    SubmitMasked,
    SubmitUpdate,
    Unmask,
)
from fl_chain.protocol.sampling import NO_MIX
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message
from tests.stateful.honest_steps import HonestSteps
from tests.stateful.side_by_side import (
    MODEL,
    WORD,
    Moment,
    aggregators,
    anybody,
    coordinators,
    digests,
    lags,
    models,
    moments,
    participants,
    weights,
)

reports = st.sampled_from(["right"] * 8 + ["short", "strange"])


class RoundRules(HonestSteps):
    """What moves rounds on, rightly and wrongly."""

    @rule(seconds=st.integers(0, 8))
    def pass_time(self, seconds: int) -> None:
        self.chain.now += seconds

    @rule(steps=st.integers(1, 4), offset=st.sampled_from([-1, 0, 0]))
    def move_on(self, steps: int, offset: int) -> None:
        """Do what the phase asks for, so that tasks get somewhere."""
        for _ in range(steps):
            self.do_what_is_due(offset, MODEL)

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        weight=weights,
        digest=digests,
        cid_digest=digests,
        apart=st.sampled_from([0, 0, 1, 6, 2**63, 2**128 - 1]),
        is_misled=st.sampled_from([False] * 5 + [True]),
    )
    def some_submit(
        self,
        moment: Moment,
        actors: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        cid_digest: bytes,
        apart: int,
        is_misled: bool,
    ) -> None:
        """Submit an update, masked where they are, or what the task takes for none."""
        self.pass_time_to(moment)
        what = self.number(lag), digest, cid_digest, weight
        is_masked = self.task.is_masked != is_misled
        for actor in actors:
            self.act(actor, SubmitMasked(*what, apart) if is_masked else SubmitUpdate(*what))

    @rule(
        moment=moments,
        actor=anybody,
        signers=st.lists(participants, max_size=5),
        lag=lags,
        weight=weights,
        digest=digests,
        cid_digest=digests,
        is_forged=st.sampled_from([False] * 9 + [True]),
    )
    def relay(
        self,
        moment: Moment,
        actor: int,
        signers: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        cid_digest: bytes,
        is_forged: bool,
    ) -> None:
        self.pass_time_to(moment)
        number, what = self.number(lag), (digest, cid_digest, weight)
        message = compute_update_message(number, *what)
        updates = tuple(SignedUpdate(*what, self.sign(who, message, is_forged)) for who in signers)
        self.act(actor, SubmitBatch(number, updates))

    @rule(
        moment=moments,
        actor=aggregators,
        signers=st.lists(participants, max_size=6),
        lag=lags,
        weight=weights,
        digest=digests,
        is_forged=st.sampled_from([False] * 6 + [True]),
    )
    def some_list(
        self,
        moment: Moment,
        actor: int,
        signers: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        is_forged: bool,
    ) -> None:
        self.pass_time_to(moment)
        number, entries = self.number(lag), [(who, weight, digest) for who in signers]
        self.act(
            actor, ListUpdates(number, len(signers), self.list_of(entries, is_forged), WORD[5])
        )

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        weight=weights,
        digest=digests,
        copies=st.sampled_from([0] * 9 + [1]),
    )
    def some_commit(
        self,
        moment: Moment,
        actors: list[int],
        lag: int,
        weight: int,
        digest: bytes,
        copies: int,
    ) -> None:
        """Commit to something, sometimes to what is the neighbour's to reveal."""
        self.pass_time_to(moment)
        for actor in actors:
            update = digest, WORD[2], weight
            whose = max(0, actor - copies)
            commitment = self.commitment_of(whose, self.number(lag), update)
            if self.act(actor, CommitUpdate(self.number(lag), commitment)):
                self.chosen[actor] = update

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        lie=st.sampled_from([""] * 8 + ["digest", "weight", "salt"]),
    )
    def some_reveal(self, moment: Moment, actors: list[int], lag: int, lie: str) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            digest, cid_digest, weight = self.update_of(actor)
            digest = MODEL if lie == "digest" else digest
            weight = weight + 1 if lie == "weight" else weight
            salt = WORD[4] if lie == "salt" else WORD[3]
            self.act(actor, RevealUpdate(self.number(lag), digest, cid_digest, weight, salt))

    @rule(
        moment=moments,
        actors=st.lists(participants, min_size=1, max_size=4),
        lag=lags,
        cid_digest=digests,
    )
    def some_unmask(self, moment: Moment, actors: list[int], lag: int, cid_digest: bytes) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            self.act(actor, Unmask(self.number(lag), cid_digest))

    @rule(
        moment=moments,
        actors=st.lists(aggregators, min_size=1, max_size=3),
        is_zero=st.sampled_from([False] * 9 + [True]),
    )
    def some_commit_seeds(self, moment: Moment, actors: list[int], is_zero: bool) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            if is_zero:
                self.act(actor, CommitSeeds(NO_MIX))
            else:
                self.commit_anew(actor)

    @rule(
        moment=moments,
        actors=st.lists(aggregators, min_size=1, max_size=3),
        lag=lags,
        offset=st.sampled_from([1] * 8 + [0, 2]),
    )
    def some_reveal_seeds(self, moment: Moment, actors: list[int], lag: int, offset: int) -> None:
        self.pass_time_to(moment)
        for actor in actors:
            self.reveal_next(actor, self.number(lag), offset)

    @rule(moment=moments, actor=aggregators, lag=lags, model=models, report=reports)
    def propose(
        self,
        moment: Moment,
        actor: int,
        lag: int,
        model: bytes,
        report: str,
    ) -> None:
        self.pass_time_to(moment)
        digest = self.report(report)
        self.act(actor, Propose(self.number(lag), model, WORD[8], digest, WORD[9]))

    @rule(moment=moments, actor=anybody, lag=lags)
    def finalize(self, moment: Moment, actor: int, lag: int) -> None:
        self.pass_time_to(moment)
        self.act(actor, Finalize(self.number(lag)))

    @rule(moment=moments, actor=anybody, lag=lags)
    def abort(self, moment: Moment, actor: int, lag: int) -> None:
        self.pass_time_to(moment)
        self.act(actor, Abort(self.number(lag)))

    @rule(actor=coordinators, luck=st.integers(0, 5))
    def stop(self, actor: int, luck: int) -> None:
        if not luck:  # or most tasks would end here
            self.act(actor, Stop())

    @rule(actor=coordinators, seconds=st.sampled_from([0, 1, 5, 30]), luck=st.integers(0, 2))
    def pause(self, actor: int, seconds: int, luck: int) -> None:
        if not luck and not self.task.is_over:
            self.act(actor, Pause(seconds))
