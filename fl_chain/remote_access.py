"""Who we are to a remote endpoint, and whom we take it for.

What opens one endpoint is never sent to another: an access belongs to one origin (RFC 6454: scheme,
host and port), redirects are not followed, and what would travel in the clear is refused.
"""

from __future__ import annotations

import ipaddress
import os
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import requests
from requests.exceptions import HTTPError, SSLError, TooManyRedirects
from requests.structures import CaseInsensitiveDict
from requests.utils import get_environ_proxies

from fl_chain.errors import UsageError

MOST_HEADER_BYTES: Final = 65536
_PRINTED = re.compile(r"[\x21-\x5b\x5d-\x7e]*")
_HOST = re.compile(r"(?:[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?\.)*[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?")
_FAMILIES: Final = ("", "+ip4", "+ip6")
_FILES: Final = ("headers_file", "certificate", "authority")
_NONE: Final = " "
_EXAMPLE: Final = 'write [access."https://HOST"], or https://HOST:PORT'
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\x21-\x7e][\t\x20-\x7e]*)")
_OF_THE_MESSAGE: Final = frozenset(
    {
        *("Connection", "Content-Length", "Content-Type", "Expect", "Host", "Te", "Trailer"),
        *("Transfer-Encoding", "Upgrade"),
    }
)
"""Headers that say how a request is read; they are not anybody's to choose."""


@dataclass(frozen=True, slots=True)
class Access:
    """What opens an endpoint, and who vouches for it; by default nothing, and the system.

    Parameters
    ----------
    headers
        Names and values, sent with every request.
    certificate
        PEM file with a client certificate, what it was issued by, and its key, not encrypted.
    authority
        PEM file with the certificates that vouch for the endpoint, in place of the system's.
    """

    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    certificate: Path | None = None
    authority: Path | None = None

    def prepare(self, session: requests.Session, url: str) -> None:
        """Let a session reach an endpoint so; it follows no redirect, and reads no ``.netrc``."""
        # A mapping of its own: ipfshttpclient gives all its sessions the same one.
        session.headers = CaseInsensitiveDict({**session.headers, **dict(self.headers)})
        if self.certificate is not None:
            session.cert = str(self.certificate)
        session.verify = str(self.authority or _find_authorities() or "") or True
        session.hooks["response"].append(_refuse_redirect)
        # Requests would put the environment's authorities and passwords in place of these. Proxies
        # it may name, except on the way to this very machine.
        session.trust_env = False
        for scheme, proxy in find_proxies(url).items():
            # ipfshttpclient has schemes of its own for addresses of one family.
            session.proxies.update(dict.fromkeys((f"{scheme}{f}" for f in _FAMILIES), proxy))

    def tls(self, url: str) -> ssl.SSLContext | None:
        """Return how to speak TLS with an endpoint; None if its URL asks for none."""
        if not url.startswith("https:"):
            return None
        authorities = self.authority or _find_authorities()
        is_folder = authorities is not None and authorities.is_dir()
        context = (
            ssl.create_default_context(capath=authorities)
            if is_folder
            else ssl.create_default_context(cafile=authorities)
        )
        if self.certificate is not None:
            context.load_cert_chain(self.certificate)
        return context


NO_ACCESS: Final = Access()


@dataclass(frozen=True, slots=True)
class AccessFiles:
    """The files that open an endpoint, read when it is needed.

    Parameters
    ----------
    origin
        Whom they open, as `origin_of` gives it.
    headers_file
        One ``Name: value`` a line; empty lines and those that begin with ``#`` are left out.
    certificate, authority
        See `Access`.
    """

    origin: str
    headers_file: Path | None = None
    certificate: Path | None = None
    authority: Path | None = None

    def read(self) -> Access:
        """Read and check the files.

        Raises
        ------
        UsageError
            One cannot be read or is malformed, or would be shown to everybody on the way.
        """
        if not self.origin.startswith("https:") and not is_loopback(self.origin):
            raise UsageError(
                f"what opens {self.origin} would travel in the clear", "name an https:// address"
            )
        headers = _read_headers(self.headers_file) if self.headers_file else ()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        if self.authority is not None:
            _check_pem(self.authority, "authority", context.load_verify_locations)
        if self.certificate is not None:
            # With no password, OpenSSL would ask for that of an encrypted key at the terminal.
            load = partial(context.load_cert_chain, password=_NONE)
            _check_pem(self.certificate, "certificate and its key, not encrypted", load)
        return Access(headers, self.certificate, self.authority)


def parse_access(table: Any) -> dict[str, AccessFiles]:
    """Return what the table ``access`` of a configuration says, by origin.

    Raises
    ------
    UsageError
        It names no origin, or an unknown or mistyped field.
    """
    parsed = dict[str, AccessFiles]()
    if not isinstance(table, dict):
        raise UsageError("access is no table", _EXAMPLE)
    for name, entries in table.items():
        try:
            origin = origin_of(name)
        except UsageError as error:
            raise UsageError(
                f"a table of access names no endpoint: {error.message}", _EXAMPLE
            ) from None
        if origin in parsed:
            raise UsageError(f"{origin} has more than one table of access")
        if not isinstance(entries, dict):
            raise UsageError(f'access."{origin}" is no table', _EXAMPLE)
        parsed[origin] = AccessFiles(
            origin, **{field: _read_path(origin, field, value) for field, value in entries.items()}
        )
    return parsed


def _read_path(origin: str, field: str, value: Any) -> Path:
    try:
        if field in _FILES and isinstance(value, str) and "\0" not in value:
            return Path(value).expanduser()
    except RuntimeError:
        pass  # the home of somebody who is not there
    raise UsageError(
        f'[access."{origin}"]: {field} is unknown, or no path', f"known: {', '.join(_FILES)}"
    )


def clean_url(url: str) -> str:
    """Return an address in one form, in which everybody reads the same host.

    What programs read differently is refused: a backslash ends the host for some (WHATWG's URL
    standard), and not for others (RFC 3986).

    >>> clean_url("HTTPS://Chain.example:443/v3/key?a=b"), clean_url("http://[0:0::1]:8545/")
    ('https://chain.example/v3/key?a=b', 'http://[::1]:8545')

    Raises
    ------
    UsageError
        It is none for http or https; what it is is not told, since it may hold a secret.
    """
    if not url.isascii() or not _PRINTED.fullmatch(url):
        raise UsageError("an address has printable ASCII characters, and no space or backslash")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port
        if ":" in host:
            host = f"[{ipaddress.IPv6Address(host)}]"
    except ValueError:
        raise UsageError("an address has a host, and perhaps a port") from None
    if parts.scheme not in _DEFAULT_PORTS:
        raise UsageError("an address starts with http:// or https://")
    if "@" in parts.netloc:
        raise UsageError("an address has no name and password in it: a header is the place")
    if not host.startswith("[") and not _HOST.fullmatch(host):
        raise UsageError("an address has a host, and perhaps a port")
    shown_port = "" if port in (None, _DEFAULT_PORTS[parts.scheme]) else f":{port}"
    path = "" if parts.path == "/" and not parts.query else parts.path
    query = f"?{parts.query}" if parts.query else ""
    return f"{parts.scheme}://{host}{shown_port}{path}{query}"


def origin_of(url: str) -> str:
    """Return scheme, host and port of an address, in one form.

    >>> origin_of("https://Chain.example:443/v3/secret?key=1"), origin_of("http://[::1]:8545")
    ('https://chain.example', 'http://[::1]:8545')

    Raises
    ------
    UsageError
        See `clean_url`.
    """
    scheme, _, rest = clean_url(url).partition("://")
    return f"{scheme}://{re.split('[/?]', rest, maxsplit=1)[0]}"


def find_proxies(url: str) -> dict[str, str]:
    """Return the proxies that the environment names on the way to an endpoint, by scheme."""
    return {} if is_loopback(url) else dict(get_environ_proxies(url))


def is_loopback(url: str) -> bool:
    """Say whether a URL leads to this very machine.

    >>> is_loopback("http://127.0.0.1:5001/api/v0/"), is_loopback("http://[::1]:5001/api/v0/")
    (True, True)
    >>> is_loopback("https://ipfs.example:443/api/v0/")
    False
    """
    try:
        host = urlsplit(url).hostname or ""
    except ValueError:
        return False
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def explain_refusal(origin: str, error: BaseException | None) -> tuple[str, str] | None:
    """Return what an endpoint that is there has against us, or we against it, and what to do.

    None if it is neither: nothing answers, for example.
    """
    table = f'[access."{origin}"] of fl-chain.toml'
    match error:
        case HTTPError(response=requests.Response(status_code=401 | 403 as status)):
            return (
                f"it does not let us in (HTTP status {status})",
                f"name a headers_file or a certificate in {table}",
            )
        case TooManyRedirects():
            return "it sends us elsewhere", "name the address that it leads to"
        case SSLError() if "mismatch" in str(error) or "is not valid for" in str(error):
            return (
                "its certificate is for another name",
                "write the address with the name that the certificate has",
            )
        case SSLError() if "certificate verify failed" in str(error).lower():
            return (
                "nobody whom this machine trusts vouches for it",
                f"if its certificate is your own, name its authority in {table}",
            )
        case SSLError():
            return (
                "it breaks off while TLS is agreed on",
                f"it may want a certificate, or another one: name it in {table}",
            )
    return None


def _read_headers(path: Path) -> tuple[tuple[str, str], ...]:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_HEADER_BYTES + 1)
        lines = data.decode("ascii").split("\n")
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path} is no file of headers: it is not ASCII") from None
    if len(data) > MOST_HEADER_BYTES:
        raise UsageError(f"{path} has more than {MOST_HEADER_BYTES} bytes of headers")
    headers = dict[str, str]()
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.startswith("#"):
            continue
        matched = _HEADER.fullmatch(line.rstrip())
        # The line itself may be a secret, and is not told.
        if matched is None:
            raise UsageError(
                f"{path}, line {number} is no header", "write Authorization: Bearer ..., for one"
            )
        name, value = matched[1].title(), matched[2]
        if name in _OF_THE_MESSAGE or name in headers:
            raise UsageError(f"{path}, line {number}: {name} is not yours to set, or set twice")
        headers[name] = value
    return tuple(headers.items())


def _check_pem(path: Path, kind: str, load: Callable[[Path], None]) -> None:
    try:
        load(path)
    except ssl.SSLError:
        raise UsageError(f"{path} is no PEM file of a {kind}") from None
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror}") from None


def _refuse_redirect(response: requests.Response, *_: Any, **__: Any) -> None:
    """Stop where Requests would follow, wherever that leads and whether or not it is an address."""
    if response.is_redirect:
        response.close()
        raise TooManyRedirects(response=response)


def _find_authorities() -> Path | None:
    """Return the file or folder of authorities that the environment names, as for Requests."""
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if os.environ.get(name):
            path = Path(os.environ[name])
            if not path.exists():
                raise UsageError(
                    f"{name} names {path}, which is not there", f"set it, or unset {name}"
                )
            return path
    return None
