from __future__ import annotations

import sys
from pathlib import Path

import pytest

from fl_chain.cache import cache_directory, digest_file, make_directory
from fl_chain.errors import LocalStateError


@pytest.mark.parametrize(
    ("variables", "expected"),
    [
        ({"FL_CHAIN_CACHE": "/a", "XDG_CACHE_HOME": "/b"}, Path("/a")),
        ({"XDG_CACHE_HOME": "/b"}, Path("/b/fl_chain")),
        pytest.param(
            {"HOME": "/c"},
            Path("/c/.cache/fl_chain"),
            marks=pytest.mark.skipif(sys.platform == "darwin", reason="elsewhere on macOS"),
        ),
    ],
)
def test_the_cache_is_where_the_user_wants_it(
    variables: dict[str, str], expected: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FL_CHAIN_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert cache_directory() == expected


def test_the_digest_of_a_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"abc")
    assert digest_file(tmp_path / "file").startswith("ba7816bf8f01cfea414140de5dae2223")


def test_a_cache_that_cannot_be_made_says_how_to_name_another(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LocalStateError) as caught:
        make_directory(tmp_path / "file" / "below")
    assert "FL_CHAIN_CACHE" in caught.value.hint
