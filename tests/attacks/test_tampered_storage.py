"""A chain whose operator rewrites the ledger's storage behind the contract's back.

Caught by: ``ledger_history`` for the running hash, ``ledger_state`` for everything else.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from eth_hash.auto import keccak

from fl_chain.chain.contracts import LEDGER, load_artifact
from tests.masked import MaskedRound
from tests.world import Federation, World, problems

LAYOUT = {name: slot for name, slot, _ in load_artifact(LEDGER)["storage"]}
SLOTS = {
    "current": LAYOUT["_current"],
    "history": LAYOUT["_historyHash"],
    "proposal": LAYOUT["_proposal"],
    "report": LAYOUT["_proposal"] + 1,
    "dispute": LAYOUT["_dispute"],
    "claims": LAYOUT["_dispute"] + 3,
}
OTHERS = ("genesis", "model 1", "model 2", "participant", "aggregator", "its result")


@pytest.fixture(scope="module")
def finished(world: World) -> Federation:
    federation = world.federation(num_rounds=2, min_updates=2)
    federation.run_round()
    federation.run_round()
    return federation


def slots(federation: Federation) -> dict[str, int]:
    def entry(key: int, mapping: str) -> int:
        return int.from_bytes(keccak(key.to_bytes(32) + LAYOUT[mapping].to_bytes(32)))

    aggregator = entry(int(federation.aggregator_address(0), 16), "_aggregators")
    return {
        **SLOTS,
        "genesis": entry(0, "_models"),
        "model 1": entry(1, "_models"),
        "model 2": entry(2, "_models"),
        "participant": entry(int(federation.address_of(1), 16), "_participants"),
        "aggregator": aggregator,
        "its result": aggregator + 1,
    }


def test_a_budget_that_an_operator_gives_back_is_located(world: World) -> None:
    private = {"cost": 10, "budget": 25, "max_order": 8}
    federation = world.federation(num_rounds=1, privacy=private)
    federation.run_round()
    connection, key = world.connection, int(federation.address_of(1), 16)
    slot = int.from_bytes(keccak(key.to_bytes(32) + LAYOUT["_privacySpent"].to_bytes(32)))
    assert problems(federation.audit()) == []
    connection.call("anvil_setStorageAt", federation.address, hex(slot), "0x" + bytes(32).hex())
    assert problems(federation.audit()) == [(None, "ledger_state", "FAIL")]


def test_who_an_operator_says_has_told_its_seeds_is_located(world: World, tmp_path: Path) -> None:
    masked = MaskedRound(world, tmp_path, num_participants=3)
    masked.share()
    masked.enter()
    masked.tell(0, 1)
    federation, connection = masked.federation, world.connection
    place = [federation.address, hex(LAYOUT["_unmasking"])]
    proper = int(connection.call("eth_getStorageAt", *place, "latest"), 16)
    assert proper == 1 + 2 * 2**32, "round 1, in which 2 of 3 have told, and only time ended it"
    assert problems(federation.audit()) == []
    for bit in (0, 33, 64):
        flipped = "0x" + (proper ^ 1 << bit).to_bytes(32).hex()
        connection.call("anvil_setStorageAt", *place, flipped)
        assert problems(federation.audit()) == [(None, "ledger_state", "FAIL")]


@pytest.mark.parametrize("name", [*SLOTS, *OTHERS])
@pytest.mark.parametrize("bit", [0, 77, 200])
def test_a_bit_flipped_in_storage_is_located(finished: Federation, name: str, bit: int) -> None:
    connection = finished.ledger().connection
    place = [finished.address, hex(slots(finished)[name])]
    proper = connection.call("eth_getStorageAt", *place, "latest")
    flipped = "0x" + (int(proper, 16) ^ 1 << bit).to_bytes(32).hex()
    connection.call("anvil_setStorageAt", place[0], place[1], flipped)
    try:
        found = problems(finished.audit())
    finally:
        connection.call("anvil_setStorageAt", place[0], place[1], proper)
    check = "ledger_history" if name == "history" else "ledger_state"
    assert found == [(None, check, "FAIL")]
    assert problems(finished.audit()) == []
