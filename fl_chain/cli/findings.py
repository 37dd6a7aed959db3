"""What the commands that audit print: a line for each finding, and the verdict."""

from __future__ import annotations

from collections.abc import Sequence

from rich.text import Text

from fl_chain.audit.findings import Finding, Verdict, compute_verdict
from fl_chain.cli.output import console, format_finding, print_line, terminal_width

STYLES = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.UNDECIDABLE: "yellow"}


def print_finding(finding: Finding) -> None:
    """Print a finding for people."""
    place = f"round {finding.round}" if finding.round is not None else "task"
    head, *more = format_finding(
        f"{finding.verdict:<11}  {place:<9} {finding.check:<17}",
        finding.detail,
        finding.expected,
        finding.actual,
        terminal_width(),
    )
    line = Text(head)
    line.stylize(STYLES[finding.verdict], 0, len(finding.verdict))
    terminal = console()
    terminal.print(line, soft_wrap=True)
    for text in more:
        terminal.print(Text(text), soft_wrap=True)


def print_verdict(findings: Sequence[Finding], as_json: bool) -> None:
    """Print the verdict of all findings, and how many there are of each kind."""
    verdict = compute_verdict(findings)
    counts = {v: sum(f.verdict == v for f in findings) for v in Verdict}
    if as_json:
        print_line({"verdict": verdict, **{v.value.lower(): n for v, n in counts.items()}})
        return
    listed = ", ".join(f"{n} {v.value.lower()}" for v, n in counts.items())
    console().print(f"\n[{STYLES[verdict]}]{verdict}[/]  {len(findings)} checks: {listed}")
