"""What a page is before it is rendered: values for people, and the same for machines."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from fl_chain.audit.findings import Finding
from fl_chain.errors import MalformedBlob, UsageError
from fl_chain.protocol.address import parse_address
from fl_chain.roles.explorer import Explorer, OpenTask
from fl_chain.roles.watchman import TaskAudit, Watchman
from fl_chain.web.verdicts import Standing, standing_of_task

Query = Mapping[str, str]
SHORT_DIGITS = 10


@dataclass(frozen=True, slots=True)
class Site:
    """What every page is made from."""

    explorer: Explorer
    watchman: Watchman


@dataclass(frozen=True, slots=True)
class Page:
    """One page."""

    template: str
    title: str
    values: dict[str, Any]
    """For the template."""
    twin: dict[str, Any]
    """For machines: what the page is about, and its rows."""
    trail: tuple[tuple[str, str], ...] = ()
    """Name and path of the pages above."""
    is_live: bool = False
    """Whether what it shows can still change."""


@dataclass(frozen=True, slots=True)
class Redirect:
    """Another page is what was asked for."""

    path: str


@dataclass(frozen=True, slots=True)
class TaskFrame:
    """What all pages of a task share."""

    task: OpenTask
    summary: dict[str, Any]
    audit: TaskAudit
    standing: Standing
    path: str
    values: dict[str, Any] = field(default_factory=dict)

    @property
    def trail(self) -> tuple[tuple[str, str], ...]:
        """The pages above one of the task's."""
        return (("Tasks", "/"), (name_of(self.summary), self.path))


def frame_task(site: Site, task: OpenTask) -> TaskFrame:
    """Return what all pages of a task share."""
    summary = task.summary
    audit = site.watchman.audit_of(task.address)
    standing = standing_of_task(task.rounds, audit)
    path = f"/task/{task.address}"
    return TaskFrame(task, summary, audit, standing, path)


def name_of(summary: Mapping[str, Any]) -> str:
    """Return the name of a task, or what stands for it where the manifest cannot be had."""
    return summary["name"] or f"Task {shorten(summary['task'])}"


def shorten(text: str | None, digits: int = SHORT_DIGITS) -> str:
    """Return the beginning of a digest or an address.

    >>> shorten("0x1234567890abcdef1234"), shorten("6cd8e4821f0a77aa")
    ('0x12345678…', '6cd8e4821f…')
    """
    if text is None:
        return "unknown"
    return text if len(text) <= digits + 1 else text[:digits] + "…"


def check_address(text: str) -> str:
    """Return an address of a path in its one form.

    Raises
    ------
    UsageError
        It is none.
    """
    try:
        return parse_address(text.lower())
    except MalformedBlob:
        raise UsageError(f"{text[:80]!r} is no address", "an address is 0x and 40 digits") from None


def plain_findings(findings: tuple[Finding, ...]) -> list[dict[str, Any]]:
    """Return findings as JSON has them."""
    return [asdict(finding) for finding in findings]
