"""Translation tables for tests, conversations as plain tuples, and addresses as numbers."""

from ipaddress import ip_address
from typing import Any

import numpy as np

from dataplane.flow.tables import CONVERSATION_DTYPE
from nat.build import NatPlan, write_nat
from nat.destination import translate_destination
from nat.open import open_flow
from nat.tables import NAT_DRAWS_DTYPE, NAT_RULES_DTYPE, Nat, initialize_nat, view_nat
from tests.flow.tables import Flows, Key, conversation_of, make_flows, reverse

TCP, UDP, SCTP, ICMP, ICMPV6, GRE = 6, 17, 132, 1, 58, 47
LOW = (1 << 64) - 1


def number(address: str) -> int:
    """Return an address as 128 bits, IPv4 mapped."""
    parsed = ip_address(address)
    return int(parsed) | (0xFFFF << 32 if parsed.version == 4 else 0)


def key(protocol: int, source: str | int, sport: int, destination: str | int, dport: int) -> Key:
    """Return a key."""
    a, b = (number(end) if isinstance(end, str) else end for end in (source, destination))
    return a >> 64, a & LOW, b >> 64, b & LOW, sport << 48 | dport << 32 | protocol << 24


def ends(of: Key) -> tuple[int, int, int, int]:
    """Return a key's source address, source port, destination address, destination port."""
    return of[0] << 64 | of[1], of[4] >> 48, of[2] << 64 | of[3], of[4] >> 32 & 0xFFFF


def make_nat(plan: NatPlan, mappings: int = 64, workers: int = 1, seed: int = 1) -> list[Nat]:
    """Return the view of each of some workers of one translation."""
    rules = np.zeros(1, NAT_RULES_DTYPE).view(np.recarray)[0]
    draws = np.zeros(workers, NAT_DRAWS_DTYPE).view(np.recarray)
    scratch = np.zeros(workers, CONVERSATION_DTYPE).view(np.recarray)
    initialize_nat(draws, np.random.default_rng(seed))
    write_nat(rules, plan)
    table = make_flows(mappings, seed)
    return [view_nat(rules, draws[worker], table, scratch[worker]) for worker in range(workers)]


def key_of(record: Any) -> Key:
    """Return what a record of ``TUPLE_DTYPE`` says."""
    return (
        int(record.source_high),
        int(record.source_low),
        int(record.destination_high),
        int(record.destination_low),
        int(record.word),
    )


def destination_of(nat: Nat, original: Key, tick: int = 1) -> tuple[int, int] | None:
    """Return where a packet really goes, None if where it says."""
    conversation = conversation_of(original, reverse(original))
    moved = translate_destination(nat, conversation, np.uint64(tick))
    address, port, *_ = ends(key_of(conversation.reply))
    assert moved or key_of(conversation.reply) == reverse(original)
    return (address, port) if moved else None


def begin(
    nat: Nat, flows: Flows, original: Key, tick: int = 1, translates_source: bool = True, timeout: int = 100
) -> tuple[int, Key]:
    """Begin a conversation as the router does; return the flow or the refusal, and the tuple of its answers."""
    conversation = conversation_of(original, reverse(original))
    translate_destination(nat, conversation, np.uint64(tick))
    flow = int(open_flow(nat, flows, conversation, translates_source, np.uint64(tick), timeout))
    return flow, key_of(conversation.reply)
