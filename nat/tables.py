"""Translation: what the agent wants translated, what a worker draws ports with, and this package's codes.

A translation is a flow (``dataplane/flow/tables.py``), so there is nothing here of single conversations. The rules say
how a new one is begun: ``sources`` are the addresses that hide those inside, published ranges of outside ports lead to
inside addresses, and static pairs of addresses stand for each other. With ``endpoint_independent``, an inside address
and port keeps one outside port for all destinations. Such a *mapping* is kept in a flow table of its own: its original
key is that of the inside end towards address and port 0, its reply key is from there to the outside end. So mappings
are unique at both ends, expire, and are shared by workers as flows are.

Addresses are two halves in host order, IPv4 mapped; sorted means by high half, low half, and then what is named.
"""

from typing import Any, Final, NamedTuple

import numpy as np

from dataplane.flow.tables import TUPLE_DTYPE

NO_ERROR: Final = 0
"""The packet is no ICMP error: it has ports of its own, or none."""
QUOTES_PACKET: Final = 1
QUOTE_MALFORMED: Final = 2
"""The quoted packet is too short or its header makes no sense; nothing can be said about its flow."""
QUOTES_LATER_FRAGMENT: Final = 3
"""The quoted packet has no ports to find its flow by."""

QUOTE_DTYPE: Final = np.dtype(
    [
        # The tuple of packets that go the way the error goes: the quoted packet's, reversed.
        ("towards", TUPLE_DTYPE),
        # Where the quoted packet, its transport header and what may be touched of it begin and end, in ``heads``.
        ("packet_at", "u4"),
        ("transport_at", "u4"),
        ("ends_at", "u4"),
        # Length of the quoted packet's transport part as its header says, which is more than what is quoted.
        ("transport_bytes", "u4"),
        ("protocol", "u1"),
        ("is_ipv6", "u1"),
        ("fragment", "u1"),
    ],
    align=True,
)
"""Scratch that ``read_quote`` fills and ``translate_error`` uses."""

OK: Final = 0
NAT_EXHAUSTED: Final = -4
"""No outside port is free for this conversation. Beside the codes of ``create_flow``, which end at -3."""
NO_ADDRESS: Final = -5
"""There is no outside address of the packet's family."""

SOURCES: Final = 16
"""Outside addresses a family."""
PUBLISHED_RANGES: Final = 8192
"""Ranges of published ports, counted once for every outside address that they are published on."""
STATIC_PAIRS: Final = 1024

NAT_RULES_DTYPE: Final = np.dtype(
    [
        # How many there are. Sources of IPv4 stand from 0 on, of IPv6 from SOURCES on; else 0.
        ("sources", "u4", (2,)),
        ("published", "u4"),
        ("static_pairs", "u4"),
        ("translates", "u1"),
        ("endpoint_independent", "u1"),
        ("source_high", "u8", (2 * SOURCES,)),
        ("source_low", "u8", (2 * SOURCES,)),
        # Published ranges, sorted by outside address and protocol << 16 | first port. They do not overlap.
        ("published_high", "u8", (PUBLISHED_RANGES,)),
        ("published_low", "u8", (PUBLISHED_RANGES,)),
        ("published_first", "u4", (PUBLISHED_RANGES,)),
        ("published_last", "u4", (PUBLISHED_RANGES,)),
        ("published_inside_high", "u8", (PUBLISHED_RANGES,)),
        ("published_inside_low", "u8", (PUBLISHED_RANGES,)),
        ("published_target", "u2", (PUBLISHED_RANGES,)),
        # Static pairs twice: sorted by the outside address, and by the inside one.
        ("outside_high", "u8", (STATIC_PAIRS,)),
        ("outside_low", "u8", (STATIC_PAIRS,)),
        ("outside_to_high", "u8", (STATIC_PAIRS,)),
        ("outside_to_low", "u8", (STATIC_PAIRS,)),
        ("inside_high", "u8", (STATIC_PAIRS,)),
        ("inside_low", "u8", (STATIC_PAIRS,)),
        ("inside_to_high", "u8", (STATIC_PAIRS,)),
        ("inside_to_low", "u8", (STATIC_PAIRS,)),
    ],
    align=True,
)
"""Written by the agent, in two copies. ``translates``: whether there is anything here to be done at all."""

CIPHER_ROUNDS: Final = 27
REMEMBERED: Final = 512

NAT_DRAWS_DTYPE: Final = np.dtype(
    [
        ("counter", "u8"),
        ("round_keys", "u8", (CIPHER_ROUNDS,)),
        ("exhausted", "u8", (REMEMBERED,)),
    ],
    align=True,
)
"""One a worker: the generator of its random numbers (``draws.py``), and for which conversations it found no port
lately: hash << 32 | tick."""

DRAWS: Final = 4096
"""How many ports are tried for one new conversation, beyond its own."""
ATTEMPTS: Final = 16
"""How often something is begun again because another worker came between."""

MAPPING_TICKS: Final = -(-120_000_000_000 >> 27)
"""How long a mapping outlives the last packet that left by it: two minutes (RFC 4787 REQ-5), in ticks of 2**27 ns."""
REFRESH_SHIFT: Final = 3
"""A flow refreshes its mapping once in so many ticks' power of two: once a second."""


class Nat(NamedTuple):
    """Translation, for one worker: the rules in force, its record of ``NAT_DRAWS_DTYPE``, the table of mappings (a
    ``Flows``), and scratch for the making of one (a record of ``CONVERSATION_DTYPE``, the worker's own)."""

    rules: Any
    draws: Any
    mappings: Any
    scratch: Any


def view_nat(rules: Any, draws: Any, mappings: Any, scratch: Any) -> Nat:
    """Return the view of one worker over its memory."""
    return Nat(rules, draws, mappings, scratch)


def initialize_nat(draws: Any, random: np.random.Generator) -> None:
    """Give every worker's record (a recarray of ``NAT_DRAWS_DTYPE``, zeroed) a secret generator of its own."""
    draws.round_keys[:] = random.integers(0, 1 << 32, draws.round_keys.shape, dtype=np.uint64)
