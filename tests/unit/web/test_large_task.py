"""Pages of a task that is too large for one page: made-up records in a real index."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.explorer import CHAIN_ID, TASK, IndexedChain, fill_index
from fl_chain.errors import UsageError
from fl_chain.roles.explorer import Explorer
from fl_chain.roles.indexing import locate_index
from fl_chain.roles.watchman import Watchman
from fl_chain.web.page import Page, Site
from fl_chain.web.paging import PER_PAGE
from fl_chain.web.party_pages import show_participant
from fl_chain.web.round_pages import show_model, show_round
from fl_chain.web.task_pages import show_participants, show_task
from fl_chain.web.templating import render

ROUNDS, PARTICIPANTS = 2 * PER_PAGE + 9, PER_PAGE + 7
ADDRESS = f"0x{1:040x}"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Site:
    state = tmp_path_factory.mktemp("large")
    path = locate_index(state, CHAIN_ID, TASK)
    fill_index(path, ROUNDS, PARTICIPANTS)
    chain = IndexedChain(path)
    services: Any = SimpleNamespace(
        state=state, connect=lambda: chain, open_store_if_any=lambda seconds: None
    )
    return Site(Explorer(services), Watchman(services))


def html_of(page: Page) -> str:
    frame = {"title": page.title, "trail": page.trail, "path": "/x", "twin_path": "/x.json"}
    return render(page.template, **page.values, **frame, is_live=False, refresh=None)


@pytest.mark.parametrize(
    ("show", "total", "key"),
    [
        (lambda site, query: show_task(site, query, TASK), ROUNDS + 1, "round"),
        (lambda site, query: show_round(site, query, TASK, 3), PARTICIPANTS, "sequence"),
        (lambda site, query: show_participants(site, query, TASK), PARTICIPANTS, "participant"),
        (lambda site, query: show_participant(site, query, TASK, ADDRESS), ROUNDS, "round"),
    ],
)
def test_a_long_table_is_on_several_pages_and_all_of_it_is_there(
    site: Site, show: Callable[[Site, dict[str, str]], Page], total: int, key: str
) -> None:
    seen: list[Any] = []
    for number in range(1, -(-total // PER_PAGE) + 1):
        page = show(site, {"page": str(number)})
        rows = page.twin["rows"]
        rows = rows[0].get("submissions", rows)
        assert 0 < len(rows) <= PER_PAGE
        assert page.twin["total"] == total
        assert page.twin["first"] == len(seen)
        assert f"{len(seen) + 1} to {len(seen) + len(rows)} of {total}" in html_of(page)
        seen += [row[key] for row in rows]
    assert len(set(seen)) == len(seen) == total
    with pytest.raises(UsageError):
        show(site, {"page": str(number + 1)})


def test_the_graph_of_a_lineage_shows_the_heaviest_updates_and_links_to_the_older_models(
    site: Site,
) -> None:
    digest = show_task(site, {}, TASK).twin["rows"][0]["model"]
    text = html_of(show_model(site, {}, TASK, digest))
    assert "Older models" in text
    assert f"and {PARTICIPANTS - 7} more updates" in text
    assert f"{PARTICIPANTS - 1}</tspan>" not in text
    assert text.count('class="box"') == 7
    assert len(text) < 100_000


def test_a_round_can_be_opened_whatever_its_number(site: Site) -> None:
    for number in (0, 1, ROUNDS):
        assert show_round(site, {}, TASK, number).twin["rows"][0]["round"] == number
    for number in (ROUNDS + 1, 2**64, 10**300):
        with pytest.raises(UsageError):
            show_round(site, {}, TASK, number)
