"""Open the services that a role works with: chain node, IPFS node, keys."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from eth_account.signers.local import LocalAccount

from fl_chain.chain import keys
from fl_chain.chain.connection import ChainConnection
from fl_chain.chain.encryption_keys import ENDING, load_key_ring
from fl_chain.chain.ethereum import Deployer, EthereumLedger
from fl_chain.chain.registry import EthereumRegistry
from fl_chain.errors import LocalStateError, UsageError
from fl_chain.relay.client import RelayClient
from fl_chain.remote_access import NO_ACCESS, Access, AccessFiles, origin_of
from fl_chain.roles.account_names import resolve_address
from fl_chain.roles.devnet import Devnet, read_devnet
from fl_chain.roles.journal import Journal
from fl_chain.storage.api_address import api_url
from fl_chain.storage.ipfs import IpfsStore
from fl_chain.storage.mirrored import MirroredStore

_JOURNAL: Final = b"fl_chain/1 journal"
"""What the key of a journal is derived for."""


@dataclass(frozen=True, slots=True)
class Services:
    """Addresses of the services; what is empty is taken from the devnet in ``state``."""

    state: Path
    """State directory: devnet, journals, and keys unless they are elsewhere."""
    rpc: str = ""
    """URL of the chain node."""
    ipfs: str = ""
    """API multiaddr of the IPFS node."""
    chain_id: int | None = None
    """The chain to insist on."""
    key_directory: Path | None = None
    access: Mapping[str, AccessFiles] = field(default_factory=dict)
    """What opens endpoints, by their origins."""

    def connect(self) -> ChainConnection:
        """Connect to the chain node."""
        rpc = self.rpc or self._devnet().chain.address
        return ChainConnection(rpc, self.chain_id, self._access(rpc))

    def connect_to(self, rpc: str) -> ChainConnection:
        """Connect to another chain node, whatever chain it serves."""
        return ChainConnection(rpc, access=self._access(rpc))

    def open_store(self) -> IpfsStore:
        """Open the IPFS node."""
        return self._open_ipfs(self.ipfs or self._devnet().ipfs[0].address)

    def open_store_if_any(self, timeout_seconds: float) -> IpfsStore | None:
        """Open the IPFS node for what is nice to have; None if neither flag nor devnet names one.

        Parameters
        ----------
        timeout_seconds
            How long the node may look for content that it does not have.
        """
        address = self.ipfs
        if not address:
            with contextlib.suppress(UsageError, LocalStateError):
                address = self._devnet().ipfs[0].address
        return self._open_ipfs(address, timeout_seconds) if address else None

    def open_stores(
        self, addresses: Sequence[str] = (), timeout_seconds: float = 60.0
    ) -> MirroredStore:
        """Open several IPFS nodes at once; without addresses all that there are.

        Parameters
        ----------
        addresses
            Multiaddrs of their APIs.
        timeout_seconds
            How long each may look for content that it does not have.
        """
        if not addresses:
            found = (self.ipfs,) if self.ipfs else (s.address for s in self._devnet().ipfs)
            addresses = tuple(found)
        return MirroredStore([self._open_ipfs(address, timeout_seconds) for address in addresses])

    def open_relay(self, url: str) -> RelayClient:
        """Open the relay at a URL."""
        return RelayClient(url, self._access(url))

    def open_ledger(
        self, task: str, account: LocalAccount | None = None, journal: Journal | None = None
    ) -> EthereumLedger:
        """Open the task at an address."""
        return EthereumLedger(self.connect(), task, account, journal)

    def open_registry(self, registry: str, account: LocalAccount | None = None) -> EthereumRegistry:
        """Open the registry at an address."""
        return EthereumRegistry(self.connect(), registry, account)

    def open_deployer(self, account: LocalAccount) -> Deployer:
        """Open a sender for contracts that do not exist yet."""
        return Deployer(self.connect(), account)

    def open_journal(self, task: str, account: LocalAccount) -> Journal:
        """Open the journal of one participant in one task; no other process may have it open."""
        directory = self.state / "journal" / task / str(account.address).lower()
        return Journal(directory, keys.derive_secret(account, _JOURNAL))

    def locate_key(self, name: str) -> Path:
        """Return the path of a key file by name or path.

        Raises
        ------
        KeyFileError
            There is none, or it is no key file.
        """
        path = Path(name) if name.endswith(".json") else self.keys / f"{name}.json"
        keys.read_keystore(path)
        return path

    def read_key_address(self, name: str) -> str:
        """Return the address that a key file says, by its name; empty if it says none."""
        address = str(keys.read_keystore(self.locate_key(name)).get("address", "")).lower()
        return address and f"0x{address.removeprefix('0x')}"

    def locate_encryption_key(self, name: str) -> Path:
        """Return the path of the encryption key beside a key file; there may be none yet."""
        return self.locate_key(name).with_suffix(ENDING)

    def open_key_ring(self, name: str, password: str) -> dict[bytes, bytes]:
        """Open the encryption keys beside a key file, those that were replaced as well."""
        return load_key_ring(self.locate_encryption_key(name), password)

    def open_key(self, path: Path, password: str) -> LocalAccount:
        """Open a key file."""
        return keys.load_key(path, password)

    def create_key(self, name: str, password: str, *, is_generated: bool = False) -> str:
        """Make a key file and return its address."""
        if not name.replace("-", "").replace("_", "").isalnum():
            raise UsageError(f"{name!r} is no name for a key", "use letters, digits, - and _")
        path = self.keys / f"{name}.json"
        return keys.create_key(path, password, is_generated=is_generated)

    def resolve_address(self, text: str) -> str:
        """Return an address as it is, or that of the key with this name.

        Raises
        ------
        UsageError
            It is neither.
        """
        return resolve_address(text, self.keys)

    def list_keys(self) -> list[tuple[str, str]]:
        """Return name and address of every key."""
        return keys.list_keys(self.keys)

    @property
    def keys(self) -> Path:
        """Directory of the key files."""
        return self.key_directory or self.state / "keys"

    def _open_ipfs(self, address: str, timeout_seconds: float = 60.0) -> IpfsStore:
        return IpfsStore(address, self._access(api_url(address)), timeout_seconds=timeout_seconds)

    def _access(self, url: str) -> Access:
        """Read what opens an endpoint, when it is needed."""
        try:
            files = self.access.get(origin_of(url))
        except UsageError:
            files = None  # who opens it says what is wrong with the address
        return NO_ACCESS if files is None else files.read()

    def _devnet(self) -> Devnet:
        devnet = read_devnet(self.state)
        if devnet is None or not devnet.is_running:
            down = [s.name for s in devnet.services if not s.process.is_running] if devnet else []
            what = f"{', '.join(down)} of the devnet" if down else "no devnet"
            verb = "does not run" if down else "runs"
            raise UsageError(
                f"{what} {verb} in {self.state.resolve()}",
                "start one with: fl-chain devnet up, or name endpoints with --rpc and --ipfs",
            )
        return devnet


def read_password(path: Path) -> str:
    """Return the first line of a password file."""
    return keys.read_password(path)


def generate_password(path: Path) -> str:
    """Write a random password to a file that only its owner reads, and return it."""
    return keys.generate_password(path)
