"""Whoever asks for an account takes the name of a key as well as an address."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from fl_chain.errors import KeyFileError, UsageError
from fl_chain.roles.account_names import read_address, resolve_address

ALICE = "0x" + "a1" * 20
BOB = "0x" + "b0" * 20


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    """A directory with the keys of alice and bob, whose address is written in either form."""
    for name, address in (("alice", ALICE), ("bob", BOB.removeprefix("0x").upper())):
        (tmp_path / f"{name}.json").write_text(json.dumps({"address": address}))
    return tmp_path


def test_a_name_stands_for_the_address_of_its_key(keys: Path) -> None:
    assert [resolve_address(name, keys) for name in ("alice", "bob")] == [ALICE, BOB]


def test_an_address_stands_for_itself_in_one_form_with_and_without_keys(keys: Path) -> None:
    for directory in (keys, keys / "none"):
        assert resolve_address(ALICE.upper().replace("X", "x"), directory) == ALICE


def test_no_file_takes_the_place_of_an_address(keys: Path) -> None:
    (keys / f"{ALICE}.json").write_text(json.dumps({"address": BOB}))
    assert resolve_address(ALICE, keys) == ALICE


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("alcie", "did you mean alice?"),
        ("Bob", "did you mean bob?"),
        ("coordinator", "fl-chain key new"),
        ("", "fl-chain key list"),
        ("*", "fl-chain key list"),
        (ALICE[:-1], "0x and 40 digits"),
    ],
)
def test_an_unknown_name_is_told_with_the_place_and_the_nearest(
    keys: Path, name: str, hint: str
) -> None:
    with pytest.raises(UsageError) as error:
        resolve_address(name, keys)
    assert repr(name) in error.value.message
    assert str(keys) in error.value.message
    assert hint in error.value.hint


@pytest.mark.parametrize("contents", ["{}", '{"address": 5}', '{"address": "0x12"}', "[]", "", "{"])
def test_a_key_file_that_does_not_say_its_address_harms_no_other(keys: Path, contents: str) -> None:
    (keys / "broken.json").write_text(contents)
    with pytest.raises(KeyFileError, match=r"broken\.json"):
        resolve_address("broken", keys)
    assert resolve_address("alice", keys) == ALICE


def test_where_only_an_address_will_do_a_name_is_refused() -> None:
    with pytest.raises(UsageError, match="'alice' is no address"):
        read_address("alice")
