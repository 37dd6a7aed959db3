"""The documents say what the code does: tables, examples, names and links are compared with it."""

from __future__ import annotations

import ast
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from eth_hash.auto import keccak

from fl_chain import errors
from fl_chain.audit.catalogue import CATALOGUE, NAMES, OF_A_BUNDLE, OF_A_ROUND, OF_THE_TASK
from fl_chain.audit.findings import EXIT_CODES
from fl_chain.chain.contracts import AUDIT_REGISTER, DISPUTES, LEDGER, REGISTRY, load_artifact
from fl_chain.cli.main import EXIT_AUDIT_NOT_RUN, EXIT_INTERRUPTED
from fl_chain.protocol import constants
from fl_chain.protocol.blob import decode_blob
from fl_chain.protocol.cid import compute_cid
from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.logs import (
    append_history,
    compute_history_start,
    compute_record_hash,
    signature_of,
    topic_of,
)
from fl_chain.protocol.manifest import decode_manifest
from fl_chain.protocol.phases import TRANSITIONS, Phase
from fl_chain.protocol.privacy import PRIVACY_MODES
from fl_chain.protocol.records import (
    AUDIT_RECORDS,
    LEDGER_RECORDS,
    REGISTRY_RECORDS,
    RoundOpened,
)
from fl_chain.protocol.report import ExclusionReason, decode_report
from fl_chain.protocol.update_list import decode_update_list
from fl_chain.storage.ipfs import _DAMAGED
from tests import golden

CHECKOUT = Path(__file__).resolve().parent.parent
NOT_OURS = {".venv", ".git", "node_modules", "artifacts", "cache", ".fl-chain"}
SOURCES = (
    ("fl_chain", ("*.py",)),
    ("contracts", ("*.sol", "*.cjs")),
    ("ipfs", ("*.mjs",)),
    ("scripts", ("*",)),
    ("benchmarks", ("*.py",)),
)

Row = dict[str, str]


def read(name: str) -> str:
    return (CHECKOUT / name).read_text(encoding="utf-8")


SPEC = read("docs/spec.md")


def tables(text: str) -> Iterator[list[Row]]:
    """Yield every Markdown table as rows by heading; code marks are left out."""
    rows: list[list[str]] = []
    for line in [*text.splitlines(), ""]:
        stripped = line.strip()
        if stripped.startswith("|"):
            rows.append([cell.strip().replace("`", "") for cell in stripped.split("|")[1:-1]])
        elif rows:
            heading, _, *body = rows
            yield [dict(zip(heading, row, strict=True)) for row in body]
            rows = []


def table(text: str, *headings: str) -> list[Row]:
    """Return the rows of all tables with exactly these headings."""
    found = [rows for rows in tables(text) if rows and tuple(rows[0]) == headings]
    assert found, f"no table with the headings {headings}"
    return [row for rows in found for row in rows]


def number(text: str) -> int:
    """Read 1024 or 2^10."""
    base, _, exponent = text.partition("^")
    return int(pow(int(base), int(exponent or 1)))


def code_blocks(text: str) -> Iterator[str]:
    """Yield indented blocks as one line each."""
    for block in re.findall(r"(?:^    .+\n)+", text, re.MULTILINE):
        yield "".join(line[4:] for line in block.splitlines())


# --------------------------------------------------------------------------- the specification


def test_the_table_of_constants_is_the_constants() -> None:
    listed = {
        row["Name"]: row["Value"].strip('"') if row["Unit"] == "text" else number(row["Value"])
        for row in table(SPEC, "Name", "Value", "Unit", "Meaning")
    }
    assert listed == {name: value for name, value in vars(constants).items() if name.isupper()}


def test_the_table_of_transitions_is_the_state_machine() -> None:
    listed = {
        (row["Phase"], row["Action"]): set(row["Leads to"].split(", "))
        for row in table(SPEC, "Phase", "Action", "Leads to")
    }
    assert listed == {
        (phase.name, action.value): {after.name for after in leads_to}
        for (phase, action), leads_to in TRANSITIONS.items()
    }


def test_phases_have_their_numbers() -> None:
    heading = "Of the current round at time t, first row that applies"
    listed = {row["Phase"]: int(row["Number"]) for row in table(SPEC, "Number", "Phase", heading)}
    assert listed | {"NONE": 0} == {phase.name: phase.value for phase in Phase}


def test_the_glossary_knows_every_phase() -> None:
    (row,) = [row for row in read("docs/glossary.md").splitlines() if row.startswith("| phase |")]
    assert set(re.findall(r"[A-Z]{2,}", row)) == {phase.name for phase in Phase} - {"NONE"}


def test_the_first_page_says_of_every_mode_who_can_read_updates() -> None:
    modes = re.findall(r"[Mm]ode \[?`(\w+)`", read("README.md"))
    assert set(modes) == set(PRIVACY_MODES)


def test_signatures_and_topics_are_those_of_the_records() -> None:
    rows = table(SPEC, "Event", "Signature", "Indexed", "Topic 0")
    listed = [(r["Event"], r["Signature"], int(r["Indexed"]), r["Topic 0"]) for r in rows]
    assert listed == [
        (kind.__name__, signature_of(kind), kind.INDEXED, topic_of(kind).hex())
        for kind in (*LEDGER_RECORDS, *REGISTRY_RECORDS, *AUDIT_RECORDS)
    ]


def test_reasons_come_in_the_order_of_the_checks() -> None:
    rows = table(SPEC, "Status", "Reason", "Applies if")
    listed = [(int(row["Status"]), row["Reason"]) for row in rows]
    assert listed == [(reason.status, reason.value) for reason in ExclusionReason]


def test_builds_are_the_artifacts() -> None:
    """After a change of contracts/, scripts/build_artifacts.py writes the table."""
    headings = ("Creation code, bytes", "Digest (5.1)", "Runtime code, bytes")
    rows = table(SPEC, "Contract", *headings, "Digest, immutables zeroed")
    offsets = dict(re.findall(r"^- `(\w+)`: ([\d,\s]+)$", SPEC, re.MULTILINE))
    for row, contract in zip(rows, (LEDGER, DISPUTES, REGISTRY, AUDIT_REGISTER), strict=True):
        artifact = load_artifact(contract)
        creation = bytes.fromhex(artifact["bytecode"][2:])
        runtime = bytearray.fromhex(artifact["deployedBytecode"][2:])
        for start, length in artifact["immutableReferences"]:
            assert length == 32
            runtime[start : start + length] = bytes(length)
        assert list(row.values()) == [
            contract,
            str(len(creation)),
            compute_digest(creation).hex(),
            str(len(runtime)),
            compute_digest(bytes(runtime)).hex(),
        ]
        listed = [[int(offset), 32] for offset in re.findall(r"\d+", offsets.get(contract, ""))]
        assert listed == artifact["immutableReferences"]


def test_the_history_hash_is_read_where_the_specification_says() -> None:
    assert f"`0x{keccak(b'historyHash()')[:4].hex()}`" in SPEC
    slots = re.search(
        r"slot (\d+) of a ledger, slot (\d+) of a registry or an audit register", SPEC
    )
    assert slots is not None
    places = (*slots.groups(), slots[2])
    for contract, slot in zip((LEDGER, REGISTRY, AUDIT_REGISTER), places, strict=True):
        stored = {label.lstrip("_"): place for label, *place in load_artifact(contract)["storage"]}
        assert stored["historyHash"] == [int(slot), 0]


def test_views_have_their_selectors() -> None:
    for row in table(SPEC, "View", "Selector", "Words", "Asked for"):
        assert row["Selector"] == keccak(row["View"].encode())[:4].hex()


def test_the_example_of_a_finding_is_that_of_the_vectors() -> None:
    finding, result = golden.load("audit/wrong_model.json"), SPEC.partition("```json\n")[2]
    first, last = result.partition("\n```")[0].rsplit("\n", 1)
    (wrong,) = (entry for entry in finding["findings"] if entry["verdict"] != "PASS")
    assert wrong.items() <= json.loads(first).items()
    counts = Counter(entry["verdict"].lower() for entry in finding["findings"])
    rounds = {"rounds": 1, "rounds_taken_over": 0}
    assert json.loads(last) == {"verdict": "FAIL", "undecidable": 0, **counts, **rounds}
    schema = json.loads(read("docs/schemas/finding.schema.json"))
    for line in (first, last):
        jsonschema.validate(json.loads(line), schema)


def test_messages_that_mean_damage_are_those_of_the_store() -> None:
    assert all(f"`{phrase}`" in SPEC for phrase in _DAMAGED)


def test_checks_have_the_names_of_the_findings() -> None:
    listed = {
        name
        for rows in tables(SPEC)
        if rows and {"Check", "PASS", "FAIL"} <= set(rows[0])
        for row in rows
        for name in [row["Check"]]
    }
    sources = [
        *(CHECKOUT / "fl_chain/audit").glob("*.py"),
        *(CHECKOUT / f"fl_chain/roles/{name}.py" for name in ("evidence_verify", "anchoring")),
    ]
    code = "".join(path.read_text("utf-8") for path in sources)
    found = set(re.findall(r'\bcheck(?:, round_number)? = "(\w+)"', code))
    found |= set(re.findall(r'\b(?:passed|failed|from_store_error)\(\s*"(\w+)"', code))
    for suffix in re.findall(r'\bcheck = f"{name}_(\w+)"', code):
        found |= {f"ledger_{suffix}", f"registry_{suffix}"}
    assert listed == found == set(NAMES)


def test_documents_say_of_every_check_what_the_catalogue_says() -> None:
    """A check is added with an entry of the catalogue; this says which rows go with it."""
    for section in (OF_THE_TASK, OF_A_ROUND, OF_A_BUNDLE):
        text = SPEC.partition(f"\n### {section} ")[2].partition("\n### ")[0]
        (rows,) = (rows for rows in tables(text) if {"Check", "PASS", "FAIL"} <= set(rows[0]))
        names = [check.name for check in CATALOGUE if check.section == section]
        assert [row["Check"] for row in rows] == names
    expected = [
        {"Check": check.name, "FAIL": check.on_fail, "UNDECIDABLE": check.on_undecidable}
        for check in CATALOGUE
    ]
    assert table(read("docs/how-to/audit-a-task.md"), "Check", "FAIL", "UNDECIDABLE") == expected


def test_documents_and_error_tree_give_the_exit_codes_of_the_classes() -> None:
    classes = {kind.__name__: kind.exit_code for kind in errors.FlChainError.__subclasses__()}
    listed = table(SPEC, "Exit code", "Class", "Of every other command")
    named = {row["Class"]: int(row["Exit code"]) for row in listed if row["Class"]}
    assert named == classes
    assert {int(row["Exit code"]) for row in listed} == {*classes.values(), 0, EXIT_INTERRUPTED}
    drawn = dict(re.findall(r"^    [├└]── (\w+) +(\d+)", errors.__doc__ or "", re.MULTILINE))
    assert {name: int(code) for name, code in drawn.items()} == classes
    audit = {verdict.value: str(code) for verdict, code in EXIT_CODES.items()}
    for row in table(SPEC, "Exit code", "Of fl-chain audit"):
        code = audit.get(row["Of fl-chain audit"], str(EXIT_AUDIT_NOT_RUN))
        assert row["Exit code"] == code
    for row in table(read("docs/how-to/audit-a-task.md"), "Exit code", "Verdict", "Meaning"):
        assert row["Exit code"] == audit.get(row["Verdict"], str(EXIT_AUDIT_NOT_RUN))


def test_worked_examples_of_the_specification_are_right() -> None:
    sizes = {"empty": 0, "1 zero byte": 1}
    for row in table(SPEC, "Content", "Digest"):
        size = sizes.get(row["Content"])
        if size is None:
            size = int(row["Content"].split()[0].replace(",", ""))
        assert row["Digest"] == compute_digest(bytes(size)).hex()
    objects = [block for block in code_blocks(SPEC) if block.startswith("{")]
    header, manifest, report, update_list = (block.encode() for block in objects)
    prefix = bytes.fromhex("f803000000000000")
    blob = prefix + header.ljust(1016) + bytes.fromhex("0100ffff0000ff7f0180000100ff0200")
    decode_blob(blob)
    report = prefix + report.ljust(1016) + bytes.fromhex("000400")
    decode_report(report)
    entry = bytes.fromhex(golden.load("update_list/update_list.json")["cases"][0]["parts"]["data"])
    update_list = prefix + update_list.ljust(1016) + entry
    decode_update_list(update_list)
    assert compute_digest(update_list).hex() in SPEC
    for text in (f"{len(header)} bytes", f"{1016 - len(header)} spaces"):
        assert text in SPEC
    assert decode_manifest(manifest).task_id in SPEC
    for data in (blob, manifest, report):
        assert compute_digest(data).hex() in SPEC
    for data in (blob, manifest, report, b"", bytes(2**20 + 1)):
        assert f"`{compute_cid(data)}`" in SPEC
    (block,) = (block for block in code_blocks(SPEC) if block.startswith("122c"))
    root = bytes.fromhex(block.replace(" ", ""))
    assert hashlib.sha256(root).digest() == compute_cid(bytes(2**20 + 1)).digest
    start = compute_history_start(31337, "0x" + "1e" * 20)
    record = RoundOpened(1, 0, 1_700_000_000, 1_700_000_000)
    for value in (start, compute_record_hash(record), append_history(start, record)):
        assert f"{value.hex()}`" in SPEC


# --------------------------------------------------------------------------------- properties

PROPERTIES = table(read("docs/properties.md"), "Id", "Property", "Enforced by", "Shown by")


def test_properties_are_numbered_without_gaps() -> None:
    listed = [row["Id"] for row in PROPERTIES]
    assert listed == [f"P-{number:02}" for number in range(1, len(listed) + 1)]


def test_contracts_and_properties_name_the_same_guards() -> None:
    marked = {
        name
        for path in (CHECKOUT / "contracts").rglob("*.sol")
        for name in re.findall(r"INVARIANT (P-\d+)", path.read_text("utf-8"))
    }
    guards = {row["Id"] for row in PROPERTIES if "contract guard" in row["Enforced by"]}
    assert marked == guards


@pytest.mark.parametrize("row", PROPERTIES, ids=lambda row: row["Id"])
def test_every_property_has_a_test_that_exists(row: Row) -> None:
    named = row["Shown by"].split(", ")
    for name in named:
        path, separator, function = name.partition("::")
        assert separator, f"{name!r} is not path::name"
        assert function in functions_of(CHECKOUT / path), f"{path} has no test {function}"


def functions_of(path: Path) -> set[str]:
    """Return the names of the tests in a Python or Solidity file; doctests by their function."""
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".sol":
        return set(re.findall(r"\bfunction ((?:test|invariant)\w+)\(", text))
    nodes = ast.walk(ast.parse(text))
    names = {n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)}
    return {name for name in names if name.startswith("test")}


# ------------------------------------------------------------------------------ layout, links


def test_the_layout_has_one_line_for_every_module() -> None:
    modules = {
        path.relative_to(CHECKOUT).as_posix()
        for folder, patterns in SOURCES
        for pattern in patterns
        for path in (CHECKOUT / folder).rglob(pattern)
        if path.is_file() and path.suffix != ".pyc" and not NOT_OURS & set(path.parts)
    }
    listed = [row["Module"] for row in table(read("docs/layout.md"), "Module", "What it holds")]
    assert sorted(listed) == sorted(modules)


def test_the_layout_describes_the_folders_of_tests() -> None:
    folders = {
        f"tests/{path.name}/"
        for path in (CHECKOUT / "tests").iterdir()
        if path.is_dir() and path.name != "__pycache__"
    }
    listed = {row["Folder"] for row in table(read("docs/layout.md"), "Folder", "What it holds")}
    assert folders <= listed


def documents() -> list[Path]:
    return sorted(
        path
        for path in CHECKOUT.rglob("*.md")
        if not NOT_OURS & set(path.relative_to(CHECKOUT).parts)
        and not any(part.startswith(".") for part in path.relative_to(CHECKOUT).parts)
    )


def anchors_of(text: str) -> set[str]:
    headings: list[Any] = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", documents(), ids=lambda path: str(path.relative_to(CHECKOUT)))
def test_relative_links_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        linked = path if not name else (path.parent / name).resolve()
        assert linked.exists(), f"{target} leads nowhere"
        if anchor:
            assert anchor in anchors_of(linked.read_text(encoding="utf-8")), f"no heading {target}"
