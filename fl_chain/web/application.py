"""Paths and answers: which page is where, as HTML and as JSON, and what is said without one."""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable, Collection
from typing import Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from fl_chain.errors import FlChainError, UsageError
from fl_chain.web.guard import Guard
from fl_chain.web.page import Page, Redirect, Site
from fl_chain.web.party_pages import show_aggregator, show_participant
from fl_chain.web.round_pages import (
    show_model,
    show_round,
    show_transaction,
    show_update,
)
from fl_chain.web.search import show_search
from fl_chain.web.task_pages import (
    show_aggregators,
    show_disputes,
    show_participants,
    show_task,
    show_tasks,
    show_words,
)
from fl_chain.web.templating import read_style, render

REFRESH_SECONDS: Final = 5
_TASK: Final = "/task/{address}"
PAGES: Final[dict[str, Callable[..., Page | Redirect]]] = {
    "/index": show_tasks,
    "/words": show_words,
    "/search": show_search,
    f"{_TASK}/round/{{number:int}}": show_round,
    f"{_TASK}/update/{{number:int}}/{{sequence:int}}": show_update,
    f"{_TASK}/participants": show_participants,
    f"{_TASK}/participant/{{participant}}": show_participant,
    f"{_TASK}/aggregators": show_aggregators,
    f"{_TASK}/aggregator/{{aggregator}}": show_aggregator,
    f"{_TASK}/model/{{digest}}": show_model,
    f"{_TASK}/transaction/{{transaction}}": show_transaction,
    f"{_TASK}/disputes": show_disputes,
    _TASK: show_task,
}
"""Path to page; with ``.json`` behind it the same for machines, and ``/`` is ``/index``."""


def make_application(site: Site, names: Collection[str]) -> Guard:
    """Return the explorer as an ASGI application.

    Parameters
    ----------
    site
        What the pages are made from.
    names
        Host names under which it may be asked for; see :class:`fl_chain.web.guard.Guard`.
    """
    style = read_style()

    def answer_style(request: Request) -> Response:
        return Response(style, media_type="text/css")

    routes = [Route("/static/style.css", answer_style, methods=["GET"])]
    for path, show in PAGES.items():
        routes.append(Route(f"{path}.json", _as_json(site, show), methods=["GET"]))
        html_path = "/" if path == "/index" else path
        routes.append(Route(html_path, _as_html(site, show), methods=["GET"]))
    handlers: dict[Any, Any] = {
        FlChainError: _explain,
        HTTPException: _explain_http,
        Exception: _explain_bug,
    }
    return Guard(Starlette(routes=routes, exception_handlers=handlers), names)


def _as_html(site: Site, show: Callable[..., Page | Redirect]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        page = show(site, request.query_params, **request.path_params)
        if isinstance(page, Redirect):
            return RedirectResponse(page.path, 303)
        query = f"?{request.url.query}" if request.url.query else ""
        path = request.url.path
        is_paused = request.query_params.get("live") == "off"
        html = render(
            page.template,
            **page.values,
            title=page.title,
            trail=page.trail,
            path=path,
            twin_path=("/index" if path == "/" else path) + ".json" + query,
            is_live=page.is_live,
            refresh=REFRESH_SECONDS if page.is_live and not is_paused else None,
        )
        return HTMLResponse(html)

    return answer


def _as_json(site: Site, show: Callable[..., Page | Redirect]) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        page = show(site, request.query_params, **request.path_params)
        if isinstance(page, Redirect):
            return RedirectResponse(f"{page.path}.json", 303)
        text = json.dumps(page.twin, separators=(",", ":"), default=_plain)
        return Response(text + "\n", media_type="application/json")

    return answer


def _plain(value: object) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(type(value))


def _explain(request: Request, error: Exception) -> Response:
    """Say what is wrong: with the address (404), or with chain or IPFS (503)."""
    is_usage = isinstance(error, UsageError)
    message, hint = (error.message, error.hint) if isinstance(error, FlChainError) else ("", "")
    if is_usage and hint.startswith("fl-chain"):
        hint = ""
    return _refuse(request, 404 if is_usage else 503, message, hint)


def _explain_http(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    return _refuse(request, status, "there is no page at this address", "")


def _explain_bug(request: Request, error: Exception) -> Response:
    place = traceback.extract_tb(error.__traceback__)[-1]
    where = f"{place.name}, line {place.lineno}"
    what = "".join(traceback.format_exception_only(error)).strip()
    print(f"explorer: {request.url.path[:200]!r}: {what[:500]!r} in {where}", file=sys.stderr)
    hint = "the other pages are not touched by it; please report it with the address of this one"
    return _refuse(request, 500, "this page could not be made", hint)


def _refuse(request: Request, status: int, message: str, hint: str) -> Response:
    if request.url.path.endswith(".json"):
        text = json.dumps({"error": message, "hint": hint})
        return Response(text + "\n", status, media_type="application/json")
    titles = {404: "Not found", 503: "Not at hand", 500: "A mistake of the explorer"}
    title = titles.get(status, "Not possible")
    html = render(
        "problem.html",
        title=title,
        heading=title,
        trail=(("Tasks", "/"),),
        path=request.url.path,
        twin_path=None,
        is_live=False,
        refresh=REFRESH_SECONDS if status == 503 else None,
        status=status,
        message=message,
        hint=hint,
    )
    return HTMLResponse(html, status)
