"""The registry's contract and its model in Python, driven side by side on a real chain.

Random people enrol, leave, rotate and claim, rightly and wrongly, mostly around deadlines. The
contract emits the records that the model emits, or refuses with the error that the model refuses
with; after every step they agree on storage, on money and on the history hash.
"""

from __future__ import annotations

from typing import Any

from eth_account import Account
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
)

from fl_chain.chain.contracts import (
    encode_registry_creation,
)
from fl_chain.chain.keys import sign_hash
from fl_chain.chain.memory_registry import MemoryRegistry
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import (
    ClaimBond,
    Enrol,
    EnrolWithBond,
    LeaveRegistry,
    RegistryAction,
    Revoke,
    Rotate,
    SetEncryptionKey,
)
from fl_chain.protocol.attestation import Signature, compute_signing_hash, compute_succession
from fl_chain.protocol.committee import NOBODY
from fl_chain.protocol.registry_records import EnrolmentBondClaimed
from tests.stateful.stepped_chain import ETHER, SteppedChain, drive

REGISTRAR = 0
KEYS = [Account.from_key((2**220 + index).to_bytes(32)) for index in range(7)]
PEOPLE = [str(key.address).lower() for key in KEYS]

anybody = st.sampled_from(range(len(PEOPLE)))
senders = st.sampled_from([REGISTRAR] * 3 + [1, 2])
moments = st.sampled_from([None, None, -1, 0, 1])


class RegistryAndModel(RuleBasedStateMachine):
    """One registry on chain, and the same registry in Python."""

    def __init__(self, chain: SteppedChain) -> None:
        super().__init__()
        self.chain = chain
        self.model: MemoryRegistry | None = None
        self.balance = 0

    @initialize(
        bond=st.sampled_from([0, 1, ETHER, ETHER]), leave_seconds=st.sampled_from([0, 1, 9, 30])
    )
    def create(self, bond: int, leave_seconds: int) -> None:
        self.chain.begin(PEOPLE)
        code = encode_registry_creation(bond, leave_seconds)
        self.address, records = self.chain.deploy(PEOPLE[REGISTRAR], code)
        self.model = MemoryRegistry(
            PEOPLE[REGISTRAR],
            bond,
            leave_seconds,
            lambda: float(self.chain.now),
            chain_id=self.chain.chain_id,
            address=self.address,
        )
        assert records == self.model.records

    @property
    def state(self) -> Any:
        assert self.model is not None
        return self.model.state

    @rule(seconds=st.integers(0, 8))
    def pass_time(self, seconds: int) -> None:
        self.chain.now += seconds

    @rule(
        sender=senders, who=st.lists(anybody, min_size=1, max_size=3), has_nobody=st.integers(0, 9)
    )
    def enrol(self, sender: int, who: list[int], has_nobody: int) -> None:
        people = [PEOPLE[index] for index in who] + [NOBODY] * (not has_nobody)
        self.act(sender, Enrol(tuple(people)))

    @rule(sender=senders, who=st.lists(anybody, min_size=1, max_size=2), moment=moments)
    def revoke(self, sender: int, who: list[int], moment: int | None) -> None:
        self.pass_time_to(who[0], moment)
        self.act(sender, Revoke(tuple(PEOPLE[index] for index in who)))

    @rule(who=anybody, excess=st.sampled_from([0, 0, 0, 0, -1, 1]))
    def enrol_with_bond(self, who: int, excess: int) -> None:
        self.act(who, EnrolWithBond(max(0, self.state.enrolment_bond + excess)))

    @rule(who=anybody)
    def leave(self, who: int) -> None:
        self.act(who, LeaveRegistry())

    @rule(who=anybody, moment=moments)
    def claim(self, who: int, moment: int | None) -> None:
        self.pass_time_to(who, moment)
        self.act(who, ClaimBond())

    @rule(
        sender=st.sampled_from([None, None, None, REGISTRAR, 1]),
        who=anybody,
        successor=anybody,
        lie=st.sampled_from(
            [""] * 8 + ["signer", "participant", "chain", "contract", "form", "none"]
        ),
    )
    def rotate(self, sender: int | None, who: int, successor: int, lie: str) -> None:
        self.act(who if sender is None else sender, self.rotation(who, successor, lie))

    @rule(who=st.integers(1, 6), is_lost=st.booleans())
    def rotate_rightly(self, who: int, is_lost: bool) -> None:
        """Rotate some enrolled key to a fresh one, if there are both."""
        enrolled = [i for i, person in enumerate(PEOPLE) if self.state.is_enrolled(person)]
        fresh = [i for i, person in enumerate(PEOPLE) if person not in self.state.enrolments]
        if enrolled and fresh:
            former = enrolled[who % len(enrolled)]
            successor = fresh[who % len(fresh)]
            self.act(REGISTRAR if is_lost else former, self.rotation(former, successor, ""))

    @rule(who=anybody, key=st.sampled_from([b"\1" * 32, b"\2" * 32, bytes(32)]))
    def set_encryption_key(self, who: int, key: bytes) -> None:
        self.act(who, SetEncryptionKey(key))

    def rotation(self, who: int, successor: int, lie: str) -> Rotate:
        former = (who + 1) % len(PEOPLE) if lie == "participant" else who
        signer = (successor + 1) % len(PEOPLE) if lie == "signer" else successor
        message = compute_succession(PEOPLE[former], PEOPLE[successor])
        contract = PEOPLE[0] if lie == "contract" else self.address
        signed = compute_signing_hash(self.chain.chain_id + (lie == "chain"), contract, message)
        acceptance = sign_hash(KEYS[signer], signed)
        if lie == "form":
            order = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
            vs = int.from_bytes(acceptance.vs)
            high = order - (vs & (2**255 - 1)) | ((vs >> 255) ^ 1) << 255
            acceptance = Signature(acceptance.r, high.to_bytes(32))
        elif lie == "none":
            acceptance = Signature(bytes(32), bytes(32))
        return Rotate(PEOPLE[who], PEOPLE[successor], acceptance)

    def pass_time_to(self, who: int, moment: int | None) -> None:
        if moment is not None:
            claimable_at = self.state.claimable_at(PEOPLE[who])
            self.chain.now = max(self.chain.now, claimable_at + moment)

    def act(self, actor: int, action: RegistryAction) -> None:
        """Try an action on both; they do the same, or refuse for the same reason."""
        assert self.model is not None
        before, error = len(self.model.records), ""
        try:
            self.model.carry_out(PEOPLE[actor], action)
        except TransactionRejected as refusal:
            error = refusal.error
        wei = action.wei if isinstance(action, EnrolWithBond) else 0
        records = self.chain.try_action(PEOPLE[actor], self.address, action, error, wei)
        if error:
            return
        assert records == self.model.records[before:]
        self.balance += wei
        self.balance -= sum(r.amount for r in records if isinstance(r, EnrolmentBondClaimed))

    @invariant()
    def they_agree(self) -> None:
        if self.model is None:
            return
        state = self.state
        views = ("isEnrolled", "enrolment", "bondOf", "successorOf", "predecessorOf", "originOf")
        calls = [(view, person) for person in PEOPLE for view in (*views, "encryptionKeyOf")]
        history, *answers = self.chain.views(self.address, [("historyHash",), *calls])
        assert history == self.model.history_hash
        expected: list[bytes] = []
        for person in PEOPLE:
            entry = state.enrolment(person)
            expected += [
                word(entry.is_enrolled),
                word(entry.enrolled_at) + word(entry.revoked_at),
                word(entry.bond),
                word(int(state.successors.get(person, "0x0"), 16)),
                word(int(state.predecessors.get(person, "0x0"), 16)),
                word(int(state.origin(person), 16)),
                state.encryption_keys.get(person, bytes(32)),
            ]
        assert answers == expected

    @invariant()
    def the_registry_holds_every_bond(self) -> None:
        if self.model is None:
            return
        due = sum(entry.bond for entry in self.state.enrolments.values())
        assert self.chain.balance(self.address) == self.balance >= due


def word(value: int) -> bytes:
    return int(value).to_bytes(32)


def test_registry_and_model_agree_whatever_happens(stepped_chain: SteppedChain) -> None:
    drive(lambda: RegistryAndModel(stepped_chain), num_tasks=60)
