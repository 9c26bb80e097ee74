"""Router advertisements, held against what scapy would have built."""

from typing import Any

import numpy as np
import pytest
from scapy.layers.inet6 import (
    ICMPv6ND_RA,
    ICMPv6ND_RS,
    ICMPv6NDOptMTU,
    ICMPv6NDOptPrefixInfo,
    ICMPv6NDOptRDNSS,
    ICMPv6NDOptSrcLLAddr,
    IPv6,
)

from dataplane.interfaces.tables import ANSWERS_NAMES, INTERFACE_DTYPE, PREFIXES
from dataplane.neighbour.ra import answer_router_solicitation
from tests.icmp.slots import SLOT, Slot, number
from tests.packets import header, ip6, mac, mac_text

pytestmark = pytest.mark.kernel


def interface_with(prefixes: list[tuple[str, int]], traits: int) -> Any:
    made = np.zeros(1, INTERFACE_DTYPE).view(np.recarray)[0]
    made.mac, made.mtu, made.traits = int.from_bytes(mac(9), "little"), 1450, traits
    made.address6_high, made.address6_low = number(ip6(1))
    made.link_local_low = number("fe80::9")[1]
    made.prefixes = len(prefixes)
    for p, (prefix, bits) in enumerate(prefixes):
        made.prefix_high[p], made.prefix_low[p] = number(prefix)
        made.prefix_length[p] = bits
    return made


@pytest.mark.parametrize("traits", [0, ANSWERS_NAMES])
@pytest.mark.parametrize("count", range(PREFIXES + 1))
@pytest.mark.parametrize(("source", "named"), [("fe80::2", True), ("fe80::2", False), ("::", False)])
def test_a_solicitation_is_answered(source: str, named: bool, count: int, traits: int) -> None:
    question = ICMPv6ND_RS() / ICMPv6NDOptSrcLLAddr(lladdr=mac_text(mac(7))) if named else ICMPv6ND_RS()
    slot = Slot(bytes(header(mac(1), mac(2)) / IPv6(src=source, dst="ff02::2", hlim=255) / question))
    prefixes = [(f"fd00:{p}::", 64 if p != 1 else 80) for p in range(count)]
    answer_router_solicitation(slot.vector, slot.arena.heads, SLOT, interface_with(prefixes, traits))
    answer = ICMPv6ND_RA(chlim=64, prf=0, routerlifetime=1800)
    answer /= ICMPv6NDOptSrcLLAddr(lladdr=mac_text(mac(9))) / ICMPv6NDOptMTU(mtu=1450)
    for prefix, bits in prefixes:
        lifetimes = {"validlifetime": 2_592_000, "preferredlifetime": 604_800}
        answer /= ICMPv6NDOptPrefixInfo(prefix=prefix, prefixlen=bits, L=1, A=int(bits == 64), **lifetimes)
    if traits:
        answer /= ICMPv6NDOptRDNSS(lifetime=1800, dns=[ip6(1)], res=0)
    to, to_mac = (source, mac(7) if named else mac(2))
    if source == "::":
        to, to_mac = "ff02::1", bytes.fromhex("333300000001")
    assert slot.frame() == bytes(header(to_mac, mac(9)) / IPv6(src="fe80::9", dst=to, hlim=255) / answer)
