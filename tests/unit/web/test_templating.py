from __future__ import annotations

import pytest
from jinja2 import UndefinedError

from fl_chain.errors import UsageError
from fl_chain.protocol.manifest import decode_manifest
from fl_chain.web.paging import PER_PAGE, parse_page
from fl_chain.web.templating import (
    LAST_SECOND,
    MAX_TEXT,
    describe_privacy,
    environment,
    make_visible,
    mark_digests,
    show_ether,
    show_time,
)
from tests import golden

HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\x1b[31mred\x1b[0m",
    "abc\u202ednesrever",
    "a\u200bb\ufeffc\u2066d\u00ad",
    "{{ 7 * 7 }}{% raw %}",
    "javascript:alert(1)",
    "\x00\r\n\u2028",
    "\ud800",
    "\U000e0041",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_visible_and_harmless(text: str) -> None:
    template = environment().from_string('<p title="{{ text }}">{{ text }}</p>')
    made = template.render(text=text)
    made.encode("utf-8")
    inside = made.removeprefix('<p title="').removesuffix("</p>").replace('">', "", 1)
    assert not set(inside) & set("<>\"'")
    assert inside.isprintable()
    assert mark_digests(text).isprintable()
    assert "<" not in mark_digests(text)


def test_what_can_be_seen_stays_as_it_is() -> None:
    for text in ("Zürich, naïve", "日本語", "עברית"):
        assert make_visible(text) == text


def test_a_text_without_end_ends() -> None:
    assert len(make_visible("a" * 10 * MAX_TEXT)) == MAX_TEXT + 1


def test_a_name_that_is_not_there_is_an_error_and_not_an_empty_place() -> None:
    with pytest.raises(UndefinedError):
        environment().from_string("{{ missing }}").render()


def test_a_digest_in_a_sentence_can_be_copied_whole() -> None:
    digest = "ab" * 32
    marked = f'digest <span class="hash">{digest}</span>, found'
    assert str(mark_digests(f"digest {digest}, found")) == marked


def test_times_beyond_the_calendar_are_numbers() -> None:
    assert "1970-01-01 00:00:00 UTC" in show_time(0)
    assert show_time(LAST_SECOND + 1) == f"second {LAST_SECOND + 1}"
    assert show_time(None) == ""


def test_amounts_are_exact() -> None:
    assert show_ether(1) == "0.000000001 gwei"
    assert show_ether(0) == "0 gwei"
    assert show_ether(2**96 - 1) == "79228162514.264337593543950335 ether"


@pytest.mark.parametrize("text", ["0", "-1", "4", "x", "1e3", "٢", "9" * 400, " 1", "1.0"])
def test_a_page_that_is_not_there_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_page(text, 3 * PER_PAGE)


def test_an_empty_table_has_one_page() -> None:
    paging = parse_page("", 0)
    assert (paging.first, paging.last, paging.num_pages) == (0, 0, 1)


def test_an_audit_on_record_is_shown_for_what_it_is() -> None:
    audit = {
        "auditor": "0x" + 40 * "a",
        "verdict": "PASS",
        "records": 7,
        "is_of_history": True,
        "is_latest": True,
        "recorded_at": 1_700_000_000,
        "findings": 64 * "b",
    }
    source = '{% import "macros.html" as m %}{{ m.audits_table(audits) }}'
    template = environment().from_string(source)
    assert "all records there are" in template.render(audits=[audit])
    assert "the first 7 records" in template.render(audits=[{**audit, "is_latest": False}])
    foreign = template.render(audits=[{**audit, "is_of_history": False, "verdict": "<unknown>"}])
    assert "a history that this task never had" in foreign
    assert "<unknown>" not in foreign


MANIFESTS = {
    case["name"]: decode_manifest(case["text"].encode())
    for case in golden.load("manifest/manifest.json")["cases"]
}


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("a budget of one update", "open: updates can be read by anybody"),
        ("sealed updates", "sealed: updates can be read by the aggregators"),
        (
            "sealed updates that two auditors read",
            "sealed: updates can be read by the aggregators and 2 named auditors",
        ),
        (
            "noise on masked updates in groups of 16",
            "masked: nobody can read an update, and anybody sums of groups of 16 or more;"
            " noise on updates hides participants",
        ),
        (
            "training with noise",
            "open: updates can be read by anybody; noise in training hides single examples",
        ),
    ],
)
def test_who_reads_updates_is_said_of_every_mode(name: str, said: str) -> None:
    assert describe_privacy(MANIFESTS[name]) == said
