"""Every check of the audit, for people: what it means, what it assumes, what to do about it.

The rules are in docs/spec.md. A check is added here with one entry; tests hold the entries against
the specification, against the table of docs/how-to/audit-a-task.md, and against the code.
"""

from __future__ import annotations

from dataclasses import dataclass

from fl_chain.errors import UsageError

OF_THE_TASK = "9.3"
OF_A_ROUND = "9.4"
OF_A_BUNDLE = "9.7"


@dataclass(frozen=True, slots=True)
class Check:
    """One check, in sentences."""

    name: str
    """As in findings."""
    section: str
    """Of docs/spec.md, where its rules are."""
    title: str
    meaning: str
    """What PASS says."""
    assumes: str
    """What that rests on."""
    on_fail: str
    """What a FAIL says, and what to do."""
    on_undecidable: str = ""
    """The same for UNDECIDABLE; empty if the check can always be decided."""


_OTHER_NODE = "ask another chain node"
_NODE_TELLS_THE_TRUTH = (
    "that the chain node tells the truth about code, storage and transactions: use one of your own"
)

CATALOGUE: tuple[Check, ...] = (
    Check(
        "ledger_history",
        OF_THE_TASK,
        "the ledger's records are complete and unaltered",
        "Every log of the ledger is a record, and hashed one after another they give the running"
        " hash that the contract keeps: none is missing, altered, or out of order.",
        "ledger_code: only this build's code keeps that hash",
        f"the chain node left out or changed logs: {_OTHER_NODE}",
    ),
    Check(
        "registry_history",
        OF_THE_TASK,
        "the registry's records are complete and unaltered",
        "The same as ledger_history, for the registry of participants that the task names.",
        "registry_code",
        f"the chain node left out or changed logs: {_OTHER_NODE}",
    ),
    Check(
        "transitions",
        OF_THE_TASK,
        "everything on record was allowed",
        "The ledger's records replay through the state machine of the specification: phases,"
        " deadlines, turns, bonds, quorums and permissions were kept, record after record.",
        "ledger_history and ledger_code",
        f"with the code check passed, the chain node is at fault: {_OTHER_NODE}",
    ),
    Check(
        "ledger_code",
        OF_THE_TASK,
        "the ledger is this build's contract",
        "The ledger runs this build's code, was created by this build's constructor with the"
        " parameters that are on record, and what it runs for disputes is this build's code as"
        " well.",
        _NODE_TELLS_THE_TRUTH,
        "another version's contract, or none of this project's: audit it with the version that its"
        " manifest names",
        f"the chain node lacks the transaction that created the contract: {_OTHER_NODE}",
    ),
    Check(
        "registry_code",
        OF_THE_TASK,
        "the registry is this build's contract",
        "The same as ledger_code, for the registry.",
        _NODE_TELLS_THE_TRUTH,
        "another version's contract, or none of this project's: audit it with the version that the"
        " task's manifest names",
        f"the chain node lacks the transaction that created the contract: {_OTHER_NODE}",
    ),
    Check(
        "registry_transitions",
        OF_THE_TASK,
        "everything on the registry's record was allowed",
        "The registry's records replay through its rules: enrolments, bonds, rotations of keys,"
        " and the times between them.",
        "registry_history and registry_code",
        f"with the code check passed, the chain node is at fault: {_OTHER_NODE}",
    ),
    Check(
        "ledger_state",
        OF_THE_TASK,
        "the ledger's storage says what its records say",
        "Every view of the ledger answers what follows from the records: rounds, models, updates,"
        " bonds, and what is due to whom.",
        "ledger_history and transitions; it is left out where transitions did not pass",
        f"with the code check passed, the chain node answers of another block or lies:"
        f" {_OTHER_NODE}",
    ),
    Check(
        "admissions",
        OF_THE_TASK,
        "whoever was admitted was enrolled",
        "Everybody who was admitted to the task was enrolled in the registry at that time, once"
        " for each line of keys; successors were named by those whose place they took.",
        "both histories; the order within one second follows from the ledger's code",
        f"with the code checks passed, the chain node is at fault: {_OTHER_NODE}",
    ),
    Check(
        "manifest",
        OF_THE_TASK,
        "the pinned manifest is the task's",
        "The manifest has the digest on record, and says the same as the contract about everything"
        " that both fix.",
        "ledger_history and ledger_code, for what is on record",
        "the pinned content is not what is on record: its coordinator made a task that nobody can"
        " trust",
        "nobody serves it: its coordinator should pin it again; no round can be checked until then",
    ),
    Check(
        "genesis_model",
        OF_THE_TASK,
        "the pinned genesis model is the task's",
        "The model that round 1 starts from has the digest on record, is canonical, and is bound to"
        " this task.",
        "manifest",
        "the pinned content is not what is on record: its coordinator made a task that nobody can"
        " train",
        "nobody serves it: its coordinator should pin it again",
    ),
    Check(
        "base_model",
        OF_A_ROUND,
        "the model that a round starts from can be had",
        "Asked only where the model before was not just re-executed: the pinned one has the digest"
        " on record. There is no finding if it passes.",
        "ledger_history and transitions, for what is on record",
        "the pinned content is not what is on record, so the round after it cannot be re-executed:"
        " see model_blob of the round it names",
        "nobody serves it: its aggregator should pin it again",
    ),
    Check(
        "report",
        OF_A_ROUND,
        "the round's report is the one on record",
        "The report has the digest on record, accounts for every update on record, and is about"
        " this task, round, base model and proposed model.",
        "ledger_history and transitions, for what is on record",
        "the pinned content is not what is on record: its proposer is at fault",
        "nobody serves it: its proposer should pin it again",
    ),
    Check(
        "update_list",
        OF_A_ROUND,
        "the round's lists of updates can be had",
        "Every list of updates on record was fetched, or the report says that nobody could get it."
        " What is wrong with a list leaves its updates out and fails nothing.",
        "ledger_history and transitions, for what is on record",
        "the IPFS node served other bytes: ask another one",
        "nobody serves a list: the aggregator that listed the updates should pin it again",
    ),
    Check(
        "update_blob",
        OF_A_ROUND,
        "the round's updates can be had",
        "Every update on record was fetched and its bytes are those of its CID, or the report says"
        " that nobody could get it.",
        "ledger_history and transitions, for what is on record",
        "the IPFS node served other bytes: ask another one",
        "nobody serves an update: its participant should pin it again; or updates are sealed, and"
        " none of your keys opens them: ask an auditor whom the task names, or be one (--reader)",
    ),
    Check(
        "exclusions",
        OF_A_ROUND,
        "every update was included or left out for the right reason",
        "The report's reason for each update is the one that its record and its content give.",
        "report and update_blob",
        "the report is wrong about an update: its proposer is at fault",
        "an update left out as unavailable can be had now: nobody can tell whether it could then;"
        " or updates are sealed and were not opened",
    ),
    Check(
        "aggregate",
        OF_A_ROUND,
        "the model is what the updates yield",
        "Re-executed from the base model and all updates that count, in exact integers, the round"
        " yields this model and this report, byte for byte.",
        "update_blob; nothing about any aggregator, and nothing about how anybody trained",
        "the model is not what the updates yield: its proposer proposed a wrong one",
        "the report is missing, and might have left out an update: its proposer should pin it"
        " again; or updates are sealed and were not opened: the model was not re-executed",
    ),
    Check(
        "model_blob",
        OF_A_ROUND,
        "the round's model can be had",
        "The pinned model has the digest on record, so whoever fetches it gets this one.",
        "ledger_history and transitions, for what is on record",
        "the pinned content is not what is on record: its proposer is at fault",
        "nobody serves it: its proposer should pin it again; whoever re-executed it has it too",
    ),
    Check(
        "bundle_files",
        OF_A_BUNDLE,
        "the bundle's files are those that its index names",
        "Every file of the bundle has the size and the SHA-256 that the index says.",
        "nothing",
        "a file was damaged or changed: get another copy of the bundle",
    ),
    Check(
        "block_headers",
        OF_A_BUNDLE,
        "the bundle's blocks lead to the last one",
        "Headers ascend, each is the parent of the next where their numbers follow, and the last"
        " one has the hash that the index names.",
        "that this hash is of the chain: compare it with one that you wrote down, or an anchor",
        "a header was damaged or changed: get another copy of the bundle",
    ),
    Check(
        "receipt_proofs",
        OF_A_BUNDLE,
        "the logs stand in their blocks",
        "Every transaction and receipt of the bundle stands below the roots of its block's header.",
        "block_headers",
        "logs were changed after the blocks were made: whoever made the bundle is at fault",
    ),
    Check(
        "senders",
        OF_A_BUNDLE,
        "participants sent their updates themselves",
        "Whoever sent an update to the ledger by a transaction of its own signed that transaction,"
        " and is the participant of its record.",
        "receipt_proofs",
        "an update was sent by another key than the record says: the chain was made up",
    ),
    Check(
        "contract_proofs",
        OF_A_BUNDLE,
        "both contracts stand in the last block's state",
        "Code and history hash of ledger and registry, and the code for disputes, are those in the"
        " state of the last block.",
        "block_headers",
        "code or history hash were changed: whoever made the bundle is at fault",
    ),
    Check(
        "contract_build",
        OF_A_BUNDLE,
        "the bundle is of this version",
        "The builds of the contracts in the bundle are those of this version of fl-chain.",
        "nothing",
        "does not occur",
        "the bundle is of another version: verify it with the one that its manifest names",
    ),
    Check(
        "bundle_content",
        OF_A_BUNDLE,
        "the bundle's content is what its CIDs name",
        "Every block of the content in the bundle hashes to its CID.",
        "nothing",
        "content was damaged or changed: get another copy of the bundle",
    ),
    Check(
        "anchor",
        OF_A_BUNDLE,
        "the history was there when the anchor was made",
        "A transaction on another chain holds the root of this history, which therefore was there"
        " no later than that transaction.",
        "the chain of the anchor, and the node that was asked about it",
        "the anchor stands for another history: get the bundle that it was made for",
        "the anchor's chain has no such transaction: ask another node of it",
    ),
)

NAMES: tuple[str, ...] = tuple(check.name for check in CATALOGUE)


def find_check(name: str) -> Check:
    """Return a check by its name.

    Raises
    ------
    UsageError
        There is none of that name.

    Examples
    --------
    >>> find_check("aggregate").title
    'the model is what the updates yield'
    """
    for check in CATALOGUE:
        if check.name == name:
            return check
    raise UsageError(f"there is no check {name[:80]!r}", f"there are: {', '.join(NAMES)}")
