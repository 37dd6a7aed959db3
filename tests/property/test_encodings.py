"""Encodings: each value has one, each decoder takes that one and nothing else."""

from __future__ import annotations

import math
from dataclasses import replace
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
    compute_header_bytes,
    decode_blob,
    encode_blob,
    encode_header,
)
from fl_chain.protocol.canonical_json import decode_json, encode_json
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.manifest import decode_manifest, encode_manifest
from fl_chain.protocol.report import RoundReport, decode_report, encode_report
from tests import golden
from tests import reference as ref

DIGESTS = st.binary(min_size=32, max_size=32).map(bytes.hex)
ADDRESSES = st.binary(min_size=20, max_size=20).map(lambda data: "0x" + data.hex())
ROUNDS = st.integers(0, 2**32 - 1) | st.sampled_from([10**i - 1 for i in range(10)])
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
def headers(draw: st.DrawFn, layouts: st.SearchStrategy[Layout]) -> BlobHeader:
    kind = draw(st.sampled_from([UPDATE, MODEL]))
    header = BlobHeader(kind, draw(DIGESTS), draw(layouts))
    if kind == MODEL:
        return header
    place = {"round": draw(ROUNDS), "base_model": draw(DIGESTS), "participant": draw(ADDRESSES)}
    return replace(header, **place, lane_bits=draw(st.sampled_from([8, 12, 16])))


@st.composite
def blobs(draw: st.DrawFn) -> tuple[BlobHeader, list[int]]:
    header = draw(headers(LAYOUTS))
    entry = np.iinfo(DTYPES[header.bits][1])
    count = sum(math.prod(shape) for _, shape in header.layout)
    entries = st.integers(int(entry.min), int(entry.max))
    return header, draw(st.lists(entries, min_size=count, max_size=count))


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
    metadata = ref.model_metadata(header.task)
    if header.kind == UPDATE:
        place = (header.round, header.base_model, header.participant)
        metadata = ref.update_metadata(header.task, *place)
    tensors = {name: list(shape) for name, shape in header.layout}
    data = encode_blob(header, np.array(values, DTYPES[header.bits][1]))
    assert data == ref.blob(metadata, tensors, values, header.lane_bits)


WIDE_LAYOUTS: st.SearchStrategy[Layout] = st.builds(
    lambda first, count, length: (
        ("a", (first,)),
        *((f"b{i:03}".ljust(length, "b"), (1,)) for i in range(count)),
    ),
    st.sampled_from([1, 50, 250, 2500, 25_000]),
    st.integers(0, 200),
    st.integers(4, 60),
)


@given(st.data(), LAYOUTS | WIDE_LAYOUTS)
def test_all_blobs_of_a_layout_have_headers_of_one_size_and_some_round_needs_it(
    data: st.DataObject, layout: Layout
) -> None:
    size = compute_header_bytes(layout)
    assert size == ref.header_bytes({name: list(shape) for name, shape in layout})
    for _ in range(3):
        assert len(encode_header(data.draw(headers(st.just(layout))))) == size
    longest = BlobHeader(UPDATE, "ab" * 32, layout, 2**32 - 1, "cd" * 32, "0x" + "0a" * 20)
    model = BlobHeader(MODEL, "ab" * 32, layout)
    needed = max(len(encode_header(header).rstrip(b" ")) for header in (longest, model))
    assert size - 1024 < needed <= size


@given(blobs())
def test_blobs_decode_to_their_header_and_values(blob: tuple[BlobHeader, list[int]]) -> None:
    header, values = blob
    decoded, integers = decode_blob(encode_blob(header, np.array(values, DTYPES[header.bits][1])))
    assert decoded == header
    assert integers.tolist() == values


@given(st.binary(max_size=64), st.integers(0, 3000))
def test_arbitrary_bytes_raise_nothing_but_malformed_blob(start: bytes, zeros: int) -> None:
    with pytest.raises(MalformedBlob):
        decode_blob(start + bytes(zeros))


@given(VALUES, st.binary(max_size=16))
def test_arbitrary_headers_raise_nothing_but_malformed_blob(value: Any, payload: bytes) -> None:
    with pytest.raises(MalformedBlob):
        decode_blob(_framed(rfc8785.dumps(value), payload))


def _framed(header: bytes, payload: bytes) -> bytes:
    """Return a file with as small a header of whole chunks as holds the text."""
    return ref.join_parts(*ref.blob_parts(header, payload, ref.chunked_bytes(header)))


@st.composite
def headers_with_a_foreign_part(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a good header in which one field holds something else."""
    metadata = ref.update_metadata("ab" * 32, 3, "cd" * 32, "0x" + "0a" * 20)
    header = ref.blob_header(metadata, {"bias": [2], "weight": [2, 3]})
    part = draw(st.sampled_from([header["__metadata__"], header["weight"], header]))
    key = draw(st.sampled_from(sorted(part)))
    part[key] = draw(VALUES.filter(lambda value: _differs(value, part[key])))
    return header


def _differs(value: Any, other: Any) -> bool:
    return rfc8785.dumps(value) != rfc8785.dumps(other)


@given(headers_with_a_foreign_part())
def test_a_foreign_value_anywhere_in_a_header_is_refused(header: dict[str, Any]) -> None:
    data = _framed(rfc8785.dumps(header), bytes(16))
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
    original = encode_blob(header, np.array(values, DTYPES[header.bits][1]))
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
    return RoundReport(
        task=draw(DIGESTS),
        round=draw(ROUNDS),
        base_model=draw(DIGESTS),
        model=draw(DIGESTS),
        total_weight=draw(st.integers(0, 2**53 - 1)),
        statuses=bytes(draw(st.lists(st.integers(0, 13), min_size=1, max_size=20))),
    )


@given(reports())
def test_reports_are_those_of_the_format(report: RoundReport) -> None:
    place = (report.task, report.round, report.base_model, report.model)
    metadata = ref.report_metadata(*place, report.total_weight)
    assert encode_report(report) == ref.report(metadata, list(report.statuses))


@given(reports())
def test_reports_decode_to_themselves(report: RoundReport) -> None:
    data = encode_report(report)
    assert decode_report(data) == report
    assert len(data) == 1024 + len(report.statuses)


@given(reports(), st.data())
def test_a_report_with_a_status_that_no_reason_has_is_refused(
    report: RoundReport, data: st.DataObject
) -> None:
    changed = bytearray(encode_report(report))
    changed[data.draw(st.integers(1024, len(changed) - 1))] = data.draw(st.integers(14, 255))
    with pytest.raises(MalformedBlob, match="a status is"):
        decode_report(bytes(changed))


@given(reports(), st.data())
@settings(max_examples=200)
def test_a_report_with_any_one_byte_flipped_is_refused_or_another(
    report: RoundReport, data: st.DataObject
) -> None:
    original = encode_report(report)
    changed = bytearray(original)
    changed[data.draw(st.integers(0, len(changed) - 1))] ^= data.draw(st.integers(1, 255))
    assert compute_digest(bytes(changed)) != compute_digest(original)
    try:
        decoded = decode_report(bytes(changed))
    except MalformedBlob:
        return
    assert decoded != report


@given(VALUES, st.binary(min_size=1, max_size=16))
def test_arbitrary_headers_of_reports_raise_nothing_but_malformed_blob(
    value: Any, payload: bytes
) -> None:
    with pytest.raises(MalformedBlob):
        decode_report(_framed(rfc8785.dumps(value), payload))


@st.composite
def report_headers_with_a_foreign_part(draw: st.DrawFn) -> dict[str, Any]:
    """Draw a good header of a report in which one field holds something else."""
    header = ref.report_header(ref.report_metadata("ab" * 32, 3, "cd" * 32, "ef" * 32, 1001), 4)
    part = draw(st.sampled_from([header["__metadata__"], header["status"], header]))
    key = draw(st.sampled_from(sorted(part)))
    part[key] = draw(VALUES.filter(lambda value: _differs(value, part[key])))
    return header


@given(report_headers_with_a_foreign_part())
def test_a_foreign_value_anywhere_in_a_report_is_refused_or_canonical(
    header: dict[str, Any],
) -> None:
    data = _framed(rfc8785.dumps(header), bytes(4))
    try:
        report = decode_report(data)
    except MalformedBlob:
        return
    # Another round or total weight is another report, and as canonical as the first.
    assert encode_report(report) == data


@given(reports(), st.data())
def test_mutated_reports_are_refused_or_canonical(report: RoundReport, data: st.DataObject) -> None:
    changed = data.draw(mutations(encode_report(report)))
    try:
        decoded = decode_report(changed)
    except MalformedBlob:
        return
    assert encode_report(decoded) == changed
