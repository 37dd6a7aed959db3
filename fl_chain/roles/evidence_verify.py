"""The whole audit of a task from its evidence bundle, without any server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from fl_chain.audit.audit import OnFinding, run_audit
from fl_chain.audit.bundle import (
    BLOCKS,
    BUILDS,
    CONTENT,
    FILES,
    MAX_STATE_BYTES,
    STATE,
    BundleBlock,
    BundleIndex,
    decode_block,
    decode_index,
    decode_state,
    split_lines,
)
from fl_chain.audit.bundle_checks import (
    check_blocks,
    check_build,
    check_content,
    check_state_proofs,
)
from fl_chain.audit.evidence import Evidence
from fl_chain.audit.findings import Finding, failed, passed
from fl_chain.chain.contracts import (
    DISPUTES,
    LEDGER,
    REGISTRY,
    encode_build,
    encode_creation,
    matches_runtime_code,
)
from fl_chain.errors import MalformedBlob, UsageError
from fl_chain.protocol.car import index_blocks, read_blob
from fl_chain.protocol.cid import Cid
from fl_chain.roles.evidence_files import BundleReader, read_index

CONTRACT_NAMES = {"ledger": LEDGER, "registry": REGISTRY, "disputes": DISPUTES}
MAX_BUILD_BYTES = 2**24

Reporter = Callable[..., None]


@dataclass(frozen=True, slots=True)
class VerifiedBundle:
    """What a bundle is about, and what its audit found."""

    index: BundleIndex
    findings: list[Finding]
    evidence: Evidence | None
    """None where the bundle itself proves too little for an audit."""


def verify_bundle(path: Path, on_finding: OnFinding | None = None) -> VerifiedBundle:
    """Check a bundle from the hash of its last block on, and audit the task that it shows.

    Raises
    ------
    UsageError
        There is no bundle at the path, or it is none.
    """
    with BundleReader(path) as reader:
        try:
            index = decode_index(read_index(reader))
        except MalformedBlob as error:
            raise UsageError(
                f"{path} is no evidence bundle: {error.message}",
                "make one with: fl-chain evidence export",
            ) from None
        findings: list[Finding] = []

        def report(*made: Finding) -> None:
            for finding in made:
                findings.append(finding)
                if on_finding is not None:
                    on_finding(finding)

        report(_check_files(reader, index))
        evidence = _collect(reader, index, report)
        if evidence is not None:
            findings += run_audit(evidence, on_finding=on_finding)
    return VerifiedBundle(index, findings, evidence)


def _check_files(reader: BundleReader, index: BundleIndex) -> Finding:
    check = "bundle_files"
    for file in index.files:
        size = reader.size_of(file.name)
        if size != file.size:
            detail = f"{file.name} is not there, or has another size than the index says"
            return failed(check, detail, str(file.size), str(size))
        found = reader.hash(file.name)
        if found != file.sha256:
            detail = f"{file.name} is not what the index names"
            return failed(check, detail, file.sha256.hex(), found.hex())
    missing = f", {len(index.missing)} blobs missing when it was made" if index.missing else ""
    return passed(check, f"{len(index.files)} files are what the index names{missing}")


def _collect(reader: BundleReader, index: BundleIndex, report: Reporter) -> Evidence | None:
    if any(reader.size_of(name) is None for name in FILES):
        return None  # the finding about the files says which
    findings, chain = check_blocks(index, _iterate_blocks(reader))
    report(*findings)
    if chain.head is None:
        return None
    try:
        accounts = decode_state(reader.read(STATE, MAX_STATE_BYTES))
    except (MalformedBlob, UsageError) as error:
        report(failed("contract_proofs", error.message))
        return None
    finding, contracts, disputes = check_state_proofs(
        index,
        chain,
        accounts,
        lambda name, code: matches_runtime_code(CONTRACT_NAMES[name], code),
    )
    report(finding, _check_build(reader))
    read_content = partial(reader.read_at, CONTENT)
    places = index_blocks(read_content)
    report(check_content(places))

    def fetch_blob(cid: Cid, max_bytes: int) -> bytes:
        return read_blob(places, read_content, cid, max_bytes)

    return Evidence(
        chain_id=index.chain_id,
        ledger=contracts["ledger"],
        registry=contracts["registry"],
        disputes=disputes,
        ledger_creation_code=encode_creation(LEDGER),
        registry_creation_code=encode_creation(REGISTRY),
        fetch_blob=fetch_blob,
    )


def _check_build(reader: BundleReader) -> Finding:
    try:
        builds = {name: reader.read(file, MAX_BUILD_BYTES) for name, file in BUILDS.items()}
    except UsageError:
        builds = {}
    ours = {name: encode_build(contract) for name, contract in CONTRACT_NAMES.items()}
    return check_build(builds == ours)


def _iterate_blocks(reader: BundleReader) -> Iterator[BundleBlock]:
    yield from map(decode_block, split_lines(reader.pieces(BLOCKS)))
