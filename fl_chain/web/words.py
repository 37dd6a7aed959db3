"""The words on the pages, each explained in a sentence or two for readers who are no engineers."""

from __future__ import annotations

from typing import Final

WORDS: Final = {
    "aggregator": "Whoever computes a round's model from the recorded updates and proposes it. It"
    " is not trusted: anybody can compute the same model and compare.",
    "attestation": "An aggregator's signature that says it computed the very same model.",
    "audit": "Computing everything again from what is on record: contracts, history, and every"
    " model, byte for byte. Whoever audits needs nobody's word.",
    "audits on record": "Verdicts that auditors have signed and put on the blockchain, each about"
    " the first so many records of the task.",
    "base model": "The model that a round started from: that of the last round that was finished.",
    "block": "The blockchain grows in blocks. What is in one was recorded at that time, and cannot"
    " be changed afterwards.",
    "bond": "A deposit that an aggregator loses if it is shown to have done wrong.",
    "check": "One question that an audit asks, such as: do the recorded updates yield this model?",
    "CID": "The address of content in IPFS. It is computed from the content, so other content has"
    " another address.",
    "coordinator": "Whoever created the task and admits participants.",
    "digest": "64 characters computed from content, a fingerprint: other content, however similar,"
    " has another digest.",
    "dispute": "A challenge to a proposed model that the contract itself decides. Who was wrong"
    " loses a deposit.",
    "evidence": "What a statement rests on: records on the blockchain, and content in IPFS.",
    "excluded": "An update that is on record but not in the model, for a reason that the round's"
    " report gives, for instance that it is damaged.",
    "finalized": "The contract accepted the round's model, and nothing can change that. It is the"
    " audit that says whether the model is right.",
    "finding": "An audit's answer to one check.",
    "genesis model": "The model that the training begins with, on record since the task was"
    " created.",
    "history hash": "One number that the contract keeps over all its records in order. If a record"
    " were missing or altered, it would not fit.",
    "IPFS": "Storage spread over many machines, where content is found by its fingerprint.",
    "ledger": "The contract on the blockchain that records what happens in one task.",
    "lineage": "Whose updates led to a model, with which weights, back to the genesis model.",
    "manifest": "The document that fixes in advance how a task trains and combines updates.",
    "model": "The numbers that the training produces. Each finished round has one.",
    "not audited yet": "The explorer audits models in the background as they come on record, and"
    " has not come to this one yet.",
    "open": "Waiting for a decision: neither final nor rejected yet.",
    "participant": "An institution or device that trains on its own data. The data stay with it;"
    " it records an update only.",
    "phase": "How far a round has come: COLLECTING updates, AGGREGATING them, PROPOSED, CHALLENGED,"
    " FINALIZED with a model, or ABORTED without one.",
    "promise": "Whoever records something in such a task promises to provide its content for some"
    " time after. If it is missing before, the audit names who broke the promise.",
    "proposer": "The aggregator whose model a round's record names.",
    "report": "The document that gives each recorded update of a round its status: included in the"
    " model, or left out, and why.",
    "round": "One pass of the training: participants record updates, and one model is made"
    " of them.",
    "status": "Whether an update is part of the round's model, and if not, why.",
    "task": "One training, from the genesis model to its last round, with a contract of its own.",
    "transaction": "What somebody sent to the blockchain, signed. The records are what came of it.",
    "update": "What a participant's training changed in the model, as numbers. It holds no data of"
    " the participant itself, though numbers can reveal something about them.",
    "verdict": "PASS: every check passed. FAIL: something is wrong, and the finding names it."
    " UNDECIDABLE: nothing was found wrong, but content that is needed cannot be had.",
    "weight": "How much an update counts in the model, from the number of examples that the"
    " participant says it trained on.",
}
"""Word to explanation, in alphabetical order."""


def anchor_of(word: str) -> str:
    """Return the fragment that stands for a word in an address.

    >>> anchor_of("genesis model")
    'genesis-model'
    """
    return word.replace(" ", "-")
