#!/usr/bin/env python3
"""Measure the gas of every action into contracts/gas-snapshot.json; with --check, compare.

A new anvil, its usual accounts, fixed times and words without zero bytes: the same contracts cost
the same gas on every machine, so any difference is a change of the contracts.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median_low
from typing import Any

from eth_account import Account

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from fl_chain.chain.audit_register import sign_audit  # noqa: E402
from fl_chain.chain.connection import ChainConnection  # noqa: E402
from fl_chain.chain.contracts import (  # noqa: E402
    AUDIT_REGISTER,
    DISPUTES,
    LEDGER,
    encode_action,
    encode_creation,
    encode_registry_creation,
)
from fl_chain.chain.devnet import start_chain_node  # noqa: E402
from fl_chain.chain.keys import sign_hash  # noqa: E402
from fl_chain.protocol.actions import (  # noqa: E402
    Abort,
    Admit,
    Attest,
    ClaimBond,
    CommitSeeds,
    CommitUpdate,
    DepositBond,
    Enrol,
    EnrolWithBond,
    Finalize,
    LeaveRegistry,
    LedgerAction,
    ListUpdates,
    Propose,
    RecordAudit,
    RegistryAction,
    Remove,
    RevealSeed,
    RevealUpdate,
    Revoke,
    Rotate,
    SetEncryptionKey,
    Stop,
    SubmitBatch,
    SubmitMasked,
    SubmitUpdate,
    Succeed,
    Unmask,
)
from fl_chain.protocol.attestation import (  # noqa: E402
    compute_result,
    compute_signing_hash,
    compute_succession,
)
from fl_chain.protocol.audit_statement import Audit  # noqa: E402
from fl_chain.protocol.commitment import compute_commitment  # noqa: E402
from fl_chain.protocol.records import TaskParameters  # noqa: E402
from fl_chain.protocol.sampling import compute_chain  # noqa: E402
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message  # noqa: E402

Action = LedgerAction | RegistryAction | RecordAudit

SNAPSHOT = ROOT / "contracts" / "gas-snapshot.json"
START = 2_000_000_000
NUM_ROUNDS = 12
NUM_COMMITTED_ROUNDS = 3
SEED_SECONDS = 30
NUM_PARTICIPANTS = 7
COLLECT_SECONDS, AGGREGATE_SECONDS = 1000, 500
WORD = b"\x11" * 32
BOND = 10**17
NUM_LISTED = 10_000
BATCH = 100
"""Updates that are relayed in one transaction."""


@dataclass
class Measurement:
    """What one scripted task cost."""

    gas: dict[str, int] = field(default_factory=dict)
    submissions: list[list[int]] = field(default_factory=list)
    """Gas of each submission, by round."""


class Chain:
    """Sends transactions at fixed times and says what they cost."""

    def __init__(self, connection: ChainConnection) -> None:
        self.connection = connection
        self.accounts: list[str] = connection.call("eth_accounts")
        self.now = START

    def send(self, sender: str, data: bytes, to: str | None = None, wei: int = 0) -> Any:
        """Mine one transaction and return its receipt."""
        transaction = {"from": sender, "data": "0x" + data.hex(), "gas": hex(10_000_000)}
        transaction["value"] = hex(wei)
        self.connection.call("evm_setNextBlockTimestamp", self.now)
        name = self.connection.call("eth_sendTransaction", transaction | ({"to": to} if to else {}))
        receipt = None
        while receipt is None:
            receipt = self.connection.call("eth_getTransactionReceipt", name)
        if receipt["status"] != "0x1":
            raise RuntimeError(f"a scripted transaction was refused: {transaction}")
        return receipt

    def act(self, sender: str, contract: str, action: Action) -> int:
        """Carry out an action and return its gas."""
        self.now += 1
        wei = action.wei if isinstance(action, DepositBond | EnrolWithBond) else 0
        return int(self.send(sender, encode_action(action), contract, wei)["gasUsed"], 16)


def measure(connection: ChainConnection) -> Measurement:
    """Run a task of twelve rounds, another that aborts and stops, and measure every action."""
    chain, result = Chain(connection), Measurement()
    coordinator, aggregator, anybody, *people = (a.lower() for a in chain.accounts)
    people = people[:NUM_PARTICIPANTS]
    gas = result.gas

    receipt = chain.send(coordinator, encode_registry_creation(BOND, leave_seconds=0))
    registry = receipt["contractAddress"]
    gas["deploy the registry"] = int(receipt["gasUsed"], 16)
    gas["enrol one participant"] = chain.act(coordinator, registry, Enrol((people[0],)))
    several = chain.act(coordinator, registry, Enrol(tuple(people[1:])))
    gas["enrol, each further participant"] = _further(several, gas["enrol one participant"])

    receipt = chain.send(coordinator, encode_creation(DISPUTES))
    disputes = str(receipt["contractAddress"]).lower()
    gas["deploy the code for disputes"] = int(receipt["gasUsed"], 16)
    parameters = TaskParameters(
        registry.lower(),
        disputes,
        *[WORD] * 4,
        num_rounds=NUM_ROUNDS,
        min_updates=2,
        target_updates=NUM_PARTICIPANTS,
        max_weight=10**6,
        collect_seconds=COLLECT_SECONDS,
        aggregate_seconds=AGGREGATE_SECONDS,
        challenge_seconds=10,
        quorum=2,
        bond=BOND,
        header_chunks=1,
        num_values=1000,
        fraction_shift=9,
        commit_seconds=0,
        is_open=False,
        list_seconds=0,
    )
    signers = [Account.from_key(bytes([i]) * 32) for i in (1, 2)]
    committee = [aggregator, *(str(signer.address).lower() for signer in signers)]
    for member in committee[1:]:
        connection.call("anvil_setBalance", member, hex(10**18))
        connection.call("anvil_impersonateAccount", member)

    def deploy(changed: TaskParameters = parameters) -> Any:
        return chain.send(coordinator, encode_creation(LEDGER, changed, committee))

    receipt = deploy()
    gas["deploy the ledger"] = int(receipt["gasUsed"], 16)
    ledger = str(receipt["contractAddress"])
    gas["admit one participant"] = chain.act(coordinator, ledger, Admit((people[0],)))
    several = chain.act(coordinator, ledger, Admit(tuple(people[1:])))
    gas["admit, each further participant"] = _further(several, gas["admit one participant"])

    deposited = [chain.act(who, ledger, DepositBond(BOND)) for who in committee]
    gas["deposit a bond"] = deposited[0]
    proposed, finalized, attested = [], [], []
    for number in range(1, NUM_ROUNDS + 1):
        update = SubmitUpdate(number, WORD, WORD, 60_000)
        result.submissions.append([chain.act(who, ledger, update) for who in people])
        proposer = committee[(number - 1) % len(committee)]
        proposed.append(chain.act(proposer, ledger, Propose(number, *[WORD] * 4)))
        if number % len(committee) == 1:
            chain.now += 10
            finalized.append(chain.act(anybody, ledger, Finalize(number)))
            continue
        message = compute_signing_hash(
            connection.chain_id, ledger.lower(), compute_result(number, WORD, WORD)
        )
        signer = signers[0] if proposer == committee[2] else signers[1]
        signature = sign_hash(signer, message)
        attest = Attest(number, WORD, WORD, (signature,))
        attested.append(chain.act(anybody, ledger, attest))
    gas["submit, the first update of a participant"] = median_low(result.submissions[0])
    later = [cost for costs in result.submissions[1:] for cost in costs]
    gas["submit, every later update"] = median_low(later)
    gas["propose, the first of an aggregator"] = proposed[0]
    gas["propose, every later model"] = median_low(proposed[3:])
    gas["attest, as the quorum"] = median_low(attested[3:-1])
    gas["finalize, with the next round"] = median_low(finalized[1:])

    ledger = str(deploy(replace(parameters, target_updates=2 * BATCH))["contractAddress"])
    keys = [Account.from_key(bytes([i]) * 32) for i in range(3, 3 + BATCH)]
    signers_of_updates = tuple(str(key.address).lower() for key in keys)
    chain.act(coordinator, registry, Enrol(signers_of_updates))
    chain.act(coordinator, ledger, Admit(signers_of_updates))
    message = compute_signing_hash(
        connection.chain_id, ledger.lower(), compute_update_message(1, WORD, WORD, 60_000)
    )
    updates = tuple(SignedUpdate(WORD, WORD, 60_000, sign_hash(key, message)) for key in keys)
    gas[f"submit a batch of {BATCH}"] = chain.act(anybody, ledger, SubmitBatch(1, updates))

    listing = replace(parameters, list_seconds=COLLECT_SECONDS - 1, target_updates=NUM_LISTED)
    ledger = str(deploy(listing)["contractAddress"])
    for who in committee:
        chain.act(who, ledger, DepositBond(BOND))
    for number in range(1, NUM_COMMITTED_ROUNDS + 1):
        listed = chain.act(aggregator, ledger, ListUpdates(number, NUM_LISTED, WORD, WORD))
        chain.now += COLLECT_SECONDS + len(committee) * AGGREGATE_SECONDS
        chain.act(anybody, ledger, Abort(number))
    gas["list updates, any number"] = listed

    committing = replace(parameters, commit_seconds=COLLECT_SECONDS)
    ledger = str(deploy(committing)["contractAddress"])
    chain.act(coordinator, ledger, Admit(tuple(people)))
    for who in committee:
        chain.act(who, ledger, DepositBond(BOND))
    for number in range(1, NUM_COMMITTED_ROUNDS + 1):
        place = connection.chain_id, ledger.lower(), number
        commitments = [compute_commitment(*place, who, WORD, WORD, 60_000, WORD) for who in people]
        committed = [
            chain.act(who, ledger, CommitUpdate(number, commitment))
            for who, commitment in zip(people, commitments, strict=True)
        ]
        reveal = RevealUpdate(number, WORD, WORD, 60_000, WORD)
        revealed = [chain.act(who, ledger, reveal) for who in people]
        proposer = committee[(number - 1) % len(committee)]
        chain.act(proposer, ledger, Propose(number, *[WORD] * 4))
        chain.now += 10
        chain.act(anybody, ledger, Finalize(number))
    gas["commit to an update"] = median_low(committed)
    gas["reveal an update"] = median_low(revealed)

    ledger = str(deploy()["contractAddress"])
    chain.act(coordinator, ledger, Admit((people[0],)))
    chain.now += COLLECT_SECONDS + 1
    gas["abort an expired round"] = chain.act(anybody, ledger, Abort(1))
    gas["revoke one participant"] = chain.act(coordinator, registry, Revoke((people[0],)))
    gas["remove a revoked participant"] = chain.act(anybody, ledger, Remove(people[0]))
    gas["stop the task"] = chain.act(coordinator, ledger, Stop())
    _measure_identities(chain, registry, ledger, gas)
    sampled = replace(parameters, sample_rate=2**32 - 1, seed_seconds=SEED_SECONDS)
    _measure_sampling(chain, str(deploy(sampled)["contractAddress"]), committee, gas)
    masked = replace(sampled, commit_seconds=COLLECT_SECONDS, unmask_seconds=COLLECT_SECONDS)
    masked = replace(masked, min_updates=1, target_updates=2, fraction_shift=2**32 - 1)
    _measure_masks(chain, str(deploy(masked)["contractAddress"]), gas)
    private = replace(parameters, min_updates=1, privacy_cost=2**32, privacy_budget=9 * 2**32)
    _measure_budget(chain, str(deploy(private)["contractAddress"]), gas)
    _measure_audits(chain, ledger, gas)
    return result


def _measure_sampling(chain: Chain, ledger: str, committee: list[str], gas: dict[str, int]) -> None:
    """Measure what a task costs in which a seed selects who takes part: here, everybody."""
    coordinator, _, anybody, _, _, *people = (a.lower() for a in chain.accounts)
    chain.act(coordinator, ledger, Admit((people[0],)))
    gas["admit, with sampling"] = chain.act(coordinator, ledger, Admit((people[1],)))
    chains = {who: compute_chain(who.encode()[:32], 3) for who in committee}
    for who in committee:
        chain.act(who, ledger, DepositBond(BOND))
    committed = [chain.act(who, ledger, CommitSeeds(chains[who][-1])) for who in committee]
    gas["commit to secrets"] = committed[1]
    for number in (1, 2):
        revealed = [
            chain.act(who, ledger, RevealSeed(number, chains[who][-1 - number]))
            for who in committee
        ]
        update = SubmitUpdate(number, WORD, WORD, 60_000)
        submitted = [chain.act(who, ledger, update) for who in people[:2]]
        chain.now += COLLECT_SECONDS + 1
        chain.act(committee[number - 1], ledger, Propose(number, *[WORD] * 4))
        chain.now += 10
        finalized = chain.act(anybody, ledger, Finalize(number))
    gas["reveal a secret"] = revealed[1]
    gas["submit, with sampling"] = submitted[1]
    gas["finalize, with sampling"] = finalized


def _measure_masks(chain: Chain, ledger: str, gas: dict[str, int]) -> None:
    """Measure what a member of a group sends in a task with masked updates."""
    coordinator, _, anybody, _, _, *people = (a.lower() for a in chain.accounts)
    chain.act(coordinator, ledger, Admit((people[0], people[1])))
    for number in (1, 2):
        chain.now += 2 * SEED_SECONDS
        shared = [chain.act(who, ledger, CommitUpdate(number, WORD)) for who in people[:2]]
        update = SubmitMasked(number, WORD, WORD, 1000, 0)
        plain = chain.act(people[0], ledger, update)
        apart = chain.act(people[1], ledger, replace(update, apart=1))
        told = [chain.act(who, ledger, Unmask(number, WORD)) for who in people[:2]]
        chain.now += COLLECT_SECONDS + 9 * AGGREGATE_SECONDS
        chain.act(anybody, ledger, Abort(number))
    gas["share seeds, with masks"] = shared[0]
    gas["submit a masked update"] = plain
    gas["submit a masked update, with peers apart"] = apart
    gas["unmask"] = told[0]


def _measure_budget(chain: Chain, ledger: str, gas: dict[str, int]) -> None:
    """Measure what an update costs in a task with a privacy budget."""
    coordinator, _, anybody, _, _, *people = (a.lower() for a in chain.accounts)
    chain.act(coordinator, ledger, Admit((people[0], people[1])))
    for number in (1, 2):
        update = SubmitUpdate(number, WORD, WORD, 60_000)
        submitted = [chain.act(who, ledger, update) for who in people[:2]]
        name = "the first" if number == 1 else "every later"
        gas[f"submit, with a privacy budget, {name} update"] = submitted[1]
        chain.now += COLLECT_SECONDS + 3 * AGGREGATE_SECONDS
        chain.act(anybody, ledger, Abort(number))


def _measure_identities(chain: Chain, registry: str, ledger: str, gas: dict[str, int]) -> None:
    """Measure what participants do in the registry themselves, and what a rotation costs a task."""
    coordinator, _, anybody, _, second, *_ = (a.lower() for a in chain.accounts)
    gas["enrol oneself with a bond"] = chain.act(anybody, registry, EnrolWithBond(BOND))
    gas["set an encryption key"] = chain.act(anybody, registry, SetEncryptionKey(WORD))
    gas["leave the registry"] = chain.act(anybody, registry, LeaveRegistry())
    gas["claim an enrolment bond"] = chain.act(anybody, registry, ClaimBond())
    chain.act(coordinator, ledger, Admit((second,)))
    successor = Account.from_key(b"\xf3" * 32)
    keys = second, str(successor.address).lower()
    message = compute_succession(*keys)
    signed = compute_signing_hash(chain.connection.chain_id, registry.lower(), message)
    rotation = Rotate(*keys, sign_hash(successor, signed))
    gas["rotate a key"] = chain.act(second, registry, rotation)
    gas["succeed a participant"] = chain.act(anybody, ledger, Succeed(second))


def _measure_audits(chain: Chain, ledger: str, gas: dict[str, int]) -> None:
    """Measure what it costs to put on record what an auditor signed."""
    anybody = chain.accounts[2].lower()
    receipt = chain.send(anybody, encode_creation(AUDIT_REGISTER))
    gas["deploy the audit register"] = int(receipt["gasUsed"], 16)
    register, auditor = str(receipt["contractAddress"]), Account.from_key(b"\xf4" * 32)
    for num_records in (2**16, 2**16 + 1):
        audit = Audit(ledger.lower(), num_records, WORD, 1, WORD, WORD)
        signed = sign_audit(auditor, chain.connection.chain_id, audit)
        action = RecordAudit(signed.auditor, signed.audit, signed.signature)
        gas["record an audit"] = chain.act(anybody, register, action)


def measure_on_new_chain() -> Measurement:
    """Measure on a devnet that exists for nothing else."""
    with tempfile.TemporaryDirectory() as directory:
        node = start_chain_node("anvil", Path(directory), port=0)
        try:
            return measure(ChainConnection(node.rpc_url))
        finally:
            node.process.stop()


def _further(several: int, one: int) -> int:
    return (several - one) // (NUM_PARTICIPANTS - 2)


def main() -> int:
    """Write or compare the snapshot; return 1 when a cost differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on differences")
    is_check = parser.parse_args().check
    gas = measure_on_new_chain().gas
    if not is_check:
        SNAPSHOT.write_text(json.dumps(gas, indent=1) + "\n", encoding="utf-8")
        return 0
    expected = json.loads(SNAPSHOT.read_text(encoding="utf-8"))
    for name in sorted({*gas, *expected}):
        if gas.get(name) != expected.get(name):
            print(f"{name}: {gas.get(name)} gas, the snapshot says {expected.get(name)}")
    return 0 if gas == expected else 1


if __name__ == "__main__":
    sys.exit(main())
