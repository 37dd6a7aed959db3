"""What the commands that audit print: a line for each finding, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.cli.output import (
    console,
    count,
    format_finding,
    format_time,
    print_line,
    terminal_width,
)

RE_EXECUTION = "aggregate"
"""The check that has one finding for each round that was executed again."""
STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.UNDECIDABLE: "yellow"}


def print_finding(finding: Finding, terminal: Console | None = None) -> None:
    """Print a finding for people; one that a former audit made is dim."""
    place = f"round {finding.round}" if finding.round is not None else "task"
    head, *more = format_finding(
        f"{finding.verdict:<11}  {place:<9} {finding.check:<17}",
        _tell(finding),
        finding.expected,
        finding.actual,
        terminal_width(),
    )
    line = Text(head)
    style = STYLES[finding.verdict] if finding.audited_at is None else "dim"
    line.stylize(style, 0, len(finding.verdict))
    terminal = terminal or console()
    terminal.print(line, soft_wrap=True)
    for text in more:
        terminal.print(Text(text), soft_wrap=True)


def _tell(finding: Finding) -> str:
    """Return what was found, and who promised what is missing."""
    if finding.promised_until is None:
        return finding.detail
    until = format_time(finding.promised_until)
    return f"{finding.detail}; {finding.promised_by} promised to keep it until {until}"


def print_verdict(findings: Sequence[Finding], as_json: bool) -> None:
    """Print the verdict of all findings, and how many findings and rounds there are."""
    verdict = compute_verdict(findings)
    counts = {v: sum(f.verdict == v for f in findings) for v in Verdict}
    models = [
        finding
        for finding in findings
        if finding.check == RE_EXECUTION and finding.verdict != Verdict.UNDECIDABLE
    ]
    num_former = sum(finding.audited_at is not None for finding in models)
    num_rounds = len(models) - num_former
    if as_json:
        listed = {v.value.lower(): n for v, n in counts.items()}
        rounds = {"rounds": num_rounds, "rounds_taken_over": num_former}
        print_line({"verdict": verdict, **listed, **rounds})
        return
    text = ", ".join(f"{n} {v.value.lower()}" for v, n in counts.items())
    text += f"; {count(num_rounds, 'round')} re-executed"
    if num_former:
        text += f", {num_former} taken over from a former audit"
    console().print(f"\n[{STYLES[verdict]}]{verdict}[/]  {len(findings)} checks: {text}")
