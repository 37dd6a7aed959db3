"""An aggregator: derives each round's model from chain and IPFS, and proposes it or attests to it.

It keeps nothing of its own but what it attested to: whatever is killed is derived again, byte for
byte.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from fl_chain.aggregation.derive import DerivedRound, RoundAggregation
from fl_chain.aggregation.round_blobs import decode_model_blob, model_header
from fl_chain.chain.ether import format_ether
from fl_chain.chain.ledger import Ledger
from fl_chain.errors import TransactionRejected, UsageError, ValueOutOfRange
from fl_chain.privacy.sealing import NO_KEYS, KeyRing
from fl_chain.protocol.actions import DepositBond, Propose
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.phases import Phase
from fl_chain.roles.attestations import Attester
from fl_chain.roles.defence import Defender
from fl_chain.roles.examination import Examination, MapAtOnce
from fl_chain.roles.follower import TaskFollower
from fl_chain.roles.intake import Intake
from fl_chain.roles.journal import Journal
from fl_chain.roles.lister import LOOK_SECONDS, Lister
from fl_chain.roles.liveness import (
    LOST_RACES,
    WaitReporter,
    compute_due,
    move_on,
    report_end,
    report_promise,
)
from fl_chain.roles.patience import DEFAULT_PATIENCE_SECONDS, with_patience
from fl_chain.roles.progress import Progress, ignore_progress, timed
from fl_chain.roles.seeds import SeedKeeper
from fl_chain.storage.store import ContentStore

HEARTBEAT_SECONDS = 2.0
"""Longest wait for news before looking again, also for a blob that was unavailable."""


class AggregatorRole:
    """Aggregates every round of one task until the task is over.

    Parameters
    ----------
    ledger
        The task, with the key of one of its aggregators.
    store
        The aggregator's IPFS node.
    journal
        Remembers across restarts what was attested to; None forgets it.
    intake
        Signed updates that this aggregator lists; None if it lists none.
    keys
        What opens updates, where they are sealed.
    map_at_once
        Fetches and pins several blobs; ``map`` takes one after the other.
    """

    def __init__(
        self,
        ledger: Ledger,
        store: ContentStore,
        journal: Journal | None = None,
        *,
        intake: Intake | None = None,
        keys: KeyRing = NO_KEYS,
        map_at_once: MapAtOnce = map,
        progress: Progress = ignore_progress,
        patience_seconds: float = DEFAULT_PATIENCE_SECONDS,
    ) -> None:
        self.follower = TaskFollower(ledger, store)
        self._ledger = ledger
        self._store = store
        self._progress = progress
        self._patience_seconds = patience_seconds
        self._map_at_once = map_at_once
        self._keys = keys
        self._examination = Examination(
            self.follower, store, progress, patience_seconds, map_at_once, keys
        )
        self._attester = Attester(
            self.follower, store, self._examination, journal, progress, patience_seconds
        )
        self._lister: Lister | None = None
        if intake is not None:
            self._lister = Lister(intake, self.follower, store, progress, patience_seconds)
        self.defender = Defender(self.follower, store, progress, patience_seconds)
        self.seeds = SeedKeeper(self.follower, progress, self._patiently)
        self._gave_up_in = 0
        self._wait_reporter = WaitReporter(progress)

    def run(self) -> None:
        """Work until the task is over.

        Raises
        ------
        FlChainError
            Something that waiting does not mend. Running again continues where this left off.
        """
        self._patiently(self.follower.refresh)
        aggregators = self.follower.task.committee.members
        if self._ledger.sender not in aggregators:
            raise UsageError(
                f"{self._ledger.sender} is no aggregator of this task",
                f"name the key of one with --key: {', '.join(aggregators)}",
            )
        if not self.follower.task.is_over:
            self._require_keys()
            self._patiently(self._ledger.check_funds)
            report_promise(self._patiently(lambda: self.follower.manifest), self._progress)
        while not self.step():
            pass

    def _require_keys(self) -> None:
        is_sealed = self._patiently(lambda: self.follower.manifest).privacy.is_sealed
        if is_sealed and not self._keys:
            raise UsageError(
                "this task has sealed updates, and this aggregator has no encryption key",
                "make and name one with: fl-chain registry set-encryption-key"
                f" --task {self._ledger.address} --key NAME",
            )

    def step(self) -> bool:
        """Do what is to be done now, or wait for news; return whether the task is over."""
        self._ledger.watch()
        self._patiently(self.follower.refresh)
        task = self.follower.task
        if task.is_over:
            report_end(task, self._progress)
            return True
        if self._work(self.follower.phase):
            return False
        if not self._patiently(lambda: move_on(self.follower, 0, self._progress)):
            self._wait_reporter.report(self.follower)
            self._ledger.wait(self._pause())
        return False

    def _work(self, phase: Phase) -> bool:
        """Do what this phase asks of an aggregator; return whether to look again at once."""
        if self._deposit() or self.seeds.work(phase):
            return True
        match phase:
            case Phase.COLLECTING:
                return self._list() or self._examination.look()
            case Phase.AGGREGATING:
                self._examination.look()
                return self._is_my_turn() and self._propose()
            case Phase.PROPOSED | Phase.CHALLENGED:
                return self._defend(phase) or self._attest()
            case _:
                return False

    def _list(self) -> bool:
        return self._lister is not None and self._has_standing() and self._lister.work()

    def _defend(self, phase: Phase) -> bool:
        is_mine = self.follower.task.proposal.proposer == self._ledger.sender
        return phase == Phase.CHALLENGED and is_mine and self.defender.move()

    def _attest(self) -> bool:
        if not self._attester.is_wanted():
            return False
        self._examination.look()
        return self._attester.attest()

    def _deposit(self) -> bool:
        """Deposit what the bond lacks; not after a fault, which is for people to look at."""
        if self._missing_bond() == 0:
            return False
        self._patiently(self._deposit_once)
        return True

    def _deposit_once(self) -> None:
        # A deposit is not refused the second time: one that is under way must be seen first.
        self._ledger.settle()
        self.follower.refresh()
        if missing := self._missing_bond():
            receipt = self._ledger.send(DepositBond(missing))
            self._progress(
                "deposited",
                {"wei": missing, "bond": format_ether(missing), "gas": receipt.gas_used},
            )

    def _missing_bond(self) -> int:
        committee = self.follower.task.committee
        member = committee.member(self._ledger.sender)
        return 0 if member.barred_in else max(0, committee.required_bond - member.bond)

    def _has_standing(self) -> bool:
        task, sender = self.follower.task, self._ledger.sender
        number = task.current.round
        return task.committee.has_standing(sender, number) and not task.has_withheld(sender, number)

    def _is_my_turn(self) -> bool:
        turn = self._turn_at(self.follower.task.current.round)
        return self._has_standing() and self.follower.now >= turn

    def _turn_at(self, round_number: int) -> int:
        task = self.follower.task
        return task.turn_at(task.committee.rank(self._ledger.sender, round_number))

    def _give_up_in_time(self) -> None:
        """Exclude what could not be had once half of the own turn has passed."""
        task = self.follower.task
        until = self._turn_at(task.current.round) + task.parameters.aggregate_seconds // 2
        if self.follower.now >= until:
            self._examination.give_up_on(self._examination.missing())

    def _propose(self) -> bool:
        """Derive, pin and propose; return whether a proposal was made."""
        task = self.follower.task
        round_number = task.current.round
        self._give_up_in_time()
        aggregation = self._examination.aggregation
        if aggregation is None or self._examination.pending() or self._gave_up_in == round_number:
            return False
        values: dict[str, Any] = {"round": round_number}
        try:
            with timed(values, "aggregate_seconds"):
                derived = self.derive(aggregation)
        except ValueOutOfRange as error:
            # The deadline will expire the round; proposing nothing is the honest answer.
            self._gave_up_in = round_number
            self._progress("gave_up", {"round": round_number, "reason": error.message})
            return False
        if not self._attester.remember(derived.model_digest, derived.report_digest):
            self._gave_up_in = round_number
            return False
        with timed(values, "pin_seconds"):
            blobs = [derived.model, derived.report]
            if derived.difference is not None:
                blobs.append(derived.difference)
            model_cid, report_cid, *_ = self._pin(*blobs)
        action = Propose(
            round_number,
            derived.model_digest,
            model_cid.digest,
            derived.report_digest,
            report_cid.digest,
        )
        try:
            with timed(values, "propose_seconds"):
                receipt = self._patiently(lambda: self._ledger.send(action))
        except TransactionRejected as error:
            if error.error not in LOST_RACES:
                raise
            return False
        self._patiently(self.follower.refresh)
        self._remember_model(derived)
        self._progress(
            "proposed",
            {
                **values,
                "model": derived.model_digest.hex(),
                "bytes": sum(map(len, blobs)),
                "gas": receipt.gas_used,
                "included": aggregation.num_included,
                "updates": task.current.num_updates,
            },
        )
        return True

    def derive(self, aggregation: RoundAggregation) -> DerivedRound:
        """Return what the round yields, once every update was added or excluded."""
        return aggregation.derive(self.follower.base_model())

    def _pin(self, *blobs: bytes) -> list[Cid]:
        """Pin several blobs at once: each waits for the disk, so they wait together."""

        def pin(blob: bytes) -> Cid:
            cid: Cid = self._patiently(partial(self._store.put, blob))
            return cid

        return list(self._map_at_once(pin, list(blobs)))

    def _remember_model(self, derived: DerivedRound) -> None:
        values = decode_model_blob(derived.model, model_header(self.follower.manifest))
        self.follower.remember_model(derived.model_digest, values)

    def _pause(self) -> float:
        times: list[float | None] = [compute_due(self.follower), self.seeds.next_at()]
        if self.follower.phase == Phase.AGGREGATING:
            times.append(self._turn_at(self.follower.task.current.round))
        ahead = [time - self.follower.now for time in times if time is not None]
        waits = [seconds for seconds in ahead if seconds > 0] or ([0.02] if ahead else [])
        is_listing = self._lister is not None and self.follower.phase == Phase.COLLECTING
        return min([LOOK_SECONDS if is_listing else HEARTBEAT_SECONDS, *waits])

    def _patiently(self, action: Any) -> Any:
        return with_patience(action, self._patience_seconds, self._progress)
