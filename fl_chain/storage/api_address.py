"""From the multiaddr of a node's API to the URL of its commands."""

from __future__ import annotations

import ipaddress
import re

from fl_chain.errors import UsageError

__all__ = ["api_url"]

_NAME = re.compile(r"[A-Za-z0-9._-]+")


def api_url(multiaddr: str) -> str:
    """Return the base URL of ``/api/v0`` for an API address.

    >>> api_url("/ip4/127.0.0.1/tcp/5001")
    'http://127.0.0.1:5001/api/v0/'
    >>> api_url("/dns/ipfs.example/tcp/443/https")
    'https://ipfs.example:443/api/v0/'

    Raises
    ------
    UsageError
        When the address is not ``/ip4|ip6|dns|dns4|dns6/HOST/tcp/PORT`` with an optional ``/http``
        or ``/https``.
    """
    parts = multiaddr.split("/")
    try:
        empty, family, host, transport, port_text, *scheme = parts
        port = int(port_text)
        if empty or transport != "tcp" or not 1 <= port <= 65535 or not host:
            raise ValueError(multiaddr)
        if scheme not in ([], ["http"], ["https"]):
            raise ValueError(multiaddr)
        if family == "ip6":
            host = f"[{ipaddress.IPv6Address(host)}]"
        elif family == "ip4":
            host = str(ipaddress.IPv4Address(host))
        elif family not in ("dns", "dns4", "dns6") or not _NAME.fullmatch(host):
            raise ValueError(multiaddr)
    except ValueError as error:
        raise UsageError(
            "that is not the API address of an IPFS node",
            "check --ipfs, or network.ipfs: /ip4/127.0.0.1/tcp/5001 is one, and "
            "/dns/ipfs.example/tcp/443/https",
        ) from error
    return f"{scheme[0] if scheme else 'http'}://{host}:{port}/api/v0/"
