"""What stands before every page: which requests are answered at all, and what every answer carries.

The Host header is checked because a page elsewhere can make a browser send requests to this machine
under a name of its own (DNS rebinding); it cannot make it send them under a loopback name.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

MAX_TARGET_BYTES: Final = 1024
"""Of path and query together."""
METHODS: Final = ("GET", "HEAD")
LOOPBACK_NAMES: Final = ("localhost", "127.0.0.1", "[::1]")
ANY_NAME: Final = "*"

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self'; img-src 'self' data:;"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Cache-Control": "no-store",
}


class Guard:
    """Refuses what no reader sends.

    Parameters
    ----------
    inner
        The pages.
    names
        Host names under which they may be asked for, without port; ``*`` for any.
    """

    def __init__(self, inner: ASGIApp, names: Collection[str]) -> None:
        self._inner = inner
        self._names = frozenset(names)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._inner(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                named = [(k.lower().encode(), v.encode()) for k, v in HEADERS.items()]
                message["headers"] = [*message.get("headers", []), *named]
            await send(message)

        refusal = self._refuse(scope)
        if refusal is not None:
            await refusal(scope, receive, send_with_headers)
            return
        await self._inner(scope, receive, send_with_headers)

    def _refuse(self, scope: Scope) -> PlainTextResponse | None:
        if scope["method"] not in METHODS:
            allowed = {"Allow": ", ".join(METHODS)}
            return PlainTextResponse("pages are only read\n", 405, allowed)
        if len(scope["raw_path"]) + len(scope["query_string"]) > MAX_TARGET_BYTES:
            return PlainTextResponse("the address is too long\n", 414)
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        host = hosts[0].decode("latin-1") if len(hosts) == 1 else ""
        if ANY_NAME not in self._names and _without_port(host) not in self._names:
            text = "this explorer is not known under that host name; see --host\n"
            return PlainTextResponse(text, 421)
        return None


def _without_port(host: str) -> str:
    """Return the name in a Host header.

    >>> [_without_port(host) for host in ("LOCALHOST:80", "[::1]:8480", "a.example", "x:y:z")]
    ['localhost', '[::1]', 'a.example', '']
    """
    host = host.lower()
    if host.startswith("["):
        end = host.find("]") + 1
        name, rest = host[:end], host[end:]
    else:
        name, colon, port = host.partition(":")
        rest = colon + port
    is_port = not rest or (rest[0] == ":" and rest[1:].isdecimal())
    return name if is_port else ""
