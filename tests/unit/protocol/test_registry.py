"""The rules of a registry: what its replay accepts and refuses, and what successors sign."""

from __future__ import annotations

from typing import Any

import pytest

from fl_chain.errors import InvalidTransition
from fl_chain.protocol.attestation import compute_signing_hash, compute_succession
from fl_chain.protocol.records import REGISTRY_RECORDS
from fl_chain.protocol.registry import Registry
from fl_chain.protocol.registry_records import RegistryCreated
from tests import golden
from tests import reference as ref

REPLAY = golden.load("registry/replay.json")
SUCCESSIONS = golden.load("registry/succession.json")["cases"]
KINDS = {kind.__name__: kind for kind in REGISTRY_RECORDS}


def record_of(entry: dict[str, Any]) -> Any:
    types = dict(ref.EVENTS[entry["event"]][1])
    values = {
        name: bytes.fromhex(value) if types[name] == "bytes32" else value
        for name, value in entry["values"].items()
    }
    return KINDS[entry["event"]](**values)


@pytest.mark.parametrize("case", REPLAY["cases"], ids=lambda case: case["name"])
def test_records_are_accepted_or_refused_for_their_reason(case: dict[str, Any]) -> None:
    created = record_of(REPLAY["created"])
    assert isinstance(created, RegistryCreated)
    registry = Registry(created)
    *earlier, last = map(record_of, case["records"])
    for record in earlier:
        registry.apply(record)
    if not case["error"]:
        registry.apply(last)
        return
    with pytest.raises(InvalidTransition) as refused:
        registry.apply(last)
    assert refused.value.error == case["error"]


@pytest.mark.parametrize("case", SUCCESSIONS, ids=lambda case: str(case["chain_id"]))
def test_a_succession_is_hashed_as_eip_712_says(case: dict[str, Any]) -> None:
    message = compute_succession(case["participant"], case["successor"])
    assert message.hex() == case["message"]
    signed = compute_signing_hash(case["chain_id"], case["registry"], message)
    assert signed.hex() == case["signed"]


def test_a_line_has_one_origin() -> None:
    created = record_of(REPLAY["created"])
    registry = Registry(created)
    case = next(
        c for c in REPLAY["cases"] if c["name"] == "a bond that moved along to the second key"
    )
    for entry in case["records"]:
        registry.apply(record_of(entry))
    first, second, third = registry.enrolments
    assert registry.origin(first) == registry.origin(second) == registry.origin(third) == first
    assert registry.successors == {first: second, second: third}
