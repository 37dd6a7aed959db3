"""Encryption and sealed updates of docs/spec.md, 5.17, in dull code, from what defines them.

Nothing here imports fl_chain. The hash functions, X25519, ML-KEM-768 and AES-256-GCM are a
library's; how they make X-Wing, HPKE and the container is written out. An encapsulation is given
by its ciphertext of ML-KEM and the ephemeral secret of X25519, so that everything else follows.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.mlkem import MLKEM768PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEM_ID, KDF_ID, AEAD_ID = 0x647A, 0x0001, 0x0002
X_WING_LABEL = b"\\./" + b"/^\\"
ROW_BYTES = 1200


@dataclass(frozen=True)
class Key:
    """A key pair, from its 32 bytes."""

    secret: bytes

    @property
    def halves(self) -> tuple[MLKEM768PrivateKey, X25519PrivateKey]:
        """draft-connolly-cfrg-xwing-kem, expandDecapsulationKey."""
        expanded = hashlib.shake_256(self.secret).digest(96)
        return (
            MLKEM768PrivateKey.from_seed_bytes(expanded[:64]),
            X25519PrivateKey.from_private_bytes(expanded[64:]),
        )

    @property
    def public(self) -> bytes:
        lattice, curve = self.halves
        return lattice.public_key().public_bytes_raw() + curve.public_key().public_bytes_raw()

    @property
    def name(self) -> bytes:
        return hashlib.sha256(self.public).digest()


def decapsulate(key: Key, encapsulated: bytes) -> bytes:
    """draft-connolly-cfrg-xwing-kem, Decapsulate and Combiner."""
    lattice, curve = key.halves
    lattice_ciphertext, curve_ciphertext = encapsulated[:1088], encapsulated[1088:]
    lattice_secret = lattice.decapsulate(lattice_ciphertext)
    curve_secret = curve.exchange(X25519PublicKey.from_public_bytes(curve_ciphertext))
    curve_public = curve.public_key().public_bytes_raw()
    combined = lattice_secret + curve_secret + curve_ciphertext + curve_public + X_WING_LABEL
    return hashlib.sha3_256(combined).digest()


def extract(salt: bytes, label: bytes, material: bytes) -> bytes:
    """RFC 9180, section 4, LabeledExtract, over RFC 5869."""
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite() + label + material, hashlib.sha256)


def expand(secret: bytes, label: bytes, info: bytes, length: int) -> bytes:
    """RFC 9180, section 4, LabeledExpand, over RFC 5869; one block is enough here."""
    labeled = length.to_bytes(2) + b"HPKE-v1" + suite() + label + info
    return hmac.digest(secret, labeled + b"\1", hashlib.sha256)[:length]


def suite() -> bytes:
    """RFC 9180, section 5.1: suite_id."""
    return b"HPKE" + b"".join(number.to_bytes(2) for number in (KEM_ID, KDF_ID, AEAD_ID))


def seal(key: Key, encapsulated: bytes, info: bytes, content: bytes) -> bytes:
    """RFC 9180, section 6.1, SealBase, for an encapsulation to a key."""
    shared = decapsulate(key, encapsulated)
    hashes = [
        extract(b"", label, text) for label, text in ((b"psk_id_hash", b""), (b"info_hash", info))
    ]
    context = b"\0" + hashes[0] + hashes[1]
    secret = extract(shared, b"secret", b"")
    aead_key = expand(secret, b"key", context, 32)
    nonce = expand(secret, b"base_nonce", context, 12)
    return encapsulated + AESGCM(aead_key).encrypt(nonce, content, b"")


def context_of(task: str, round_number: int, participant: str, name: bytes) -> bytes:
    """What a content key is encrypted under."""
    who = bytes.fromhex(participant[2:])
    return b"fl_chain/sealed/1" + bytes.fromhex(task) + round_number.to_bytes(4) + who + name


def seal_update(
    task: str,
    round_number: int,
    participant: str,
    readers: list[tuple[Key, bytes] | None],
    content_key: bytes,
    blob: bytes,
) -> bytes:
    """The container; readers are keys with an encapsulation to each, or None without a key."""
    rows = b""
    for reader in readers:
        if reader is None:
            rows += bytes(ROW_BYTES)
            continue
        key, encapsulated = reader
        context = context_of(task, round_number, participant, key.name)
        rows += key.name + seal(key, encapsulated, context, content_key)
    size = len(blob) + 16
    entries = {
        "__metadata__": {
            "format": "fl_chain/1",
            "kind": "sealed",
            "participant": participant,
            "round": str(round_number),
            "task": task,
        },
        "keys": {"data_offsets": [0, len(rows)], "dtype": "U8", "shape": [len(readers), ROW_BYTES]},
        "update": {"data_offsets": [len(rows), len(rows) + size], "dtype": "U8", "shape": [size]},
    }
    text = json.dumps(entries, separators=(",", ":"), sort_keys=True).encode()
    header = (1016).to_bytes(8, "little") + text.ljust(1016)
    return header + rows + AESGCM(content_key).encrypt(bytes(12), blob, header + rows)
