"""What is known of other nodes, on disk: whatever becomes of a write, what is read was known before or is known now."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from resource import RLIMIT_FSIZE, getrlimit, setrlimit

import pytest

from control.model import Peer
from control.overlay.journal import PeerJournal, read_journal
from control.overlay.store import PeerStore
from tests.peers.nodes import endpoint, peer


def journal_at(path: Path) -> tuple[PeerJournal, PeerStore]:
    """Return a journal that follows a store."""
    journal, store = PeerJournal(path), PeerStore()
    journal.begin(())
    store.on_take_in = journal.note
    return journal, store


def tell(store: PeerStore, *peers: Peer) -> None:
    for each in peers:
        store.take_in(store.plan_upsert(each, "api", 0.0))


def read(path: Path) -> dict[str, Peer]:
    """Return what the next agent would know."""
    store = PeerStore()
    for plan in read_journal(path):
        store.take_in(plan)
    return {node: known.peer for node, known in store.known.items()}


@contextmanager
def room_for(size: int) -> Iterator[None]:
    """Let no file grow beyond a size, as a disk does that is full: what fits is written before the rest is refused."""
    before = getrlimit(RLIMIT_FSIZE)
    setrlimit(RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        setrlimit(RLIMIT_FSIZE, before)


def test_what_was_told_is_read(tmp_path: Path) -> None:
    _, store = journal_at(path := tmp_path / "peers")
    first, second = peer(2, endpoint(2, 5)), peer(3, endpoint(3, 6), lease_s=9)
    tell(store, first, second)
    assert read(path) == {"node2": first, "node3": second}


def test_a_line_that_finds_no_room_leaves_nothing_and_the_next_begins_anew(tmp_path: Path) -> None:
    journal, store = journal_at(path := tmp_path / "peers")
    tell(store, first := peer(2, endpoint(2, 5)))
    before = path.read_bytes()
    with room_for(len(before) + 40), pytest.raises(OSError, match="File too large"):
        tell(store, second := peer(3, endpoint(3, 6)))
    assert path.read_bytes() == before
    assert not journal.is_long, "there is no room for more yet"
    tell(store, third := peer(4))
    assert journal.is_long
    journal.begin(store.known.values())
    assert read(path) == {"node2": first, "node3": second, "node4": third}
    assert not journal.is_long


def test_beginning_anew_without_room_leaves_the_journal_as_it_was(tmp_path: Path) -> None:
    journal, store = journal_at(path := tmp_path / "peers")
    tell(store, first := peer(2, *(endpoint(2, number) for number in range(2, 50))))
    with room_for(100), pytest.raises(OSError, match="File too large"):
        journal.begin(store.known.values())
    assert read(path) == {"node2": first}
    assert [each.name for each in tmp_path.iterdir()] == ["peers"]
    tell(store, second := peer(3))
    assert journal.is_long
    assert read(path) == {"node2": first, "node3": second}


@pytest.mark.parametrize("cut", range(1, 100, 7))
def test_a_line_that_is_torn_ends_what_is_read(tmp_path: Path, cut: int) -> None:
    _, store = journal_at(path := tmp_path / "peers")
    tell(store, first := peer(2, endpoint(2, 5)))
    before = path.read_bytes()
    tell(store, peer(3, endpoint(3, 6)))
    whole = path.read_bytes()[len(before) :]
    path.write_bytes(before + whole[:cut] + whole)
    assert read(path) == {"node2": first}
    path.write_bytes(before + whole[:cut] + b"\xff\0\n")
    assert read(path) == {"node2": first}
