"""What an answer says of addresses: for whoever must know them before the asker does."""

from ipaddress import ip_address
from typing import NamedTuple

import dns.exception
import dns.message
import dns.name
import dns.rdatatype

from control.dns.forward import HEADER_BYTES
from control.model import Address

MOST_ALIASES = 16


class Told(NamedTuple):
    """The name that was asked for, without its final dot; its addresses; for how long all of that is true."""

    name: str
    addresses: tuple[Address, ...]
    ttl_s: float


def name_asked_for(message: bytes) -> str:
    """Return the name in a query's or an answer's question, in lower case; empty if there is none that can be read."""
    labels, at = [], HEADER_BYTES
    while at < len(message) and 0 < message[at] < 64:
        labels.append(message[at + 1 : at + 1 + message[at]])
        at += message[at] + 1
    return b".".join(labels).decode("ascii", "replace").lower()


def read_answer(message: bytes) -> Told | None:
    """Return the addresses that an answer has for the name that it was asked for, aliases followed; None if none."""
    try:
        answer = dns.message.from_wire(message, ignore_trailing=True)
    except dns.exception.DNSException:
        return None
    if len(answer.question) != 1:
        return None
    name, ttl = answer.question[0].name, float("inf")
    asked = name.to_text(omit_final_dot=True).lower()
    for _ in range(MOST_ALIASES):
        here = [rrset for rrset in answer.answer if rrset.name == name]
        records = [rrset for rrset in here if rrset.rdtype in (dns.rdatatype.A, dns.rdatatype.AAAA)]
        if records:
            addresses = tuple(ip_address(each.address) for rrset in records for each in rrset)
            return Told(asked, addresses, min(ttl, *(float(rrset.ttl) for rrset in records)))
        alias = next((rrset for rrset in here if rrset.rdtype == dns.rdatatype.CNAME), None)
        if alias is None:
            return None
        ttl, name = min(ttl, float(alias.ttl)), alias[0].target
    return None
