"""Manifests: one encoding, and no task that could not be carried out exactly."""

from __future__ import annotations

from dataclasses import fields, replace
from typing import Any

import pytest

from fl_chain.errors import InvalidManifest, MalformedBlob
from fl_chain.protocol.agreement import GIVEN, check_agreement
from fl_chain.protocol.committee import NOBODY
from fl_chain.protocol.constants import MAX_DOCUMENT_BYTES
from fl_chain.protocol.manifest import (
    Manifest,
    decode_manifest,
    encode_manifest,
)
from fl_chain.protocol.records import TaskParameters
from tests import golden

VECTORS = golden.load("manifest/manifest.json")
ERRORS = {"InvalidManifest": InvalidManifest, "MalformedBlob": MalformedBlob}


def smallest() -> Manifest:
    return decode_manifest(VECTORS["cases"][0]["text"].encode())


@pytest.mark.parametrize("case", **golden.named(VECTORS["cases"], "name"))
def test_manifests_have_their_golden_bytes_and_task_id(case: dict[str, Any]) -> None:
    manifest = decode_manifest(case["text"].encode())
    assert encode_manifest(manifest) == case["text"].encode()
    assert manifest.task_id == case["task_id"]
    for name in ("name", "salt", "chain_id", "rule"):
        assert getattr(manifest, name) == case["manifest"][name]
    committee = case["manifest"]["committee"]
    assert list(manifest.committee.aggregators) == committee["aggregators"]
    assert manifest.committee.bond_gwei == committee["bond_gwei"]
    assert manifest.committee.quorum == committee["quorum"]
    assert manifest.privacy.mode == case["manifest"]["privacy"]["mode"]
    for name in ("budget", "cost", "max_order"):
        assert getattr(manifest.privacy, name) == case["manifest"]["privacy"][name]
    assert list(manifest.privacy.auditors) == case["manifest"]["privacy"]["auditors"]
    for part in ("rounds", "encoding"):
        for name, value in case["manifest"][part].items():
            assert getattr(getattr(manifest, part), name) == value
    assert dict(manifest.recipe.environment) == case["manifest"]["recipe"]["environment"]
    layout = [{"name": name, "shape": list(shape)} for name, shape in manifest.layout]
    assert layout == case["manifest"]["layout"]


@pytest.mark.parametrize("case", **golden.named(VECTORS["refused"], "reason"))
def test_other_texts_are_refused_for_their_kind_of_reason(case: dict[str, Any]) -> None:
    with pytest.raises(ERRORS[case["error"]]):
        decode_manifest(case["text"].encode())


def test_a_manifest_of_more_than_a_mebibyte_is_refused_unread() -> None:
    with pytest.raises(MalformedBlob, match="at most"):
        decode_manifest(b" " * (MAX_DOCUMENT_BYTES + 1))


def test_a_manifest_of_more_than_a_mebibyte_is_not_made() -> None:
    manifest = smallest()
    recipe = replace(manifest.recipe, data="d" * MAX_DOCUMENT_BYTES)
    with pytest.raises(InvalidManifest, match="at most"):
        encode_manifest(replace(manifest, recipe=recipe))


def test_the_salt_keeps_two_equal_tasks_apart() -> None:
    manifest = smallest()
    assert replace(manifest, salt="00" * 16).task_id != manifest.task_id


def test_a_contract_made_for_the_manifest_agrees_with_it() -> None:
    check(smallest(), parameters_of(smallest()))


@pytest.mark.parametrize("name", [field.name for field in fields(TaskParameters)][len(GIVEN) :])
def test_a_contract_made_for_another_task_is_named_with_the_first_difference(
    name: str,
) -> None:
    parameters = parameters_of(smallest())
    with pytest.raises(InvalidManifest, match=name):
        check(smallest(), replace(parameters, **{name: getattr(parameters, name) + 1}))


def test_a_contract_with_other_aggregators_or_another_order_is_not_the_tasks() -> None:
    manifest = smallest()
    first, *others = manifest.committee.aggregators
    for aggregators in ([first], [*others, first], [first, *others, NOBODY]):
        with pytest.raises(InvalidManifest, match="aggregators"):
            check_agreement(manifest, parameters_of(manifest), aggregators, manifest.chain_id)


def test_a_contract_on_another_chain_is_not_the_tasks() -> None:
    manifest = smallest()
    aggregators = manifest.committee.aggregators
    with pytest.raises(InvalidManifest, match="chain 31337, not 1"):
        check_agreement(manifest, parameters_of(manifest), aggregators, 1)


def check(manifest: Manifest, parameters: TaskParameters) -> None:
    aggregators = manifest.committee.aggregators
    check_agreement(manifest, parameters, aggregators, manifest.chain_id)


def parameters_of(manifest: Manifest) -> TaskParameters:
    """Written out by hand for the smallest task of the vectors."""
    assert manifest == smallest()
    return TaskParameters(
        "0x" + "e1" * 20,
        "0x" + "d1" * 20,
        *(bytes([i]) * 32 for i in range(1, 5)),
        num_rounds=2,
        min_updates=2,
        target_updates=8,
        max_weight=1000,
        collect_seconds=100,
        aggregate_seconds=50,
        challenge_seconds=20,
        quorum=2,
        bond=5 * 10**9,
        header_chunks=1,
        num_values=8,
        fraction_shift=9,
        commit_seconds=0,
        is_open=False,
        list_seconds=0,
    )
