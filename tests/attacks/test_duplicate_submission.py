"""A participant that submits twice in a round, to count twice or to change its mind.

Caught by the contract: ``AlreadySubmitted``. A node that repeats the event in its logs is caught by
``ledger_history`` and ``transitions``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl_chain.audit.audit import run_audit
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.logs import decode_log
from fl_chain.protocol.records import UpdateSubmitted
from tests.world import World, assert_passes, problems, record


@pytest.mark.parametrize("is_same", [True, False], ids=["the same blob", "another blob"])
def test_the_second_update_of_a_round_is_refused(world: World, is_same: bool) -> None:
    federation = world.federation(num_rounds=1)
    federation.submit_honestly(0)
    blob = federation.update(0) if is_same else federation.update(0, federation.lanes(8))
    with pytest.raises(TransactionRejected) as refused:
        federation.submit(0, blob)
    assert refused.value.error == "AlreadySubmitted"
    federation.submit_honestly(1, 2)
    federation.aggregate()
    assert_passes(federation.audit(), num_rounds=1)


def test_a_repeated_event_fails_history_and_transitions(world: World) -> None:
    federation = world.federation(num_rounds=1)
    federation.run_round()
    evidence = record(federation).evidence
    logs = list(evidence.ledger.logs)
    position = next(i for i, log in enumerate(logs) if isinstance(decode_log(log), UpdateSubmitted))
    logs.insert(position, logs[position])
    forged = replace(evidence, ledger=replace(evidence.ledger, logs=logs))
    found = problems(run_audit(forged))
    assert (None, "ledger_history", "FAIL") in found
    assert (None, "transitions", "FAIL") in found
