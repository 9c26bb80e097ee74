"""A query's bytes -> the answer's, where the names of a network decide it."""

from ipaddress import IPv4Address, IPv6Address

import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.reversename
import dns.rrset

from control.dns.names import NetworkNames
from control.model import Address

TTL_S = 5
"""Ports come and go: nobody is to remember one for long."""

HEADER_BYTES = 12
_QR_AND_OPCODE = 0xF8


class MalformedQueryError(ValueError):
    """It is no query that could be answered, not even with an error."""


def answer_query(query: bytes, names: NetworkNames) -> bytes | None:
    """Return the answer, None where others must be asked; MalformedQueryError for what deserves none."""
    if len(query) < HEADER_BYTES or query[2] & 0x80:
        raise MalformedQueryError
    try:
        message = dns.message.from_wire(query)
    except dns.exception.DNSException:
        return refuse(query, dns.rcode.FORMERR)
    if message.opcode() != dns.opcode.QUERY:
        return refuse(query, dns.rcode.NOTIMP)
    if len(message.question) != 1:
        return refuse(query, dns.rcode.FORMERR)
    question = message.question[0]
    if question.rdclass != dns.rdataclass.IN:
        return refuse(query, dns.rcode.REFUSED) if names.is_internal else None
    known = _address_records(question, names) if question.rdtype != dns.rdatatype.PTR else _pointer(question, names)
    if known is None:
        return refuse(query, dns.rcode.REFUSED) if names.is_internal else None
    response = dns.message.make_response(message, recursion_available=True)
    response.flags |= dns.flags.AA
    response.answer = known
    return response.to_wire()


def refuse(query: bytes, code: dns.rcode.Rcode) -> bytes:
    """Return an answer that says no more than ``code``: the header alone, which every query has."""
    opcode_and_rd = query[2] & 0x79
    return query[:2] + bytes((opcode_and_rd | 0x80, 0x80 | code)) + bytes(8)


def _address_records(question: dns.rrset.RRset, names: NetworkNames) -> list[dns.rrset.RRset] | None:
    """Return the records of a name that is known here, none if it has none of that type; None if it is unknown."""
    addresses = names.addresses.get(question.name.to_text(omit_final_dot=True).lower())
    if addresses is None:
        return None
    records = []
    for kind, rdtype in ((IPv4Address, dns.rdatatype.A), (IPv6Address, dns.rdatatype.AAAA)):
        texts = [str(address) for address in addresses if isinstance(address, kind)]
        if texts and question.rdtype in (rdtype, dns.rdatatype.ANY):
            records.append(dns.rrset.from_text(question.name, TTL_S, dns.rdataclass.IN, rdtype, *texts))
    return records


def _pointer(question: dns.rrset.RRset, names: NetworkNames) -> list[dns.rrset.RRset] | None:
    owner = names.owners.get(address) if (address := _address_asked_for(question.name)) else None
    if owner is None:
        return None
    return [dns.rrset.from_text(question.name, TTL_S, dns.rdataclass.IN, dns.rdatatype.PTR, f"{owner}.")]


def _address_asked_for(name: dns.name.Name) -> Address | None:
    try:
        text = dns.reversename.to_address(name)
    except (dns.exception.DNSException, ValueError):
        return None
    return IPv6Address(text) if ":" in text else IPv4Address(text)
