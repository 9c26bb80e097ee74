"""Watch interfaces and their namespaces from the agent's event loop, and call back on every change.

Theory of operation: each namespace in use has one netlink socket, opened inside it, that hears of every link there; the
loop reads it. A watched interface is followed by its index from the moment it is found, so that renaming it changes
nothing; while there is none, by its name. Only changes are reported: a message that tells what is known already is not.
When the socket overflows, the links are asked for anew and compared.

The socket keeps its namespace alive, and with it the identity that the path is compared with each second: a namespace
deleted, and one made anew under the same name, are both noticed for certain. Then the socket is closed, so the watcher
lets go of the old one; whoever holds TAPs in it must do the same, or it lives on unseen.

Limits: a namespace deleted and remade is noticed within ``poll_s``, not at once.
"""

import asyncio
import contextlib
import errno
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from control.errors import UserError
from control.host.links import Link, find_link, link_from_message, list_links
from control.host.namespaces import NamespaceIdentity, find_namespace, identify_namespace, run_in_namespace

RTMGRP_LINK = 1  # linux/rtnetlink.h
AF_BRIDGE = 7
RECEIVE_BYTES = 65536
SOCKET_BUFFER_BYTES = 1 << 20
OF_THIS_THREAD = "/proc/thread-self/ns/net"


class Change(StrEnum):
    """What became of a watched interface."""

    UP = "up"
    """It passes frames now: set up, with carrier."""
    DOWN = "down"
    ADDED = "added"
    """There is one of that name now; the event's link says whether it is up."""
    REMOVED = "removed"
    NAMESPACE_REMOVED = "namespace_removed"
    """Its namespace's name or path is gone, or leads to another namespace: close what is held in the old one."""
    NAMESPACE_ADDED = "namespace_added"
    """The namespace is there (again); the event's link is the interface if it has one already."""


@dataclass(frozen=True, slots=True)
class LinkEvent:
    """One change; ``link`` is the interface as it is now, None when there is none."""

    netns: str | None
    ifname: str
    change: Change
    link: Link | None


@dataclass(slots=True)
class _Namespace:
    """What is watched in one namespace; ``identity`` and ``messages`` are None while there is no such namespace."""

    netns: str | None
    links: dict[str, Link | None] = field(default_factory=dict)
    identity: NamespaceIdentity | None = None
    messages: socket.socket | None = None


class LinkWatcher:
    """Follows interfaces by (namespace, name); ``on_event`` is called from the loop, one change at a time."""

    def __init__(
        self, on_event: Callable[[LinkEvent], None], loop: asyncio.AbstractEventLoop, poll_s: float = 1.0
    ) -> None:
        self._on_event = on_event
        self._loop = loop
        self._poll_s = poll_s
        self._namespaces: dict[str | None, _Namespace] = {}
        self._marshal: Any = None
        self._timer: asyncio.TimerHandle | None = None

    def watch(self, netns: str | None, ifname: str) -> Link | None:
        """Follow the interface from now on; return it as it is, None while it or its namespace is not there."""
        namespace = self._namespaces.get(netns)
        if namespace is None:
            namespace = self._namespaces[netns] = _Namespace(netns)
            self._enter(namespace)
        else:
            self._check(namespace)  # The path may lead to a newer namespace than the one followed so far.
        link = find_link(netns, ifname) if namespace.identity is not None else None
        namespace.links[ifname] = link
        if self._timer is None:
            self._schedule()
        return link

    def unwatch(self, netns: str | None, ifname: str) -> None:
        """Forget the interface; the last one of a namespace lets go of that too."""
        namespace = self._namespaces.get(netns)
        if namespace is None:
            return
        namespace.links.pop(ifname, None)
        if not namespace.links:
            self._leave(namespace)
            del self._namespaces[netns]

    def watched(self) -> Iterator[tuple[str | None, str, Link | None]]:
        """Yield every (namespace, interface name, interface as last seen)."""
        for netns, namespace in self._namespaces.items():
            for ifname, link in namespace.links.items():
                yield netns, ifname, link

    def close(self) -> None:
        """Stop; nothing is called back after this."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for namespace in self._namespaces.values():
            self._leave(namespace)
        self._namespaces.clear()

    def check_namespaces(self) -> None:
        """Compare every namespace's path with the namespace that is watched; the timer does so each ``poll_s``."""
        for namespace in list(self._namespaces.values()):
            self._check(namespace)

    def _check(self, namespace: _Namespace) -> None:
        found = find_namespace(namespace.netns)
        if found == namespace.identity:
            return
        if namespace.identity is not None:
            self._leave(namespace)
            self._report_all(namespace, Change.NAMESPACE_REMOVED)
        # A callback may have stopped watching it.
        if found is not None and namespace.links:
            self._enter(namespace)
            self._look_again(namespace)
            self._report_all(namespace, Change.NAMESPACE_ADDED)

    def _schedule(self) -> None:
        self._timer = self._loop.call_later(self._poll_s, self._tick)

    def _tick(self) -> None:
        self._schedule()
        self.check_namespaces()

    def _enter(self, namespace: _Namespace) -> None:
        """Open the namespace's socket, if there is such a namespace."""
        try:
            namespace.identity, namespace.messages = run_in_namespace(namespace.netns, _open_link_messages)
        except UserError:
            return
        self._loop.add_reader(namespace.messages, self._read, namespace)

    def _leave(self, namespace: _Namespace) -> None:
        if namespace.messages is not None:
            self._loop.remove_reader(namespace.messages)
            namespace.messages.close()
        namespace.messages = namespace.identity = None
        for ifname in namespace.links:
            namespace.links[ifname] = None

    def _read(self, namespace: _Namespace) -> None:
        while namespace.messages is not None:
            try:
                data = namespace.messages.recv(RECEIVE_BYTES)
            except BlockingIOError:
                return
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
                self._compare(namespace)
                continue
            for message in self._parse(data):
                # A callback may have let go of the namespace.
                if namespace.messages is not None and _speaks_of_link(message):
                    self._take(namespace, link_from_message(message), message["event"] == "RTM_DELLINK")

    def _parse(self, data: bytes) -> Iterator[Any]:
        if self._marshal is None:
            from pyroute2.netlink.rtnl.marshal import MarshalRtnl

            self._marshal = MarshalRtnl()
        yield from self._marshal.parse(data)

    def _take(self, namespace: _Namespace, link: Link, is_removed: bool) -> None:
        ifname = _name_followed(namespace, link)
        if ifname is None:
            return
        known = namespace.links[ifname]
        namespace.links[ifname] = None if is_removed else link
        change = _change(known, namespace.links[ifname])
        if change is not None:
            self._on_event(LinkEvent(namespace.netns, ifname, change, namespace.links[ifname]))

    def _compare(self, namespace: _Namespace) -> None:
        """Report what differs between the links as they are and as they were last seen."""
        before = dict(namespace.links)
        self._look_again(namespace)
        for ifname, known in before.items():
            link = namespace.links.get(ifname)
            changes = [_change(known, link)]
            if known is not None and link is not None and known.index != link.index:
                changes = [Change.REMOVED, Change.ADDED]
            for change in changes:
                if change is not None and ifname in namespace.links:
                    self._on_event(LinkEvent(namespace.netns, ifname, change, link))

    def _look_again(self, namespace: _Namespace) -> None:
        present: list[Link] = []
        with contextlib.suppress(UserError):  # Gone in between: the next check says so.
            present = list_links(namespace.netns)
        by_index, by_name = {link.index: link for link in present}, {link.name: link for link in present}
        for ifname, known in namespace.links.items():
            followed = by_index.get(known.index) if known is not None else None
            namespace.links[ifname] = followed or by_name.get(ifname)

    def _report_all(self, namespace: _Namespace, change: Change) -> None:
        for ifname, link in list(namespace.links.items()):
            self._on_event(LinkEvent(namespace.netns, ifname, change, link))


def _open_link_messages() -> tuple[NamespaceIdentity, socket.socket]:
    # Asked for inside: the path may lead elsewhere by now.
    identity = identify_namespace(OF_THIS_THREAD)
    messages = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC, 0)
    messages.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SOCKET_BUFFER_BYTES)
    messages.bind((0, RTMGRP_LINK))
    return identity, messages


def _speaks_of_link(message: Any) -> bool:
    """Leave out what a bridge says of its ports: an interface that leaves a bridge is not gone."""
    return message["event"] in ("RTM_NEWLINK", "RTM_DELLINK") and message["family"] != AF_BRIDGE


def _name_followed(namespace: _Namespace, link: Link) -> str | None:
    for ifname, known in namespace.links.items():
        if known is not None and known.index == link.index:
            return ifname
    is_awaited = link.name in namespace.links and namespace.links[link.name] is None
    return link.name if is_awaited else None


def _change(known: Link | None, link: Link | None) -> Change | None:
    if known is None or link is None:
        return None if known is link else Change.ADDED if known is None else Change.REMOVED
    if known.passes_frames == link.passes_frames:
        return None
    return Change.UP if link.passes_frames else Change.DOWN
