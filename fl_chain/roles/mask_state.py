"""What a participant has to remember of its masks in a round, as bytes and back.

Three things, each written down before anything that follows from it is published: what it drew,
what it received, and what it masked. A participant that is killed goes on with the same, and never
masks twice, or tells twice, under the same seeds.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fl_chain.errors import LocalStateError
from fl_chain.privacy.masking.bundle import ReceivedShares
from fl_chain.privacy.masking.groups import GroupMember, GroupPlace


@dataclass(frozen=True, slots=True)
class DrawnSeeds:
    """A member's own seeds of a round, and the bundle that shares them."""

    member: GroupMember
    members: tuple[str, ...]
    """Addresses of the group, in the order of positions."""
    seeds: tuple[bytes, ...]
    own_shares: tuple[bytes, ...]
    bundle: bytes
    """As it is pinned."""

    def encode(self) -> bytes:
        """Return bytes that :func:`decode_drawn` takes back."""
        member = self.member
        place = member.place
        return _dump(
            task=place.task,
            round=place.round,
            group=place.group,
            participant=member.participant,
            position=member.position,
            members=self.members,
            seeds=_hex(self.seeds),
            own_shares=_hex(self.own_shares),
            bundle=self.bundle.hex(),
        )


@dataclass(frozen=True, slots=True)
class Received:
    """What a member has of the others, and the peers with which it therefore shares no mask."""

    shares: Mapping[int, ReceivedShares]
    """By position of the sender."""
    apart: int
    """A bit for each position that shared and of whose bundle nothing could be read."""

    def encode(self) -> bytes:
        """Return bytes that :func:`decode_received` takes back."""
        shares = {
            str(sender): {
                "shares": _hex(its.shares),
                "seed": None if its.pair_seed is None else its.pair_seed.hex(),
            }
            for sender, its in self.shares.items()
        }
        return _dump(apart=self.apart, shares=shares)


def decode_drawn(content: bytes) -> DrawnSeeds:
    """Return what :meth:`DrawnSeeds.encode` made bytes of.

    Raises
    ------
    LocalStateError
        Another version wrote it.
    """
    values = _load(content)
    try:
        members = tuple(values["members"])
        place = GroupPlace(values["task"], values["round"], values["group"])
        member = GroupMember(place, values["participant"], len(members), values["position"])
        seeds, own = (_unhex(values[name]) for name in ("seeds", "own_shares"))
        return DrawnSeeds(member, members, seeds, own, bytes.fromhex(values["bundle"]))
    except (KeyError, TypeError, ValueError):
        raise _unreadable() from None


def decode_received(content: bytes) -> Received:
    """Return what :meth:`Received.encode` made bytes of.

    Raises
    ------
    LocalStateError
        Another version wrote it.
    """
    values = _load(content)
    try:
        shares = {
            int(sender): ReceivedShares(
                int(sender),
                _unhex(its["shares"]),
                None if its["seed"] is None else bytes.fromhex(its["seed"]),
            )
            for sender, its in values["shares"].items()
        }
        return Received(shares, values["apart"])
    except (KeyError, TypeError, ValueError, AttributeError):
        raise _unreadable() from None


def _dump(**values: Any) -> bytes:
    return json.dumps(values).encode()


def _load(content: bytes) -> Any:
    try:
        return json.loads(content)
    except ValueError:
        raise _unreadable() from None


def _hex(words: tuple[bytes, ...]) -> list[str]:
    return [word.hex() for word in words]


def _unhex(words: list[str]) -> tuple[bytes, ...]:
    return tuple(map(bytes.fromhex, words))


def _unreadable() -> LocalStateError:
    return LocalStateError(
        "the journal's masks are of another version of fl-chain",
        "let the version that wrote them finish the round",
    )
