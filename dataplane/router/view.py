"""The router's tables, by their addresses in the record of ``ROUTER_DTYPE``.

Each of these is put into its caller, and costs a few loads.
"""

from typing import Any

import numpy as np

from dataplane.flow.tables import (
    CONVERSATION_DTYPE,
    FLOW_BUCKET_DTYPE,
    FLOW_DTYPE,
    FLOW_HEAD_DTYPE,
    FLOW_RULES_DTYPE,
    Flows,
)
from dataplane.flowlog.tables import FLOW_LOG_DTYPE
from dataplane.fragment.tables import FRAGMENT_ENTRY_DTYPE, FRAGMENT_HEAD_DTYPE, Fragments
from dataplane.interfaces.tables import INTERFACES_DTYPE
from dataplane.jit import expanded
from dataplane.memory import record_at, records_at
from dataplane.neighbour.tables import NEIGHBOUR_BUCKET_DTYPE, NEIGHBOUR_HEAD_DTYPE, NEIGHBOUR_RULES_DTYPE, Neighbours
from dataplane.parking.tables import PARKING_HEAD_DTYPE, PLACE_DTYPE, Parking
from dataplane.policy.tables import (
    END_DTYPE,
    HITS_DTYPE,
    LIST_DTYPE,
    POLICY_DTYPE,
    POLICY_HEAD_DTYPE,
    ROW_DTYPE,
    Policy,
)
from dataplane.route.hops.tables import NEXTHOP_DTYPE
from dataplane.route.tables import Fib
from dataplane.router.tables import CLOCK_DTYPE, ERRORS_DTYPE, WAY_DTYPE
from encap.tables import OVERLAY_DTYPE, REMOTES_DTYPE
from nat.tables import NAT_DRAWS_DTYPE, NAT_RULES_DTYPE, QUOTE_DTYPE, Nat

_U4 = np.dtype(np.uint32)
_U1 = np.dtype(np.uint8)
_U8 = np.dtype(np.uint64)
_WORDS = FLOW_DTYPE.itemsize // _U8.itemsize

_INTERFACES = np.uint64(INTERFACES_DTYPE.itemsize)
_FLOW_RULES = np.uint64(FLOW_RULES_DTYPE.itemsize)
_NAT_RULES = np.uint64(NAT_RULES_DTYPE.itemsize)
_NEIGHBOUR_RULES = np.uint64(NEIGHBOUR_RULES_DTYPE.itemsize)
_DRAWS = np.uint64(NAT_DRAWS_DTYPE.itemsize)
_CONVERSATION = np.uint64(CONVERSATION_DTYPE.itemsize)
_WAY = np.uint64(WAY_DTYPE.itemsize)
_QUOTE = np.uint64(QUOTE_DTYPE.itemsize)
_OVERLAY = np.uint64(OVERLAY_DTYPE.itemsize)
_POLICY = np.uint64(POLICY_DTYPE.itemsize)
_LOG = np.uint64(FLOW_LOG_DTYPE.itemsize)
_HITS = np.uint64(HITS_DTYPE.itemsize)


@expanded
def interfaces_of(router: Any) -> Any:
    """Return the interfaces in force (a record of ``INTERFACES_DTYPE``)."""
    return record_at(router.interfaces + router.in_force * _INTERFACES, INTERFACES_DTYPE)


@expanded
def fib4_of(router: Any) -> Any:
    """Return the routes of IPv4 (a ``Fib``)."""
    return Fib(
        records_at(router.fib4_root, router.fib4_root_count, _U4),
        records_at(router.fib4_units, router.fib4_units_count, _U8),
    )


@expanded
def fib6_of(router: Any) -> Any:
    """Return the routes of IPv6 (a ``Fib``)."""
    return Fib(
        records_at(router.fib6_root, router.fib6_root_count, _U4),
        records_at(router.fib6_units, router.fib6_units_count, _U8),
    )


@expanded
def next_hops_of(router: Any) -> Any:
    """Return all next hops (records of ``NEXTHOP_DTYPE``)."""
    return records_at(router.hops, router.hops_count, NEXTHOP_DTYPE)


@expanded
def groups_of(router: Any) -> Any:
    """Return the words of all next-hop groups."""
    return records_at(router.hop_groups, router.hop_groups_count, _U4)


@expanded
def spreads_of(router: Any) -> Any:
    """Return the places of all spreads, one spread after the other."""
    return records_at(router.hop_spreads, router.hop_spreads_count, _U4)


@expanded
def flow_head_of(router: Any) -> Any:
    """Return the head of the flow table."""
    return record_at(router.flow_head, FLOW_HEAD_DTYPE)


@expanded
def flows_of(router: Any) -> Any:
    """Return the flow table (``Flows``)."""
    return Flows(
        record_at(router.flow_head, FLOW_HEAD_DTYPE),
        records_at(router.flow_buckets, router.flow_buckets_count, FLOW_BUCKET_DTYPE),
        records_at(router.flow_ring, router.flow_ring_count, _U8),
        records_at(router.flow_records, router.flow_records_count, FLOW_DTYPE),
        records_at(router.flow_records, router.flow_records_count * _WORDS, _U8),
        log_of(router),
    )


@expanded
def log_of(router: Any) -> Any:
    """Return the worker's log of conversations (a record of ``FLOW_LOG_DTYPE``)."""
    return record_at(router.flow_logs + router.worker * _LOG, FLOW_LOG_DTYPE)


@expanded
def flow_rules_of(router: Any) -> Any:
    """Return the timeouts in force."""
    return record_at(router.flow_rules + router.in_force * _FLOW_RULES, FLOW_RULES_DTYPE)


@expanded
def mappings_of(router: Any) -> Any:
    """Return the table of endpoint-independent mappings (``Flows``)."""
    return Flows(
        record_at(router.mapping_head, FLOW_HEAD_DTYPE),
        records_at(router.mapping_buckets, router.mapping_buckets_count, FLOW_BUCKET_DTYPE),
        records_at(router.mapping_ring, router.mapping_ring_count, _U8),
        records_at(router.mapping_records, router.mapping_records_count, FLOW_DTYPE),
        records_at(router.mapping_records, router.mapping_records_count * _WORDS, _U8),
        log_of(router),
    )


@expanded
def nat_of(router: Any) -> Any:
    """Return translation as the worker sees it (``Nat``)."""
    return Nat(
        record_at(router.nat_rules + router.in_force * _NAT_RULES, NAT_RULES_DTYPE),
        record_at(router.nat_draws + router.worker * _DRAWS, NAT_DRAWS_DTYPE),
        mappings_of(router),
        record_at(router.nat_scratch + router.worker * _CONVERSATION, CONVERSATION_DTYPE),
    )


@expanded
def neighbours_of(router: Any) -> Any:
    """Return the table of neighbours (``Neighbours``)."""
    return Neighbours(
        record_at(router.neighbour_head, NEIGHBOUR_HEAD_DTYPE),
        records_at(router.neighbour_buckets, router.neighbour_buckets_count, NEIGHBOUR_BUCKET_DTYPE),
        records_at(router.neighbour_void, router.neighbour_void_count, _U8),
        record_at(router.neighbour_rules + router.in_force * _NEIGHBOUR_RULES, NEIGHBOUR_RULES_DTYPE),
    )


@expanded
def parking_of(router: Any) -> Any:
    """Return the places of frames that wait (``Parking``)."""
    return Parking(
        record_at(router.parking_head, PARKING_HEAD_DTYPE),
        records_at(router.parking_places, router.parking_places_count, PLACE_DTYPE),
        records_at(router.parking_tails, router.parking_tails_count, _U1),
    )


@expanded
def fragments_of(router: Any) -> Any:
    """Return the table of fragmented packets (``Fragments``)."""
    return Fragments(
        record_at(router.fragment_head, FRAGMENT_HEAD_DTYPE),
        records_at(router.fragment_words, router.fragment_words_count, _U8),
        records_at(router.fragment_entries, router.fragment_entries_count, FRAGMENT_ENTRY_DTYPE),
    )


@expanded
def errors_of(router: Any) -> Any:
    """Return what limits ICMP errors."""
    return record_at(router.errors, ERRORS_DTYPE)


@expanded
def overlay_of(router: Any) -> Any:
    """Return the overlay's settings in force (a record of ``OVERLAY_DTYPE``)."""
    return record_at(router.overlay + router.in_force * _OVERLAY, OVERLAY_DTYPE)


@expanded
def remotes_of(router: Any) -> Any:
    """Return what is known of other nodes (the record of ``REMOTES_DTYPE``)."""
    return record_at(router.remotes, REMOTES_DTYPE)


@expanded
def policy_of(router: Any) -> Any:
    """Return policy as the worker sees it (``Policy``)."""
    return Policy(
        record_at(router.policy + router.in_force * _POLICY, POLICY_DTYPE),
        record_at(router.policy_head, POLICY_HEAD_DTYPE),
        records_at(router.policy_ends, router.policy_ends_count, END_DTYPE),
        records_at(router.policy_rows, router.policy_rows_count, ROW_DTYPE),
        records_at(router.policy_cells, router.policy_cells_count, _U8),
        records_at(router.policy_lists, router.policy_lists_count, LIST_DTYPE),
        records_at(router.policy_steps, router.policy_steps_count, _U8),
        Fib(
            records_at(router.policy_fib4_root, router.policy_fib4_root_count, _U4),
            records_at(router.policy_fib4_units, router.policy_fib4_units_count, _U8),
        ),
        Fib(
            records_at(router.policy_fib6_root, router.policy_fib6_root_count, _U4),
            records_at(router.policy_fib6_units, router.policy_fib6_units_count, _U8),
        ),
        record_at(router.policy_hits + router.worker * _HITS, HITS_DTYPE),
    )


@expanded
def clock_of(router: Any) -> Any:
    """Return when timers ran last."""
    return record_at(router.clock, CLOCK_DTYPE)


@expanded
def way_of(router: Any) -> Any:
    """Return the worker's notes on the packet at hand."""
    return record_at(router.ways + router.worker * _WAY, WAY_DTYPE)


@expanded
def quote_of(router: Any) -> Any:
    """Return the worker's notes on the packet that an ICMP error quotes."""
    return record_at(router.quotes + router.worker * _QUOTE, QUOTE_DTYPE)
