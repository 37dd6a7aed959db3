from __future__ import annotations

import pytest

from fl_chain.errors import UsageError
from fl_chain.storage.api_address import api_url


@pytest.mark.parametrize(
    ("multiaddr", "url"),
    [
        ("/ip4/127.0.0.1/tcp/5001", "http://127.0.0.1:5001/api/v0/"),
        ("/ip4/10.0.0.1/tcp/1/http", "http://10.0.0.1:1/api/v0/"),
        ("/ip6/::1/tcp/5001", "http://[::1]:5001/api/v0/"),
        ("/dns4/kubo.example/tcp/443/https", "https://kubo.example:443/api/v0/"),
    ],
)
def test_addresses_of_every_kind_become_urls(multiaddr: str, url: str) -> None:
    assert api_url(multiaddr) == url


@pytest.mark.parametrize(
    "text",
    [
        "",
        "127.0.0.1:5001",
        "http://127.0.0.1:5001",
        "/ip4/127.0.0.1",
        "/ip4/127.0.0.1/udp/5001",
        "/ip4/127.0.0.1/tcp/0",
        "/ip4/127.0.0.1/tcp/65536",
        "/ip4/127.0.0.1/tcp/x",
        "/ip4/localhost/tcp/5001",
        "/ip6/127.0.0.1/tcp/5001",
        "/unix/tmp/socket",
        "/ip4/127.0.0.1/tcp/5001/p2p/12D3KooW",
    ],
)
def test_everything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError):
        api_url(text)
