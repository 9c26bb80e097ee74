"""The agent's side of the overlay: this node's settings into a copy not in force; what other nodes have, in place.

``tables.py`` says what a worker may see of a change, and in which order words are stored for that.
"""

import sys
from collections.abc import Iterable, Iterator, Mapping
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

import numpy as np

from dataplane.route.blocks import Grace, TableFullError
from dataplane.route.hops.build import Numbers
from dataplane.vector import DOMAINS, MAX_PEERS
from encap.tables import (
    ADDRESS,
    EMPTY,
    ENTRIES,
    INHERIT,
    LINK,
    MEMBER_WORDS,
    PEER_SHIFT,
    PROBE_LIMIT,
    RAW,
    REMOVED,
    SOCKET,
    SOCKET_ADDRESS_BYTES,
    SPREAD,
    VNI_SLOTS,
    VNIS,
    VTEP,
)

__all__ = ["Key", "NetworkRow", "RemotesWriter", "TableFullError", "TooManyVnisError", "VtepRow", "write_overlay"]

Address = IPv4Address | IPv6Address
Key = tuple[int, int, int]
"""An entry's tag, and both halves of its key."""

_WORD = 0xFFFF_FFFF_FFFF_FFFF
_MAPPED = 0xFFFF << 32
_EMPTY, _REMOVED = int(EMPTY), int(REMOVED)
_VTEP, _LINK, _ADDRESS = int(VTEP), int(LINK), int(ADDRESS)
_PEER_SHIFT = int(PEER_SHIFT)
_WORDS_AN_ENTRY = 4
_ROTATED, _TAG_SHIFT, _SPREAD = 23, 40, int(SPREAD)
_AF_INET, _AF_INET6 = 2, 10


class TooManyVnisError(Exception):
    """More networks with a VNI than the table holds."""


class VtepRow(NamedTuple):
    """This node's settings. ``port`` is the tunnel's index; ``underlay`` the port's index, the domain and the interface
    by which raw frames leave; ``dscp`` None is the inner packet's."""

    address: Address
    udp_port: int
    port: int
    raw: bool = False
    ttl: int = 64
    dscp: int | None = None
    checksums: bool = False
    learns: bool = False
    has_groups: bool = False
    group: Address | None = None
    underlay: tuple[int, int, int] = (0, 0, 0)


class NetworkRow(NamedTuple):
    """A network between nodes: ``mtu`` is of its IP packets, in bytes; ``keeps_tags``: VLAN tags pass."""

    vni: int
    mtu: int
    keeps_tags: bool = False


def write_overlay(
    table: Any, vtep: VtepRow | None, networks: Mapping[int, NetworkRow], groups: Mapping[int, int]
) -> None:
    """Write the settings, networks by their domain and groups by port, into a copy of the table not in force.

    ``vtep`` None: there is no overlay, and nothing else counts. TooManyVnisError: the copy is of no use.
    """
    table.is_on = 0
    for field in ("vni_of_domain", "mtu_of_domain", "keeps_tags", "slot_vni", "slot_domain", "group_of_port"):
        table[field][:] = 0
    if vtep is None:
        return
    if len(networks) > VNIS:
        raise TooManyVnisError(f"{len(networks)} networks of mode overlay, at most {VNIS} fit")
    _write_vtep(table, vtep)
    for domain, network in networks.items():
        table.vni_of_domain[domain] = network.vni + 1
        table.mtu_of_domain[domain] = network.mtu
        table.keeps_tags[domain] = network.keeps_tags
        at = network.vni % VNI_SLOTS
        while table.slot_vni[at]:
            at = (at + 1) % VNI_SLOTS
        table.slot_vni[at] = network.vni + 1
        table.slot_domain[at] = domain
    for port, group in groups.items():
        table.group_of_port[port] = group
    table.is_on = 1


def _write_vtep(table: Any, vtep: VtepRow) -> None:
    table.transport = RAW if vtep.raw else SOCKET
    table.port = vtep.port
    table.udp_port = vtep.udp_port
    table.ttl = vtep.ttl
    table.dscp = INHERIT if vtep.dscp is None else vtep.dscp
    table.checksums = vtep.checksums
    table.learns = vtep.learns
    table.has_groups = vtep.has_groups
    table.underlay_port, table.underlay_domain, table.underlay_interface = vtep.underlay
    table.address_high, table.address_low = halves(vtep.address)
    table.group_high, table.group_low = (0, 0) if vtep.group is None else halves(vtep.group)
    packed = b"" if vtep.group is None else socket_address(vtep.group, vtep.udp_port)
    table.group_socket_address[:] = np.frombuffer(packed.ljust(SOCKET_ADDRESS_BYTES, b"\0"), np.uint8)
    table.group_socket_address_bytes = len(packed)


def halves(address: Address) -> tuple[int, int]:
    """Return both halves of an address's 16 bytes, IPv4 mapped, in host order."""
    number = int(address)
    return (0, number | _MAPPED) if address.version == 4 else (number >> 64, number & _WORD)


def socket_address(address: Address, port: int) -> bytes:
    """Return an address and a UDP port as ``struct sockaddr_in`` or ``sockaddr_in6`` (ip(7), ipv6(7))."""
    if address.version == 4:
        return _AF_INET.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + address.packed + bytes(8)
    return _AF_INET6.to_bytes(2, sys.byteorder) + port.to_bytes(2, "big") + bytes(4) + address.packed + bytes(4)


def vtep_key(address: Address) -> Key:
    """Return the key of another node's address."""
    return (_VTEP, *halves(address))


def link_key(domain: int, mac: bytes) -> Key:
    """Return the key of a MAC (six bytes, big-endian) in a domain."""
    return _LINK | domain, 0, int.from_bytes(mac, "little")


def address_key(domain: int, address: Address) -> Key:
    """Return the key of an address in a domain."""
    return (_ADDRESS | domain, *halves(address))


def entry_value(peer: int, mac: bytes = b"") -> int:
    """Return the value of an endpoint behind ``peer``; ``mac`` empty: it is not known."""
    return peer << _PEER_SHIFT | int.from_bytes(mac, "little")


class RemotesWriter:
    """Writes the ``REMOTES_DTYPE`` of a state, of which it is the only writer. It begins with what a former one left.

    One key may be held by several, as the MAC of an endpoint with two addresses is: the last one counts.
    """

    def __init__(self, remotes: Any, grace: Grace) -> None:
        """``remotes``: the array of one record."""
        self.remotes = remotes[0]
        self.udp_port = 0
        self._words = memoryview(remotes["entry"][0].view(np.uint64))
        self._multiplier, self._shift = int(self.remotes.multiplier), int(self.remotes.shift)
        self.slots = {key: slot for slot, key, _ in self._read()}
        self._others: dict[Key, list[int]] = {}
        self.peers = {self._number_of(key): key for key in self.slots if key[0] == _VTEP}
        self._numbers = Numbers(1, MAX_PEERS, "peers", grace, set(self.peers))

    def __len__(self) -> int:
        return len(self.slots)

    def value_of(self, key: Key) -> int | None:
        """Return the value that counts of a key, None if there is none."""
        slot = self.slots.get(key)
        return None if slot is None else self._words[slot * _WORDS_AN_ENTRY + 3]

    def add_peer(self, address: Address) -> int:
        """Take in another node and return its number. TableFullError: nothing is changed."""
        number = self._numbers.take()
        self._write_row(number, address)
        try:
            self.put(vtep_key(address), entry_value(number))
        except TableFullError:
            self._numbers.retire(number)
            raise
        self.peers[number] = vtep_key(address)
        return number

    def remove_peer(self, number: int) -> None:
        """Forget a node that nothing names any more."""
        self.drop(self.peers.pop(number), entry_value(number))
        self._numbers.retire(number)

    def number_at(self, address: Address) -> int | None:
        """Return the number of the node with that address."""
        value = self.value_of(vtep_key(address))
        return None if value is None else value >> _PEER_SHIFT

    def set_udp_port(self, udp_port: int) -> None:
        """Have all nodes be sent to at this port. At first it is 0, which is nobody's."""
        if udp_port == self.udp_port:
            return
        self.udp_port = udp_port
        port = np.frombuffer(udp_port.to_bytes(2, "big"), np.uint8)
        self.remotes.peer["socket_address"][list(self.peers), 2:4] = port

    def join(self, number: int, domain: int) -> None:
        """Let a node have what is flooded in a domain."""
        self._set_member(number, domain, True)

    def leave(self, number: int, domain: int) -> None:
        """Let a node not have what is flooded in a domain."""
        self._set_member(number, domain, False)

    def domains_of(self, number: int) -> set[int]:
        """Return the domains of which a node has what is flooded."""
        bits = self.remotes.member_bits[:, number // 64] >> np.uint64(number % 64) & np.uint64(1)
        return set(np.flatnonzero(bits).tolist())

    def put(self, key: Key, value: int) -> None:
        """Let a key have this value from now on, whoever holds it too. TableFullError: nothing is changed."""
        slot = self.slots.get(key)
        if slot is None:
            self._insert(key, value)
            return
        at = slot * _WORDS_AN_ENTRY + 3
        self._others.setdefault(key, []).append(self._words[at])
        self._words[at] = value

    def drop(self, key: Key, value: int) -> None:
        """Take back one ``put``; what another holder says comes to count if it was this that did. KeyError if none."""
        at = self.slots[key] * _WORDS_AN_ENTRY + 3
        others = self._others.get(key)
        if not others:
            if self._words[at] != value:
                raise KeyError(key)
            self._erase(key)
            return
        if self._words[at] == value:
            self._words[at] = others.pop()
        else:
            others.remove(value)
        if not others:
            del self._others[key]

    def settle(self, wanted: Iterable[tuple[Key, int]]) -> None:
        """Hold these entries and no others but those of nodes; what is there already is not touched.

        TableFullError: some are there and some are not.
        """
        self._others.clear()
        left = {key for key in self.slots if key[0] != _VTEP}
        seen: set[Key] = set()
        for key, value in wanted:
            if key in seen:
                self.put(key, value)
                continue
            seen.add(key)
            slot = self.slots.get(key)
            if slot is None:
                self._insert(key, value)
            else:
                left.discard(key)
                self._words[slot * _WORDS_AN_ENTRY + 3] = value
        for key in left:
            self._erase(key)

    def read(self) -> dict[Key, int]:
        """Return the entries as they are in memory."""
        return {key: value for _, key, value in self._read()}

    def _number_of(self, key: Key) -> int:
        return self._words[self.slots[key] * _WORDS_AN_ENTRY + 3] >> _PEER_SHIFT

    def _read(self) -> Iterator[tuple[int, Key, int]]:
        tags = np.asarray(self._words).reshape(-1, _WORDS_AN_ENTRY)
        slots = np.flatnonzero((tags[:, 0] != EMPTY) & (tags[:, 0] != REMOVED))
        for slot, (tag, high, low, value) in zip(slots.tolist(), tags[slots].tolist(), strict=True):
            yield slot, (tag, high, low), value

    def _write_row(self, number: int, address: Address) -> None:
        row = self.remotes.peer[number]
        packed = socket_address(address, self.udp_port)
        row["address_high"], row["address_low"] = halves(address)
        row["socket_address"][:] = np.frombuffer(packed.ljust(SOCKET_ADDRESS_BYTES, b"\0"), np.uint8)
        row["socket_address_bytes"] = len(packed)

    def _set_member(self, number: int, domain: int, is_member: bool) -> None:
        words, bit = self.remotes.member_bits[domain], 1 << number % 64
        word = int(words[number // 64])
        if bool(word & bit) == is_member:
            return
        words[number // 64] = word ^ bit
        self.remotes.members[domain] = int(self.remotes.members[domain]) + (1 if is_member else -1)

    def home_of(self, key: Key) -> int:
        """Return where the look-up of a key begins."""
        tag, high, low = key
        rotated = (high << _ROTATED | high >> 64 - _ROTATED) & _WORD
        folded = low ^ rotated ^ (tag << _TAG_SHIFT & _WORD)
        spread = folded * _SPREAD & _WORD
        return ((spread ^ spread >> 32) * self._multiplier & _WORD) >> self._shift

    def _insert(self, key: Key, value: int) -> None:
        words, home = self._words, self.home_of(key)
        for step in range(PROBE_LIMIT):
            slot = (home + step) % ENTRIES
            at = slot * _WORDS_AN_ENTRY
            if words[at] in (_EMPTY, _REMOVED):
                words[at + 3] = value
                words[at + 1], words[at + 2] = key[1], key[2]
                words[at] = key[0]
                self.slots[key] = slot
                return
        raise TableFullError(f"no room for one more among {len(self.slots):,} addresses at other nodes")

    def _erase(self, key: Key) -> None:
        """Remove an entry, and what was kept before it only so that look-ups go on to what is behind."""
        words, slot = self._words, self.slots.pop(key)
        if words[(slot + 1) % ENTRIES * _WORDS_AN_ENTRY] != _EMPTY:
            words[slot * _WORDS_AN_ENTRY] = _REMOVED
            return
        words[slot * _WORDS_AN_ENTRY] = _EMPTY
        before = (slot - 1) % ENTRIES
        while words[before * _WORDS_AN_ENTRY] == _REMOVED:
            words[before * _WORDS_AN_ENTRY] = _EMPTY
            before = (before - 1) % ENTRIES


assert DOMAINS <= 1 << 16
assert MEMBER_WORDS * 64 == MAX_PEERS
