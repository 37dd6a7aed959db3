"""Commitments: what a participant records about its update before anybody shows one.

Keccak-256 of eight ABI words: chain, ledger, round, participant, digest, CID digest, weight, salt.
The first four make it worthless to anybody else, the salt makes it say nothing.
"""

from __future__ import annotations

from typing import Final

from eth_hash.auto import keccak

from fl_chain.protocol.logs import WORD_BYTES

SALT_BYTES: Final = 32
PENDING: Final = 2**32 - 1
"""In place of a sequence number: committed, and not revealed."""


def compute_commitment(
    chain_id: int,
    ledger: str,
    round_number: int,
    participant: str,
    digest: bytes,
    cid_digest: bytes,
    weight: int,
    salt: bytes,
) -> bytes:
    """Return the 32-byte commitment to one update.

    Parameters
    ----------
    chain_id, ledger, round_number, participant
        Where it is valid, and for whom.
    digest, cid_digest, weight
        The update, as it will be on record.
    salt
        32 random bytes: without them, whoever guesses an update could tell that it guessed right.
    """
    words = (
        chain_id.to_bytes(WORD_BYTES),
        _address_word(ledger),
        round_number.to_bytes(WORD_BYTES),
        _address_word(participant),
        digest,
        cid_digest,
        weight.to_bytes(WORD_BYTES),
        salt,
    )
    return keccak(b"".join(words))


def _address_word(address: str) -> bytes:
    return bytes.fromhex(address[2:]).rjust(WORD_BYTES, b"\0")
