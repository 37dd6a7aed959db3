"""Vectors of whole audits: small tasks as evidence, with the findings that they must yield.

Every lie, and every finding, is written by hand.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from scripts.vectors.evidence import (
    AGGREGATORS,
    ENROLMENT_BOND,
    LEAVE_SECONDS,
    MAX_ABS,
    PARTICIPANTS,
    SEED_SECONDS,
    TENSORS,
    TaskOnRecord,
    spell,
)
from tests import reference as ref

TASK_CHECKS = (
    "ledger_history",
    "registry_history",
    "transitions",
    "ledger_code",
    "registry_code",
    "registry_transitions",
    "ledger_state",
    "admissions",
    "manifest",
    "genesis_model",
)
SUCCESSORS = ["0x" + f"{n:02x}" * 20 for n in (26, 27)]
ROUND_CHECKS = ("report", "update_blob", "exclusions", "aggregate", "model_blob")

Exceptions = dict[tuple[str, int | None], list[str]]
"""Check and round to the verdicts of its findings, where these are not one PASS."""


def make_case(
    about: str,
    evidence: dict[str, Any],
    rounds: list[int],
    exceptions: Exceptions | None = None,
    task_checks: tuple[str, ...] = TASK_CHECKS,
) -> dict[str, Any]:
    """Return an audit with its findings: one PASS for each check, but for some exceptions."""
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
    return make_case(about, task.evidence(), [1, 2])


def make_wrong_model() -> Any:
    """Return a round whose model is off by one, and an honest one on top of it."""
    task = TaskOnRecord()
    task.submit_all()
    task.propose(off_by=1)
    task.finalize()
    task.honest_round()
    about = "The model of round 1 is off by one; round 2 starts from it and is right."
    return make_case(about, task.evidence(), [1, 2], {("aggregate", 1): ["FAIL"]})


def make_overruled_model() -> Any:
    """Return a wrong model that a quorum rejects, and rounds that a quorum makes final."""
    task = TaskOnRecord()
    task.submit_all()
    task.propose(off_by=1)
    wrong = task.models[1][0]
    task.attest(*AGGREGATORS[1:])
    task.reject(AGGREGATORS[0])
    task.propose(turn=1)
    task.attest(AGGREGATORS[2])
    task.finalize(window=0)
    task.submit_all()
    task.propose()
    task.attest(AGGREGATORS[2])
    task.finalize(window=0)
    about = (
        f"Two of three aggregators attest against the model {wrong[:8]}... of round 1, which is off"
        " by one: it is dropped, and its proposer's bond is taken. The second proposes in its turn."
        " Both rounds become final at once."
    )
    return make_case(about, task.evidence(), [1, 2])


def make_measurements() -> Any:
    """Return rounds whose reports have totals, the second with others than the updates say."""
    task = TaskOnRecord(is_measured=True)
    task.submit_all()
    task.propose()
    task.finalize()
    task.submit_all()
    task.propose(base_correct=3)
    task.finalize()
    about = "Updates carry measurements; the report of round 2 says another sum of one of them."
    return make_case(about, task.evidence(), [1, 2], {("aggregate", 2): ["FAIL"]})


def make_one_round() -> Any:
    """Return the audit of one round alone, whose base model nobody has."""
    task = TaskOnRecord()
    task.honest_round()
    task.honest_round()
    task.lose("model of round 1")
    about = "Round 2 alone is audited, and nobody has the model that it starts from."
    base_model: Exceptions = {("base_model", 1): ["UNDECIDABLE"]}
    return make_case(about, task.evidence() | {"only_round": 2}, [], base_model)


def make_lying_report() -> Any:
    """Return reports that give another status than the one that applies, or lie about weight."""
    task = TaskOnRecord()
    task.submit(0, [10, -20])
    task.submit(1, [1, MAX_ABS + 1], "out_of_range")
    task.submit(2, [5, 6])
    task.propose(statuses=[0, ref.STATUS["malformed"], 0])
    task.finalize()
    task.submit(0, [10, -20])
    task.submit(1, [1, MAX_ABS + 1], "out_of_range")
    task.submit(2, [5, 6])
    task.propose(statuses=[0, 0, ref.STATUS["misbound"]], total_weight=399)
    task.finalize()
    about = (
        "Round 1: another reason than the one that applies. Round 2: the update that is excluded"
        " is given as included, one that is included as excluded, and the total weight is wrong."
        " Both models are right."
    )
    wrong: Exceptions = {
        ("exclusions", 1): ["FAIL"],
        ("aggregate", 1): ["FAIL"],
        ("exclusions", 2): ["FAIL", "FAIL"],
        ("aggregate", 2): ["FAIL"],
    }
    return make_case(about, task.evidence(), [1, 2], wrong)


def make_short_report() -> Any:
    """Return reports that do not have one status for each update."""
    task = TaskOnRecord()
    for statuses in ([0, 0], [0, 0, 0, 0]):
        task.submit_all()
        task.propose(statuses=statuses)
        task.finalize()
    about = (
        "The report of round 1 has a status too few, that of round 2 one too many. Both models are"
        " right."
    )
    wrong: Exceptions = {}
    for number in (1, 2):
        wrong |= {("report", number): ["FAIL"], ("exclusions", number): []}
    return make_case(about, task.evidence(), [1, 2], wrong)


def make_no_valid_update() -> Any:
    """Return a round in which no update is valid, and a proposal that changes nothing."""
    task = TaskOnRecord()
    for number in range(3):
        task.submit(number, [MAX_ABS + 1, 0], "out_of_range")
    task.propose()
    task.finalize()
    about = "Every update of round 1 is beyond max_abs; its model is the genesis model's numbers."
    return make_case(about, task.evidence(), [1], {("aggregate", 1): ["FAIL"]})


def make_cut_short() -> Any:
    """Return logs without the last one, which belongs to the same transaction as that before."""
    task = TaskOnRecord()
    task.honest_round()
    evidence = task.evidence()
    del evidence["ledger_logs"][-1]
    about = "The chain node leaves out the opening of round 2, which the final model of 1 brings."
    wrong: Exceptions = {
        ("ledger_history", None): ["FAIL"],
        ("transitions", None): ["FAIL"],
        ("ledger_state", None): [],
    }
    return make_case(about, evidence, [1], wrong)


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
    return make_case(about, task.evidence(), [1, 2], missing)


def make_corrupt_update() -> Any:
    """Return every way in which the content of an update is wrong."""
    task = TaskOnRecord()
    task.honest_round()
    task.submit_all()
    forged = task.update(0, [20, 0])
    task.propose()
    task.finalize()
    cid = task.names["update 1 of round 2"]
    task.serve("update 0 of round 2", **spell(forged))
    task.serve("update 1 of round 2", error=f"block {cid} is damaged on disk")
    task.serve("update 2 of round 2", is_endless=True)
    about = (
        "Of the updates of round 2, one has other bytes than its CID names, one is damaged on the"
        " node's disk, one never ends."
    )
    wrong: Exceptions = {("update_blob", 2): ["FAIL"] * 3, ("aggregate", 2): []}
    return make_case(about, task.evidence(), [1, 2], wrong)


def make_unavailable_claim() -> Any:
    """Return claims that an update was unavailable, with the update there, wrong, or gone."""
    task = TaskOnRecord()
    for _ in range(2):
        task.submit_all()
        for update in task.updates[1:]:
            update["outcome"] = "unavailable"
        task.propose()
        task.finalize()
    task.lose("update 2 of round 1")
    task.serve("update 2 of round 2", is_endless=True)
    task.serve(
        "update 1 of round 2",
        error="blockstore: block in storage has different hash than requested",
    )
    about = (
        "Updates 1 and 2 of both rounds are given as unavailable. Of round 1, update 1 can be"
        " fetched, and update 2 is missing; of round 2, one is damaged and one never ends."
    )
    return make_case(about, task.evidence(), [1, 2], {("exclusions", 1): ["UNDECIDABLE"]})


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
    return make_case(about, task.evidence(), [1, 2], missing)


def make_aborted_round() -> Any:
    """Return a task whose first round expired and whose last one was stopped."""
    task = TaskOnRecord()
    task.submit(0, [1, 2])
    turns = len(AGGREGATORS) * task.rounds["aggregate_seconds"]
    task.now += task.rounds["collect_seconds"] + turns
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
    return make_case(about, task.evidence(), [2])


def make_commitments() -> Any:
    """Return rounds that begin with commitments, not all of which are revealed."""
    task = TaskOnRecord(commit_seconds=30)
    lanes = [[10, -20], [1, 2], [5, 6]]
    for number in range(3):
        task.commit(number, lanes[number])
    for number in (2, 0):
        task.submit(number, lanes[number])
    task.propose()
    task.finalize()
    for number in (1, 2):
        task.commit(number, lanes[number])
    task.now += 30
    task.submit(2, lanes[2])
    task.submit(1, lanes[1])
    task.propose()
    task.finalize()
    about = (
        "In round 1 all commit and one does not reveal; in round 2 two commit and reveal, which"
        " closes the round, and the third one's commitment of round 1 is still in its slot."
    )
    return make_case(about, task.evidence(), [1, 2])


def make_sampling() -> Any:
    """Return rounds in which those take part whom a seed selects."""
    task, _ = _sampled_rounds(AGGREGATORS[1:])
    task.now += SEED_SECONDS
    _submit_selected(task, AGGREGATORS[1:])
    task.propose()
    task.finalize()
    about = (
        "In round 1 all aggregators reveal their secrets, and it opens at once; in round 2 the"
        " first one does not. Some of the participants are selected, and submit."
    )
    return make_case(about, task.evidence(), [1, 2])


def make_not_selected() -> Any:
    """Return a round with an update of a participant that its seed does not select."""
    task, selected = _sampled_rounds(AGGREGATORS)
    task.submit(next(n for n in range(3) if n not in selected), [1, 2])
    about = "The last record is an update of a participant that is not selected for round 2."
    checks = tuple(check for check in TASK_CHECKS if check != "ledger_state")
    return make_case(about, task.evidence(), [1], {("transitions", None): ["FAIL"]}, checks)


def _sampled_rounds(revealed: list[str]) -> tuple[TaskOnRecord, list[int]]:
    """Return a task with one round done and the secrets of the next revealed, and whom it selects.

    The secrets are the first ones that select some participants in both rounds, and not all.
    """
    for first in range(60, 250):
        task = TaskOnRecord(sample_rate=2**31)
        task.commit_seeds(first)
        task.reveal_seeds(*AGGREGATORS)
        if len(task.selected(AGGREGATORS)) not in (1, 2):
            continue
        _submit_selected(task, AGGREGATORS)
        task.propose()
        task.finalize()
        task.reveal_seeds(*revealed)
        selected = task.selected(revealed)
        if len(selected) in (1, 2):
            return task, selected
    raise ValueError("no secrets select some participants in both rounds")


def _submit_selected(task: TaskOnRecord, revealed: list[str]) -> None:
    for number in task.selected(revealed):
        task.submit(number, [10 * task.round + number, -7 * number - 1])


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
    return make_case(about, evidence, [1], wrong)


def make_tampered_storage() -> Any:
    """Return a ledger whose storage names another final model than its records."""
    task = TaskOnRecord()
    task.honest_round()
    evidence = task.evidence()
    evidence["ledger_state"]["model_digest_of"][1] = "ab" * 32
    about = "The ledger's view of the model of round 1 is not what its record says."
    return make_case(about, evidence, [1], {("ledger_state", None): ["FAIL"]})


def make_no_record() -> Any:
    """Return logs of which one is no record."""
    task = TaskOnRecord()
    task.honest_round()
    evidence = task.evidence()
    evidence["ledger_logs"][2]["topics"][1] = "01" + evidence["ledger_logs"][2]["topics"][1][2:]
    about = "An address in the third log has padding that is not zero: it is no record."
    wrong: Exceptions = {("ledger_history", None): ["FAIL"], ("transitions", None): ["FAIL"]}
    return make_case(about, evidence, [], wrong, TASK_CHECKS[:3])


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
    return make_case(about, task.evidence(), [1], refused)


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
    return make_case(about, task.evidence(), [1], {("admissions", None): ["FAIL"]})


def make_rotated_key() -> Any:
    """Return a participant that changes its key twice, once between two updates."""
    task = TaskOnRecord()
    task.honest_round()
    task.submit(0, [1, 2])
    task.rotate(0, SUCCESSORS[0])
    task.submit(1, [3, 4])
    task.propose()
    task.finalize()
    about = (
        "The first participant submits in both rounds, then puts another key in its place: the"
        " ledger holds the round of its last update under that key as well."
    )
    return make_case(about, task.evidence(), [1, 2])


def make_foreign_successor() -> Any:
    """Return an admission that moved to an address that the registry does not name."""
    task = TaskOnRecord()
    task.now += 1
    keys = {"participant": PARTICIPANTS[0], "successor": SUCCESSORS[0]}
    task.note(task.ledger, "ParticipantSucceeded", **keys)
    task.now += 1
    task.note(task.registry, "ParticipantRotated", **keys, amount=0)
    task.participants[0] = SUCCESSORS[0]
    task.honest_round()
    about = "An admission moves to a successor a second before the registry names it."
    return make_case(about, task.evidence(), [1], {("admissions", None): ["FAIL"]})


def make_second_key() -> Any:
    """Return a successor that was admitted beside the key whose place it took."""
    task = TaskOnRecord()
    task.now += 1
    keys = {"participant": PARTICIPANTS[0], "successor": SUCCESSORS[0]}
    task.note(task.registry, "ParticipantRotated", **keys, amount=0)
    task.note(task.ledger, "ParticipantAdmitted", participant=SUCCESSORS[0])
    task.honest_round()
    about = "A successor is admitted while the admission of its predecessor stands."
    return make_case(about, task.evidence(), [1], {("admissions", None): ["FAIL"]})


def make_early_bond() -> Any:
    """Return a registry that paid a bond out a second too early."""
    task = TaskOnRecord()
    who = {"participant": SUCCESSORS[0]}
    task.note(task.registry, "ParticipantBonded", **who, amount=ENROLMENT_BOND)
    task.note(task.registry, "ParticipantLeft", **who)
    task.now += LEAVE_SECONDS - 1
    task.note(task.registry, "EnrolmentBondClaimed", **who, amount=ENROLMENT_BOND)
    task.honest_round()
    about = "Somebody has its enrolment bond back a second before it is free."
    return make_case(about, task.evidence(), [1], {("registry_transitions", None): ["FAIL"]})


def make_omitted_log() -> Any:
    """Return logs of a registry without an enrolment."""
    task = TaskOnRecord()
    task.honest_round()
    evidence = task.evidence()
    del evidence["registry_logs"][2]
    about = "The chain node leaves out the enrolment of the second participant."
    wrong: Exceptions = {("registry_history", None): ["FAIL"], ("admissions", None): ["FAIL"]}
    return make_case(about, evidence, [1], wrong)


def make_wrong_genesis() -> Any:
    """Return a genesis model that is not served as it was."""
    task = TaskOnRecord()
    genesis = ref.blob(ref.model_metadata(task.task), TENSORS, [1000, -999])
    task.honest_round()
    task.honest_round()
    task.serve("genesis", **spell(genesis))
    about = "The genesis model is other bytes than its CID names; round 1 is left out."
    return make_case(about, task.evidence(), [2], {("genesis_model", None): ["FAIL"]})


def make_missing_manifest() -> Any:
    """Return a task whose manifest nobody has."""
    task = TaskOnRecord()
    task.honest_round()
    task.lose("manifest")
    about = "Nobody has the manifest: nothing after it can be checked."
    missing: Exceptions = {("manifest", None): ["UNDECIDABLE"]}
    return make_case(about, task.evidence(), [], missing, TASK_CHECKS[:9])


MAKERS: dict[str, Callable[[], Any]] = {
    "audit/measurements.json": make_measurements,
    "audit/honest.json": make_honest,
    "audit/wrong_model.json": make_wrong_model,
    "audit/overruled_model.json": make_overruled_model,
    "audit/one_round.json": make_one_round,
    "audit/lying_report.json": make_lying_report,
    "audit/short_report.json": make_short_report,
    "audit/no_valid_update.json": make_no_valid_update,
    "audit/missing_update.json": make_missing_update,
    "audit/corrupt_update.json": make_corrupt_update,
    "audit/unavailable_claim.json": make_unavailable_claim,
    "audit/missing_report.json": make_missing_report,
    "audit/aborted_round.json": make_aborted_round,
    "audit/tampered_log.json": make_tampered_log,
    "audit/cut_short.json": make_cut_short,
    "audit/no_record.json": make_no_record,
    "audit/foreign_record.json": make_foreign_record,
    "audit/not_enrolled.json": make_not_enrolled,
    "audit/rotated_key.json": make_rotated_key,
    "audit/foreign_successor.json": make_foreign_successor,
    "audit/second_key.json": make_second_key,
    "audit/early_bond.json": make_early_bond,
    "audit/tampered_storage.json": make_tampered_storage,
    "audit/omitted_log.json": make_omitted_log,
    "audit/wrong_genesis.json": make_wrong_genesis,
    "audit/missing_manifest.json": make_missing_manifest,
    "audit/commitments.json": make_commitments,
    "audit/sampling.json": make_sampling,
    "audit/not_selected.json": make_not_selected,
}
