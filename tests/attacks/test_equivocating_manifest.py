"""A coordinator that shows one manifest or genesis model and records another.

Caught by ``manifest`` and ``genesis_model``: CID, digest, contents and the contract's immutables
must all agree.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest

from fl_chain.aggregation.round_blobs import model_header, update_header
from fl_chain.audit.audit import run_audit
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.ethereum import Deployer, EthereumLedger
from fl_chain.errors import InvalidManifest, ProtocolError
from fl_chain.protocol.blob import count_values, encode_blob
from fl_chain.protocol.constants import NO_VALUES
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import Manifest, encode_manifest
from fl_chain.protocol.records import TaskParameters
from fl_chain.roles.auditor import collect_evidence
from fl_chain.roles.follower import TaskFollower
from tests.world import SAID, Federation, World, problems


@pytest.fixture(scope="module")
def honest(world: World) -> Federation:
    committee = {"aggregators": 4, "quorum": 3, "bond_gwei": 5}
    rounds = {"num_rounds": 1, "min_updates": 2, "sample_rate": Decimal("0.5"), "seed_seconds": 9}
    return world.federation(**committee, **rounds)


def genesis_of(manifest: Manifest, value: int = 0) -> bytes:
    values = np.full(count_values(manifest.layout), value, np.int32)
    return encode_blob(model_header(manifest), values)


def deploy(
    honest: Federation, aggregators: Sequence[str] | None = None, **changes: Any
) -> tuple[list[tuple[int | None, str, str]], str]:
    """Deploy a ledger that is the honest one but for aggregators or parameters, and audit it."""
    world = honest.world
    if aggregators is None:
        aggregators = tuple(honest.task.committee.members)
    address = Deployer(world.connection, honest.coordinator).deploy_ledger(
        replace(honest.task.parameters, **changes), aggregators
    )
    return problems(run_audit(collect_evidence(world.connection, address, world.store))), address


def pin(honest: Federation, data: bytes, digest: str, cid_digest: str) -> dict[str, bytes]:
    return {digest: compute_digest(data), cid_digest: honest.store.put(data).digest}


def test_the_same_parameters_pass(honest: Federation) -> None:
    assert deploy(honest)[0] == []


def test_a_manifest_by_cid_and_another_by_digest_fail(honest: Federation) -> None:
    other = encode_manifest(replace(honest.manifest, name="another"))
    cid = honest.store.put(other)
    found, address = deploy(honest, manifest_cid_digest=cid.digest)
    assert found == [(None, "manifest", "FAIL")]
    # And nobody takes part in such a task.
    ledger = EthereumLedger(honest.world.connection, address)
    with pytest.raises(ProtocolError):
        _ = TaskFollower(ledger, honest.store).manifest


@pytest.mark.parametrize("entry", TaskParameters.__dataclass_fields__)
def test_a_contract_that_disagrees_with_its_manifest_fails(honest: Federation, entry: str) -> None:
    value = getattr(honest.task.parameters, entry)
    if isinstance(value, int):
        # target_updates may not fall below min_updates
        other = value - 1 if entry == "min_updates" else value + 1
        changes = {entry: type(value)(other)}
        if entry.startswith("privacy_"):  # no cost without a budget, nor the other way round
            changes, entry = {"privacy_cost": 1, "privacy_budget": 1}, "privacy_cost"
        if entry == "unmask_seconds":  # masks take commitments and seeds, and no values
            now = honest.task.parameters
            needed = {"commit_seconds": now.commit_seconds or 1, "fraction_shift": NO_VALUES}
            needed |= {"sample_rate": now.sample_rate or 1, "seed_seconds": now.seed_seconds or 1}
            changes, entry = changes | needed, "fraction_shift"
        found, address = deploy(honest, **changes)
        assert found == [(None, "manifest", "FAIL")]
        ledger = EthereumLedger(honest.world.connection, address)
        with pytest.raises(InvalidManifest, match=entry):
            _ = TaskFollower(ledger, honest.store).manifest


@pytest.mark.parametrize("change", ["another", "one less", "one more", "the other way round"])
def test_a_contract_with_other_aggregators_than_its_manifest_fails(
    honest: Federation, change: str
) -> None:
    listed = honest.manifest.committee.aggregators
    other = honest.address_of(0)
    aggregators = {
        "another": (*listed[:-1], other),
        "one less": listed[:-1],
        "one more": (*listed, other),
        "the other way round": listed[::-1],
    }[change]
    found, address = deploy(honest, aggregators)
    assert found == [(None, "manifest", "FAIL")]
    ledger = EthereumLedger(honest.world.connection, address)
    with pytest.raises(InvalidManifest, match="aggregators"):
        _ = TaskFollower(ledger, honest.store).manifest


def test_a_manifest_for_another_chain_fails(honest: Federation) -> None:
    other = replace(honest.manifest, chain_id=1)
    changes = pin(honest, encode_manifest(other), "manifest_digest", "manifest_cid_digest")
    assert deploy(honest, **changes)[0] == [(None, "manifest", "FAIL")]


@pytest.mark.parametrize(
    "data", [b"", b"{}", b"[]", b"null", b"{" * 1000, b'{"format":"fl_chain/1"}'], ids=repr
)
def test_a_manifest_that_is_none_fails(honest: Federation, data: bytes) -> None:
    changes = pin(honest, data, "manifest_digest", "manifest_cid_digest")
    assert deploy(honest, **changes)[0] == [(None, "manifest", "FAIL")]


@pytest.mark.parametrize(
    "change",
    [
        (b'"rule":"mean"', b'"rule":"sum"'),
        (b'"mode":"open"', b'"mode":"none"'),
        (b'"privacy":{', b'"privacy":"open","privacy2":{'),
        (b'"auditors":[]', b'"auditors":["0x' + b"12" * 20 + b'"]'),
        (b'"fraction_bits":15', b'"fraction_bits":31'),
        (b'"max_abs":32767', b'"max_abs":32768'),
        (b'"max_abs":32767', b'"max_abs":"32767"'),
        (b'"kind":"manifest"', b'"kind":"manifest","more":1'),
        (b'"name":"miniature"', b'"name":["miniature"]'),
        (b'"bond_gwei":5', b'"bond_gwei":-5'),
        (b'"bond_gwei":5', b'"bond_gwei":5,"more":1'),
        (b'"quorum":3', b'"quorum":2'),
        (b'"quorum":3', b'"quorum":5'),
        (b'"aggregators":[', b'"aggregators":["0x' + b"00" * 20 + b'",'),
        (b'"aggregators":[', b'"aggregators":[5,'),
        (b'"committee":{', b'"committee":5,"committee2":{'),
        (b'"shape":[10]', b'"shape":10'),
        (b'"shape":[10]', b'"shape":[0]'),
        (b'"environment":{', b'"environment":{"a":[1],'),
        (b'"environment":{', b'"environment":{"a":1,'),
    ],
    ids=lambda change: change[1].decode(),
)
def test_a_manifest_that_breaks_a_rule_fails(
    honest: Federation, change: tuple[bytes, bytes]
) -> None:
    document = encode_manifest(honest.manifest)
    assert change[0] in document
    changed = document.replace(*change)
    changes = pin(honest, changed, "manifest_digest", "manifest_cid_digest")
    assert deploy(honest, **changes)[0] == [(None, "manifest", "FAIL")]


def test_a_genesis_model_by_cid_and_another_by_digest_fail(honest: Federation) -> None:
    cid = honest.store.put(genesis_of(honest.manifest, 5))
    found, _ = deploy(honest, genesis_cid_digest=cid.digest)
    assert found == [(None, "genesis_model", "FAIL")]


def test_a_genesis_model_of_another_task_or_layout_or_kind_fails(honest: Federation) -> None:
    other = replace(honest.manifest, salt="ab" * 16)
    count = count_values(other.layout)
    flat = replace(model_header(honest.manifest), layout=(("a", (count,)),))
    update = update_header(honest.manifest, 0, "0" * 64, honest.address_of(0), SAID)
    for blob in (
        genesis_of(other),
        encode_blob(flat, np.zeros(count, np.int32)),
        encode_blob(update, np.zeros(count, np.int16)),
    ):
        changes = pin(honest, blob, "genesis_digest", "genesis_cid_digest")
        assert deploy(honest, **changes)[0] == [(None, "genesis_model", "FAIL")]


def test_every_other_genesis_model_is_the_coordinators_choice(honest: Federation) -> None:
    changes = pin(honest, genesis_of(honest.manifest, -7), "genesis_digest", "genesis_cid_digest")
    assert deploy(honest, **changes)[0] == []


def test_an_oversized_manifest_is_not_read(honest: Federation) -> None:
    data = b'"' + b"x" * (2**20 - 2) + b'"'
    changes = pin(honest, data, "manifest_digest", "manifest_cid_digest")
    assert deploy(honest, **changes)[0] == [(None, "manifest", "FAIL")]
    assert isinstance(honest.world.connection, ChainConnection)
