"""Vectors of encryption keys and of sealed updates."""

from __future__ import annotations

import base64
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from tests import reference_encryption as ref
from tests.reference_encryption import Key

TASK, ROUND, PARTICIPANT = "5a" * 32, 7, "0x" + "a1" * 20
KEYS: Final = [Key(bytes([number]) * 32) for number in (1, 2, 3)]
_CONTENT_KEY: Final = bytes(range(32))
_BLOB: Final = b"what is inside is for its readers, whatever it is" * 3
_LATTICE_CIPHERTEXTS: Final = (
    (
        "VRHoV1Ic5wAhzYPqaKwwt9q1qgM20yACIhWL8zKDR3/nbNjYQ8m2gMB6mlbK9uL3jNyp8plqxgGhVzmn9MnSTeAL"
        "XY5SxvDFsNaTVDP/WzI4FdaYbVCwOffegdy+U0yckezc3v/uBin38+bLCm9uQuT7U1cKYQikTZL04VK/PwfPRkxm"
        "U9MRGNreX8p31uAEa/XdTEaCR3jBT21Ym9JWTRNrMAONkAWQv2qZUZ6Lweap+WV/XTZ3lrPC0WLtbz/BZJO37Bhe"
        "REfr/uy50L+szNmBT42s4aGLsnnOyxoK8zOSe8v/KJgqxMiC9ilvVU/iyT9qngoSmb7ZG02RDqb8Vn7Wn3bztHvc"
        "vW/pDeU5PKrpIYn2jpPvcSxKnKFUdNt8niqoFlBRvew9m36xFy/aUCy/3WyirhdKar90oPKrfFjYm+7uihXtQpsj"
        "LpA0mYeUIcz6EZpfcx+diec+yAFDfbbG6UD3viNcJwwYmoZegNaWeiLoOL2ogEEtaPm2QpjAAXNcuLnlYTP6Maco"
        "LWs1O5U9NQQ1amI7zfgc3tV8LRsgpchfEeqMADOM+CU8OIkN1kKGc50CB6WQsD9QQ/9zGB6gD/1N+Njf9Rz3g/Mp"
        "V/T5739bjIE5p3d+rpJFEVDrUhh7viOP2EBxVxECk7GsgeMCiiSgoMBGJQ6tCOU6FCR0aWXjBEgTvaaW8a4EAO+E"
        "jv1uyN7T8hXXv+oS6ToyDCkQpmw/2EezGYG10XjuBGJKLl7hv8vVAArm573ML0b/zUnQFpLMe+hE6pnEboFsZhYE"
        "yhsJ+5pXDvpwmztXsBNyUMhciSeSMkwVw7KFgoAZO1Ej+lGCelTAm0CtmT7eTEmauMQRGnEVmXwTP13/APRPkh1G"
        "YSJnqf5pwVlGFyklSBAw7zouvheIzJ3gNMAPxcYn/tuUURXh3fZB0ogbFGu/f1MYp/stH0KPNoBEN2ipvaznQry2"
        "6lN7q0OEmY2q/1ztdKPElNdqTpktTZkqMAsLitv+Ze+HwO5h/oPFfuYa73LJo5sKDiFI2v6dHh2ALXo5RacBTQtZ"
        "2NC80o806D23rNldOwlvrRRuoovHVPIFcukQ0TVdUshbt3Uib/57rncUpxs8qwWCtNCjLcqdmd/NM7Zs+W+SEFAP"
        "XVrC321YmeA/rcNV4ulVf944zMjf2j+OnJbTl20dvkbTXb638zmKPlz6Ku5npOpUBFJrPoOpOCgL6fLjudWMHRZx"
        "z5SGb+itZ/gzOeLQUfcMkgIe7LupEZYny4SoZvzzCjBf21CTtOxvLy8/dk29SHDBSWmEHblPEpiZf82iC59GEEhS"
        "uCzYPMhLWkY7DfBdHHTz6WgT5u2ph72e1k1ycUQGIYqv5LKvXHDeqGZBcAHNqbABQZUuuAANrIPSdGt+2aYuROC+"
        "lob7O0CSfICqKTtADxQqaFVVokVwoMXAClyJSTzQNns="
    ),
    (
        "uxmSFTYOGkyoa+ocaoiwKbSSdx8d9G6+yVsw//RumuNNlYqrvlU0d1QYkRSwChep3ZXg2H9vKMKrkCZEHoRoWjGT"
        "862hNTWKJagCoT6S569ExJrQNoPemD5YSM2VxvA8cCtVfAWJR2VE5xVvZXz4zPKpZmtjYTtTRCz51sXIgGkxjhXd"
        "CFLvxB21RktW1zYRfi8QMvpvH+WH0qTkSDdkCPu6oZt400Lf9aKqxGiaXrZ7UQBde3u+FolTNN2/tBwuKMjHjRMs"
        "BJ1PhqES1tX7zoS2l6Kg3mXIjnyOTw1YbwtmbBt2ZhhUN/mlJTliJoQTEtFgZTI7LhRh+BsDNT2GEzE65VrwaG+T"
        "+0YVud4Y55jJmgPfBjeCqsZ/gyg4mJ/dGk6P4IziD+7OiHkloUVZyaLWDlXV2CXxyxXsHEmq5aaWxFZYize3P1Ne"
        "856YPNmqqu7pB/QZYDPcVqRc0SiDGTBWeEUC7KJcC2jMBsfH9+afqt+ldLftuajKXf7ZhfTnnDBDJS9zebQku4R0"
        "bnGK+lCGD1D3IIOmQeDiAqT+r5kl7hEybwDW7UZVRXbXq/UgFZXN3KFuUb1LCTCVtu/mRHVxEgZEJhfWuMRhxxjK"
        "fUdH7c8c1rfEvxTf1Fh55J5dOKfd0wledEJPMFQqN4xtH6wOdfLCKkrUSsHIkBAwtyjTTvKZ7+ezqViCnclUbove"
        "G41l6tRU5v/j8c81Xh5TnEL/1s0odjv9tPncU50rqVIriIRnV6w1pHEhTHYvUIdt22e1hqtBfs5fGt22tpKVYddU"
        "kZ5a1QX60Xz578WIUjpVJ61xBZeosxdSfrQdwERUra0EceFqMWEkmqMaPDrBlVB4I9V5ee8TZXwfzckHAqwcR+w3"
        "J4OpbsrIJ/QhCO0w641diarh6F/Dbe8r15q4jPhTPe169G7HchU7gg63WcpjpCSH7AgaPeG6g8aDWL6w6BLzoWt4"
        "tkFd2Rpbu6IJHUNcVaRxgvRvYAFA5YkDUmWpHZl8BNZQU6GocIjnatRnW7BFVf3heesxyCP2ir5rVzu1vwiSZy6l"
        "chbDLY1ZmabM2E3Z8X2BJRxKoja/DpBNF2h9VhdQWvm7dJqK9ST2TM1CeqVPtLE/KSG3rrAHEeiCDwlksaoVBMqD"
        "tFmcQ5kvfHxGfF4rauGG/ADulzitsFwosKp5zzeueY059kKneBs9nTtepiFIGkdB/PRYFxdYql6CWJ9pZCBYrkQk"
        "N3mPk6XbH1RIuciU8OMCqNyVKBT78DVXcEft8eKbCsn+em+dy+YPFQ2SFMruRKbg2RD2c5AJQVvT8WRJQUR3eapm"
        "kjyFpUdkwQGmu1RgY2gDsM93NvH6BvltLiYa965+rnmr6s+8R5ax8RRBOrbcB0GLaz7bmfMmI4f/FvOx4Z5sKYs6"
        "pg+WUBmNc5Fzbx5r3019HehjRUYWRT7821qqepFHcGs="
    ),
    (
        "EenHyhmgKYEJ6dR5O6TmtDil4PSmrYHIvVfcrjigCoXtHOPcC6oErJDGV9Rl6PGiF5oSPLThjiFQzZ81Do2YK3sX"
        "X/iKYwuaElXl19HtaoVPuEasyVTKbm6ZHVQSiGbe4PBs93LJoWOK6I5YVX2st+FgpDgJ+Nz6DMopUxvJcRbVcVYr"
        "9g+Kf7wG92kqAOVeCP5zi6vw5rIspVX69I6md6EJcBYHg2vpzAyTidl/KVH9r0tg4Vt3F+axxQxOF5oo+KE925F4"
        "FZ/wLLgVY9C20U/U4AQrBUepvyAg/7PmdQjD24QtR7y1FZ3T1nYsp1ynctweo22w9mn8Q4xBc3xwlimvzFEKQU9d"
        "Lu4lqYsCsqZaXjJdz5suSpeCJ3t6NOY1cPyj3VhOWH9htl8dEx/tj2EfZXXnmUhte0Rw80DdVaTwYj/B5mxy6AIl"
        "omvsAFxvV+OEIKqOa6Z3pdNF/4LlosaOql3HdvbBg183cUv5l3kIa//QWZExt4NUPWaOKVv50pTXKrZ/Ha0iVy0i"
        "+nkpY8Z4Wfyn83DbG7FOxCwK8HCPqUn3DieDyMf7GDZctG+84eYMF9gKl6q+H/MbG9OyTRAAOwLpB4YtjblIThgW"
        "lx3FmV9i3qkjl4fEHLobeLjsFkWyRASkqsZb5zZbEeVoycCEZbgd4UU6cAsvDyZ48mvp/IaRDzhMcggp3UBO0jsx"
        "DNscfuzWSu+mEsiqwYOnK1S0K+G1s1LkK4O7HmVto2zuT+0fZEoJizG6fYCj6BatqMOctbwJ7kPq1oPdAYkz8keY"
        "5pvEgIW7+IQzuk5bOV/fwczHJaJD01pzrzYuYUJfnYkETHagNS//96Op4t4V8HJLmBsSabzMboxzilUxQm9hSU2B"
        "H5npMysNV/6P1TPjbws9uCzJMXAnvnAue2OO0PUDLUkideYsmRWQ8RU8Qvis/DVnYuBIiebFMjyl6MV3ekzP78m/"
        "RUKRcjqpqrnXmFToqKrdvkYVF7QBpXD5xsfotN3unW6XnnaC09qOjhLSMHTG2ki6Q3e2+y1012gErT2dytHx1XuY"
        "HApp2PawKVUSeDMBHqrnlziI3jA6/Mke3okf7Xz+JmqYfXWoI6GgtcL//mOjr/05I1A1Y1CwRK4If0G0pdxWhnsK"
        "rsZ2rhsLr+SvvHPdDBEEmu59SMfkC+QToa0bPr7iEdrRakeGq58kZSJeIDuAHXo1HnA0/wqXbf1xb+qbdZvSGF8w"
        "COw5ZugRHeKUwIqA+cjmDaTWK53/Tq2zwdnOtENi0FgaIWR1FaPBneSjcYxJTbUbyDd29gybaJrb4ouxkhRHnguA"
        "1u4RwFKNla6gyneKLp/7gFUFGiLRpVocNgLUuN0eFc+QLYMAASED+RPFuG/D6oTIS0CGIlAu90CNZJ//gutgqz3I"
        "fcVrkwxJWVPkqZuzFV34e7rexpwd+thJz+ohE4zpQLQ="
    ),
)
"""Of ML-KEM-768, to each of the keys; made once, as an encapsulation draws its own randomness."""


def make_sealed() -> dict[str, Any]:
    """Return keys, what is encrypted to them, and sealed updates."""
    return {
        "keys": [_describe(key) for key in KEYS],
        "encrypted": [
            _encrypted("nothing", KEYS[0], 0, b"", b""),
            _encrypted("a content and a context", KEYS[1], 1, b"context", b"content"),
            _encrypted("a content key", KEYS[2], 2, b"fl_chain/sealed/1", _CONTENT_KEY),
        ],
        "cases": [
            _sealed("one reader", [0]),
            _sealed("three readers", [0, 1, 2]),
            _sealed("a reader without a key", [0, None, 2]),
        ],
    }


def _describe(key: Key) -> dict[str, str]:
    return {
        "secret": key.secret.hex(),
        "public_key": key.public.hex(),
        "name": key.name.hex(),
    }


def encapsulated(number: int, secret: bytes) -> bytes:
    """Return the ciphertext of ML-KEM, and the public key of an ephemeral secret of X25519."""
    ephemeral = X25519PrivateKey.from_private_bytes(secret)
    lattice = base64.b64decode(_LATTICE_CIPHERTEXTS[number])
    return lattice + ephemeral.public_key().public_bytes_raw()


def _encapsulated(number: int) -> bytes:
    return encapsulated(number, bytes([0x50 + number]) * 32)


def _encrypted(name: str, key: Key, number: int, context: bytes, content: bytes) -> dict[str, str]:
    return {
        "name": name,
        "secret": key.secret.hex(),
        "context": context.hex(),
        "content": content.hex(),
        "encrypted": ref.seal(key, _encapsulated(number), context, content).hex(),
    }


def _sealed(name: str, numbers: list[int | None]) -> dict[str, Any]:
    readers = [
        None if number is None else (KEYS[number], _encapsulated(number)) for number in numbers
    ]
    data = ref.seal_update(TASK, ROUND, PARTICIPANT, readers, _CONTENT_KEY, _BLOB)
    return {
        "name": name,
        "task": TASK,
        "round": ROUND,
        "participant": PARTICIPANT,
        "readers": [None if number is None else KEYS[number].name.hex() for number in numbers],
        "blob": _BLOB.hex(),
        "sealed": data.hex(),
    }
