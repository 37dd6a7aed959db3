"""A participant whose update is valid and meant to do harm: as large as lanes are, or longer.

The rule ``mean`` lets it through, the robust rules do not, and a ``max_norm`` leaves it out whole.
An aggregator that takes the mean in spite of the task's rule is caught by the audit: ``aggregate``.
The challenger sees it too, and can only tell; the committee rejects it.
"""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from fl_chain.aggregation.mean import WeightedSum
from fl_chain.aggregation.round_blobs import decode_model_blob, model_header
from fl_chain.aggregation.step import apply_step
from fl_chain.protocol.blob import decode_blob, encode_blob
from fl_chain.protocol.cid import Cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.rules import MEAN, RULES
from fl_chain.roles.challenger import ChallengerRole
from tests.world import CHALLENGER, Crew, Federation, World, assert_passes, problems

NUM_PARTICIPANTS = 7
POISON = 30_000
ROBUST = sorted(set(RULES) - {MEAN})


def submit_with_poison(federation: Federation) -> None:
    """Submit updates that resemble one another, and one that does not resemble them."""
    common = federation.lanes(1)
    for participant in range(NUM_PARTICIPANTS - 1):
        own = federation.lanes(2 + participant) // 10
        federation.submit(participant, federation.update(participant, common + own))
    poison = np.where(common > 0, -POISON, POISON).astype(np.int16)
    last = NUM_PARTICIPANTS - 1
    federation.submit(last, federation.update(last, poison))


def steps_of(federation: Federation) -> NDArray[np.float64]:
    """Return how far the models of round 1 moved, in units of lanes."""
    header = model_header(federation.manifest)
    derived = decode_model_blob(federation.derive().model, header)
    shift = federation.manifest.encoding.model_fraction_bits
    shift -= federation.manifest.encoding.fraction_bits
    steps: NDArray[np.float64] = (derived - federation.follower.base_model()) / 2.0**shift
    return steps


def test_the_mean_lets_a_poisoned_update_through(world: World) -> None:
    federation = world.federation(NUM_PARTICIPANTS)
    submit_with_poison(federation)
    assert np.abs(steps_of(federation)).min() > POISON / NUM_PARTICIPANTS - 1200


@pytest.mark.parametrize("rule", ROBUST)
def test_a_robust_rule_does_not_and_its_rounds_pass_the_audit(world: World, rule: str) -> None:
    task = {"rule": rule, "num_malicious": 1, "min_updates": NUM_PARTICIPANTS}
    federation = world.federation(NUM_PARTICIPANTS, **task)
    submit_with_poison(federation)
    assert np.abs(steps_of(federation) - federation.lanes(1)).max() < 300
    federation.aggregate()
    federation.run_round()
    assert_passes(federation.audit(), num_rounds=2)


def test_an_update_longer_than_the_task_admits_is_left_out(world: World) -> None:
    federation = world.federation(NUM_PARTICIPANTS, encoding={"max_norm": 100_000})
    submit_with_poison(federation)
    federation.assert_left_out("too_long", num_rounds=2)


def take_the_mean(federation: Federation) -> None:
    """Propose what follows by the mean, with a report that agrees."""
    total = WeightedSum(len(federation.lanes(0)))
    for record in federation.task.rounds[1].updates:
        blob = federation.store.get(Cid(0x55, record.cid_digest), max_bytes=2**20)
        total.add(decode_blob(blob)[1].astype(np.int16), record.weight)
    encoding = federation.manifest.encoding
    bits = encoding.fraction_bits, encoding.model_fraction_bits
    values = apply_step(federation.follower.base_model(), total.mean(), *bits)
    model = encode_blob(model_header(federation.manifest), values)
    robust = federation.derive()
    was, now = robust.model_digest.hex(), compute_digest(model).hex()
    federation.propose(model, robust.report.replace(was.encode(), now.encode()))


def test_a_mean_in_place_of_the_rule_fails_the_aggregate(world: World) -> None:
    task = {"rule": "nnm_trimmed_mean", "num_malicious": 1, "min_updates": NUM_PARTICIPANTS}
    federation = world.federation(NUM_PARTICIPANTS, **task)
    submit_with_poison(federation)
    take_the_mean(federation)
    federation.finalize()
    assert problems(federation.audit()) == [(1, "aggregate", "FAIL")]


def test_the_challenger_tells_of_it_and_spends_no_deposit(world: World) -> None:
    task = {"rule": "median", "num_malicious": 1, "min_updates": NUM_PARTICIPANTS}
    federation = world.federation(
        NUM_PARTICIPANTS, aggregators=3, quorum=2, bond_gwei=5, challenge_seconds=600, **task
    )
    federation.deposit_bonds()
    submit_with_poison(federation)
    take_the_mean(federation)
    crew = Crew(federation, {CHALLENGER: ChallengerRole})
    crew.wait_for("undisputable", CHALLENGER, rule="median")
    assert federation.task.dispute.round == 0
    federation.stop()
    crew.join()
