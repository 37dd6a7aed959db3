"""What has to hold after every step."""

from __future__ import annotations

from collections import Counter
from dataclasses import astuple
from typing import Any

from eth_abi import decode, encode
from hypothesis.stateful import invariant

from fl_chain.protocol.commitment import PENDING
from fl_chain.protocol.dispute import Stage
from fl_chain.protocol.logs import compute_history_hash, compute_record_hash, encode_words
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import (
    LISTING_PREFIX_BYTES,
    RECORD_PREFIX_BYTES,
    ParticipantSucceeded,
    UpdateCommitted,
    UpdatesListed,
    UpdateSubmitted,
)
from fl_chain.protocol.state import Lot, SeedChain
from tests.stateful.side_by_side import PARTICIPANTS, PEOPLE, SideBySide


class Agreement(SideBySide):
    """Contract and model show the same, and the promises of the protocol hold."""

    @invariant()
    def they_agree(self) -> None:
        if not self.is_created:
            return
        task = self.task
        numbers = [*range(task.current.round + 2), 2**32 - 1]
        members = task.committee.members
        calls: list[tuple[Any, ...]] = [("historyHash",), ("currentRound",)]
        calls += [("proposal",), ("dispute",), ("committing",), ("seeding",), ("unmasking",)]
        calls += [("participantOf", PEOPLE[index]) for index in PARTICIPANTS]
        calls += [("aggregatorOf", person) for person in members]
        calls += [("payoutOf", person) for person in PEOPLE]
        calls += [("participantOf", person) for person in PEOPLE]
        calls += [("listingOf", person) for person in members]
        calls += [("seedChainOf", person) for person in PEOPLE]
        calls += [("lotOf", person) for person in PEOPLE]
        charged = PEOPLE if task.has_budget else PEOPLE[:1]
        calls += [("privacySpentOf", person) for person in charged]
        calls += [("pot",), *(("payrollOf", number) for number in numbers)]
        calls += [("seedOf", number) for number in numbers]
        calls += [("phaseOf", number) for number in numbers]
        answers = self.chain.views(self.ledger, calls)
        history, current, proposal, dispute, committing, seeding, unmasking, *others = answers
        assert history == compute_history_hash(self.chain.chain_id, self.ledger, self.records)
        types = ["uint32"] * 4 + ["uint40"] * 3 + ["bool"]
        assert decode(types, current) == astuple(task.current)
        types = ["uint32", "address", "uint40", "uint8", "uint8", "bytes32"]
        assert encode(types, list(astuple(task.proposal))) == proposal
        assert b"".join(encode_words(task.dispute)) == dispute
        assert b"".join(encode_words(task.committing)) == committing
        assert b"".join(encode_words(task.seeding)) == seeding
        assert b"".join(encode_words(task.unmasking)) == unmasking
        for index in PARTICIPANTS:
            words = decode(["bool", "uint32", "uint32", "bytes32"], others.pop(0))
            assert words == (PEOPLE[index] in task.admitted, *self.last_sign_of(PEOPLE[index]))
        types = ["uint32", "uint32", "uint40", "uint32", "uint96", "bytes32"]
        for member in members.values():
            assert decode(types, others.pop(0)) == astuple(member)
        for person in PEOPLE:
            assert int.from_bytes(others.pop(0)) == task.committee.payouts.get(person, 0)
        for person in PEOPLE:
            is_admitted, last_round, *_ = decode(["bool", "uint32"], others.pop(0)[:64])
            assert is_admitted == (person in task.admitted)
            assert last_round == task.last_round_of.get(person, 0)
        for person in members:
            assert decode(["uint32", "bytes32"], others.pop(0)) == self.last_list_of(person)
        for person in PEOPLE:
            chain = task.seed_chains.get(person, SeedChain())
            assert b"".join(encode_words(chain)) == others.pop(0)
        for person in PEOPLE:
            lot = task.lots.get(person, Lot("0x" + "00" * 20, 0))
            assert b"".join(encode_words(lot)) == others.pop(0)
        for person in charged:
            assert int.from_bytes(others.pop(0)) == task.spent(person)
        assert int.from_bytes(others.pop(0)) == task.pot
        for number in numbers:
            payroll = task.payrolls.get(number)
            expected = (bytes(32), 0, 0)
            if payroll:
                expected = (payroll.content, payroll.left, len(payroll.unpaid))
            assert decode(["bytes32", "uint96", "uint32"], others.pop(0)) == expected
        for number in numbers:
            seed = task.seed_of(number, self.now) if number == task.current.round else None
            assert (seed or bytes(32)) == others.pop(0)
        assert [Phase(int.from_bytes(phase)) for phase in others] == [
            task.phase_of(number, self.now) for number in numbers
        ]

    def last_sign_of(self, person: str) -> tuple[int, int, bytes]:
        """Round, sequence and proof of the last commitment or update, by the records alone."""
        none: tuple[int, int, bytes] = (0, 0, bytes(32))
        last: dict[str, tuple[int, int, bytes]] = {}
        for record in self.records:
            match record:
                case UpdateCommitted(participant=who):
                    last[who] = record.round, PENDING, record.commitment
                case UpdateSubmitted(participant=who):
                    last[who] = record.round, record.sequence, compute_record_hash(record)
                case ParticipantSucceeded(participant=former, successor=who):
                    last[who] = last.get(former, none)[0], 0, bytes(32)
        number, sequence, proof = last.get(person, none)
        return number, sequence, proof[:RECORD_PREFIX_BYTES].ljust(32, b"\0")

    def last_list_of(self, person: str) -> tuple[int, bytes]:
        last = (0, bytes(32))
        for record in self.records:
            if isinstance(record, UpdatesListed) and record.aggregator == person:
                proof = compute_record_hash(record)[:LISTING_PREFIX_BYTES]
                last = record.round, proof.ljust(32, b"\0")
        return last

    @invariant()
    def a_line_submits_once_a_round(self) -> None:
        if not self.is_created:
            return
        origin = self.people.state.origin
        for history in self.task.rounds.values():
            lines = [origin(update.participant) for update in history.updates]
            assert len(set(lines)) == len(lines)
        assert len({origin(person) for person in self.task.admitted}) == len(self.task.admitted)

    @invariant()
    def seeds_are_told_once_and_by_those_alone_whose_update_is_on_record(self) -> None:
        if not self.is_created:
            return
        for history in self.task.rounds.values():
            told = [record.participant for record in history.unmaskings]
            assert len(set(told)) == len(told)
            assert set(told) <= {update.participant for update in history.updates}

    @invariant()
    def every_update_was_paid_for(self) -> None:
        """By its line, under the key that this one has now, and never beyond the budget."""
        if not self.is_created:
            return
        task, origin = self.task, self.people.state.origin
        cost, budget = task.parameters.privacy_cost, task.parameters.privacy_budget
        paid = Counter(origin(u.participant) for h in task.rounds.values() for u in h.updates)
        spent = Counter[str]()
        for person in PEOPLE:
            assert 0 <= task.spent(person) <= budget
            spent[origin(person)] += task.spent(person)
        assert spent == Counter({line: cost * number for line, number in paid.items()})

    @invariant()
    def money_is_all_there(self) -> None:
        if not self.is_created:
            return
        committee = self.task.committee
        due = sum(committee.payouts.get(person, 0) for person in PEOPLE)
        due += sum(member.bond for member in committee.members.values())
        if self.task.dispute.stage != Stage.NONE:
            due += self.task.parameters.bond
        due += self.task.pot + sum(payroll.left for payroll in self.task.payrolls.values())
        assert self.chain.balance(self.ledger) == self.paid_in >= due
