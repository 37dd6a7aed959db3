"""An evidence bundle that somebody altered, or made up.

Each part is held against the next: the index against the files (``bundle_files``), headers against
the last block's hash (``block_headers``), receipts and transactions against the headers
(``receipt_proofs``, ``senders``), code and storage against the state (``contract_proofs``), content
against its CIDs (``bundle_content``); and what they show goes through the whole audit. Whoever
forges one part mends the index, so here ``bundle_files`` passes, unless it is what is tested.
"""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import rlp
from eth_account import Account
from eth_hash.auto import keccak
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trie.hexary import HexaryTrie

from fl_chain.audit.bundle import (
    BLOCKS,
    CONTENT,
    FILES,
    INDEX,
    STATE,
    BundleBlock,
    BundleEntry,
    BundleFile,
    BundleIndex,
    decode_index,
    encode_index,
)
from fl_chain.audit.bundle_checks import check_blocks
from fl_chain.audit.chain_proofs import decode_transaction
from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.chain.contracts import encode_action
from fl_chain.cli.main import run
from fl_chain.errors import MalformedBlob, UsageError
from fl_chain.protocol.actions import SubmitUpdate
from fl_chain.protocol.canonical_json import encode_json
from fl_chain.protocol.logs import encode_log
from fl_chain.protocol.records import UpdateSubmitted
from fl_chain.roles.evidence_export import export_evidence
from fl_chain.roles.evidence_verify import verify_bundle
from fl_chain.roles.manifest_shelf import ManifestShelf
from tests.world import Federation, World, problems

Change = Callable[[Path], None]
LEDGER, REGISTRY, DISPUTES = ("0x" + byte * 20 for byte in ("1e", "2e", "3e"))


@pytest.fixture(scope="module")
def bundle(world: World, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle of a task with one round."""
    federation = world.federation(2, num_rounds=1)
    federation.run_round()
    path = tmp_path_factory.mktemp("evidence") / "bundle"
    export(federation, path)
    assert problems(verify_bundle(path).findings) == []
    return path


def export(federation: Federation, path: Path) -> None:
    world = federation.world
    shelf = ManifestShelf(world.store, world.connection.chain_id)
    export_evidence(federation.history(shelf), world.store, path)


def mend_index(path: Path, **changes: Any) -> None:
    """Let the index name the files as they are now."""
    index = decode_index((path / INDEX).read_bytes())
    files = tuple(
        BundleFile(name, len(data), hashlib.sha256(data).digest())
        for name in FILES
        for data in [(path / name).read_bytes()]
    )
    (path / INDEX).write_bytes(encode_index(replace(index, files=files, **changes)))


def forge(bundle: Path, tmp_path: Path, change: Change, *, mend: bool = True) -> list[Finding]:
    path = tmp_path / "forged"
    shutil.copytree(bundle, path)
    change(path)
    if mend:
        mend_index(path)
    return verify_bundle(path).findings


def failures(findings: list[Finding]) -> set[str]:
    return {finding.check for finding in findings if finding.verdict == Verdict.FAIL}


def blocks_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (path / BLOCKS).read_text().splitlines()]


def write_blocks(path: Path, blocks: list[dict[str, Any]]) -> None:
    (path / BLOCKS).write_bytes(b"".join(encode_json(block) + b"\n" for block in blocks))


def with_entries(blocks: list[dict[str, Any]]) -> list[int]:
    return [position for position, block in enumerate(blocks) if block["entries"]]


def flip_hex(text: str, position: int = -3) -> str:
    digit = "0" if text[position] != "0" else "1"
    return text[:position] + digit + text[position:][1:]


def alter_receipt(path: Path) -> None:
    blocks = blocks_of(path)
    entry = blocks[with_entries(blocks)[-1]]["entries"][0]
    entry["receipt"][-1] = flip_hex(entry["receipt"][-1])
    write_blocks(path, blocks)


def alter_transaction(path: Path) -> None:
    blocks = blocks_of(path)
    entry = blocks[with_entries(blocks)[-1]]["entries"][0]
    entry["transaction"][-1] = flip_hex(entry["transaction"][-1])
    write_blocks(path, blocks)


def exchange_transactions(path: Path) -> None:
    blocks = blocks_of(path)
    one, other = (blocks[n]["entries"][0] for n in with_entries(blocks)[-2:])
    one["transaction"], other["transaction"] = other["transaction"], one["transaction"]
    write_blocks(path, blocks)


def omit_block(path: Path) -> None:
    blocks = blocks_of(path)
    del blocks[with_entries(blocks)[-1]]
    write_blocks(path, blocks)


def omit_block_and_say_so(path: Path) -> None:
    omit_block(path)
    mend_index(path, is_linked=False)


def omit_entry(path: Path) -> None:
    blocks = blocks_of(path)
    blocks[with_entries(blocks)[-1]]["entries"] = []
    write_blocks(path, blocks)


def repeat_entry(path: Path) -> None:
    blocks = blocks_of(path)
    blocks[with_entries(blocks)[-1]]["entries"] *= 2
    write_blocks(path, blocks)


def alter_header(path: Path) -> None:
    blocks = blocks_of(path)
    middle = with_entries(blocks)[-1]
    blocks[middle]["header"] = flip_hex(blocks[middle]["header"], 200)
    write_blocks(path, blocks)


def alter_last_header(path: Path) -> None:
    blocks = blocks_of(path)
    blocks[-1]["header"] = flip_hex(blocks[-1]["header"], 200)
    write_blocks(path, blocks)


def cut_last_block(path: Path) -> None:
    write_blocks(path, blocks_of(path)[:-1])


def no_blocks(path: Path) -> None:
    write_blocks(path, [])


def half_a_line(path: Path) -> None:
    (path / BLOCKS).write_bytes((path / BLOCKS).read_bytes()[:-10])


def change_state(
    path: Path, change: Callable[[dict[str, Any]], None], contract: str = "ledger"
) -> None:
    state = json.loads((path / STATE).read_bytes())
    change(state[contract])
    (path / STATE).write_bytes(encode_json(state))


def alter_storage(path: Path) -> None:
    change_state(path, lambda ledger: ledger["storage"].append(flip_hex(ledger["storage"].pop())))


def forge_storage(path: Path) -> None:
    """A trie of one's own, with the word that one would like."""

    def change(ledger: dict[str, Any]) -> None:
        trie = HexaryTrie({})
        key = keccak((1).to_bytes(32))
        trie[key] = rlp.encode(b"\x01" * 32)
        ledger["storage"] = [rlp.encode(node).hex() for node in trie.get_proof(key)]

    change_state(path, change)


def alter_account(path: Path) -> None:
    change_state(path, lambda ledger: ledger["account"].append(flip_hex(ledger["account"].pop())))


def other_code(path: Path) -> None:
    change_state(path, lambda ledger: ledger.update(code=flip_hex(ledger["code"])))


def other_disputes(path: Path) -> None:
    change_state(path, lambda code: code.update(code=flip_hex(code["code"])), "disputes")


def disputes_elsewhere(path: Path) -> None:
    """Whatever else has code, with the proof that it has."""
    state = json.loads((path / STATE).read_bytes())
    state["disputes"] = {**state["registry"], "storage": []}
    (path / STATE).write_bytes(encode_json(state))
    mend_index(path, disputes=decode_index((path / INDEX).read_bytes()).registry)


def no_state(path: Path) -> None:
    (path / STATE).write_bytes(b"{}")


def alter_content(path: Path) -> None:
    data = bytearray((path / CONTENT).read_bytes())
    data[-1] ^= 1
    (path / CONTENT).write_bytes(data)


def cut_content(path: Path) -> None:
    (path / CONTENT).write_bytes((path / CONTENT).read_bytes()[:-1])


def no_car(path: Path) -> None:
    (path / CONTENT).write_bytes(b"\xff" * 100)


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (alter_receipt, "receipt_proofs"),
        (alter_transaction, "receipt_proofs"),
        (exchange_transactions, "receipt_proofs"),
        (repeat_entry, "receipt_proofs"),
        (half_a_line, "receipt_proofs"),
        (omit_block, "block_headers"),
        (omit_block_and_say_so, "ledger_history"),
        (omit_entry, "ledger_history"),
        (alter_header, "block_headers"),
        (alter_last_header, "block_headers"),
        (cut_last_block, "block_headers"),
        (no_blocks, "block_headers"),
        (alter_storage, "contract_proofs"),
        (forge_storage, "contract_proofs"),
        (alter_account, "contract_proofs"),
        (other_code, "contract_proofs"),
        (other_disputes, "contract_proofs"),
        (disputes_elsewhere, "ledger_code"),
        (no_state, "contract_proofs"),
        (alter_content, "bundle_content"),
        (cut_content, "bundle_content"),
        (no_car, "bundle_content"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.__name__,
)
def test_what_was_altered_fails_the_check_that_holds_it_against_the_next(
    bundle: Path, tmp_path: Path, change: Change, check: str
) -> None:
    assert check in failures(forge(bundle, tmp_path, change))


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_the_index_does_not_name_fails(bundle: Path, tmp_path: Path, name: str) -> None:
    def change(path: Path) -> None:
        data = (path / name).read_bytes()
        (path / name).write_bytes(data[:-1] + bytes([data[-1] ^ 1]))

    def remove(path: Path) -> None:
        (path / name).unlink()

    assert "bundle_files" in failures(forge(bundle, tmp_path, change, mend=False))
    assert "bundle_files" in failures(forge(bundle, tmp_path / "x", remove, mend=False))


def test_a_bundle_is_of_the_task_and_chain_that_it_names(bundle: Path, tmp_path: Path) -> None:
    other = {"ledger": LEDGER, "registry": REGISTRY, "chain_id": 1, "block": 7}
    other["disputes"] = DISPUTES
    for name, value in other.items():
        path = tmp_path / name
        shutil.copytree(bundle, path)
        mend_index(path, **{name: value})
        assert compute_verdict(verify_bundle(path).findings) == Verdict.FAIL


def test_content_that_is_not_there_is_undecidable(bundle: Path, tmp_path: Path) -> None:
    def change(path: Path) -> None:
        size = decode_index((path / INDEX).read_bytes()).files[2].size
        data = (path / CONTENT).read_bytes()
        header = 1 + data[0] if data[0] < 0x80 else 2 + (data[0] & 0x7F | data[1] << 7)
        assert header < size
        (path / CONTENT).write_bytes(data[:header])

    findings = forge(bundle, tmp_path, change)
    assert problems(findings) == [(None, "manifest", "UNDECIDABLE")]


def test_damaged_content_is_charged_to_no_other_content(bundle: Path, tmp_path: Path) -> None:
    findings = forge(bundle, tmp_path, alter_content)
    (of_content,) = (f for f in findings if f.check == "bundle_content")
    (of_blob,) = (f for f in findings if f.verdict != Verdict.PASS and f != of_content)
    assert of_blob.verdict == Verdict.FAIL
    assert of_blob.expected in of_content.detail
    assert "damaged" in of_blob.detail


@pytest.mark.parametrize(
    "text",
    [b"", b"{}", b"[]", b"\xff", b"[" * 100_000, b'{"format":"fl_chain/1"}'],
    ids=lambda text: repr(text[:10]),
)
def test_another_index_is_refused_in_a_line(
    bundle: Path, tmp_path: Path, text: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "forged"
    shutil.copytree(bundle, path)
    (path / INDEX).write_bytes(text)
    assert run(["evidence", "verify", str(path)]) == 3
    assert "is no evidence bundle" in capsys.readouterr().err


@pytest.mark.parametrize(
    "change",
    [
        {"files": []},
        {"format": "fl_chain/2"},
        {"missing": ["../../etc/passwd"]},
        {"is_linked": 1},
        {"block": -1},
        {"comment": "more"},
    ],
    ids=str,
)
def test_an_index_has_one_form(bundle: Path, change: dict[str, Any]) -> None:
    members = json.loads((bundle / INDEX).read_bytes())
    with pytest.raises(MalformedBlob):
        decode_index(encode_json(members | change))


def archive(bundle: Path, path: Path, *more: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:") as made:
        for name in (INDEX, *FILES):
            data = (bundle / name).read_bytes()
            member = tarfile.TarInfo(name)
            member.size = len(data)
            made.addfile(member, io.BytesIO(data))
        for member in more:
            made.addfile(member, io.BytesIO(bytes(member.size)))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, size: int = 0, link: str = "") -> Any:
    made = tarfile.TarInfo(name)
    made.type, made.size, made.linkname = kind, size, link
    return made


@pytest.mark.parametrize(
    "more",
    [
        member("../evil", size=5),
        member("/etc/evil"),
        member("evil"),
        member(BLOCKS),
        member("link", tarfile.SYMTYPE, link="/etc/passwd"),
        member("build", tarfile.DIRTYPE),
    ],
    ids=lambda made: made.name,
)
def test_an_archive_with_anything_else_is_refused_and_nothing_is_written(
    bundle: Path, tmp_path: Path, more: Any
) -> None:
    path = archive(bundle, tmp_path / "bundle.tar", more)
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(UsageError, match="cannot read"):
        verify_bundle(path)
    assert sorted(tmp_path.rglob("*")) == before


def test_an_archive_whose_files_are_links_is_refused(bundle: Path, tmp_path: Path) -> None:
    path = tmp_path / "bundle.tar"
    with tarfile.open(path, "w:") as made:
        made.addfile(member(INDEX, tarfile.SYMTYPE, link="/etc/passwd"))
    with pytest.raises(UsageError, match="no plain file"):
        verify_bundle(path)
    folder = tmp_path / "folder"
    shutil.copytree(bundle, folder)
    (folder / STATE).unlink()
    (folder / STATE).symlink_to("/etc/passwd")
    with pytest.raises(UsageError, match="no plain file"):
        verify_bundle(folder)


def test_an_archive_that_was_cut_short_is_no_proof_of_anything(
    bundle: Path, tmp_path: Path
) -> None:
    data = archive(bundle, tmp_path / "whole.tar").read_bytes()
    for size in (0, 100, 600, len(data) // 2):
        path = tmp_path / f"{size}.tar"
        path.write_bytes(data[:size])
        try:
            findings = verify_bundle(path).findings
        except UsageError:
            continue
        assert compute_verdict(findings) != Verdict.PASS


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_byte_that_changes_is_noticed_or_changes_nothing(
    bundle: Path, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("flip") / "bundle"
    shutil.copytree(bundle, path)
    name = data.draw(st.sampled_from([BLOCKS, STATE, CONTENT]))
    content = bytearray((path / name).read_bytes())
    position = data.draw(st.integers(0, len(content) - 1))
    content[position] ^= data.draw(st.integers(1, 255))
    (path / name).write_bytes(content)
    mend_index(path)
    findings = verify_bundle(path).findings
    if compute_verdict(findings) == Verdict.PASS:
        # The header of a CAR file names roots, which nobody believes.
        assert name == CONTENT


def lone_block(transaction: bytes, record: UpdateSubmitted) -> tuple[BundleIndex, BundleBlock]:
    """A block that somebody mined by itself: one transaction, one log of the ledger."""
    topics, log_data = encode_log(record)
    log = [bytes.fromhex(LEDGER[2:]), list(topics), log_data]
    receipt = b"\x02" + rlp.encode([b"\x01", b"\x01", bytes(256), [log]])
    tries = []
    for value in (transaction, receipt):
        trie = HexaryTrie({})
        trie[rlp.encode(0)] = value
        tries.append(trie)
    proofs = [tuple(rlp.encode(node) for node in trie.get_proof(rlp.encode(0))) for trie in tries]
    roots = [bytes(32), bytes(32), bytes(20), bytes(32), tries[0].root_hash, tries[1].root_hash]
    header = rlp.encode(
        [*roots, bytes(256), b"", b"\x07", b"\x01", b"\x01", b"\x09", b"", *[b""] * 8]
    )
    index = BundleIndex(1, LEDGER, REGISTRY, DISPUTES, 7, keccak(header), True, (), ())
    return index, BundleBlock(header, (BundleEntry(0, *proofs),))


def send(key: bytes, action: SubmitUpdate, **fields: Any) -> bytes:
    common = {"to": bytes.fromhex(LEDGER[2:]), "nonce": 3, "gas": 10**6, "value": 0, "chainId": 1}
    prices = {"maxFeePerGas": 2, "maxPriorityFeePerGas": 1} if not fields else {}
    signed = Account.sign_transaction(
        {**common, "data": encode_action(action), **prices, **fields}, key
    )
    return bytes(signed.raw_transaction)


def test_a_node_that_lets_another_key_submit_fails_the_senders() -> None:
    """The code of a ledger cannot, but a node may run any code, and say what it likes of it."""
    key, other = b"\1" * 32, b"\2" * 32
    participant = str(Account.from_key(key).address).lower()
    record = UpdateSubmitted(1, participant, 0, b"\3" * 32, b"\4" * 32, 10, 9)
    action = SubmitUpdate(1, b"\3" * 32, b"\4" * 32, 10)
    index, block = lone_block(send(key, action), record)
    findings, chain = check_blocks(index, [block])
    assert {finding.verdict for finding in findings} == {Verdict.PASS}
    assert chain.num_sent == 1
    index, block = lone_block(send(other, action), record)
    (finding,), _ = check_blocks(index, [block])
    assert (finding.check, finding.verdict) == ("senders", Verdict.FAIL)
    assert finding.expected == participant


@pytest.mark.parametrize(
    "fields",
    [{"gasPrice": 5}, {"gasPrice": 5, "accessList": [], "type": 1}, {}],
    ids=["legacy", "access_list", "fee_market"],
)
def test_who_signed_a_transaction_follows_from_its_bytes(fields: dict[str, Any]) -> None:
    key = b"\7" * 32
    raw = send(key, SubmitUpdate(1, b"\3" * 32, b"\4" * 32, 10), **fields)
    transaction = decode_transaction(raw)
    assert transaction.sender == str(Account.from_key(key).address).lower()
    assert (transaction.to, transaction.nonce) == (LEDGER, 3)
    assert transaction.hash == keccak(raw)
    with pytest.raises(MalformedBlob):
        decode_transaction(raw[:-1])


@given(data=st.binary(max_size=200))
def test_bytes_that_are_no_transaction_are_refused(data: bytes) -> None:
    with pytest.raises(MalformedBlob):
        decode_transaction(data)
