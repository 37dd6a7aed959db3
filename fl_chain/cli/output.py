"""What commands print: tables and lines for people, JSON lines for machines."""

from __future__ import annotations

import json
import re
import sys
import textwrap
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from fl_chain.protocol.phases import Phase
from fl_chain.roles.progress import Progress

_SHORT_DIGITS = 12
_SHORT_ADDRESS_DIGITS = 8
_SHORT_TEXT = 13
_DIGEST = re.compile(r"(?<![0-9A-Za-z])[0-9a-f]{64}(?![0-9A-Za-z])")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_COPIED = ("task", "address")
"""Columns whose addresses people copy into the next command: never shortened."""
_HEADINGS = {
    "cid_digest": "digest in CID",
    "cid": "CID",
    "base_round": "base",
    "rounds_finalized": "rounds",
}
_GAP = "  "
_DETAIL_INDENT = 13
_HARD_SPACE = "\N{NO-BREAK SPACE}"
_SENTENCES = {
    "accepted": "signed in {file}: {successor} takes the place of {participant}",
    "aborted": "round {round} aborted: its deadline had passed",
    "admitted": "{participants} {participants:participant} admitted",
    "answered": "round {round}: challenge answered ({stage}), {gas} gas",
    "audit_recorded": "audit of {auditor} recorded in register {register}, {gas} gas",
    "apart": (
        "round {round}: no mask is shared with {members}, whose share bundle is missing or wrong"
    ),
    "attested": (
        "round {round}: attested to model {model}; {proposer} proposed the same: {agrees}"
    ),
    "awaiting_keys": (
        "round {round}: waiting for the encryption keys of {readers}; each names one with"
        " fl-chain registry set-encryption-key"
    ),
    "bare_sums": (
        "privacy: the sum of a group has no noise, and everybody can read it. It says as much as"
        " one update from the data of all members: where these are few images and few steps,"
        " images can be rebuilt from it. Noise on updates prevents that"
        " (docs/how-to/limit-what-leaks.md)"
    ),
    "budget": "the privacy budget of a participant is for {updates} {updates:update}",
    "bonded": "enrolled with a bond of {bond}, {gas} gas",
    "budget_spent": (
        "round {round}: the privacy budget is spent, with {updates} {updates:update};"
        " this participant sits the rest of the task out"
    ),
    "carried_over": "round {round} closed before training was done; its update will be late",
    "challenged": (
        "round {round}: the model of {proposer} is wrong, challenged about {question} {position}"
    ),
    "claimed": "paid out: {ether}",
    "committed": "round {round}: committed to an update, {gas} gas",
    "committed_seeds": "committed to secrets with tip {tip}, {gas} gas",
    "concluded": "round {round}: the dispute is over, somebody was silent",
    "decided": "round {round}: the contract decided by update {sequence}, {gas} gas",
    "deployed": "contracts deployed: ledger {ledger}, registry {registry}",
    "deposited": "bond of {bond} deposited",
    "encryption_key_set": "encryption key {key} set, pinned as {cid}, {gas} gas",
    "enrolled": "{participants} {participants:participant} enrolled, {gas} gas",
    "cut_short": "round {round}: time was up after {steps} {steps:step}, which count like all",
    "ended": "round {round} was aborted: its deadline had passed",
    "epsilon": "all of them come to epsilon {epsilon} at delta {delta} at most, for one {unit}",
    "equivocation": "round {round}: an aggregator signed two results, its bond is taken",
    "false_seeds": (
        "round {round}: the {kind} of {participant} in group {group} are false, and passed over"
    ),
    "examined": "round {round}: update {sequence} of {participant} verified",
    "excluded": "round {round}: update {sequence} of {participant} left out: {reason}",
    "fetched": (
        "{data}: {examples} {examples:example} to train on, {held_out} held out;"
        " from {source}, licence: {licence}"
    ),
    "one_class": (
        "all {examples} {examples:example} have label {label}, of {classes} classes: is that so?"
    ),
    "only_audits": (
        "the contract cannot check the rule {rule}, and there is no committee: only audits find a"
        " wrong model"
    ),
    "few_participants": (
        "target_updates is {target}, and {participants} {participants:participant} admitted so far:"
        " until there are more, every round waits for all of its {seconds} s"
    ),
    "funded_pot": "pot funded with {ether}, {gas} gas",
    "paid_rewards": "round {round}: rewards paid, part {part}, {gas} gas",
    "readers": (
        "updates will be sealed to {readers} {readers:reader}, each of whom names a key first:"
        " fl-chain registry set-encryption-key"
    ),
    "reclaimed_pot": "what was left in the pot can be claimed, {gas} gas",
    "finalized": "round {round} finalized",
    "gave_up": "round {round} can have no model: {reason}",
    "ignored": "ignored: {reason}",
    "idle": "round {round} is {phase} with {updates} of {target} updates, until {until_at}",
    "joined": (
        "training on partition {partition} of {partitions} (counted from 0),"
        " {examples} {examples:example}"
    ),
    "joined_flower": (
        "the Flower app {app} trains on partition {partition} of {partitions} (counted from 0)"
    ),
    "joined_own": "training on {examples} {examples:example} that {project} has loaded",
    "labelled": "label {label}: {labels}",
    "left": "left for good; a bond of {bond} can be claimed from {claimable_at}, {gas} gas",
    "listening": "listening at {url}",
    "masked_mean": (
        "privacy: nobody sees an update, only sums of groups of {size} or more; {accomplices}"
        " {accomplices:member} of a group can join against another and see no more. Robustness:"
        " none by the rule mean, one participant can put anything into the sum of its group"
    ),
    "masked_robust": (
        "privacy: nobody sees an update, only sums of groups of {size} or more; {accomplices}"
        " {accomplices:member} of a group can join against another and see no more. Robustness:"
        " {rule} withstands {malicious} {malicious:group} with a liar, of about {groups} groups:"
        " smaller groups withstand more and hide less"
    ),
    "missed": "round {round} missed: {reason}",
    "noised_sums": (
        "privacy: what a participant sends is hidden in the sum of its group, by the noise of"
        " {counted} honest members at least. The noise in a mean of {targets} updates is"
        " {clip_norms} times as long as one of them may be"
    ),
    "noised_updates": (
        "privacy: what a participant sends is hidden by its own noise alone. The noise in a mean of"
        " {targets} updates is {clip_norms} times as long as one of them may be"
    ),
    "not_selected": "round {round}: not selected, waiting for the next one",
    "omission": (
        "round {round}: the report of {proposer} lacks update {position}, its bond is taken"
    ),
    "over": "the task is over after {rounds} finalized {rounds:round}",
    "outdated": "round {round}: what was trained is dropped, it is more than {most:round} late",
    "participants_name_keys": (
        "updates will be masked: each participant names an encryption key first, to which others of"
        " its group send shares: fl-chain registry set-encryption-key"
    ),
    "passed_over_relay": "round {round}: not left to the relay: {reason}",
    "pinned": "pinned manifest {manifest} and genesis model {genesis}",
    "project": "pinned {file} as {cid}",
    "promising": (
        "what is recorded here is promised to be provided for {keep_seconds}"
        " {keep_seconds:second} after its record"
    ),
    "proposed": (
        "round {round}: model {model} proposed from {included} of {updates} {updates:update}"
    ),
    "register_deployed": "no audit register yet: {register} deployed",
    "rejected": "round {round}: the proposal of {proposer} is rejected, and its bond taken",
    "listed": "round {round}: {updates} {updates:update} listed, {gas} gas",
    "relayed": "round {round}: {updates} {updates:update} handed in, {gas} gas",
    "resumed": "round {round}: what was sent before the restart is on chain",
    "revealed": "round {round}: secret revealed, {gas} gas",
    "revoked": "{participants} {participants:participant} revoked for good, {gas} gas",
    "rotated": "{successor} takes the place of {participant}, {gas} gas",
    "sealed_only_audits": (
        "the contract cannot check models made from sealed updates, and there is no committee: only"
        " audits by readers find a wrong model"
    ),
    "sealed_without": (
        "round {round}: sealed without {readers}, who cannot read this update: no usable key"
    ),
    "shared": "round {round}: seeds shared with the group, {gas} gas",
    "shared_without": (
        "round {round}: seeds not shared with {members}: no usable key in the registry"
    ),
    "short_budget": (
        "the privacy budget pays for {updates} {updates:update} of each participant, and there are"
        " {rounds} {rounds:round}: once too few can pay for another update, rounds get no model,"
        " and the task goes on until its coordinator ends it: fl-chain task stop"
    ),
    "selected": "round {round}: part {part} is wrong",
    "silo": "the partition is that of {silo}",
    "silent": "round {round}: not attested: {reason}",
    "step": "{what}",
    "stopped": (
        "stopped by its coordinator: the task is over after {rounds} finalized {rounds:round}"
    ),
    "unmasked": "round {round}: told what the group asks for, {gas} gas",
    "untold": "round {round}: nothing told: {reason}",
    "submitted": "round {round}: update {digest} submitted, weight {weight}, {gas} gas",
    "succeeded": "the admission of {participant} moved to {successor}",
    "tried": "{when} training once: loss {loss}, accuracy {accuracy}",
    "training": "round {round}: training",
    "training_late": (
        "round {round}: still training; the round closes without this update: it takes more"
        " collect_seconds, in another task, or less training; if it hangs, end it with Ctrl-C, and"
        " start it again"
    ),
    "undisputable": (
        "round {round}: the model of {proposer} does not follow by the rule {rule}, and in this"
        " task the contract decides about no value: only the committee can reject it"
    ),
    "verified": "round {round}: model {model} of {proposer} follows from the updates",
    "unusual": "--num-partitions is {partitions}, but a round closes at {participants} updates",
    "waiting": "waiting: {reason}",
}
_IDLE_WHILE_COMMITTING = (
    "round {round} is {phase} with {commitments} of {target} commitments, until {until_at}"
)
"""In the place of the sentence for ``idle``: there are no updates before that phase is over."""


def print_progress(as_json: bool) -> Progress:
    """Return a progress callback that prints each event as a line."""

    def print_json(event: str, values: dict[str, Any]) -> None:
        print_line({"event": event, "time": round(time.time(), 6), **values})

    def print_sentence(event: str, values: dict[str, Any]) -> None:
        now = time.strftime("%H:%M:%SZ", time.gmtime())
        click.echo(f"{now}  {speak(event, values)}")

    return print_json if as_json else print_sentence


def speak(event: str, values: dict[str, Any]) -> str:
    """Return the sentence for an event."""
    sentence = _SENTENCES.get(event, event)
    if event == "idle" and values["phase"] == Phase.COMMITTING.name:
        sentence = _IDLE_WHILE_COMMITTING
    return sentence.format(**_spoken(values))


def print_line(row: dict[str, Any]) -> None:
    """Print one JSON object on a line of its own, at once."""
    sys.stdout.write(json.dumps(row, separators=(", ", ": ")) + "\n")
    sys.stdout.flush()


def print_rows(
    rows: Iterable[dict[str, Any]], as_json: bool, empty: str, optional: Sequence[str] = ()
) -> None:
    """Print rows of one kind as JSON lines, or as a table without columns it has no room for.

    Parameters
    ----------
    rows
        Mappings with the same names in the same order.
    as_json
        Print every field of every row as it is.
    empty
        What to say in place of a table without rows.
    optional
        Columns that a table can do without, the first one to go first.
    """
    if as_json:
        for row in rows:
            print_line(row)
        return
    listed = list(rows)
    if not listed:
        click.echo(empty)
        return
    terminal = console()
    heading, *lines = format_table(listed, terminal_width(), optional)
    terminal.print(Text(heading, style="bold"), soft_wrap=True)
    for line in lines:
        terminal.print(Text(line), soft_wrap=True)


def print_details(row: dict[str, Any], optional: Sequence[str] = ()) -> None:
    """Print one thing: its facts, one a line, and below them a table of each kind of part."""
    terminal = console()
    facts = {name: value for name, value in row.items() if not isinstance(value, list)}
    widest = max(len(_heading(name)) for name in facts)
    for name, value in facts.items():
        if value is not None:
            line = Text(_heading(name).ljust(widest), style="bold")
            terminal.print(
                line.append(_GAP + _cell(name, value, _WHOLE), "not bold"), soft_wrap=True
            )
    for name, parts in row.items():
        if isinstance(parts, list) and parts:
            click.echo(f"\n{_heading(name)}:")
            known = [entry for entry in parts[0] if all(entry in part for part in parts)]
            rows = [{entry: part[entry] for entry in known} for part in parts]
            print_rows(rows, False, "", optional)


def format_table(
    rows: Sequence[dict[str, Any]], width: int | None, optional: Sequence[str] = ()
) -> list[str]:
    """Return a heading and one line per row, in ``width`` columns if they can be made to fit.

    In this order, until they do: digests are shortened, then addresses, then dates are left out,
    then long texts in ``optional`` columns are shortened, then those columns are left out. Lines
    are never folded.
    """
    names = list(rows[0])
    lines = _lay_out(rows, names, _WHOLE)
    briefest = replace(_BREVITIES[-1], short_columns=tuple(optional))
    for brevity in (*_BREVITIES, briefest):
        if width is None or _fits(lines, width):
            return lines
        lines = _lay_out(rows, names, brevity)
    for name in optional:
        if width is None or _fits(lines, width):
            break
        names = [kept for kept in names if kept != name]
        lines = _lay_out(rows, names, briefest)
    return lines


def format_finding(
    place: str, detail: str, expected: str, actual: str, width: int | None
) -> list[str]:
    """Return the lines of a finding; ``place`` is everything to the left of the detail.

    If they don't fit into ``width`` columns, digests are shortened and the detail goes on in an
    indented line.
    """
    lines = [f"{place} {detail}"]
    if width is not None and not _fits(lines, width):
        # As one word, the place is never broken.
        words = f"{place.replace(' ', _HARD_SPACE)} {_shorten_digests(detail)}"
        lines = textwrap.wrap(
            words,
            width,
            subsequent_indent=" " * _DETAIL_INDENT,
            break_on_hyphens=False,
        )
        lines = [line.replace(_HARD_SPACE, " ") for line in lines]
    if expected or actual:
        compared = [f"    expected {expected}", f"    found    {actual}"]
        if width is not None and not _fits(compared, width):
            compared = [_shorten_digests(line) for line in compared]
        lines += compared
    return lines


def count(number: int, noun: str) -> str:
    """Return a number with its noun: 1 round, or 2 rounds."""
    return f"{number} {_Count(number):{noun}}"


def terminal_width() -> int | None:
    """Return the columns of the terminal; None when the output goes elsewhere."""
    return console().width if sys.stdout.isatty() else None


def console() -> Console:
    """Return the terminal: coloured and as wide as it is, or plain text of a fixed width."""
    is_terminal = sys.stdout.isatty()
    return _Terminal(width=None if is_terminal else 160, no_color=not is_terminal, highlight=False)


class _Terminal(Console):
    """A console that leaves it to the command what the end of its reader means."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


@dataclass(frozen=True, slots=True)
class _Brevity:
    """What a table leaves out of its cells."""

    has_short_digests: bool = False
    has_short_addresses: bool = False
    has_short_times: bool = False
    short_columns: tuple[str, ...] = ()
    """Columns of texts that may end early."""


_WHOLE = _Brevity()
_BREVITIES = (_Brevity(True), _Brevity(True, True), _Brevity(True, True, True))


class _Count(int):
    """A number that formats to its noun: ``{n} {n:round}`` is 1 round, or 2 rounds."""

    def __format__(self, noun: str) -> str:
        return f"{noun}{'' if self == 1 else 's'}" if noun else str(int(self))


def _fits(lines: Iterable[str], width: int) -> bool:
    return all(len(line) <= width for line in lines)


def _lay_out(rows: Sequence[dict[str, Any]], names: Sequence[str], brevity: _Brevity) -> list[str]:
    columns = []
    for name in names:
        cells = [_heading(name), *(_cell(name, row[name], brevity) for row in rows)]
        widest = max(map(len, cells))
        is_number = all(isinstance(row[name], int | None) for row in rows)
        is_right = is_number and not _is_time(name) and not name.startswith("is_")
        columns.append([cell.rjust(widest) if is_right else cell.ljust(widest) for cell in cells])
    return [_GAP.join(cells).rstrip() for cells in zip(*columns, strict=True)]


def format_time(seconds: int, *, is_short: bool = False) -> str:
    """Return a time in UTC, given in seconds since the epoch; the short form has no date."""
    form = "%H:%M:%SZ" if is_short else "%Y-%m-%d %H:%M:%SZ"
    return time.strftime(form, time.gmtime(seconds))


def _is_time(name: str) -> bool:
    """Return whether values of this name are seconds since the epoch."""
    return name.endswith(("_at", "_until")) or name == "timestamp"


def _heading(name: str) -> str:
    words = name.removeprefix("is_").removesuffix("_at").replace("_", " ")
    return _HEADINGS.get(name, words)


def _cell(name: str, value: Any, brevity: _Brevity) -> str:
    if value is None:
        return "-"
    if _is_time(name):
        return format_time(value, is_short=brevity.has_short_times)
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = str(value)
    if brevity.has_short_digests:
        text = _shorten_digests(text)
    if name in brevity.short_columns and len(text) > _SHORT_TEXT + 1:
        text = text[:_SHORT_TEXT] + "…"
    if brevity.has_short_addresses and name not in _COPIED and _ADDRESS.fullmatch(text):
        text = text[: 2 + _SHORT_ADDRESS_DIGITS] + "…"
    return text


def _shorten_digests(text: str) -> str:
    return _DIGEST.sub(lambda found: found[0][:_SHORT_DIGITS] + "…", text)


def _spoken(values: dict[str, Any]) -> dict[str, Any]:
    """Return what sentences are made of: counts that know their plural, digests by their start."""
    return {
        name: _Count(value)
        if isinstance(value, int) and not isinstance(value, bool) and not _is_time(name)
        else _cell(name, value, _BREVITIES[0])
        for name, value in values.items()
    }
