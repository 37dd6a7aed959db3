"""A small task written down as an auditor finds it: logs, views of the ledger, and content.

What an honest party does comes from tests/reference.py; whoever uses this tells the lies.
"""

from __future__ import annotations

import hashlib
from typing import Any

import rfc8785

from scripts.vectors.documents import manifest
from scripts.vectors.lists import key_of, sign
from scripts.vectors.measurements import measurement_of
from tests import reference as ref
from tests import reference_rules as rules

CHAIN_ID = 31337
LEDGER, REGISTRY, DISPUTES = ("0x" + byte * 20 for byte in ("1e", "e1", "d1"))
COORDINATOR = "0x" + "c0" * 20
AGGREGATORS = manifest()["committee"]["aggregators"]
BOND = 5 * 10**9
NOBODY = "0x" + "00" * 20
PARTICIPANTS = ["0x" + f"{n:02x}" * 20 for n in (10, 11, 12)]
ENROLMENT_BOND, LEAVE_SECONDS = 7, 60
SEED_SECONDS, UNMASK_SECONDS = 30, 40
TENSORS = {"w": [2]}
MAX_ABS = 20000

Record = tuple[str, dict[str, Any]]


class TaskOnRecord:
    """One task as it is written down: both contracts' records, and what the store holds."""

    def __init__(
        self,
        commit_seconds: int = 0,
        list_seconds: int = 0,
        sample_rate: int = 0,
        is_measured: bool = False,
        keep_seconds: int = 0,
        rule: str = "mean",
        budget: tuple[int, int] = (0, 0),
        num_masked: int = 0,
    ) -> None:
        self.now = 1_700_000_000
        document = manifest() | {"layout": [{"name": "w", "shape": [2]}]}
        document["encoding"] = document["encoding"] | {"max_abs": MAX_ABS}
        document["rounds"] = document["rounds"] | {"min_updates": 1, "target_updates": 3}
        document["rounds"] |= {"commit_seconds": commit_seconds, "list_seconds": list_seconds}
        document["rounds"]["sample_rate"] = sample_rate
        document["rounds"]["seed_seconds"] = SEED_SECONDS if sample_rate else 0
        document["keep_seconds"] = keep_seconds
        cost, most = budget
        private = {"cost": cost, "budget": most, "max_order": 8 if most else 0}
        document["privacy"] = document["privacy"] | private
        document["rule"] = self.rule = rule
        is_robust = rule != "mean"
        document["num_malicious"] = int(is_robust)
        if is_robust:
            document["rounds"]["min_updates"] = 3
        document["measurements"] = self.is_measured = is_measured
        if num_masked:
            document["privacy"] |= {"mode": "masked", "group_size": 3}
            document["rounds"] |= {"min_updates": 3, "target_updates": num_masked}
            document["rounds"]["unmask_seconds"] = UNMASK_SECONDS
        self.rounds = document["rounds"]
        text = rfc8785.dumps(document)
        self.task = ref.digest(text).hex()
        self.entries: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}
        """CID by what the content is to the task."""
        self.is_known_code = True
        self.is_known_creation = True
        self.is_known_disputes = True
        self.registry_creation = True
        genesis_values = [1000, -1000]
        genesis = ref.blob(ref.model_metadata(self.task, is_measured), TENSORS, genesis_values)
        self.models = {0: (ref.digest(genesis).hex(), genesis_values)}
        self.parameters = {
            "registry": REGISTRY,
            "disputes": DISPUTES,
            "manifest_digest": self.task,
            "manifest_cid_digest": self.pin("manifest", text),
            "genesis_digest": self.models[0][0],
            "genesis_cid_digest": self.pin("genesis", genesis),
            **self.rounds,
            "quorum": 2,
            "bond": BOND,
            "header_chunks": 1,
            "num_values": 2,
            "fraction_shift": 2**32 - 1 if is_robust or num_masked else 9,
            "is_open": False,
            "reward": 0,
            "privacy_cost": cost,
            "privacy_budget": most,
        }
        self.ledger: list[Record] = []
        self.registry: list[Record] = []
        terms = {"enrolment_bond": ENROLMENT_BOND, "leave_seconds": LEAVE_SECONDS}
        self.note(self.registry, "RegistryCreated", registrar=COORDINATOR, **terms)
        self.participants = [key_of(number)[1] for number in range(len(PARTICIPANTS))]
        if not list_seconds:
            numbers = range(10, 10 + (num_masked or 3))
            self.participants = ["0x" + f"{n:02x}" * 20 for n in numbers]
        for participant in self.participants:
            self.note(self.registry, "ParticipantEnrolled", participant=participant)
        self.now += 10
        self.note(self.ledger, "TaskCreated", coordinator=COORDINATOR, parameters=self.parameters)
        for seat, aggregator in enumerate(AGGREGATORS, start=1):
            self.note(self.ledger, "AggregatorAppointed", aggregator=aggregator, seat=seat)
        self.round, self.base_round, self.num_finalized = 0, 0, 0
        self.open_round()
        for aggregator in AGGREGATORS:
            self.note(self.ledger, "BondDeposited", aggregator=aggregator, amount=BOND)
        for participant in self.participants:
            self.note(self.ledger, "ParticipantAdmitted", participant=participant)

    def note(self, records: list[Record], event: str, **values: Any) -> None:
        """Append a record of now."""
        records.append((event, {**values, "timestamp": self.now}))

    def pin(self, name: str, content: bytes) -> str:
        """Let the store hold content; return its CID digest."""
        cid = ref.raw_cid(content)
        self.names[name] = cid
        self.entries[cid] = {"cid": cid, "is": name, **spell(content)}
        return hashlib.sha256(content).hexdigest()

    def open_round(self) -> None:
        """Open the next round."""
        self.round += 1
        opens_at = self.now + self.rounds["seed_seconds"] * (2 if self.round == 1 else 1)
        opening = {"round": self.round, "base_round": self.base_round, "opens_at": opens_at}
        self.note(self.ledger, "RoundOpened", **opening)
        self.updates: list[dict[str, Any]] = []

    @property
    def base(self) -> tuple[str, list[int]]:
        """Digest and values of the model that the round starts from."""
        return self.models[self.base_round]

    def commit_seeds(self, first: int) -> None:
        """Let every aggregator commit to two secrets; ``first`` is the first byte of the first."""
        self.secrets = {who: [f"{first + n:02x}" * 32] for n, who in enumerate(AGGREGATORS)}
        for who, secrets in self.secrets.items():
            for _ in range(2):
                secrets.append(ref.keccak(bytes.fromhex(secrets[-1])).hex())
            self.note(self.ledger, "SeedsCommitted", aggregator=who, tip=secrets.pop())

    def selected(self, revealed: list[str]) -> list[int]:
        """Return the participants whom the current round selects, after what some revealed."""
        seed = self.task
        for number in range(1, self.round + 1):
            seen = {
                values["aggregator"]: values["secret"]
                for event, values in self.ledger
                if event == "SeedRevealed" and values["round"] == number
            }
            seed = ref.seed(seed, number, seen).hex()
        assert sorted(seen) == sorted(revealed)  # noqa: S101 - or the case is another one
        rate = self.rounds["sample_rate"]
        return [n for n, who in enumerate(self.participants) if ref.lot(seed, who) < rate]

    def reveal_seeds(self, *aggregators: str) -> None:
        """Reveal the secrets of some aggregators; those of the others are not revealed."""
        for who, secrets in self.secrets.items():
            if who in aggregators:
                secret = secrets.pop()
                revealed = {"round": self.round, "aggregator": who, "secret": secret}
                self.note(self.ledger, "SeedRevealed", **revealed)

    def update(self, number: int, lanes: list[int]) -> bytes:
        """Return the blob that a participant should send in this round."""
        metadata = ref.update_metadata(
            *(self.task, self.round, self.base[0], self.participants[number]),
            measurement_of(number) if self.is_measured else None,
        )
        return ref.blob(metadata, TENSORS, lanes)

    def commit(self, number: int, lanes: list[int]) -> None:
        """Commit to an update of the current round."""
        self.now += 1
        content = self.update(number, lanes)
        who = {"round": self.round, "participant": PARTICIPANTS[number]}
        update = {
            "digest": ref.digest(content).hex(),
            "cid_digest": hashlib.sha256(content).hexdigest(),
            "weight": 100 * (number + 1),
            "salt": f"{number:02x}" * 32,
        }
        commitment = ref.commitment(CHAIN_ID, LEDGER, who | update).hex()
        self.note(self.ledger, "UpdateCommitted", **who, commitment=commitment)

    def submit(
        self, number: int, lanes: list[int], outcome: str = "included", more: bytes = b""
    ) -> None:
        """Submit an update; ``outcome`` is what an honest aggregator makes of it."""
        self.now += 1
        sequence, weight = len(self.updates), 100 * (number + 1)
        content = self.update(number, lanes) + more
        self.note(
            self.ledger,
            "UpdateSubmitted",
            round=self.round,
            participant=self.participants[number],
            sequence=sequence,
            digest=ref.digest(content).hex(),
            cid_digest=self.pin(f"update {sequence} of round {self.round}", content),
            weight=weight,
        )
        self.updates.append({"lanes": lanes, "weight": weight, "outcome": outcome})
        self.updates[-1]["said"] = measurement_of(number)
        self.updates[-1]["participant"] = self.participants[number]

    def list_updates(self, seat: int, *entries: tuple[int, list[int], str, dict[str, Any]]) -> None:
        """List updates as an aggregator, from 1.

        Each is a participant's number, lanes, what an honest aggregator makes of it, and what is
        altered in its entry after it was signed.
        """
        self.now += 1
        first = len(self.updates)
        written = []
        for number, lanes, outcome, changes in entries:
            content, sequence = self.update(number, lanes), len(self.updates)
            update = {
                "digest": ref.digest(content).hex(),
                "cid_digest": self.pin(f"update {sequence} of round {self.round}", content),
                "weight": 100 * (number + 1),
            }
            place = {"chain_id": CHAIN_ID, "ledger": LEDGER, "round": self.round}
            signed = sign(key_of(number)[0], update, **place) | changes
            written.append(ref.list_entry(self.participants[number], signed))
            self.updates.append({"lanes": lanes, "weight": signed["weight"], "outcome": outcome})
        data = ref.update_list(ref.list_metadata(self.task, self.round), written)
        self.note(
            self.ledger,
            "UpdatesListed",
            round=self.round,
            aggregator=AGGREGATORS[seat - 1],
            first=first,
            count=len(entries),
            digest=ref.digest(data).hex(),
            cid_digest=self.pin(f"list {seat} of round {self.round}", data),
        )

    def wait(self) -> None:
        """Wait until the turns have begun."""
        is_closed = len(self.updates) == 3 and not self.rounds["list_seconds"]
        self.now += 10 if is_closed else 101

    def submit_all(self) -> None:
        """Submit an honest update of every participant, which closes collection."""
        for number in range(3):
            self.submit(number, [10 * self.round + number, -7 * number - 1])

    def propose(
        self,
        off_by: int = 0,
        statuses: list[int] | None = None,
        total_weight: int | None = None,
        turn: int = 0,
        is_averaged: bool = False,
        **totals: int,
    ) -> None:
        """Propose the model and the report that follow, or others, when a turn has come."""
        self.wait()
        self.now += turn * self.rounds["aggregate_seconds"]
        model, report = self.derive(off_by, statuses, total_weight, is_averaged, **totals)
        self.note(
            self.ledger,
            "ModelProposed",
            round=self.round,
            proposer=AGGREGATORS[(self.round - 1 + turn) % len(AGGREGATORS)],
            model_digest=self.models[self.round][0],
            model_cid_digest=self.pin(f"model of round {self.round}", model),
            report_digest=ref.digest(report).hex(),
            report_cid_digest=self.pin(f"report of round {self.round}", report),
        )

    def derive(
        self,
        off_by: int = 0,
        statuses: list[int] | None = None,
        total_weight: int | None = None,
        is_averaged: bool = False,
        **totals: int,
    ) -> tuple[bytes, bytes]:
        """Return the model and the report that follow, or others; the model is then the round's."""
        valid = [u for u in self.updates if u["outcome"] == "included"]
        digest, base = self.base
        lanes, weights = [u["lanes"] for u in valid], [u["weight"] for u in valid]
        values = ref.next_model(base, lanes, weights, 15, 24) if valid else list(base)
        if self.rule != "mean" and not is_averaged:
            by_address = sorted(valid, key=lambda update: update["participant"])
            sums, count = rules.RULES[self.rule]([u["lanes"] for u in by_address], 1)
            pairs = zip(base, sums, strict=True)
            values = [ref.next_value(value, top, 9, count) for value, top in pairs]
        values[0] += off_by
        model = ref.blob(ref.model_metadata(self.task, self.is_measured), TENSORS, values)
        self.models[self.round] = (ref.digest(model).hex(), values)
        if statuses is None:
            statuses = [ref.STATUS[u["outcome"]] for u in self.updates]
        if total_weight is None:
            total_weight = sum(weights)
        metadata = ref.report_metadata(
            *(self.task, self.round, digest, self.models[self.round][0], total_weight),
            ref.totals([u["said"] for u in valid]) | totals if self.is_measured else None,
        )
        return model, ref.report(metadata, statuses)

    def rotate(self, number: int, successor: str) -> None:
        """Let a participant put another key in its place, and its admission move there."""
        self.now += 1
        keys = {"participant": self.participants[number], "successor": successor}
        self.note(self.registry, "ParticipantRotated", **keys, amount=0)
        self.note(self.ledger, "ParticipantSucceeded", **keys)
        self.participants[number] = successor

    def attest(self, *aggregators: str) -> None:
        """Let aggregators attest to the result that follows."""
        model, report = self.derive()
        digests = {
            "model_digest": ref.digest(model).hex(),
            "report_digest": ref.digest(report).hex(),
        }
        for aggregator in aggregators:
            attested = {"round": self.round, "aggregator": aggregator, **digests}
            self.note(self.ledger, "ModelAttested", **attested)

    def reject(self, proposer: str) -> None:
        """Reject the proposal and take its proposer's bond."""
        fault = {"fault": 1}
        self.note(self.ledger, "ProposalRejected", round=self.round, proposer=proposer, **fault)
        slashed = {"aggregator": proposer, "beneficiary": NOBODY, "amount": BOND, **fault}
        self.note(self.ledger, "BondSlashed", **slashed)

    def finalize(self, window: int | None = None) -> None:
        """Finalize the round, and open the next unless it was the last."""
        self.now += self.rounds["challenge_seconds"] if window is None else window
        digest = self.models[self.round][0]
        self.note(self.ledger, "RoundFinalized", round=self.round, model_digest=digest)
        self.base_round = self.round
        self.num_finalized += 1
        if self.num_finalized < self.rounds["num_rounds"]:
            self.open_round()

    def honest_round(self) -> None:
        """Do one round as it should be."""
        self.submit_all()
        self.propose()
        self.finalize()

    def evidence(self) -> dict[str, Any]:
        """Return everything as an auditor finds it."""
        arguments = (
            _parameter_words(self.ledger[0])
            + _word(32 * (1 + len(ref.TASK_PARAMETERS)))
            + _word(len(AGGREGATORS))
        )
        arguments += "".join(aggregator[2:].rjust(64, "0") for aggregator in AGGREGATORS)
        ledger = {
            "address": LEDGER,
            "history_hash": _history_hash(LEDGER, self.ledger),
            "is_known_code": self.is_known_code,
            "creation": {"is_known_code": self.is_known_creation, "arguments": arguments},
        }
        registry = {
            "address": REGISTRY,
            "history_hash": _history_hash(REGISTRY, self.registry),
            "is_known_code": True,
            "creation": {
                "is_known_code": True,
                "arguments": _word(ENROLMENT_BOND) + _word(LEAVE_SECONDS),
            }
            if self.registry_creation
            else None,
        }
        return {
            "chain_id": CHAIN_ID,
            "only_round": None,
            "ledger": ledger,
            "registry": registry,
            "disputes": {"address": DISPUTES, "is_known_code": self.is_known_disputes},
            "ledger_state": _views(self.ledger),
            "ledger_logs": [_log(record) for record in self.ledger],
            "registry_logs": [_log(record) for record in self.registry],
            "contents": list(self.entries.values()),
        }

    def lose(self, name: str) -> None:
        """Let nobody hold some content."""
        del self.entries[self.names[name]]

    def serve(self, name: str, **answer: Any) -> None:
        """Let the store answer something else for some content."""
        cid = self.names[name]
        self.entries[cid] = {"cid": cid, "is": name, **answer}


def spell(content: bytes) -> dict[str, Any]:
    """Return content as text or as the parts of a blob."""
    if content.startswith(b"{"):
        return {"text": content.decode()}
    length = int.from_bytes(content[:8], "little")
    header = content[8 : 8 + length].rstrip(b" ")
    parts = {
        "prefix": content[:8].hex(),
        "header": header.decode(),
        "padding": length - len(header),
        "data": content[8 + length :].hex(),
    }
    return {"parts": parts}


def _log(record: Record) -> dict[str, Any]:
    topics, data = ref.abi_log(*record)
    return {"event": record[0], "topics": [topic.hex() for topic in topics], "data": data.hex()}


def _parameter_words(created: Record) -> str:
    return b"".join(ref.abi_words(*created)[1 : 1 + len(ref.TASK_PARAMETERS)]).hex()


def _views(records: list[Record]) -> dict[str, Any]:
    """Return what the ledger's views answer, from what each event says about the storage."""
    names = ("round", "base", "updates", "finalized", "opened", "closed", "paused", "stopped")
    current: dict[str, int] = dict.fromkeys(names, 0)
    parameters = records[0][1]["parameters"]
    proposal = {"round": 0, "proposer": NOBODY, "at": 0, "for": 0, "against": 0, "report": ""}
    models = [parameters["genesis_digest"]]
    people: dict[str, list[str]] = {}
    committing = [0, 0, 0]
    lists: dict[str, Record] = {}
    committee: dict[str, dict[str, Any]] = {}
    seeding: dict[str, Any] = {"former": parameters["manifest_digest"], "secrets": {}}
    seeding |= dict.fromkeys(("committed", "from", "opens"), 0)
    chains: dict[str, list[Any]] = {}
    lots: dict[str, tuple[str, int]] = {}
    period, cost = parameters["seed_seconds"], parameters["privacy_cost"]
    spent: dict[str, int] = {}
    unmasking = [0, 0, 0]
    for event, values in records:
        match event:
            case "AggregatorAppointed":
                standing = dict.fromkeys(("seat", "attested", "at", "barred", "bond"), 0)
                standing |= {"seat": values["seat"]}
                committee[values["aggregator"]] = standing | {"result": ref.NO_DIGEST}
            case "BondDeposited":
                committee[values["aggregator"]]["bond"] += values["amount"]
            case "RoundOpened":
                current |= {"round": values["round"], "base": values["base_round"]}
                current |= {"updates": 0, "opened": values["opens_at"], "closed": 0}
                models.append(ref.NO_DIGEST)
                number, begun = values["round"], values["timestamp"]
                if number > 1:
                    seed = ref.seed(seeding["former"], number - 1, seeding["secrets"])
                    seeding |= {"former": seed.hex(), "secrets": {}}
                begun += period if number == 1 else 0
                seeding |= {"from": begun, "opens": begun + period}
            case "SeedsCommitted":
                seeding["committed"] += 1  # each commits once, before the secrets are fixed
                chains[values["aggregator"]] = [values["tip"], current["round"], 0]
                if seeding["committed"] == len(committee):
                    begun = values["timestamp"]
                    seeding |= {"from": begun, "opens": begun + period}
                    current["opened"] = begun + period
            case "SeedRevealed":
                seeding["secrets"][values["aggregator"]] = values["secret"]
                chains[values["aggregator"]][::2] = [values["secret"], values["round"]]
                if len(seeding["secrets"]) == len(committee):
                    seeding["opens"] = current["opened"] = values["timestamp"]
            case "ParticipantAdmitted":
                people.setdefault(values["participant"], [_word(0)] * 4)[0] = _word(1)
                number = current["round"] + (values["timestamp"] >= seeding["from"])
                lots[values["participant"]] = values["participant"], number
            case "ParticipantRemoved":
                people[values["participant"]][0] = _word(0)
            case "ParticipantSucceeded":
                former = people[values["participant"]]
                former[0] = _word(0)
                people[values["successor"]] = [_word(1), former[1], _word(0), _word(0)]
                spent[values["successor"]] = spent.pop(values["participant"], 0)
            case "UpdateSubmitted":
                prefix = ref.record_hash(event, values)[:23].hex().ljust(64, "0")
                numbers = [_word(values["round"]), _word(values["sequence"])]
                people[values["participant"]][1:] = [*numbers, prefix]
                spent[values["participant"]] = spent.get(values["participant"], 0) + cost
                current["updates"] += 1
                target = committing[1] if parameters["commit_seconds"] else None
                is_last = current["updates"] == (target or parameters["target_updates"])
                if is_last and not parameters["list_seconds"]:
                    current["closed"] = values["timestamp"]
            case "UpdatesListed":
                lists[values["aggregator"]] = (event, values)
                current["updates"] += values["count"]
            case "UpdateCommitted":
                pending = values["commitment"][:46].ljust(64, "0")
                numbers = [_word(values["round"]), _word(2**32 - 1)]
                people[values["participant"]][1:] = [*numbers, pending]
                before = committing[1] if committing[0] == values["round"] else 0
                committing = [values["round"], before + 1, 0]
                if before + 1 == parameters["target_updates"]:
                    committing[2] = values["timestamp"]
            case "UpdateUnmasked":
                told = unmasking[1] + 1 if unmasking[0] == values["round"] else 1
                is_last = told == current["updates"]
                unmasking = [values["round"], told, values["timestamp"] if is_last else 0]
            case "ModelProposed":
                proposal = {"round": values["round"], "proposer": values["proposer"]}
                proposal |= {"at": values["timestamp"], "for": 1, "against": 0}
                proposal |= {"report": values["report_digest"], "model": values["model_digest"]}
                committee[values["proposer"]] |= _attested(values)
            case "ModelAttested":
                committee[values["aggregator"]] |= _attested(values)
                is_for = values["model_digest"] == proposal["model"]
                proposal["for" if is_for else "against"] += 1
            case "ProposalRejected":
                proposal["round"] = 0
                current["closed"] = values["timestamp"] + 1
            case "BondSlashed":
                committee[values["aggregator"]] |= {"bond": 0, "barred": current["round"]}
            case "RoundFinalized":
                models[values["round"]] = values["model_digest"]
                current["finalized"] += 1
                if current["finalized"] == parameters["num_rounds"]:
                    current["closed"] = values["timestamp"]
            case "RoundAborted":
                proposal["round"] = 0 if proposal["round"] == values["round"] else proposal["round"]
            case "TaskStopped":
                current |= {"stopped": 1, "closed": values["timestamp"]}
    words = [_word(n) if isinstance(n, int) else n[2:] for n in list(proposal.values())[:5]]
    secrets = {
        "seeding": seeding["former"]
        + ref.mix(current["round"], seeding["secrets"])
        + "".join(map(_word, (seeding["committed"], len(seeding["secrets"]))))
        + "".join(map(_word, (seeding["from"], seeding["opens"]))),
        "seed_chain_of": {
            who: "".join([chain[0], *map(_word, chain[1:])]) for who, chain in chains.items()
        },
        "lot_of": {who: name[2:].rjust(64, "0") + _word(n) for who, (name, n) in lots.items()},
    }
    return {
        "parameters": _parameter_words(records[0]),
        "current_round": "".join(map(_word, current.values())),
        "proposal": "".join(word.rjust(64, "0") for word in [*words, str(proposal["report"])]),
        "dispute": _word(0) * 11,
        "model_digest_of": models,
        "participant_of": {who: "".join(words) for who, words in people.items()},
        "aggregator_of": {
            who: "".join(map(_word, list(member.values())[:5])) + str(member["result"])
            for who, member in committee.items()
        },
        "listing_of": {who: _listing(lists.get(who)) for who in committee},
        "payout_of": {},
        "committing": "".join(map(_word, committing)),
        **(secrets if period else {}),
        **({"unmasking": "".join(map(_word, unmasking))} if parameters["unmask_seconds"] else {}),
        **({"privacy_spent_of": {w: _word(spent.get(w, 0)) for w in people}} if cost else {}),
    }


def _listing(listed: Record | None) -> str:
    """Return what the slot of an aggregator's last list holds."""
    if listed is None:
        return _word(0) * 2
    return _word(listed[1]["round"]) + ref.record_hash(*listed)[:28].hex().ljust(64, "0")


def _attested(values: dict[str, Any]) -> dict[str, Any]:
    """Return what an attestation leaves in its aggregator's slots."""
    digests = values["model_digest"], values["report_digest"]
    attested = {"attested": values["round"], "at": values["timestamp"]}
    return attested | {"result": ref.result_hash(values["round"], *digests).hex()}


def _word(value: int) -> str:
    return f"{int(value):064x}"


def _history_hash(contract: str, records: list[Record]) -> str:
    history = ref.history_start(CHAIN_ID, contract)
    for record in records:
        history = ref.keccak(history + ref.record_hash(*record))
    return history.hex()
