"""Files that are written whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from fl_chain.errors import LocalStateError, UsageError
from fl_chain.whole_file import check_place, write_whole


@pytest.mark.parametrize("is_durable", [False, True])
def test_the_new_content_replaces_the_old_and_leaves_nothing_else(
    tmp_path: Path, is_durable: bool
) -> None:
    path = tmp_path / "model"
    for content in (b"old and long", b"new"):
        write_whole(path, content, is_durable=is_durable)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_cannot_be_written_keeps_the_old_content_and_leaves_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "model"
    write_whole(path, b"old")

    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(LocalStateError, match="No space left on device") as caught:
        write_whole(path, b"new", "free disk space")
    assert caught.value.hint == "free disk space"
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path: Path) -> None:
    target, link = tmp_path / "round-3", tmp_path / "latest"
    target.write_bytes(b"old")
    link.symlink_to(target)
    write_whole(link, b"new")
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_what_is_no_file_stays_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for place in (pipe, tmp_path):
        with pytest.raises(UsageError, match="it is there, and no file"):
            check_place(place)
        with pytest.raises(UsageError, match="it is there, and no file"):
            write_whole(place, b"new")
    assert pipe.is_fifo()


def test_a_place_in_no_folder_is_named_before_any_work(tmp_path: Path) -> None:
    check_place(tmp_path / "report.html")
    with pytest.raises(UsageError, match="there is no folder"):
        check_place(tmp_path / "nowhere" / "report.html")


def test_a_name_that_no_file_can_have_is_told_in_one_line(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 300)
    with pytest.raises(UsageError, match="File name too long"):
        check_place(path)
    with pytest.raises(LocalStateError, match="File name too long"):
        write_whole(path, b"new")
