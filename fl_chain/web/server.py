"""Serves the explorer, until it is told to stop."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import uvicorn

from fl_chain.errors import PortTaken, UsageError
from fl_chain.roles.explorer import Explorer
from fl_chain.roles.services import Services
from fl_chain.roles.watchman import LOOK_SECONDS, Watchman
from fl_chain.web.application import make_application
from fl_chain.web.guard import ANY_NAME, LOOPBACK_NAMES
from fl_chain.web.page import Site

MOST_AT_ONCE: Final = 64
"""Requests; more are answered with 503."""
GRACE_SECONDS: Final = 2


@dataclass(frozen=True, slots=True)
class RunningExplorer:
    """An explorer that listens."""

    url: str
    is_public: bool
    """Whether other machines may reach it."""
    serve: Callable[[], None]
    """Answers requests until Ctrl-C, or until :attr:`stop`."""
    stop: Callable[[], None]


@contextmanager
def open_explorer(
    services: Services,
    host: str,
    port: int,
    tasks: Sequence[str] = (),
    look_seconds: float = LOOK_SECONDS,
) -> Iterator[RunningExplorer]:
    """Listen, and audit in the background.

    Parameters
    ----------
    services
        Chain node and IPFS nodes.
    host
        Address to listen on, or a name of this machine.
    port
        0 for any free one.
    tasks
        Addresses of the tasks to show; without any, all that are on the chain.
    look_seconds
        How long an IPFS node may look for content that an audit needs and it does not have.

    Raises
    ------
    PortTaken
        Another program listens there.
    UsageError
        There is no such host, or no such task.
    """
    explorer = Explorer(services, tasks)
    if tasks:
        explorer.check_tasks()
    listening = _listen(host, port)
    name = f"[{host}]" if ":" in host else host
    url = f"http://{name}:{listening.getsockname()[1]}/"
    is_loopback, is_any = _is_loopback(host), _is_unspecified(host)
    names = (ANY_NAME,) if is_any else (*LOOPBACK_NAMES, name.lower())
    with Watchman(services, tasks, look_seconds) as watchman, contextlib.closing(listening):
        application = make_application(Site(explorer, watchman), names)
        config = uvicorn.Config(
            application,
            log_config=None,
            log_level="critical",
            access_log=False,
            server_header=False,
            lifespan="off",
            # By name: the limits below are those of h11, whatever else happens to be installed.
            loop="asyncio",
            http="h11",
            ws="none",
            limit_concurrency=MOST_AT_ONCE,
            timeout_graceful_shutdown=GRACE_SECONDS,
            h11_max_incomplete_event_size=16_384,
        )
        server = uvicorn.Server(config)

        def serve() -> None:
            server.run([listening])

        def stop() -> None:
            server.should_exit = True

        yield RunningExplorer(url, not is_loopback, serve, stop)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen()
    except socket.gaierror:
        listening.close()
        raise UsageError(f"this machine has no address {host!r}", "see --host") from None
    except (OSError, OverflowError) as error:
        listening.close()
        reason = getattr(error, "strerror", None) or str(error)
        raise PortTaken(
            f"cannot listen on {host} port {port}: {reason}", "name another --port"
        ) from None
    return listening


def _is_loopback(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_loopback
    return host == "localhost"


def _is_unspecified(host: str) -> bool:
    with contextlib.suppress(ValueError):
        return ipaddress.ip_address(host).is_unspecified
    return False
