"""Takes signed updates from participants, over HTTP.

One path, ``POST /updates``, with a handover as its body; 202 when it was taken, 422 and a line of
text when not. What is taken and what becomes of it is the caller's business. It listens on loopback
alone: a proxy in front of it brings encryption and rate limits.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from fl_chain.errors import FlChainError, PortTaken
from fl_chain.process import LOOPBACK
from fl_chain.protocol.signed_update import MAX_HANDOVER_BYTES, Handover, decode_handover

T = TypeVar("T")

START_SECONDS = 10


class RelayServer:
    """Listens from :meth:`__enter__` to :meth:`__exit__`, in a thread of its own.

    Parameters
    ----------
    port
        0 for any free one; :attr:`url` says which.
    take
        Called for each handover, one at a time; what it raises is the answer.
    """

    def __init__(self, port: int, take: Callable[[Handover], None]) -> None:
        self._port = port
        self._take = take
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Where participants find it."""
        return f"http://{LOOPBACK}:{self._port}"

    def __enter__(self) -> Self:
        """Begin to listen.

        Raises
        ------
        PortTaken
            Another program listens there.
        """
        self._thread.start()
        try:
            self._port = self._call(self._start())
        except OSError as error:
            self._end()
            raise PortTaken(
                f"cannot listen on {self.url}: {error.strerror or error}", "name another --port"
            ) from None
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop listening; what was taken stays taken."""
        self._end()

    def _end(self) -> None:
        if self._runner is not None:
            self._call(self._runner.cleanup())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(START_SECONDS)

    async def _start(self) -> int:
        application = web.Application(client_max_size=MAX_HANDOVER_BYTES)
        application.router.add_post("/updates", self._answer)
        self._runner = web.AppRunner(application, access_log=None, handle_signals=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, LOOPBACK, self._port)
        await site.start()
        return int(self._runner.addresses[0][1])

    async def _answer(self, request: web.Request) -> web.Response:
        try:
            self._take(decode_handover(await request.read()))
        except FlChainError as error:
            return web.Response(status=422, text=str(error))
        return web.Response(status=202, text="taken")
