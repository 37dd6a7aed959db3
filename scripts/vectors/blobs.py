"""Vectors of blobs: canonical ones, and ones that each break one rule."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import rfc8785

from scripts.vectors.measurements import LEAST, MOST, REFUSED, measurement_of
from tests import reference as ref

TASK = "ab" * 32
BASE = "cd" * 32
ALICE = "0x" + "0a" * 20
TENSORS = {"bias": [2], "weight": [2, 3]}
LANES = [1, -1, 0, 32767, -32767, 256, -256, 2]
_SHORT_LANES = [1, -1, 0, 127, -127, -128, 64, 2]
_PACKED = [0, 1, 127, 128, 254, 255]
PARAMETERS = [0, 1, -1, 2**31 - 1, -(2**31), 65536, -65536, 7]


def canonical(value: Any) -> str:
    """Return canonical JSON as text."""
    return rfc8785.dumps(value).decode()


def blob_case(
    name: str,
    metadata: dict[str, str],
    tensors: dict[str, list[int]],
    values: list[int],
    lane_bits: int = 16,
) -> dict[str, Any]:
    """Describe a canonical blob by its fields and its parts."""
    header = canonical(ref.blob_header(metadata, tensors, lane_bits)).encode()
    data = ref.entries(values, ref.bits_of(metadata, lane_bits))
    is_measured = ref.says_measured(metadata)
    parts = ref.blob_parts(header, data, ref.header_bytes(tensors, is_measured))
    place = {"base_model", "participant", "round"} & set(metadata)
    fields: dict[str, Any] = {key: metadata[key] for key in sorted({"kind", "task"} | place)}
    if "round" in place:
        fields["round"] = int(metadata["round"])
    if lane_bits != 16:
        fields["lane_bits"] = lane_bits
    if is_measured:
        fields["is_measured"] = True
    if said := {key: metadata[key] for key in ref.MEASURED if key in metadata}:
        source = said.pop("energy_source")
        numbers: dict[str, Any] = {key: int(value) for key, value in said.items()}
        fields["measurement"] = numbers | {"energy_source": source}
    return {
        "name": name,
        "header": fields | {"layout": [[tensor, tensors[tensor]] for tensor in sorted(tensors)]},
        "values": values,
        "parts": parts_of(*parts),
        "bytes": len(ref.join_parts(*parts)),
        "digest": ref.digest(ref.join_parts(*parts)).hex(),
    }


def parts_of(prefix: bytes, header: bytes, padding: int, data: bytes) -> dict[str, Any]:
    """Spell the parts of a blob as JSON can."""
    text = header.decode("latin-1")
    return {"prefix": prefix.hex(), "header": text, "padding": padding, "data": data.hex()}


def make_blob() -> Any:
    """Return canonical blobs, and blobs each of which breaks one rule."""
    update = ref.update_metadata(TASK, 3, BASE, ALICE)
    last = ref.update_metadata(TASK, 2**32 - 1, BASE, ALICE)
    model = ref.model_metadata(TASK)
    wide = {f"layer.{i:02}.weight": [1, 2] for i in range(40)}
    exact = _tensors_with_header_of(1024 - 8, last)
    above = _tensors_above_a_chunk()
    many = _tensors_whose_model_needs_another_chunk()
    measured = ref.model_metadata(TASK, is_measured=True)
    return {
        "cases": [
            blob_case("an update", update, TENSORS, LANES),
            blob_case("an update of the last round", last, TENSORS, LANES),
            blob_case("a model", model, TENSORS, PARAMETERS),
            blob_case("an update with short lanes", update, TENSORS, _SHORT_LANES, 8),
            blob_case("an update with packed lanes", update, {"packed": [6]}, _PACKED, 12),
            blob_case("a header as long as with longer lanes", last, exact, [9, 8, -7], 8),
            blob_case("a scalar and a tensor of eight dimensions", update, _SHAPES, [5] * 3),
            blob_case("a header of several chunks", update, wide, list(range(80))),
            blob_case("a header that needs no padding", last, exact, [9, 8, 7]),
            blob_case("a header as long as that of the last round", update, exact, [9, 8, 7]),
            blob_case("a chunk more for one byte in the last round", last, above, [9, 8, 7]),
            blob_case("a chunk more in every other round, too", update, above, [9, 8, 7]),
            blob_case("and in every model", model, above, [9, 8, 7]),
            blob_case("an update with a chunk more for its models", update, many, _MANY_LANES),
            blob_case("a model that needs a chunk more than updates", model, many, _MANY_LANES),
            blob_case("names sorted by code unit", update, _NAMES, [1, 2, 3, 4]),
            blob_case("an update with a measurement", _measured(1), TENSORS, LANES),
            blob_case("the least that a measurement says", _said(LEAST), TENSORS, LANES),
            blob_case("the most that a measurement says", _said(MOST), TENSORS, LANES),
            blob_case("a model of a task with measurements", measured, TENSORS, PARAMETERS),
            blob_case("a chunk more for a measurement", _said(LEAST), exact, [9, 8, 7]),
            blob_case("and in every model with measurements", measured, exact, [9, 8, 7]),
        ],
        "refused": list(make_refused_blobs()),
    }


def _said(measurement: dict[str, Any]) -> dict[str, str]:
    return ref.update_metadata(TASK, 3, BASE, ALICE, measurement)


def _texts(measurement: dict[str, Any]) -> dict[str, str]:
    return {key: str(value) for key, value in measurement.items()}


def _measured(number: int) -> dict[str, str]:
    return _said(measurement_of(number))


_SHAPES = {"scalar": [], "tensor": [1, 1, 1, 2, 1, 1, 1, 1]}
_NAMES = {"B": [1], "a": [1], "a.b": [1], "a b": [1]}


def _tensors_with_header_of(size: int, metadata: dict[str, str]) -> dict[str, list[int]]:
    names = ["a" * 200, "b" * 200]
    shortest = len(canonical(ref.blob_header(metadata, {name: [1] for name in [*names, "c"]})))
    return {name: [1] for name in [*names, "c" * (1 + size - shortest)]}


def _tensors_above_a_chunk() -> dict[str, list[int]]:
    """Return tensors of which only an update of the last rounds needs two chunks for its header."""
    return _tensors_with_header_of(1024 - 8 + 1, ref.update_metadata(TASK, 2**32 - 1, BASE, ALICE))


_MANY_LANES = [i % 256 for i in range(250 + 100)]


def _tensors_whose_model_needs_another_chunk() -> dict[str, list[int]]:
    """Return tensors whose offsets have a digit more in models, so that these decide the size."""
    tensors = {"a": [250]} | {f"b{i:02}": [1] for i in range(96)}
    longest = ref.update_metadata(TASK, 2**32 - 1, BASE, ALICE)
    metadata = ref.model_metadata(TASK)
    for length in range(4, 1024):
        named = tensors | {letter * ((length + i) // 4): [1] for i, letter in enumerate("cdef")}
        model = ref.chunked_bytes(canonical(ref.blob_header(metadata, named)).encode())
        if model > ref.chunked_bytes(canonical(ref.blob_header(longest, named)).encode()):
            return named
    raise AssertionError("no names are long enough")


def make_refused_blobs() -> Iterator[dict[str, Any]]:
    """Yield bytes that no encoder writes, with the reason."""
    update = ref.update_metadata(TASK, 3, BASE, ALICE)
    good = ref.blob_header(update, TENSORS)
    data = b"".join(lane.to_bytes(2, "little", signed=True) for lane in LANES)

    def parts(reason: str, header: bytes, payload: bytes = data) -> dict[str, Any]:
        return {"reason": reason, "parts": parts_of(*ref.blob_parts(header, payload, 1024))}

    def changed(reason: str, change: Callable[[dict[str, Any]], object]) -> dict[str, Any]:
        header = json.loads(canonical(good))
        change(header)
        return parts(reason, canonical(header).encode())

    def raw(reason: str, prefix: int, header: bytes, padding: int, payload: bytes) -> Any:
        length = prefix.to_bytes(8, "little")
        return {"reason": reason, "parts": parts_of(length, header, padding, payload)}

    text = canonical(good).encode()
    pad = 1016 - len(text)
    yield raw("shorter than a chunk", 0, b"", 1015, b"")
    yield raw("a header length of zero", 0, b"", 1016, data)
    yield raw("a header length of 2^64 - 1", 2**64 - 1, text, pad, data)
    yield raw("a header length of 2^63", 2**63, text, pad, data)
    yield raw("a header length one past the end", 1016 + len(data) + 1, text, pad, data)
    yield raw("a header of more than 1 MiB", 2**20 + 1016, text, 2**20 + pad, data)
    yield raw("a chunk of padding too much", 2040, text, 2040 - len(text), data)
    yield raw("a header that ends off the chunk border", 1015, text, 1015 - len(text), data)
    yield raw("a header without padding", len(text), text, 0, data + bytes(2000))
    above = canonical(ref.blob_header(update, _tensors_above_a_chunk())).encode()
    yield parts("a header of its own length's chunks, not of the last round's", above, bytes(6))
    yield parts("a trailing byte", text, data + b"\0")
    yield parts("a missing byte", text, data[:-1])
    yield parts("no data", text, b"")
    yield parts("a space before the header", b" " + text)
    yield parts("a space within the header", text.replace(b":", b": ", 1))
    yield parts("padding by line feeds", text + b"\n" * (pad))
    yield parts("padding by zero bytes", text + b"\0" * (pad))
    head, weight = text[1:-1].split(b',"weight":')
    yield parts("unsorted keys", b'{"weight":' + weight + b"," + head + b"}")
    yield parts("a repeated key", text[:-1] + b',"weight":' + weight + b"}")
    yield parts("a number with a fraction", text.replace(b'"shape":[2]', b'"shape":[2.0]'))
    yield parts("a number with an exponent", text.replace(b'"shape":[2]', b'"shape":[2e0]'))
    yield parts("NaN for a number", text.replace(b'"shape":[2]', b'"shape":[NaN]'))
    yield parts("Infinity for a number", text.replace(b'"shape":[2]', b'"shape":[Infinity]'))
    yield parts("an escaped letter", text.replace(b'"bias"', b'"bi\\u0061s"'))
    yield parts("not JSON", b"safetensors")
    yield parts("not UTF-8", text.replace(b"bias", b"bi\xff\xfe"))
    yield parts("a JSON array", b"[]")
    yield parts("a JSON string", b'"header"')
    yield parts("an empty object", b"{}", b"")
    yield changed("no metadata", lambda h: h.pop("__metadata__"))
    yield changed("metadata that is a string", lambda h: h.update(__metadata__="update"))
    yield changed("metadata that is an array", lambda h: h.update(__metadata__=[]))
    yield changed("a metadata key too many", lambda h: h["__metadata__"].update(note="x"))
    for key in ("base_model", "format", "kind", "participant", "round", "task"):
        yield changed(f"no {key}", lambda h, key=key: h["__metadata__"].pop(key))
        yield changed(f"{key} is a number", lambda h, key=key: h["__metadata__"].update({key: 1}))
        yield changed(f"{key} is a list", lambda h, key=key: h["__metadata__"].update({key: ["1"]}))
    metadata: list[tuple[str, str, str]] = [
        ("another format version", "format", "fl_chain/2"),
        ("an unknown kind", "kind", "gradient"),
        ("the kind of another integer type", "kind", "model"),
        ("a round with a leading zero", "round", "03"),
        ("a round with a sign", "round", "-3"),
        ("a round with a plus sign", "round", "+3"),
        ("an empty round", "round", ""),
        ("a round in other digits", "round", "٣"),
        ("a round of 11 digits", "round", "1" * 11),
        ("a round of 2^32", "round", str(2**32)),
        ("a round of 10 nines", "round", "9" * 10),
        ("a task of 63 digits", "task", "a" * 63),
        ("a task in upper case", "task", "AB" * 32),
        ("a task with a prefix", "task", "0x" + "ab" * 31),
        ("a base model that is not hexadecimal", "base_model", "g" * 64),
        ("a participant with upper-case digits", "participant", "0x" + "0A" * 20),
        ("a participant without 0x", "participant", "0a" * 20),
        ("no participant's address", "participant", ""),
    ]
    for reason, key, value in metadata:
        yield changed(reason, lambda h, k=key, v=value: h["__metadata__"].update({k: v}))
    entries: list[tuple[str, dict[str, Any]]] = [
        ("another dtype", {"dtype": "F16"}),
        ("the dtype of a model", {"dtype": "I32"}),
        ("short lanes beside longer ones", {"dtype": "I8"}),
        ("a dtype that is a number", {"dtype": 16}),
        ("a hole before a tensor", {"data_offsets": [6, 18]}),
        ("an overlap", {"data_offsets": [2, 14]}),
        ("offsets in reverse", {"data_offsets": [16, 4]}),
        ("negative offsets", {"data_offsets": [-4, 8]}),
        ("offsets that do not fit the shape", {"data_offsets": [4, 18]}),
        ("three offsets", {"data_offsets": [4, 16, 16]}),
        ("an empty dimension", {"shape": [0, 3]}),
        ("a negative dimension", {"shape": [-2, -3]}),
        ("a dimension of 2^32", {"shape": [2**32, 1]}),
        ("dimensions that overflow 64 bits", {"shape": [2**31, 2**31, 4]}),
        ("nine dimensions", {"shape": [1, 1, 1, 1, 1, 1, 1, 2, 3]}),
        ("a dimension that is a string", {"shape": ["2", 3]}),
        ("a dimension that is true", {"shape": [True, 6]}),
        ("a shape that is a string", {"shape": "23"}),
        ("a shape that is an object", {"shape": {}}),
        ("a shape of lists", {"shape": [[2], [3]]}),
        ("a key too many", {"stride": [3, 1]}),
    ]
    for reason, change in entries:
        yield changed(f"{reason} (tensor weight)", lambda h, c=change: h["weight"].update(c))
    for key in ("data_offsets", "dtype", "shape"):
        yield changed(f"no {key}", lambda h, key=key: h["weight"].pop(key))
    yield changed("a tensor that is a list", lambda h: h.update(weight=[]))
    yield changed("a tensor that is a string", lambda h: h.update(weight="weight"))
    yield changed("a tensor without a name", lambda h: h.update({"": h.pop("bias")}))
    yield changed("a tensor name with a line feed", lambda h: h.update({"b\n": h.pop("bias")}))
    yield changed("a tensor name of 257 characters", lambda h: h.update({"b" * 257: h.pop("bias")}))
    yield parts("a tensor name beyond ASCII", text.replace(b"bias", "biås".encode()))
    none = ref.blob_header(update, {})
    yield parts("no tensors", canonical(none).encode(), b"")
    for key, value in (("base_model", BASE), ("participant", ALICE), ("round", "0")):
        model = ref.model_metadata(TASK) | {key: value}
        header = canonical(ref.blob_header(model, TENSORS)).encode()
        yield parts(f"a {key} in a model", header, data + data)
    short = ref.blob_header(update, TENSORS, 8)
    yield parts("a missing byte of short lanes", canonical(short).encode(), data[:7])
    yield parts("longer lanes than it says", canonical(short).encode(), data)
    model = json.loads(canonical(ref.blob_header(ref.model_metadata(TASK), TENSORS)))
    for name in TENSORS:
        model[name]["dtype"] = "I16"
    yield parts("a model with the dtype of an update", canonical(model).encode(), data + data)
    for key in ref.model_metadata(TASK):
        model = ref.blob_header(ref.model_metadata(TASK), TENSORS)
        del model["__metadata__"][key]
        yield parts(f"no {key} in a model", canonical(model).encode(), data + data)
    yield from _refused_measurements(data)


def _refused_measurements(data: bytes) -> Iterator[dict[str, Any]]:
    def parts(reason: str, metadata: dict[str, str], size: int = 1024) -> dict[str, Any]:
        header = canonical(ref.blob_header(metadata, TENSORS)).encode()
        payload = data if metadata["kind"] == "update" else data + data
        return {"reason": reason, "parts": parts_of(*ref.blob_parts(header, payload, size))}

    for reason, change in REFUSED:
        yield parts(f"{reason} in a measurement", _measured(1) | change)
    for key in ref.MEASURED:
        said = _measured(1)
        yield parts(f"a measurement without {key}", {k: said[k] for k in said if k != key})
        alone = ref.update_metadata(TASK, 3, BASE, ALICE) | {key: said[key]}
        yield parts(f"of a measurement only {key}", alone)
    yield parts("a measurement in a model", ref.model_metadata(TASK) | _texts(LEAST))
    for value in ("true", "none", ""):
        model = ref.model_metadata(TASK) | {"measurements": value}
        yield parts(f"measurements of a model that are {value!r}", model)
    yield parts("measurements said by an update", _measured(1) | {"measurements": "claimed"})
