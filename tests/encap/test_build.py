"""What other nodes have, written in place: every sequence of changes leaves what a dict would hold, findable by
kernels, and a reader beside it meets whole entries only."""

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from ipaddress import IPv4Address, IPv6Address, ip_address
from random import Random
from typing import Any

import numpy as np
import pytest

from dataplane.jit import JIT_DISABLED, kernel
from dataplane.vector import MAX_PEERS
from encap.build import (
    Address,
    Key,
    NetworkRow,
    RemotesWriter,
    TableFullError,
    TooManyVnisError,
    VtepRow,
    address_key,
    entry_value,
    link_key,
    vtep_key,
    write_overlay,
)
from encap.index import find_domain, find_entry, find_link, mac_of, peer_of
from encap.tables import (
    ENDPOINTS,
    ENTRIES,
    INHERIT,
    OVERLAY_DTYPE,
    PROBE_LIMIT,
    RAW,
    REMOTES_DTYPE,
    SOCKET,
    VNIS,
    initialize_remotes,
)
from tests.scale import scaled

pytestmark = pytest.mark.kernel

HERE = IPv4Address("192.0.2.1")


class AtOnce:
    """A period of grace that is over when it begins."""

    def begin(self) -> int:
        return 0

    def is_over(self, _period: int) -> bool:
        return True


def remotes(seed: int = 1) -> Any:
    made = np.zeros(1, REMOTES_DTYPE).view(np.recarray)
    initialize_remotes(made[0], np.random.default_rng(seed))
    return made


def crowded(made: Any, homes: int) -> Any:
    """Let all keys have one of so few homes, a power of two, that they stand in each other's way."""
    made[0].shift = 64 - (homes.bit_length() - 1)
    return made


def look_up(made: Any, key: Key) -> int:
    return int(find_entry(made[0], np.uint64(key[1]), np.uint64(key[2]), np.uint64(key[0])))


def mac_at(number: int) -> bytes:
    return (0x0200_0000_0000 | number).to_bytes(6, "big")


def key_at(number: int) -> Key:
    """Return one of many keys: MACs and addresses of both families, the same ones in two domains."""
    domain, number = 1 + number % 2, number // 2
    if number % 3 == 0:
        return link_key(domain, mac_at(number))
    version6 = IPv6Address((0xFD00 << 112) + number)
    return address_key(domain, version6 if number % 3 == 1 else IPv4Address((10 << 24) + number))


class Twin:
    """Who holds a key, in order: the last one counts."""

    def __init__(self) -> None:
        self.held: dict[Key, list[int]] = {}

    def put(self, key: Key, value: int) -> None:
        self.held.setdefault(key, []).append(value)

    def drop(self, key: Key, value: int) -> None:
        values = self.held[key]
        at = len(values) - 1 - values[::-1].index(value)
        if at == len(values) - 1 or len(values) == 1:
            values.pop(at)
        else:
            values.remove(value)
        if not values:
            del self.held[key]

    @property
    def entries(self) -> dict[Key, int]:
        return {key: values[-1] for key, values in self.held.items()}


def random_change(random: Random, writer: RemotesWriter, twin: Twin, keys: int) -> None:
    if twin.held and random.random() < 0.45:
        key = random.choice(list(twin.held))
        value = random.choice(twin.held[key])
        writer.drop(key, value)
        twin.drop(key, value)
        return
    key, value = key_at(random.randrange(keys)), entry_value(random.randrange(1, 9), mac_at(random.randrange(5)))
    try:
        writer.put(key, value)
    except TableFullError:
        assert key not in twin.held
        assert len(twin.held) >= PROBE_LIMIT // 2
    else:
        twin.put(key, value)


@pytest.mark.parametrize("homes", [2, 4, 32, ENTRIES])
def test_after_any_changes_the_index_holds_what_a_dict_would(homes: int, seed: int) -> None:
    random, made = Random(seed), crowded(remotes(), homes)
    writer, twin = RemotesWriter(made, AtOnce()), Twin()
    for _ in range(scaled(3000, jit_off=300)):
        random_change(random, writer, twin, keys=120)
    assert writer.read() == twin.entries
    for number in range(120):
        assert look_up(made, key_at(number)) == twin.entries.get(key_at(number), 0)


def test_what_is_removed_leaves_nothing_behind(seed: int) -> None:
    random, made = Random(seed), crowded(remotes(), 8)
    writer, twin = RemotesWriter(made, AtOnce()), Twin()
    for _ in range(500):
        random_change(random, writer, twin, keys=60)
    for key, values in twin.held.items():
        for value in values:
            writer.drop(key, value)
    assert not made["entry"]["tag"].any()
    assert len(writer) == 0


def test_who_comes_after_finds_what_was_left_and_goes_on(seed: int) -> None:
    random, made = Random(seed), crowded(remotes(), 32)
    writer, twin = RemotesWriter(made, AtOnce()), Twin()
    numbers = [writer.add_peer(IPv4Address(n + 1)) for n in range(5)]
    for _ in range(300):
        random_change(random, writer, twin, keys=60)
    heir = RemotesWriter(made, AtOnce())
    assert heir.peers == writer.peers
    assert heir.number_at(IPv4Address(3)) == numbers[2]
    heir.settle(twin.entries.items())
    again = Twin()
    again.held = {key: [value] for key, value in twin.entries.items()}
    for _ in range(300):
        random_change(random, heir, again, keys=60)
    nodes = {vtep_key(IPv4Address(n + 1)): entry_value(number) for n, number in enumerate(numbers)}
    assert heir.read() == again.entries | nodes


def test_settling_touches_only_what_is_another() -> None:
    made = remotes()
    writer = RemotesWriter(made, AtOnce())
    number = writer.add_peer(IPv4Address(9))
    for n in range(100):
        writer.put(key_at(n), entry_value(1))
    before = made["entry"].copy()
    writer.settle([(key_at(n), entry_value(1)) for n in range(99)] + [(key_at(200), entry_value(2))])
    assert writer.read() == {key_at(n): entry_value(1) for n in (*range(99),)} | {
        key_at(200): entry_value(2),
        vtep_key(IPv4Address(9)): entry_value(number),
    }
    assert (made["entry"] != before).sum() <= 2


@pytest.mark.parametrize("multiplier", [0x1999_9E3F_A46D_6753, 0x66FE_C086_DF22_9651, None])
def test_there_is_room_for_all_endpoints_of_nodes_that_count_up(multiplier: int | None) -> None:
    """Addresses and MACs of 50 endpoints a node, as IPAM gives them: as many as there may be, whatever the secret."""
    made = remotes()
    made[0].multiplier = multiplier or made[0].multiplier
    writer = RemotesWriter(made, AtOnce())
    for number in range(ENDPOINTS):
        node, endpoint = divmod(number, 50)
        place = (10 << 24) + ((node + 1) << 8) + endpoint + 2
        writer.put(address_key(1, IPv4Address(place)), entry_value(1))
        writer.put(link_key(1, b"\x02\0" + place.to_bytes(4, "big")), entry_value(1))
    assert len(writer) == 2 * ENDPOINTS


def test_an_endpoint_without_room_is_refused_and_the_others_stay() -> None:
    made = crowded(remotes(), 2)
    writer = RemotesWriter(made, AtOnce())
    for n in range(PROBE_LIMIT):
        writer.put(key_at(n), entry_value(1))
    with suppress(TableFullError):  # The second of the two homes reaches one place further than the first.
        writer.put(key_at(PROBE_LIMIT), entry_value(1))
    before = made.tobytes()
    with pytest.raises(TableFullError, match=f"no room for one more among {len(writer)} addresses at other nodes"):
        writer.put(next(key for n in range(200, 400) if writer.home_of(key := key_at(n)) == 0), entry_value(1))
    assert made.tobytes() == before


def test_a_value_is_held_until_the_last_who_put_it_drops_it() -> None:
    writer = RemotesWriter(remotes(), AtOnce())
    key = link_key(3, mac_at(1))
    for value in (5, 5, 7):
        writer.put(key, entry_value(value))
    writer.drop(key, entry_value(5))
    assert writer.value_of(key) == entry_value(7)
    writer.drop(key, entry_value(7))
    assert writer.value_of(key) == entry_value(5)
    writer.drop(key, entry_value(5))
    assert writer.value_of(key) is None
    with pytest.raises(KeyError):
        writer.drop(key, entry_value(5))


@pytest.mark.parametrize("address", ["192.0.2.7", "2001:db8::7"])
def test_a_nodes_row_is_what_a_socket_sends_to(address: str) -> None:
    made = remotes()
    writer = RemotesWriter(made, AtOnce())
    writer.set_udp_port(4790)
    row = made[0].peer[writer.add_peer(ip_address(address))]
    length = int(row["socket_address_bytes"])
    is_ipv4 = ip_address(address).version == 4
    assert length == (16 if is_ipv4 else 28)
    written = bytes(row["socket_address"][:length])
    assert int.from_bytes(written[:2], "little") == (socket.AF_INET if is_ipv4 else socket.AF_INET6)
    assert written[2:4] == (4790).to_bytes(2, "big")
    assert (written[4:8] if is_ipv4 else written[8:24]) == ip_address(address).packed
    number = int(row["address_high"]) << 64 | int(row["address_low"])
    assert number == int(ip_address(address)) | (0xFFFF << 32 if is_ipv4 else 0)
    writer.set_udp_port(4789)
    assert bytes(row["socket_address"][2:4]) == (4789).to_bytes(2, "big")


def test_peers_have_numbers_of_their_own_and_get_those_of_others_back(seed: int) -> None:
    random = Random(seed)
    writer = RemotesWriter(remotes(), AtOnce())
    present: dict[int, Address] = {}
    for step in range(400):
        if present and random.random() < 0.4:
            number, address = present.popitem()
            writer.remove_peer(number)
            assert writer.number_at(address) is None
        else:
            address = IPv4Address(1000 + step)
            number = writer.add_peer(address)
            assert 0 < number < MAX_PEERS
            assert number not in present
            present[number] = address
    assert {number: writer.number_at(address) for number, address in present.items()} == {n: n for n in present}


def test_all_numbers_can_be_used_and_no_more() -> None:
    writer = RemotesWriter(remotes(), AtOnce())
    for n in range(1, MAX_PEERS):
        writer.add_peer(IPv4Address(n))
    with pytest.raises(TableFullError):
        writer.add_peer(IPv4Address(0))
    writer.remove_peer(17)
    assert writer.add_peer(IPv4Address(0)) == 17


def test_members_of_a_domain_are_counted_and_have_a_bit_each(seed: int) -> None:
    random, made = Random(seed), remotes()
    writer = RemotesWriter(made, AtOnce())
    twin: set[tuple[int, int]] = set()
    for _ in range(2000):
        pair = random.choice([1, 2, 63, 64, 65, MAX_PEERS - 1]), random.randrange(1, 6)
        if random.random() < 0.5:
            writer.join(*pair)
            twin.add(pair)
        else:
            writer.leave(*pair)
            twin.discard(pair)
    for domain in range(8):
        numbers = {number for number, each in twin if each == domain}
        bits = made[0].member_bits[domain]
        assert int(made[0].members[domain]) == len(numbers)
        assert {n for n in range(MAX_PEERS) if int(bits[n // 64]) >> n % 64 & 1} == numbers
    assert writer.domains_of(64) == {domain for number, domain in twin if number == 64}


@kernel
def watch(made: Any, domain: int, macs: Any, seen: Any, stop: Any) -> int:
    """Look MACs up again and again, until told to stop; count values that belong to another MAC."""
    wrong = 0
    while stop[0] == 0:
        for n in range(len(macs)):
            value = find_link(made[0], domain, macs[n])
            if value != 0:
                seen[0] += 1
                if mac_of(value) != macs[n] or peer_of(value) == 0:
                    wrong += 1
    return wrong


@pytest.mark.skipif(JIT_DISABLED, reason="as Python a look-up takes as long as many changes, and a place comes round")
def test_a_reader_beside_the_writer_meets_whole_entries_only(seed: int) -> None:
    """All MACs want the same few places, so that each place is now one's, now another's."""
    random, made = Random(seed), crowded(remotes(), 2)
    writer = RemotesWriter(made, AtOnce())
    keys = [(link_key(3, mac_at(n)), mac_at(n)) for n in range(12)]
    macs = np.array([key[2] for key, _ in keys], np.uint64)
    seen, stop, wrong = np.zeros(1, np.int64), np.ones(1, np.int64), []
    watch(made, 3, macs, seen, stop)  # Compiled before anything is to be seen.
    stop[0] = 0
    reader = threading.Thread(target=lambda: wrong.append(watch(made, 3, macs, seen, stop)))
    reader.start()
    present: dict[Key, int] = {}
    for _ in range(scaled(60_000, jit_off=3000)):
        key, mac = random.choice(keys)
        if key in present and random.random() < 0.6:
            writer.drop(key, present.pop(key))
        elif key not in present:
            present[key] = entry_value(random.randrange(1, 9), mac)
            writer.put(key, present[key])
    stop[0] = 1
    reader.join()
    assert wrong == [0]
    assert seen[0] > 0


def overlays(*rows: Any) -> Iterator[Any]:
    """Return one copy of the settings, written with these one after the other."""
    table = np.zeros(1, OVERLAY_DTYPE).view(np.recarray)[0]
    for row in rows:
        write_overlay(table, *row)
        yield table


def test_settings_are_what_the_last_writing_says() -> None:
    vtep = VtepRow(
        HERE, 4790, 7, raw=True, ttl=9, dscp=46, checksums=True, learns=True, has_groups=True, underlay=(2, 3, 4)
    )
    group = VtepRow(IPv6Address("2001:db8::1"), 4789, 8, group=IPv6Address("ff05::7"))
    first, second, third = (
        {name: np.copy(table[name]) for name in OVERLAY_DTYPE.names or ()}
        for table in overlays(
            (vtep, {5: NetworkRow(100, 1450, True)}, {1: 77}), (group, {6: NetworkRow(0, 9000)}, {}), (None, {}, {})
        )
    )
    assert (first["is_on"], first["transport"], first["port"], first["udp_port"]) == (1, RAW, 7, 4790)
    assert (first["ttl"], first["dscp"], first["checksums"], first["learns"], first["has_groups"]) == (9, 46, 1, 1, 1)
    assert [int(first[f"underlay_{name}"]) for name in ("port", "domain", "interface")] == [2, 3, 4]
    assert (int(first["address_high"]), int(first["address_low"])) == (0, 0xFFFF << 32 | int(HERE))
    assert (first["vni_of_domain"][5], first["mtu_of_domain"][5], first["keeps_tags"][5]) == (101, 1450, 1)
    assert (first["group_of_port"][1], first["group_low"], first["group_socket_address_bytes"]) == (77, 0, 0)
    assert (second["is_on"], second["transport"], second["dscp"], second["ttl"]) == (1, SOCKET, INHERIT, 64)
    assert (second["vni_of_domain"][5], second["vni_of_domain"][6], second["keeps_tags"][6]) == (0, 1, 0)
    assert int(second["group_high"]) << 64 | int(second["group_low"]) == int(IPv6Address("ff05::7"))
    assert (second["group_socket_address_bytes"], second["group_of_port"][1]) == (28, 0)
    assert third["is_on"] == 0
    assert not third["vni_of_domain"].any()
    assert not third["slot_vni"].any()


def test_every_vni_leads_to_its_domain_and_no_other_leads_anywhere(seed: int) -> None:
    random = Random(seed)
    close = [base + 4096 * n for base in (0, 4095) for n in range(100)]
    vnis = list(dict.fromkeys([0, (1 << 24) - 1, *close, *random.sample(range(1 << 24), VNIS - 202)]))[:VNIS]
    rows = {domain: NetworkRow(vni, 1450) for domain, vni in enumerate(vnis, start=1)}
    (table,) = overlays((VtepRow(HERE, 4789, 0), rows, {}))
    for domain, vni in enumerate(vnis, start=1):
        assert find_domain(table, vni) == domain
    for vni in random.sample(range(1 << 24), 50):
        assert find_domain(table, vni) == (vnis.index(vni) + 1 if vni in vnis else 0)


def test_more_networks_than_there_is_room_for_are_refused() -> None:
    rows = {domain: NetworkRow(domain, 1450) for domain in range(1, VNIS + 2)}
    with pytest.raises(TooManyVnisError, match="1025 networks of mode overlay, at most 1024 fit"):
        list(overlays((VtepRow(HERE, 4789, 0), rows, {})))
