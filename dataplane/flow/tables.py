"""The key of a flow's direction, as both ends of a packet and its protocol say it."""

from typing import Final

import numpy as np

TUPLE_FIELDS: Final = [
    ("source_high", "u8"),
    ("source_low", "u8"),
    ("destination_high", "u8"),
    ("destination_low", "u8"),
    # source port << 48 | destination port << 32 | protocol << 24
    ("word", "u8"),
]
TUPLE_DTYPE: Final = np.dtype(TUPLE_FIELDS, align=True)
"""Addresses in host order, two halves, IPv4 mapped; ports in host order, those of ICMP queries as ``packet/`` says."""

SOURCE_PORT_SHIFT: Final = np.uint64(48)
DESTINATION_PORT_SHIFT: Final = np.uint64(32)
PROTOCOL_SHIFT: Final = np.uint64(24)

CONVERSATION_DTYPE: Final = np.dtype([("original", TUPLE_DTYPE), ("reply", TUPLE_DTYPE)], align=True)
"""A new flow while it is being decided: how its packets come, and how the answers to what they become will come.

Translating the destination changes ``reply``'s source; translating the source changes ``reply``'s destination.
"""
