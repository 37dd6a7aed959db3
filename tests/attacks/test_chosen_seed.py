"""An aggregator that wants a say in who takes part, and participants that want to be drawn.

Secrets are fixed before anybody shows one (``SeedsFixed``), and only what was fixed is revealed
(``WrongSecret``). Who withholds does not act in the round (``SeedWithheld``) and is silent. Nobody
takes part whom the seed does not select (``NotSelected``), under whichever key; an auditor replays
it (``transitions``, tests/vectors/audit/not_selected.json).
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from fl_chain.chain.ethereum import Deployer
from fl_chain.errors import TransactionRejected
from fl_chain.protocol.actions import (
    CommitSeeds,
    CommitUpdate,
    Propose,
    RevealSeed,
    SubmitBatch,
    SubmitUpdate,
)
from fl_chain.protocol.phases import Phase
from fl_chain.protocol.records import Fault
from fl_chain.protocol.sampling import (
    NO_MIX,
    add_to_mix,
    compute_chain,
    compute_contribution,
    compute_seed,
    is_drawn,
)
from fl_chain.protocol.signed_update import SignedUpdate, compute_update_message
from fl_chain.roles.coordinator import admit_participants
from tests.world import Federation, World, make_account

WORD = b"\x5e" * 32
SEED_SECONDS = 600
RATE = 2**31


def chain_of(aggregator: int, variant: int = 0) -> list[bytes]:
    """Return three secrets of an aggregator, and their tip."""
    return list(compute_chain(bytes([aggregator, variant]) * 16, 3))


def federate(world: World, **rounds: int) -> Federation:
    federation = world.federation(
        6,
        aggregators=3,
        quorum=2,
        bond_gwei=1000,
        sample_rate=Decimal("0.5"),
        seed_seconds=SEED_SECONDS,
        min_updates=1,
        target_updates=1,
        **rounds,
    )
    federation.deposit_bonds()
    return federation


def act(federation: Federation, aggregator: int, action: Any) -> None:
    federation.ledger(federation.aggregators[aggregator]).send(action)


def refusal_of(federation: Federation, account: Any, action: Any) -> str:
    with pytest.raises(TransactionRejected) as refused:
        federation.ledger(account).send(action)
    return refused.value.error


def refused(federation: Federation, aggregator: int, action: Any) -> str:
    return refusal_of(federation, federation.aggregators[aggregator], action)


def commit_all(federation: Federation) -> None:
    for aggregator in range(3):
        act(federation, aggregator, CommitSeeds(chain_of(aggregator)[-1]))


def seed_of(federation: Federation, variant: int, revealing: tuple[int, ...]) -> bytes:
    """Return the seed of round 1 if some aggregators reveal the secrets of a variant."""
    mix = NO_MIX
    for aggregator in revealing:
        secret = chain_of(aggregator, variant)[-2]
        address = federation.aggregator_address(aggregator)
        mix = add_to_mix(mix, compute_contribution(1, address, secret))
    return compute_seed(federation.task.parameters.manifest_digest, 1, mix)


def draw(
    federation: Federation, revealing: tuple[int, ...] = (0, 1, 2)
) -> tuple[list[int], list[int]]:
    """Open round 1 with secrets that select some participants, and others not; return both.

    All aggregators together can choose them, and only all.
    """
    for variant in range(256):
        seed = seed_of(federation, variant, revealing)
        drawn = [is_drawn(seed, federation.address_of(who), RATE) for who in range(6)]
        if any(drawn) and not all(drawn):
            break
    for aggregator in range(3):
        act(federation, aggregator, CommitSeeds(chain_of(aggregator, variant)[-1]))
    for aggregator in revealing:
        act(federation, aggregator, RevealSeed(1, chain_of(aggregator, variant)[-2]))
    if len(revealing) < 3:
        federation.world.advance_clock(SEED_SECONDS + 1)
    return (
        [who for who in range(6) if drawn[who]],
        [who for who in range(6) if not drawn[who]],
    )


@pytest.fixture
def federation(world: World) -> Federation:
    return federate(world)


def test_no_tip_is_chosen_once_secrets_can_be_seen_in_a_block_or_on_their_way_to_one(
    federation: Federation,
) -> None:
    commit_all(federation)
    # Nobody has revealed yet, but what waits to be mined is no secret either.
    assert refused(federation, 0, CommitSeeds(chain_of(0, 1)[-1])) == "SeedsFixed"
    act(federation, 1, RevealSeed(1, chain_of(1)[-2]))
    assert refused(federation, 0, CommitSeeds(chain_of(0, 1)[-1])) == "SeedsFixed"


def test_a_first_tip_is_as_late_as_another_one(federation: Federation) -> None:
    act(federation, 1, CommitSeeds(chain_of(1)[-1]))
    federation.world.advance_clock(SEED_SECONDS)
    assert refused(federation, 0, CommitSeeds(chain_of(0)[-1])) == "SeedsFixed"


def test_no_secret_but_the_one_that_was_fixed_is_revealed(federation: Federation) -> None:
    commit_all(federation)
    chain = chain_of(0)
    for secret in (WORD, chain[-3], chain[-1], chain_of(1)[-2]):
        assert refused(federation, 0, RevealSeed(1, secret)) == "WrongSecret"
    act(federation, 0, RevealSeed(1, chain[-2]))
    assert refused(federation, 0, RevealSeed(1, chain[-3])) == "AlreadyRevealed"


def test_a_tip_that_is_replaced_does_not_undo_that_a_secret_was_withheld(
    federation: Federation,
) -> None:
    draw(federation, revealing=(1, 2))
    assert federation.task.phase(federation.follower.now) == Phase.COLLECTING
    act(federation, 0, CommitSeeds(chain_of(0, 1)[-1]))
    assert federation.task.has_withheld(federation.aggregator_address(0), 1)


def test_who_withholds_does_not_propose_and_loses_its_bond_as_silent(
    federation: Federation,
) -> None:
    selected, _ = draw(federation, revealing=(1, 2))
    task = federation.task
    federation.submit(selected[0], federation.update(selected[0]))
    proposal = Propose(1, WORD, WORD, WORD, WORD)
    assert refused(federation, 0, proposal) == "SeedWithheld"
    federation.world.advance_clock(task.parameters.aggregate_seconds + 1)
    derived = federation.derive()
    federation.propose(derived.model, derived.report, by=1)
    federation.attest(federation.sign(2, derived.model, derived.report))
    assert [(slash.aggregator, slash.fault) for slash in federation.slashes()] == [
        (federation.aggregator_address(0), Fault.SILENCE)
    ]


def test_who_is_not_selected_gets_in_by_no_door(world: World) -> None:
    federation = federate(world)
    selected, others = draw(federation)
    who = federation.participants[others[0]]
    assert refusal_of(federation, who, SubmitUpdate(1, WORD, WORD, 1)) == "NotSelected"
    signature = federation.ledger(who).sign(compute_update_message(1, WORD, WORD, 1))
    batch = SubmitBatch(1, (SignedUpdate(WORD, WORD, 1, signature),))
    assert refusal_of(federation, federation.coordinator, batch) == "NotSelected"
    federation.submit(selected[0], federation.update(selected[0]))
    committing = federate(world, commit_seconds=600)
    selected, others = draw(committing)
    who = committing.participants[others[0]]
    assert refusal_of(committing, who, CommitUpdate(1, WORD)) == "NotSelected"


def test_an_address_that_was_made_for_a_seed_comes_a_round_too_late(
    federation: Federation,
) -> None:
    draw(federation)
    task = federation.task
    accounts = (make_account(index) for index in range(1000, 1100))
    lucky = next(
        account for account in accounts if is_drawn(task.seed, str(account.address).lower(), RATE)
    )
    address = str(lucky.address).lower()
    deployer = Deployer(federation.world.connection, federation.coordinator)
    registry = federation.created.registry
    admit_participants(deployer, federation.address, registry, (address,))
    task = federation.task
    assert not task.is_selected(address)
    assert task.lots[address].from_round == 2
