"""Vectors of whole audits: small tasks as evidence, with the findings that they must yield.

Every lie, and every finding, is written by hand; what an honest party does comes from
tests/reference.py.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import rfc8785

from scripts.vectors.documents import AGGREGATOR, manifest
from tests import reference as ref

CHAIN_ID = 31337
LEDGER, REGISTRY = "0x" + "1e" * 20, "0x" + "e1" * 20
COORDINATOR = "0x" + "c0" * 20
PARTICIPANTS = ["0x" + f"{n:02x}" * 20 for n in (10, 11, 12)]
TENSORS = {"w": [2]}
MAX_ABS = 20000

TASK_CHECKS = (
    "ledger_history",
    "registry_history",
    "transitions",
    "ledger_code",
    "registry_code",
    "ledger_state",
    "admissions",
    "manifest",
    "genesis_model",
)
ROUND_CHECKS = ("report", "update_blob", "exclusions", "aggregate", "model_blob")

Record = tuple[str, dict[str, Any]]
Exceptions = dict[tuple[str, int | None], list[str]]
"""Check and round to the verdicts of its findings, where these are not one PASS."""


class TaskOnRecord:
    """One task as it is written down: both contracts' records, and what the store holds."""

    def __init__(self) -> None:
        self.now = 1_700_000_000
        document = manifest() | {"layout": [{"name": "w", "shape": [2]}]}
        document["encoding"] = document["encoding"] | {"max_abs": MAX_ABS}
        document["rounds"] = document["rounds"] | {"min_updates": 1, "target_updates": 3}
        self.rounds = document["rounds"]
        text = rfc8785.dumps(document)
        self.task = ref.digest(text).hex()
        self.entries: dict[str, dict[str, Any]] = {}
        self.names: dict[str, str] = {}
        """CID by what the content is to the task."""
        self.is_known_code = True
        self.is_known_creation = True
        self.registry_creation = True
        genesis_values = [1000, -1000]
        genesis = ref.blob(
            ref.blob_metadata("model", self.task, 0, ref.NO_DIGEST), TENSORS, genesis_values
        )
        self.models = {0: (ref.digest(genesis).hex(), genesis_values)}
        self.parameters = {
            "registry": REGISTRY,
            "aggregator": AGGREGATOR,
            "manifest_digest": self.task,
            "manifest_cid_digest": self.pin("manifest", text),
            "genesis_digest": self.models[0][0],
            "genesis_cid_digest": self.pin("genesis", genesis),
            **{name: self.rounds[name] for name, _ in ref.TASK_PARAMETERS[6:]},
        }
        self.ledger: list[Record] = []
        self.registry: list[Record] = []
        self.note(self.registry, "RegistryCreated", registrar=COORDINATOR)
        for participant in PARTICIPANTS:
            self.note(self.registry, "ParticipantEnrolled", participant=participant)
        self.now += 10
        self.note(self.ledger, "TaskCreated", coordinator=COORDINATOR, parameters=self.parameters)
        self.round, self.base_round, self.num_finalized = 0, 0, 0
        self.open_round()
        for participant in PARTICIPANTS:
            self.note(self.ledger, "ParticipantAdmitted", participant=participant)

    def note(self, records: list[Record], event: str, **values: Any) -> None:
        """Append a record of now."""
        records.append((event, {**values, "timestamp": self.now}))

    def pin(self, name: str, content: bytes) -> str:
        """Let the store hold content; return its CID digest."""
        digest = hashlib.sha256(content).digest()
        cid = "b" + base64.b32encode(b"\x01\x55\x12\x20" + digest).decode().lower().rstrip("=")
        self.names[name] = cid
        self.entries[cid] = {"cid": cid, "is": name, **_spell(content)}
        return digest.hex()

    def open_round(self) -> None:
        """Open the next round."""
        self.round += 1
        self.note(self.ledger, "RoundOpened", round=self.round, base_round=self.base_round)
        self.updates: list[dict[str, Any]] = []

    @property
    def base(self) -> tuple[str, list[int]]:
        """Digest and values of the model that the round starts from."""
        return self.models[self.base_round]

    def update(self, number: int, lanes: list[int]) -> bytes:
        """Return the blob that a participant should send in this round."""
        metadata = ref.blob_metadata(
            "update", self.task, self.round, self.base[0], PARTICIPANTS[number]
        )
        return ref.blob(metadata, TENSORS, lanes)

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
            participant=PARTICIPANTS[number],
            sequence=sequence,
            digest=ref.digest(content).hex(),
            cid_digest=self.pin(f"update {sequence} of round {self.round}", content),
            weight=weight,
        )
        self.updates.append({"lanes": lanes, "weight": weight, "outcome": outcome})

    def submit_all(self) -> None:
        """Submit an honest update of every participant, which closes collection."""
        for number in range(3):
            self.submit(number, [10 * self.round + number, -7 * number - 1])

    def propose(self, off_by: int = 0, **lies: Any) -> None:
        """Propose the model and the report that follow, or others."""
        self.now += 10 if len(self.updates) == 3 else 101
        included = [i for i, u in enumerate(self.updates) if u["outcome"] == "included"]
        valid = [self.updates[i] for i in included]
        digest, base = self.base
        values = ref.next_model(
            base, [u["lanes"] for u in valid], [u["weight"] for u in valid], 15, 24
        )
        values[0] += off_by
        model = ref.blob(ref.blob_metadata("model", self.task, self.round, digest), TENSORS, values)
        self.models[self.round] = (ref.digest(model).hex(), values)
        report = {
            "base_model": digest,
            "excluded": [
                {"reason": u["outcome"], "sequence": i}
                for i, u in enumerate(self.updates)
                if i not in included
            ],
            "format": ref.FORMAT,
            "included": included,
            "kind": "report",
            "model": self.models[self.round][0],
            "round": self.round,
            "task": self.task,
            "total_weight": sum(u["weight"] for u in valid),
        }
        text = rfc8785.dumps(report | lies)
        self.note(
            self.ledger,
            "ModelProposed",
            round=self.round,
            model_digest=self.models[self.round][0],
            model_cid_digest=self.pin(f"model of round {self.round}", model),
            report_digest=ref.digest(text).hex(),
            report_cid_digest=self.pin(f"report of round {self.round}", text),
            report_bytes=len(text),
        )

    def finalize(self) -> None:
        """Finalize the round, and open the next unless it was the last."""
        self.now += self.rounds["challenge_seconds"]
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
        arguments = b"".join(ref.abi_words("TaskCreated", self.ledger[0][1])[1:14]).hex()
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
            "creation": {"is_known_code": True, "arguments": ""}
            if self.registry_creation
            else None,
        }
        return {
            "chain_id": CHAIN_ID,
            "only_round": None,
            "ledger": ledger,
            "registry": registry,
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


def _spell(content: bytes) -> dict[str, Any]:
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


def _views(records: list[Record]) -> dict[str, Any]:
    """Return what the ledger's views answer, from what each event says about the storage."""
    current = dict.fromkeys(("round", "base", "updates", "finalized", "opened", "proposed"), 0)
    is_stopped, proposal = False, ref.NO_DIGEST * 2
    models = [records[0][1]["parameters"]["genesis_digest"]]
    people: dict[str, list[str]] = {}
    for event, values in records:
        match event:
            case "RoundOpened":
                current |= {"round": values["round"], "base": values["base_round"]}
                current |= {"updates": 0, "opened": values["timestamp"], "proposed": 0}
                models.append(ref.NO_DIGEST)
            case "ParticipantAdmitted":
                people.setdefault(values["participant"], [_word(0)] * 4)[0] = _word(1)
            case "ParticipantRemoved":
                people[values["participant"]][0] = _word(0)
            case "UpdateSubmitted":
                prefix = ref.record_hash(event, values)[:23].hex().ljust(64, "0")
                numbers = [_word(values["round"]), _word(values["sequence"])]
                people[values["participant"]][1:] = [*numbers, prefix]
                current["updates"] += 1
            case "ModelProposed":
                proposal = values["model_digest"] + values["report_digest"]
                current["proposed"] = values["timestamp"]
            case "RoundFinalized":
                models[values["round"]] = values["model_digest"]
                current["finalized"] += 1
            case "TaskStopped":
                is_stopped = True
    return {
        "parameters": b"".join(ref.abi_words(*records[0])[1:14]).hex(),
        "current_round": "".join(_word(n) for n in (*current.values(), is_stopped)),
        "proposal": proposal,
        "model_digest_of": models,
        "participant_of": {who: "".join(words) for who, words in people.items()},
    }


def _word(value: int) -> str:
    return f"{int(value):064x}"


def _history_hash(contract: str, records: list[Record]) -> str:
    history = ref.history_start(CHAIN_ID, contract)
    for record in records:
        history = ref.keccak(history + ref.record_hash(*record))
    return history.hex()


def _case(
    about: str,
    evidence: dict[str, Any],
    rounds: list[int],
    exceptions: Exceptions | None = None,
    task_checks: tuple[str, ...] = TASK_CHECKS,
) -> dict[str, Any]:
    expected = [(check, None) for check in task_checks]
    expected += [(check, number) for number in rounds for check in ROUND_CHECKS]
    remaining = dict(exceptions or {})
    findings = [
        {"check": check, "verdict": verdict, "round": number}
        for check, number in expected
        for verdict in remaining.pop((check, number), ["PASS"])
    ]
    findings += [
        {"check": check, "verdict": verdict, "round": number}
        for (check, number), verdicts in remaining.items()
        for verdict in verdicts
    ]
    verdicts = {finding["verdict"] for finding in findings}
    verdict = next(v for v in ("FAIL", "UNDECIDABLE", "PASS") if v in verdicts)
    return {"about": about, **evidence, "findings": findings, "verdict": verdict}


def make_honest() -> Any:
    """Return two honest rounds, in which one update of each kind of mistake was left out."""
    task = TaskOnRecord()
    task.submit(0, [10, -20])
    task.submit(1, [1, MAX_ABS + 1], "out_of_range")
    task.submit(2, [5, 6], "oversized", more=b"\0")
    task.propose()
    task.finalize()
    task.submit(1, [11, 12])  # one of three: aggregated after the time to submit
    task.propose()
    task.finalize()
    about = "Honest: one update is beyond max_abs, one has a byte too many; round 2 has one update."
    return _case(about, task.evidence(), [1, 2])


def make_wrong_model() -> Any:
    """Return a round whose model is off by one, and an honest one on top of it."""
    task = TaskOnRecord()
    task.submit_all()
    task.propose(off_by=1)
    task.finalize()
    task.honest_round()
    about = "The model of round 1 is off by one; round 2 starts from it and is right."
    return _case(about, task.evidence(), [1, 2], {("aggregate", 1): ["FAIL"]})


def make_one_round() -> Any:
    """Return the audit of one round alone, whose base model nobody has."""
    task = TaskOnRecord()
    task.honest_round()
    task.honest_round()
    task.lose("model of round 1")
    about = "Round 2 alone is audited, and nobody has the model that it starts from."
    base_model: Exceptions = {("base_model", 1): ["UNDECIDABLE"]}
    return _case(about, task.evidence() | {"only_round": 2}, [], base_model)


def make_lying_report() -> Any:
    """Return reports that give another reason, leave an update unlisted, or lie about weight."""
    task = TaskOnRecord()
    task.submit(0, [10, -20])
    task.submit(1, [1, MAX_ABS + 1], "out_of_range")
    task.submit(2, [5, 6])
    task.propose(excluded=[{"reason": "malformed", "sequence": 1}])
    task.finalize()
    task.submit_all()
    task.propose(included=[0, 2], total_weight=399)
    task.finalize()
    about = (
        "Round 1: another reason than the one that applies. Round 2: an update is not listed, and"
        " the total weight is wrong. Both models are right."
    )
    wrong = {(check, r): ["FAIL"] for check in ("exclusions", "aggregate") for r in (1, 2)}
    return _case(about, task.evidence(), [1, 2], {**wrong})


def make_missing_update() -> Any:
    """Return a round of which one update is gone, and one of which the model is."""
    task = TaskOnRecord()
    task.honest_round()
    task.honest_round()
    task.lose("update 1 of round 1")
    task.lose("model of round 2")
    about = (
        "Nobody has update 1 of round 1, and no report says so; nobody has the model of round 2,"
        " which can be re-executed."
    )
    missing: Exceptions = {
        ("update_blob", 1): ["UNDECIDABLE"],
        ("aggregate", 1): [],
        ("model_blob", 2): ["UNDECIDABLE"],
    }
    return _case(about, task.evidence(), [1, 2], missing)


def make_corrupt_update() -> Any:
    """Return every way in which the content of an update is wrong."""
    task = TaskOnRecord()
    task.honest_round()
    task.submit_all()
    forged = task.update(0, [20, 0])
    task.propose()
    task.finalize()
    cid = task.names["update 1 of round 2"]
    task.serve("update 0 of round 2", **_spell(forged))
    task.serve("update 1 of round 2", error=f"block {cid} is damaged on disk")
    task.serve("update 2 of round 2", is_endless=True)
    about = (
        "Of the updates of round 2, one has other bytes than its CID names, one is damaged on the"
        " node's disk, one never ends."
    )
    wrong: Exceptions = {("update_blob", 2): ["FAIL"] * 3, ("aggregate", 2): []}
    return _case(about, task.evidence(), [1, 2], wrong)


def make_unavailable_claim() -> Any:
    """Return claims that an update was unavailable, with the update there, wrong, or gone."""
    task = TaskOnRecord()
    for _ in range(2):
        task.submit_all()
        for update in task.updates[1:]:
            update["outcome"] = "unavailable"
        task.propose()
        task.finalize()
    for number in (1, 2):
        task.lose(f"update 2 of round {number}")
    task.serve(
        "update 1 of round 2",
        error="blockstore: block in storage has different hash than requested",
    )
    about = (
        "Updates 1 and 2 of both rounds are given as unavailable. Of round 1, update 1 can be"
        " fetched; of round 2, it is wrong. Update 2 is missing."
    )
    return _case(about, task.evidence(), [1, 2], {("exclusions", 1): ["UNDECIDABLE"]})


def make_missing_report() -> Any:
    """Return two rounds without reports, one of them with another model."""
    task = TaskOnRecord()
    task.honest_round()
    task.submit_all()
    task.updates[1]["outcome"] = "unavailable"
    task.propose()
    task.finalize()
    for number in (1, 2):
        task.lose(f"report of round {number}")
    about = (
        "Nobody has the reports. The model of round 1 is that of all updates; round 2 left one out,"
        " which its report may have said."
    )
    missing: Exceptions = {("aggregate", 2): ["UNDECIDABLE"]}
    for number in (1, 2):
        missing |= {("report", number): ["UNDECIDABLE"], ("exclusions", number): []}
    return _case(about, task.evidence(), [1, 2], missing)


def make_aborted_round() -> Any:
    """Return a task whose first round expired and whose last one was stopped."""
    task = TaskOnRecord()
    task.submit(0, [1, 2])
    task.now += task.rounds["collect_seconds"] + task.rounds["aggregate_seconds"]
    task.note(task.ledger, "RoundAborted", round=1)
    task.open_round()
    task.honest_round()
    task.submit_all()
    task.propose()
    task.note(task.ledger, "RoundAborted", round=3)
    task.note(task.ledger, "TaskStopped")
    about = (
        "Round 1 had an update and no proposal; round 2 starts from the genesis model, too; round 3"
        " was stopped after its proposal."
    )
    return _case(about, task.evidence(), [2, 3])


def make_tampered_log() -> Any:
    """Return logs in which a weight was altered."""
    task = TaskOnRecord()
    task.honest_round()
    evidence = task.evidence()
    log = next(log for log in evidence["ledger_logs"] if log["event"] == "UpdateSubmitted")
    words = [log["data"][at : at + 64] for at in range(0, len(log["data"]), 64)]
    words[3] = f"{101:064x}"  # sequence, digest, cidDigest, weight
    log["data"] = "".join(words)
    about = "The chain node gives weight 101 for update 0 of round 1; on chain it is 100."
    wrong: Exceptions = {
        ("ledger_history", None): ["FAIL"],
        ("ledger_state", None): ["FAIL"],
        ("aggregate", 1): ["FAIL"],
    }
    return _case(about, evidence, [1], wrong)


def make_tampered_storage() -> Any:
    """Return a ledger whose storage names another final model than its records."""
    task = TaskOnRecord()
    task.honest_round()
    evidence = task.evidence()
    evidence["ledger_state"]["model_digest_of"][1] = "ab" * 32
    about = "The ledger's view of the model of round 1 is not what its record says."
    return _case(about, evidence, [1], {("ledger_state", None): ["FAIL"]})


def make_no_record() -> Any:
    """Return logs of which one is no record."""
    task = TaskOnRecord()
    task.honest_round()
    evidence = task.evidence()
    evidence["ledger_logs"][2]["topics"][1] = "01" + evidence["ledger_logs"][2]["topics"][1][2:]
    about = "An address in the third log has padding that is not zero: it is no record."
    wrong: Exceptions = {("ledger_history", None): ["FAIL"], ("transitions", None): ["FAIL"]}
    return _case(about, evidence, [], wrong, TASK_CHECKS[:3])


def make_foreign_record() -> Any:
    """Return a ledger with a record of the registry among its own."""
    task = TaskOnRecord()
    task.honest_round()
    task.note(task.ledger, "ParticipantRevoked", participant=PARTICIPANTS[0])
    task.honest_round()
    about = (
        "The ledger logs an event of the registry after round 1: a record that hashes, and that the"
        " replay refuses."
    )
    refused: Exceptions = {("transitions", None): ["FAIL"], ("ledger_state", None): []}
    return _case(about, task.evidence(), [1], refused)


def make_foreign_code() -> Any:
    """Return contracts that something else created."""
    task = TaskOnRecord()
    task.honest_round()
    task.is_known_creation = False
    task.registry_creation = False
    about = (
        "Other creation code left the ledger's code behind; the chain node lacks the transaction"
        " that created the registry."
    )
    wrong: Exceptions = {
        ("ledger_code", None): ["FAIL"],
        ("registry_code", None): ["UNDECIDABLE"],
    }
    return _case(about, task.evidence(), [1], wrong)


def make_not_enrolled() -> Any:
    """Return an admission of somebody whom the registry had revoked a second before."""
    task = TaskOnRecord()
    task.now += 1
    task.note(task.registry, "ParticipantRevoked", participant=PARTICIPANTS[2])
    task.note(task.ledger, "ParticipantRemoved", participant=PARTICIPANTS[2])
    task.now += 1
    task.note(task.ledger, "ParticipantAdmitted", participant=PARTICIPANTS[2])
    task.honest_round()
    about = "A participant is admitted again a second after the registry revoked it."
    return _case(about, task.evidence(), [1], {("admissions", None): ["FAIL"]})


def make_omitted_log() -> Any:
    """Return logs of a registry without an enrolment."""
    task = TaskOnRecord()
    task.honest_round()
    evidence = task.evidence()
    del evidence["registry_logs"][2]
    about = "The chain node leaves out the enrolment of the second participant."
    wrong: Exceptions = {("registry_history", None): ["FAIL"], ("admissions", None): ["FAIL"]}
    return _case(about, evidence, [1], wrong)


def make_wrong_genesis() -> Any:
    """Return a genesis model that is not served as it was."""
    task = TaskOnRecord()
    genesis = ref.blob(
        ref.blob_metadata("model", task.task, 0, ref.NO_DIGEST), TENSORS, [1000, -999]
    )
    task.honest_round()
    task.honest_round()
    task.serve("genesis", **_spell(genesis))
    about = "The genesis model is other bytes than its CID names; round 1 is left out."
    return _case(about, task.evidence(), [2], {("genesis_model", None): ["FAIL"]})


def make_missing_manifest() -> Any:
    """Return a task whose manifest nobody has."""
    task = TaskOnRecord()
    task.honest_round()
    task.lose("manifest")
    about = "Nobody has the manifest: nothing after it can be checked."
    missing: Exceptions = {("manifest", None): ["UNDECIDABLE"]}
    return _case(about, task.evidence(), [], missing, TASK_CHECKS[:8])


MAKERS: dict[str, Callable[[], Any]] = {
    "audit/honest.json": make_honest,
    "audit/wrong_model.json": make_wrong_model,
    "audit/one_round.json": make_one_round,
    "audit/lying_report.json": make_lying_report,
    "audit/missing_update.json": make_missing_update,
    "audit/corrupt_update.json": make_corrupt_update,
    "audit/unavailable_claim.json": make_unavailable_claim,
    "audit/missing_report.json": make_missing_report,
    "audit/aborted_round.json": make_aborted_round,
    "audit/tampered_log.json": make_tampered_log,
    "audit/no_record.json": make_no_record,
    "audit/foreign_record.json": make_foreign_record,
    "audit/foreign_code.json": make_foreign_code,
    "audit/not_enrolled.json": make_not_enrolled,
    "audit/tampered_storage.json": make_tampered_storage,
    "audit/omitted_log.json": make_omitted_log,
    "audit/wrong_genesis.json": make_wrong_genesis,
    "audit/missing_manifest.json": make_missing_manifest,
}
