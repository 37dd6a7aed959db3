"""Templates, and how values get into them: escaped, and with nothing in them that is not seen."""

from __future__ import annotations

import re
import unicodedata
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from fl_chain.protocol.manifest import Manifest
from fl_chain.web.verdicts import advise, describe_check, problems_first
from fl_chain.web.words import WORDS, anchor_of

FOLDER: Final = Path(__file__).parent
MAX_TEXT: Final = 1000
"""Characters shown of any one text."""
_HIDDEN: Final = ("Cc", "Cf", "Co", "Cn", "Cs", "Zl", "Zp")
"""Unicode categories that are not seen, or that rearrange what is."""
_IDENTIFIER: Final = re.compile(r"\b(0x[0-9a-f]{40,64}|[0-9a-f]{64}|baf[a-z2-7]{50,70})\b")
LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999."""


def make_visible(text: str) -> str:
    r"""Return a text in which every character is seen for what it is.

    >>> make_visible("re\u202egnol\x1b[31m")
    're\\u202egnol\\u001b[31m'
    """
    if len(text) > MAX_TEXT:
        text = text[:MAX_TEXT] + "…"
    if text.isascii() and text.isprintable():
        return text
    return "".join(f"\\u{ord(c):04x}" if unicodedata.category(c) in _HIDDEN else c for c in text)


def show_time(seconds: int | None) -> Markup | str:
    """Return a block's time as text with its machine-readable form; empty without one."""
    if seconds is None:
        return ""
    if not 0 <= seconds <= LAST_SECOND:
        return f"second {seconds}"
    when = datetime.fromtimestamp(seconds, UTC)
    machine, people = when.strftime("%Y-%m-%dT%H:%M:%SZ"), when.strftime("%Y-%m-%d %H:%M:%S UTC")
    return Markup('<time datetime="{}">{}</time>').format(machine, people)


def show_duration(seconds: int | None) -> str:
    """Return a duration in words.

    >>> [show_duration(seconds) for seconds in (0, 7, 200, 7500, 200_000)]
    ['under 1 s', '7 s', '3 min 20 s', '2 h 5 min', '2 d 7 h']
    """
    if seconds is None:
        return ""
    for unit, size, next_unit, next_size in (
        ("d", 86_400, "h", 3_600),
        ("h", 3_600, "min", 60),
        ("min", 60, "s", 1),
    ):
        if seconds >= size:
            rest = seconds % size // next_size
            return f"{seconds // size} {unit}" + (f" {rest} {next_unit}" if rest else "")
    return f"{seconds} s" if seconds else "under 1 s"


def count(number: int, noun: str) -> str:
    """Return a number with its noun.

    >>> count(1, "update"), count(1200, "update")
    ('1 update', '1,200 updates')
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def show_ether(wei: int) -> str:
    """Return an amount of money, exactly.

    >>> show_ether(10**18), show_ether(1_500_000)
    ('1 ether', '0.0015 gwei')
    """
    unit, digits = ("ether", 18) if wei >= 10**12 else ("gwei", 9)
    amount = f"{wei // 10**digits}.{wei % 10**digits:0{digits}d}".rstrip("0").rstrip(".")
    return f"{amount} {unit}"


def mark_digests(text: str) -> Markup:
    """Return a sentence in which digests, CIDs and addresses can be copied whole by a click.

    >>> mark_digests("<b> runs 0x" + 40 * "a")
    Markup('&lt;b&gt; runs <span class="hash">0xaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa</span>')
    """
    parts = _IDENTIFIER.split(make_visible(text))
    marked = [
        Markup('<span class="hash">{}</span>').format(part) if place % 2 else escape(part)
        for place, part in enumerate(parts)
    ]
    return Markup("").join(marked)


def _finalize(value: Any) -> Any:
    """Prepare what a template prints: Markup is ours, text may be anybody's."""
    return (
        make_visible(value) if isinstance(value, str) and not hasattr(value, "__html__") else value
    )


@cache
def environment() -> Environment:
    """Return the environment of all templates."""
    made = Environment(
        loader=FileSystemLoader(FOLDER / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_finalize,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(
        time=show_time,
        duration=show_duration,
        ether=show_ether,
        count=count,
        problems_first=problems_first,
        with_digests=mark_digests,
    )
    made.globals.update(
        anchor_of=anchor_of,
        advise=advise,
        describe_check=describe_check,
        privacy_of=describe_privacy,
        words=WORDS,
    )
    for name in made.list_templates():  # all at once: an upgrade meanwhile mixes nothing
        made.get_template(name)
    return made


def describe_privacy(manifest: Manifest) -> str:
    """Say who can read the updates of a task, and what noise hides."""
    privacy = manifest.privacy
    if privacy.is_masked:
        size = privacy.group_size
        who = f"nobody can read an update, and anybody sums of groups of {size} or more"
    elif privacy.is_sealed:
        named = len(privacy.auditors)
        auditors = f" and {count(named, 'named auditor')}" if named else ""
        who = f"updates can be read by the aggregators{auditors}"
    else:
        who = "updates can be read by anybody"
    noise = ""
    if privacy.has_noise:
        noise = "; noise on updates hides participants"
    elif manifest.recipe.has_noise:
        noise = "; noise in training hides single examples"
    return f"{privacy.mode}: {who}{noise}"


def render(template: str, **values: Any) -> str:
    """Return a template with values."""
    return environment().get_template(template).render(values)


def read_style() -> str:
    """Return the one style sheet."""
    return (FOLDER / "static" / "style.css").read_text(encoding="utf-8")
