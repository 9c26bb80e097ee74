"""The folder watcher: files that come, go and are saved are news, once they are whole."""

import asyncio
import os
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from control.host.folders import FolderWatcher

PATIENCE_S = 20


class Heard:
    def __init__(self) -> None:
        self._news = asyncio.Event()
        self.watcher = FolderWatcher(self._news.set, asyncio.get_running_loop())

    async def news(self) -> None:
        """Wait for the next change."""
        await asyncio.wait_for(self._news.wait(), PATIENCE_S)
        self._news.clear()

    async def nothing(self) -> None:
        """Let the loop read whatever there is, and find no news in it."""
        for _ in range(10):
            await asyncio.sleep(0)
        assert not self._news.is_set()


def listen(test: Callable[[Heard], Coroutine[Any, Any, None]]) -> None:
    async def run() -> None:
        heard = Heard()
        try:
            await test(heard)
        finally:
            heard.watcher.close()

    asyncio.run(run())


@pytest.mark.parametrize("change", ["save", "replace", "remove", "new", "link"])
def test_files_that_come_go_and_are_saved_are_news(tmp_path: Path, change: str) -> None:
    folder, outside = tmp_path / "folder", tmp_path / "outside"
    folder.mkdir()
    (folder / "file").write_text("before")

    async def test(heard: Heard) -> None:
        heard.watcher.follow([folder])
        await heard.nothing()
        if change == "save":
            (folder / "file").write_text("after")
        elif change == "replace":
            outside.write_text("after")
            os.replace(outside, folder / "file")
        elif change == "remove":
            (folder / "file").unlink()
        elif change == "new":
            (folder / "other").write_text("")
        else:
            (folder / "other").symlink_to(folder / "file")
        await heard.news()

    listen(test)


def test_a_file_is_being_written_until_it_is_closed(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("before")

    async def test(heard: Heard) -> None:
        heard.watcher.follow([tmp_path])
        with (tmp_path / "file").open("a") as file:
            file.write("half")
            file.flush()
            await heard.nothing()
            assert heard.watcher.being_written
        await heard.news()
        assert not heard.watcher.being_written

    listen(test)


def test_a_folder_that_is_made_anew_is_followed_again(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    async def test(heard: Heard) -> None:
        assert heard.watcher.follow([folder])
        assert not heard.watcher.follow([folder])
        folder.rename(tmp_path / "old")
        await heard.news()
        assert heard.watcher.follow([folder])
        folder.mkdir()
        assert heard.watcher.follow([folder])
        (folder / "file").write_text("")
        await heard.news()

    listen(test)


def test_a_folder_that_is_followed_no_more_is_no_news(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.mkdir()

    async def test(heard: Heard) -> None:
        heard.watcher.follow([first, second])
        heard.watcher.follow([second])
        (first / "file").write_text("")
        await heard.nothing()
        (second / "file").write_text("")
        await heard.news()

    listen(test)


def test_what_has_changed_is_told_by_its_path_once(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    first.mkdir()
    second.symlink_to(first)

    async def test(heard: Heard) -> None:
        heard.watcher.follow([first, second])
        for name in ("file", "old"):
            (first / name).write_text("")
        (first / "old").rename(first / "new")
        await heard.news()
        await heard.nothing()
        named = {place / name for place in (first, second) for name in ("file", "old", "new")}
        assert heard.watcher.take_changes() == named
        assert heard.watcher.take_changes() == frozenset()

    listen(test)


def test_when_a_folder_itself_changes_nobody_can_say_what_has(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()

    async def test(heard: Heard) -> None:
        heard.watcher.follow([folder])
        (folder / "file").write_text("")
        folder.rename(tmp_path / "old")
        await heard.news()
        await heard.nothing()
        assert heard.watcher.take_changes() is None
        assert heard.watcher.take_changes() == frozenset()

    listen(test)
