"""Contents that a contract can look into: blobs and reports with digests and openings."""

from __future__ import annotations

from collections.abc import Sequence

from fl_chain.protocol.digest import compute_digest
from fl_chain.protocol.opening import Opening, open_chunk
from fl_chain.protocol.report import compute_reward_offset
from fl_chain.protocol.rewards import Reward, encode_rewards

NUM_VALUES = 300
"""A model has three chunks, an update two."""
HEADER = b"a header".ljust(1024)
NOTHING = Opening(b"", ())


class Contents:
    """What stands behind digests."""

    def __init__(self) -> None:
        self._contents: dict[bytes, bytes] = {}
        self.genesis = self.add(_model(HEADER, range(NUM_VALUES)))
        self.model = self.add(_model(HEADER, range(5, NUM_VALUES + 5)))
        self.other = self.add(_model(b"another header".ljust(1024), range(NUM_VALUES)))
        self.updates = [
            self.add(HEADER + b"".join(_int(number * n, 2) for n in range(-150, 150)))
            for number in (1, 2, -3)
        ]

    def report(self, num_updates: int, kind: str, rewards: Sequence[Reward] = ()) -> bytes:
        """Return the digest of a report; ``kind`` is right, short or strange.

        In a task with rewards they follow, one of each update in turn.
        """
        statuses = bytes(([0, 0, 6, 0, 1] * num_updates)[:num_updates])
        if kind == "short":
            statuses = statuses[:-1]
        if kind == "strange":
            statuses = b"\n" + statuses[1:]
        if rewards and num_updates:
            filler = bytes(compute_reward_offset(num_updates) - 1024 - num_updates)
            said = [rewards[number % len(rewards)] for number in range(num_updates)]
            return self.add(HEADER + statuses + filler + encode_rewards(said))
        return self.add(HEADER + statuses)

    def open(self, digest: bytes, chunk: int) -> Opening:
        """Open a chunk, or nothing if there is none."""
        data = self._contents.get(digest, b"")
        return open_chunk(data, chunk) if 1024 * chunk < len(data) else NOTHING

    def read(self, digest: bytes, offset: int, width: int) -> int:
        """Return an integer behind the header."""
        at = 1024 + offset
        return int.from_bytes(self._contents[digest][at : at + width], "little", signed=True)

    def add(self, data: bytes) -> bytes:
        """Keep some content; return its digest."""
        digest = compute_digest(data)
        self._contents[digest] = data
        return digest


def _model(header: bytes, values: Sequence[int]) -> bytes:
    return header + b"".join(_int(value, 4) for value in values)


def _int(value: int, width: int) -> bytes:
    return value.to_bytes(width, "little", signed=True)
