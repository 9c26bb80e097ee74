"""A saved file is noticed once, when it is at rest; a terminal's end is told from a wish to reload."""

import os
from pathlib import Path

import pytest

from control.agent.reloading import FileWatch, terminal_is_gone


def looks(watch: FileWatch, times: int = 4) -> list[bool]:
    return [watch.has_been_saved() for _ in range(times)]


def test_a_file_that_stays_is_no_news(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    assert looks(FileWatch(path)) == [False] * 4


def test_a_save_counts_once_and_only_when_the_file_is_at_rest(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    watch = FileWatch(path)
    path.write_text("half")
    assert looks(watch, 1) == [False]
    path.write_text("half and half")
    assert looks(watch) == [False, True, False, False]


def test_an_editor_that_replaces_the_file_is_noticed_too(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("old")
    watch = FileWatch(path)
    path.unlink()
    assert looks(watch) == [False] * 4
    (tmp_path / "new").write_text("new")
    os.replace(tmp_path / "new", path)
    assert looks(watch) == [False, True, False, False]


def test_without_a_terminal_it_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> int:
        raise OSError(6, "No such device or address")

    monkeypatch.setattr(os, "open", refuse)
    assert terminal_is_gone()
