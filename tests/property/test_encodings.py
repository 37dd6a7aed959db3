"""Encodings: each value has one, each decoder takes that one and nothing else."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import rfc8785
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fl_chain.errors import InvalidManifest, MalformedBlob
from fl_chain.protocol.blob import (
    DTYPES,
    MODEL,
    UPDATE,
    BlobHeader,
    Layout,
    decode_blob,
    encode_blob,
)
from fl_chain.protocol.canonical_json import decode_json, encode_json
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import decode_manifest, encode_manifest
from fl_chain.protocol.report import ExclusionReason, RoundReport, decode_report, encode_report
from tests import golden
from tests import reference as ref

DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex())
KEYS = st.text(st.characters(max_codepoint=127), max_size=8)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
INTEGERS = st.integers(-(2**53) + 1, 2**53 - 1)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.booleans() | INTEGERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)
NAMES = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
SHAPES = st.lists(st.integers(1, 4), max_size=4).map(tuple)
LAYOUTS: st.SearchStrategy[Layout] = (
    st.dictionaries(
        NAMES.filter(lambda name: name != "__metadata__"), SHAPES, min_size=1, max_size=6
    )
    .map(lambda tensors: tuple(sorted(tensors.items())))
    .filter(lambda layout: sum(math.prod(shape) for _, shape in layout) < 400)
)


@st.composite
def blobs(draw: st.DrawFn) -> tuple[BlobHeader, list[int]]:
    kind = draw(st.sampled_from([UPDATE, MODEL]))
    header = BlobHeader(
        kind,
        draw(DIGESTS),
        draw(st.integers(0, 2**32 - 1)),
        draw(DIGESTS),
        draw(ADDRESSES) if kind == UPDATE else "",
        draw(LAYOUTS),
    )
    bits = 15 if kind == UPDATE else 31
    count = sum(math.prod(shape) for _, shape in header.layout)
    lanes = st.integers(-(2**bits), 2**bits - 1)
    return header, draw(st.lists(lanes, min_size=count, max_size=count))


@st.composite
def mutations(draw: st.DrawFn, data: bytes) -> bytes:
    """Change, drop, repeat or insert a few bytes."""
    changed = bytearray(data)
    for _ in range(draw(st.integers(1, 3))):
        at = draw(st.integers(0, max(len(changed) - 1, 0)))
        match draw(st.sampled_from(["flip", "cut", "insert", "repeat", "tail", "move"])):
            case "flip" if changed:
                changed[at] ^= 1 << draw(st.integers(0, 7))
            case "cut":
                del changed[at : at + draw(st.integers(1, 8))]
            case "insert":
                changed[at:at] = draw(st.binary(min_size=1, max_size=8))
            case "repeat":
                changed[at:at] = changed[at : at + draw(st.integers(1, 64))]
            case "tail":
                changed += draw(st.binary(min_size=1, max_size=4))
            case "move":
                other = draw(st.integers(0, max(len(changed) - 1, 0)))
                changed[at : at + 4], changed[other : other + 4] = (
                    changed[other : other + 4],
                    changed[at : at + 4],
                )
    return bytes(changed)


# ------------------------------------------------------------------------------------ digest


@given(st.integers(0, 6 * 1024), st.binary(min_size=1, max_size=32))
def test_digests_are_the_tree_hash_of_the_rfc(length: int, pattern: bytes) -> None:
    data = (pattern * (length // len(pattern) + 1))[:length]
    assert compute_digest(data) == ref.digest(data)


@given(st.binary(max_size=3000), st.data())
def test_any_change_of_content_changes_the_digest(content: bytes, data: st.DataObject) -> None:
    changed = data.draw(mutations(content))
    assert (compute_digest(changed) == compute_digest(content)) == (changed == content)


# ---------------------------------------------------------------------------- canonical JSON


@given(VALUES)
def test_canonical_json_is_that_of_rfc_8785(value: Any) -> None:
    assert encode_json(value) == rfc8785.dumps(value)


@given(VALUES)
def test_canonical_json_decodes_to_the_value(value: Any) -> None:
    decoded = decode_json(encode_json(value))
    assert decoded == value
    assert encode_json(decoded) == encode_json(value)


@given(st.binary(max_size=64) | TEXTS.map(str.encode))
@example(b"[" * 100_000)
@example(b"9" * 5000)
def test_what_decodes_as_canonical_json_is_its_own_encoding(data: bytes) -> None:
    try:
        value = decode_json(data)
    except MalformedBlob:
        return
    assert encode_json(value) == data


@given(VALUES, st.data())
def test_mutated_canonical_json_is_refused_or_canonical(value: Any, data: st.DataObject) -> None:
    changed = data.draw(mutations(encode_json(value)))
    try:
        decoded = decode_json(changed)
    except MalformedBlob:
        return
    assert rfc8785.dumps(decoded) == changed


# ------------------------------------------------------------------------------------- blobs


@given(blobs())
def test_blobs_are_those_of_the_format(blob: tuple[BlobHeader, list[int]]) -> None:
    header, values = blob
    metadata = ref.blob_metadata(
        header.kind, header.task, header.round, header.base_model, header.participant
    )
    tensors = {name: list(shape) for name, shape in header.layout}
    data = encode_blob(header, np.array(values, DTYPES[header.kind][1]))
    assert data == ref.blob(metadata, tensors, values)


@given(blobs())
def test_blobs_decode_to_their_header_and_values(blob: tuple[BlobHeader, list[int]]) -> None:
    header, values = blob
    decoded, integers = decode_blob(encode_blob(header, np.array(values, DTYPES[header.kind][1])))
    assert decoded == header
    assert integers.tolist() == values


@given(st.binary(max_size=64), st.integers(0, 3000))
def test_arbitrary_bytes_raise_nothing_but_malformed_blob(start: bytes, zeros: int) -> None:
    with pytest.raises(MalformedBlob):
        decode_blob(start + bytes(zeros))


@given(VALUES, st.binary(max_size=16))
def test_arbitrary_headers_raise_nothing_but_malformed_blob(value: Any, payload: bytes) -> None:
    with pytest.raises(MalformedBlob):
        decode_blob(ref.join_parts(*ref.blob_parts(rfc8785.dumps(value), payload)))


@st.composite
def headers_with_a_foreign_part(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a good header in which one field holds something else."""
    metadata = ref.blob_metadata("update", "ab" * 32, 3, "cd" * 32, "0x" + "0a" * 20)
    header = ref.blob_header(metadata, {"bias": [2], "weight": [2, 3]})
    part = draw(st.sampled_from([header["__metadata__"], header["weight"], header]))
    key = draw(st.sampled_from(sorted(part)))
    part[key] = draw(VALUES.filter(lambda value: _differs(value, part[key])))
    return header


def _differs(value: Any, other: Any) -> bool:
    return rfc8785.dumps(value) != rfc8785.dumps(other)


@given(headers_with_a_foreign_part())
def test_a_foreign_value_anywhere_in_a_header_is_refused(header: dict[str, Any]) -> None:
    data = ref.join_parts(*ref.blob_parts(rfc8785.dumps(header), bytes(16)))
    try:
        decoded, _ = decode_blob(data)
    except MalformedBlob:
        return
    # Another task, round or name is another blob, and as canonical as the first.
    assert decoded.layout
    assert encode_blob(decoded, np.zeros(8, np.int16)) == data


@given(blobs(), st.data())
def test_mutated_blobs_are_refused_or_canonical(
    blob: tuple[BlobHeader, list[int]], data: st.DataObject
) -> None:
    header, values = blob
    original = encode_blob(header, np.array(values, DTYPES[header.kind][1]))
    changed = data.draw(mutations(original))
    try:
        decoded, integers = decode_blob(changed)
    except MalformedBlob:
        return
    assert encode_blob(decoded, integers) == changed


# --------------------------------------------------------------------------------- documents

MANIFEST = golden.load("manifest/manifest.json")["cases"][0]["text"].encode()


@given(st.data())
@settings(max_examples=200)
def test_mutated_manifests_are_refused_or_canonical(data: st.DataObject) -> None:
    changed = data.draw(mutations(MANIFEST))
    try:
        manifest = decode_manifest(changed)
    except (MalformedBlob, InvalidManifest):
        return
    assert encode_manifest(manifest) == changed
    assert manifest.task_id == ref.digest(changed).hex()


@given(st.data())
def test_a_foreign_value_anywhere_in_a_manifest_is_refused_or_canonical(
    data: st.DataObject,
) -> None:
    document: dict[str, Any] = decode_json(MANIFEST)
    part = data.draw(
        st.sampled_from([document, document["rounds"], document["encoding"], document["recipe"]])
    )
    part[data.draw(st.sampled_from(sorted(part)))] = data.draw(VALUES)
    try:
        manifest = decode_manifest(rfc8785.dumps(document))
    except (MalformedBlob, InvalidManifest):
        return
    assert encode_manifest(manifest) == rfc8785.dumps(document)
    assert all(isinstance(text, str) for pair in manifest.recipe.environment for text in pair)


@st.composite
def reports(draw: st.DrawFn) -> RoundReport:
    sequences = sorted(draw(st.sets(st.integers(0, 2**32 - 1), max_size=20)))
    reasons = {
        sequence: draw(st.sampled_from(ExclusionReason))
        for sequence in sequences
        if draw(st.booleans())
    }
    return RoundReport(
        task=draw(DIGESTS),
        round=draw(st.integers(0, 2**32 - 1)),
        base_model=draw(DIGESTS),
        model=draw(DIGESTS),
        total_weight=draw(st.integers(0, 2**53 - 1)),
        included=tuple(sequence for sequence in sequences if sequence not in reasons),
        excluded=tuple(sorted(reasons.items())),
    )


@given(reports())
def test_reports_decode_to_themselves(report: RoundReport) -> None:
    assert decode_report(encode_report(report)) == report


@given(reports(), st.data())
def test_mutated_reports_are_refused_or_canonical(report: RoundReport, data: st.DataObject) -> None:
    changed = data.draw(mutations(encode_report(report)))
    try:
        decoded = decode_report(changed)
    except MalformedBlob:
        return
    assert encode_report(decoded) == changed
