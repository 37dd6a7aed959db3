"""Which rounds of a task passed in former audits, in a file that the auditor keeps for itself.

A line is added as soon as a round has passed, so that an audit that is killed loses nothing. What
the file says holds for one chain, one ledger and one build of this software, and of a round only
as long as its records are the same: a file that is stale, damaged or of another task says nothing.
It is the auditor's own word: whoever can write to it can have rounds taken over that never passed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import IO, Any, Final

from fl_chain.audit.findings import Finding, Verdict, compute_verdict, passed
from fl_chain.audit.observer import IGNORE, Observer
from fl_chain.audit.scope import AuditedRound
from fl_chain.protocol.constants import FORMAT
from fl_chain.roles.build_digest import compute_build_digest
from fl_chain.roles.small_files import parse_word

MAX_BYTES: Final = 2**26
"""Of the whole file; some 1,000 a round."""
MAX_DETAIL: Final = 1000
EVERY_ROUND: Final = {"report", "update_blob", "exclusions", "aggregate", "model_blob"}
"""Checks without which no round has passed."""
_LATEST: Final = 2**38
"""No audit was made later than this, in seconds since the epoch."""


@dataclass(frozen=True, slots=True)
class _Line:
    audited: AuditedRound
    audited_at: int


def locate_former_audits(state: Path, chain_id: int, ledger: str) -> Path:
    """Return the file of a task in a state folder; it can be deleted at any time."""
    return state / "audits" / f"{chain_id}-{ledger.lower()}.jsonl"


class FormerAudits(Observer):
    """The rounds that passed, read when it is opened; told of an audit, it notes more of them.

    Parameters
    ----------
    path
        Of the file; made if missing. If nothing can be written there, nothing is kept.
    chain_id, ledger
        Of the task.
    observer
        Told everything as well; and once why, if nothing can be kept.
    """

    def __init__(self, path: Path, chain_id: int, ledger: str, observer: Observer = IGNORE) -> None:
        self._path = path
        self._observer = observer
        self._head = {
            "build": compute_build_digest().hex(),
            "chain_id": chain_id,
            "format": FORMAT,
            "kind": "audited_rounds",
            "ledger": ledger.lower(),
        }
        self._lines = self._read()
        self._file: IO[bytes] | None = None
        self._is_writable = True

    @property
    def rounds(self) -> dict[int, AuditedRound]:
        """The rounds that passed, with findings that say when that was found."""
        return {number: _mark(line) for number, line in self._lines.items()}

    def plan(self, num_rounds: int, num_updates: int, num_former: int) -> None:
        """See `Observer.plan`."""
        self._observer.plan(num_rounds, num_updates, num_former)

    def find(self, finding: Finding) -> None:
        """See `Observer.find`."""
        self._observer.find(finding)

    def examine(self, num_updates: int, num_bytes: int) -> None:
        """See `Observer.examine`."""
        self._observer.examine(num_updates, num_bytes)

    def warn(self, message: str) -> None:
        """See `Observer.warn`."""
        self._observer.warn(message)

    def conclude(self, audited: AuditedRound) -> None:
        """See `Observer.conclude`."""
        self._observer.conclude(audited)
        has_passed = compute_verdict(audited.findings) == Verdict.PASS
        if not has_passed and audited.round not in self._lines:
            return
        line = _Line(audited if has_passed else replace(audited, findings=()), int(time.time()))
        self._lines[audited.round] = line
        if not self._is_writable:
            return
        try:
            if self._file is None:
                self._file = self._open()  # with what was just noted
            else:
                self._file.write(_encode(line))
                self._file.flush()
        except OSError as error:
            self._is_writable = False
            self.warn(f"cannot write {self._path}: {error.strerror}; --resume will not know of it")

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()

    def _open(self) -> IO[bytes]:
        """Write what is known anew, without what was superseded or damaged, to go on from there."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = self._path.with_suffix(".part")
        head = json.dumps(self._head).encode() + b"\n"
        known = (_encode(line) for line in self._lines.values() if line.audited.findings)
        unfinished.write_bytes(head + b"".join(known))
        unfinished.replace(self._path)
        return self._path.open("ab")

    def _read(self) -> dict[int, _Line]:
        try:
            with self._path.open("rb") as file:
                data = file.read(MAX_BYTES + 1)
        except OSError:
            return {}
        # What follows the last end of a line was never written whole.
        head, *lines = data[: data.rfind(b"\n") + 1].split(b"\n")
        if len(data) > MAX_BYTES or _parse(head) != self._head:
            return {}
        found: dict[int, _Line] = {}
        for text in lines:
            line = _decode(_parse(text))
            if line is not None:
                found[line.audited.round] = line
        return {number: line for number, line in found.items() if line.audited.findings}


def _mark(line: _Line) -> AuditedRound:
    """Return a round whose findings say that they were not made just now."""
    when = time.strftime("%Y-%m-%d %H:%M:%SZ", time.gmtime(line.audited_at))
    findings = tuple(
        replace(
            finding,
            detail=f"{finding.detail} (taken over from the audit of {when})",
            audited_at=line.audited_at,
        )
        for finding in line.audited.findings
    )
    return replace(line.audited, findings=findings)


def _encode(line: _Line) -> bytes:
    audited = line.audited
    facts = {
        "round": audited.round,
        "history": audited.history.hex(),
        "audited_at": line.audited_at,
        "findings": [[finding.check, finding.detail] for finding in audited.findings],
    }
    return json.dumps(facts).encode() + b"\n"


def _parse(text: bytes) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _decode(facts: Any) -> _Line | None:
    """Return what a line says; None if it says nothing, no findings if a round did not pass."""
    try:
        number, audited_at = _natural(facts["round"], 2**32), _natural(facts["audited_at"], _LATEST)
        findings = _decode_findings(facts["findings"], number)
        history = parse_word(facts["history"])
    except (ValueError, KeyError, TypeError):
        return None
    return _Line(AuditedRound(number, history, findings), audited_at)


def _decode_findings(entries: Any, number: int) -> tuple[Finding, ...]:
    findings: Sequence[Finding] = [
        passed(_text(check, 40), _text(detail, MAX_DETAIL), number) for check, detail in entries
    ]
    if findings and not {finding.check for finding in findings} >= EVERY_ROUND:
        raise ValueError(number)
    return tuple(findings)


def _natural(value: Any, end: int) -> int:
    if type(value) is not int or not 0 <= value < end:
        raise ValueError(value)
    return value


def _text(value: Any, longest: int) -> str:
    if type(value) is not str or len(value) > longest:
        raise ValueError(value)
    return value
