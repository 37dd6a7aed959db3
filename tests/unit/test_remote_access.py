"""What opens an endpoint is read with care, told to nobody, and sent to that endpoint only."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import pytest
import requests
import trustme
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st
from requests.exceptions import HTTPError, SSLError, TooManyRedirects
from requests.utils import select_proxy
from urllib3.util import parse_url

from fl_chain.errors import UsageError
from fl_chain.remote_access import (
    MOST_HEADER_BYTES,
    Access,
    AccessFiles,
    clean_url,
    explain_refusal,
    origin_of,
    parse_access,
)
from tests.guards import NAME, SECRET, Issuer

ORIGIN = "https://chain.example"


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Issuer:
    return Issuer(tmp_path_factory.mktemp("issuer"))


def test_the_files_of_an_origin_are_read(issuer: Issuer) -> None:
    table = {
        "headers_file": str(issuer.headers_file),
        "certificate": str(issuer.certificate),
        "authority": str(issuer.authority),
    }
    files = parse_access({"https://Chain.example:443/": table})
    assert files[ORIGIN].read() == issuer.access


def test_an_access_goes_to_other_processes_and_tells_no_secret(issuer: Issuer) -> None:
    assert pickle.loads(pickle.dumps(issuer.access)) == issuer.access  # noqa: S301 - our own bytes
    assert SECRET not in repr(issuer.access)
    assert SECRET not in repr(AccessFiles(ORIGIN, issuer.headers_file))


def test_sessions_that_share_their_headers_do_not_share_what_opens_one(issuer: Issuer) -> None:
    one, other = requests.Session(), requests.Session()
    other.headers = one.headers  # as ipfshttpclient does
    issuer.access.prepare(one, ORIGIN)
    assert one.headers[NAME] == SECRET
    assert NAME not in other.headers


@pytest.mark.parametrize("name", ["HTTPS_PROXY", "https_proxy"])
def test_a_proxy_is_used_on_the_way_to_others_only(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv(name, "http://proxy.example:3128")
    for url, is_used in ((ORIGIN, True), ("https://127.0.0.1:8545", False)):
        session = requests.Session()
        Access().prepare(session, url)
        # The latter are ipfshttpclient's, for /dns4 and /dns6.
        for scheme in ("https", "https+ip4", "https+ip6"):
            chosen = select_proxy(f"{scheme}://{url.removeprefix('https://')}", session.proxies)
            assert (chosen == "http://proxy.example:3128") == is_used


def test_authorities_of_the_environment_hold_unless_others_are_named(
    issuer: Issuer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = Issuer(tmp_path)
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(other.authority))
    for access, expected in (
        (Access(), str(other.authority)),
        (issuer.access, str(issuer.authority)),
    ):
        session = requests.Session()
        access.prepare(session, ORIGIN)
        assert session.verify == expected


def test_authorities_of_the_environment_may_be_a_folder_and_have_to_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE", raising=False)
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path))
    assert Access().tls(ORIGIN) is not None
    monkeypatch.setenv("CURL_CA_BUNDLE", str(tmp_path / "gone.pem"))
    with pytest.raises(UsageError, match=r"CURL_CA_BUNDLE names .*gone\.pem, which is not there"):
        Access().prepare(requests.Session(), ORIGIN)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"Bearer rosebud", "line 1 is no header"),
        (b"X-Good: 1\n\n# note\nrosebud", "line 4 is no header"),
        (b"X-Key:", "line 1 is no header"),
        (b"X Key: rosebud", "line 1 is no header"),
        (b"X-Key: rose\x00bud", "line 1 is no header"),
        (b"X-Key: rose\x0bX-Other: bud", "line 1"),
        (b"Host: rosebud", "Host is not yours to set"),
        (b"transfer-encoding: rosebud", "Transfer-Encoding is not yours to set"),
        (b"X-Key: rosebud\nx-key: rosebud", "line 2: X-Key is not yours to set, or set twice"),
        ("X-Key: rosebüd".encode(), "it is not ASCII"),
        (b"X-Key: " + b"r" * MOST_HEADER_BYTES, f"more than {MOST_HEADER_BYTES} bytes"),
    ],
)
def test_what_are_no_headers_is_refused_and_not_told(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "headers"
    path.write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        AccessFiles(ORIGIN, path).read()
    assert str(path) in caught.value.message
    assert "rose" not in str(caught.value)


@pytest.mark.parametrize("kind", ["headers_file", "certificate", "authority"])
def test_files_that_are_not_there_or_of_another_kind_are_named(tmp_path: Path, kind: str) -> None:
    missing, wrong = tmp_path / "missing", tmp_path / "wrong"
    wrong.write_bytes(b"\xff\xfe")
    for path, message in ((missing, "cannot read .*No such file"), (wrong, "is no ")):
        with pytest.raises(UsageError, match=message) as caught:
            AccessFiles(ORIGIN, **{kind: path}).read()
        assert str(path) in caught.value.message


def test_an_encrypted_key_is_refused_without_a_question(tmp_path: Path) -> None:
    issued = trustme.CA().issue_cert("hospital@example.org")
    key = load_pem_private_key(issued.private_key_pem.bytes(), None)
    encrypted = key.private_bytes(
        Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"rosebud")
    )
    path = tmp_path / "hospital.pem"
    path.write_bytes(encrypted + issued.cert_chain_pems[0].bytes())
    with pytest.raises(UsageError, match="not encrypted"):
        AccessFiles(ORIGIN, certificate=path).read()


def test_another_key_than_the_certificates_is_refused(tmp_path: Path) -> None:
    one, other = (trustme.CA().issue_cert("hospital@example.org") for _ in range(2))
    path = tmp_path / "hospital.pem"
    path.write_bytes(one.private_key_pem.bytes() + other.cert_chain_pems[0].bytes())
    with pytest.raises(UsageError, match="is no PEM file of a certificate and its key"):
        AccessFiles(ORIGIN, certificate=path).read()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"chain.example": {}}, "names no endpoint"),
        ({"ftp://chain.example": {}}, "names no endpoint"),
        ({"https://eve:rosebud@": {}}, "names no endpoint"),
        ({"https://a.example": {}, "https://A.example:443": {}}, "more than one table"),
        ({ORIGIN: {"password": "rosebud"}}, "password is unknown, or no path"),
        ({ORIGIN: {"headers_file": 1}}, "headers_file is unknown, or no path"),
        ({ORIGIN: {"headers_file": "~nobody-rosebud/x"}}, "headers_file is unknown, or no path"),
        ({ORIGIN: {"certificate": "rose\0bud"}}, "certificate is unknown, or no path"),
        ({"chain.example/v3/rosebud": {}}, "names no endpoint"),
        ({ORIGIN: "rosebud"}, "is no table"),
        ("rosebud", "access is no table"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(table: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_access(table)
    assert "rosebud" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("https://Chain.Example/v3/KEY", ORIGIN),
        ("https://chain.example:443", ORIGIN),
        ("https://chain.example:8545/", "https://chain.example:8545"),
        ("http://chain.example:443", "http://chain.example:443"),
        ("http://[2001:DB8:0::1]:80?q", "http://[2001:db8::1]"),
        ("HTTP://[0:0:0:0:0:0:0:1]:5", "http://[::1]:5"),
    ],
)
def test_an_origin_has_one_form(url: str, origin: str) -> None:
    assert origin_of(url) == origin
    assert origin_of(origin) == origin


@pytest.mark.parametrize(
    "url", ["", "chain.example", "ws://a", "https://", "https://a:b", "http://[::1"]
)
def test_what_leads_nowhere_has_no_origin(url: str) -> None:
    with pytest.raises(UsageError):
        origin_of(url)


@given(st.text(st.sampled_from("ab.:/@\\?#[]%0123456789 \t-_"), max_size=20))
def test_requests_go_to_the_host_that_the_origin_names(rest: str) -> None:
    try:
        cleaned = clean_url("https://" + rest)
    except UsageError:
        return
    assert clean_url(cleaned) == cleaned
    prepared = requests.Request("POST", cleaned).prepare().url
    assert prepared is not None
    assert origin_of(prepared) == origin_of(cleaned)
    seen_by_urllib3 = parse_url(cleaned)
    assert f"https://{seen_by_urllib3.netloc}".removesuffix(":443") == origin_of(cleaned)


def answered(status: int) -> HTTPError:
    response = requests.Response()
    response.status_code = status
    return HTTPError(response=response)


@pytest.mark.parametrize(
    ("error", "reason", "hint"),
    [
        (answered(401), "does not let us in (HTTP status 401)", "headers_file"),
        (answered(403), "does not let us in (HTTP status 403)", "headers_file"),
        (TooManyRedirects(), "sends us elsewhere", "name the address"),
        (SSLError("CERTIFICATE_VERIFY_FAILED certificate verify failed"), "vouches", "authority"),
        (SSLError("certificate verify failed: Hostname mismatch"), "another name", "the name"),
        (SSLError("certificate verify failed: IP address mismatch"), "another name", "the name"),
        (SSLError("TLSV13_ALERT_CERTIFICATE_REQUIRED"), "breaks off", "certificate"),
        (SSLError("EOF occurred in violation of protocol"), "breaks off", "certificate"),
    ],
)
def test_a_refusal_says_what_to_do(error: Exception, reason: str, hint: str) -> None:
    explained = explain_refusal(ORIGIN, error)
    assert explained is not None
    assert reason in explained[0]
    assert hint in explained[1]


@pytest.mark.parametrize("error", [answered(500), requests.ConnectionError(), OSError(), None])
def test_what_is_no_refusal_is_not_called_one(error: Exception | None) -> None:
    assert explain_refusal(ORIGIN, error) is None
