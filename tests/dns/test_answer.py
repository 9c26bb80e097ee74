"""What the answerer says of a network's endpoints, and what it leaves to others."""

from ipaddress import ip_address, ip_interface, ip_network

import dns.flags
import dns.message
import dns.opcode
import dns.rcode
import dns.rdatatype
import pytest
from hypothesis import given
from hypothesis import strategies as st

from control.dns.answer import MalformedQueryError, answer_query, refuse
from control.dns.names import Names, NetworkNames
from control.model import Configuration, Network, Port, Tap


def port(name: str, network: str, *addresses: str, endpoint: bool = True) -> Port:
    return Port(name, network, Tap("eth0", name), tuple(map(ip_interface, addresses)), endpoint=endpoint)


BLUE = Network("Blue", subnets=(ip_network("10.0.0.0/24"),), gateway=(ip_address("10.0.0.1"), ip_address("fd00::1")))
RED = Network("red", subnets=(ip_network("10.9.0.0/24"),), gateway=(ip_address("10.9.0.1"),), internal=True)
CONFIGURATION = Configuration(
    "node",
    networks=(BLUE, RED),
    ports=(
        port("Web", "Blue", "10.0.0.2/24", "fd00::2/64"),
        port("db.main", "Blue", "10.0.0.3/24"),
        port("lan", "Blue", "10.0.0.9/24", endpoint=False),
        port("secret", "red", "10.9.0.2/24"),
    ),
)
NAMES = Names(CONFIGURATION)


def names_for(asker: str, asked: str) -> NetworkNames:
    names = NAMES.of_asker(ip_address(asker), ip_address(asked))
    assert names is not None
    return names


INSIDE_BLUE = names_for("10.0.0.3", "10.0.0.1")
INSIDE_RED = names_for("10.9.0.2", "10.9.0.1")


def ask(name: str, rdtype: str = "A", names: NetworkNames = INSIDE_BLUE) -> list[str] | None:
    """Return the records' texts; None if others must be asked."""
    query = dns.message.make_query(name, rdtype)
    wire = answer_query(query.to_wire(), names)
    if wire is None:
        return None
    response = dns.message.from_wire(wire)
    assert response.id == query.id
    assert response.question == query.question
    assert response.flags & dns.flags.QR
    assert response.flags & dns.flags.RA
    assert response.rcode() == dns.rcode.NOERROR
    return sorted(record.to_text() for rrset in response.answer for record in rrset)


@pytest.mark.parametrize(
    ("name", "rdtype", "records"),
    [
        ("web.", "A", ["10.0.0.2"]),
        ("web.", "AAAA", ["fd00::2"]),
        ("web.", "ANY", ["10.0.0.2", "fd00::2"]),
        ("WEB.blue.", "A", ["10.0.0.2"]),
        ("db.main.", "A", ["10.0.0.3"]),
        ("db.main.Blue.", "A", ["10.0.0.3"]),
        ("db.main.", "AAAA", []),
        ("web.", "MX", []),
        ("2.0.0.10.in-addr.arpa.", "PTR", ["web.blue."]),
        ("2.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.arpa.", "PTR", ["web.blue."]),
        ("lan.", "A", None),
        ("secret.", "A", None),
        ("web.red.", "A", None),
        ("example.com.", "A", None),
        ("9.9.9.9.in-addr.arpa.", "PTR", None),
        ("web.", "PTR", None),
    ],
)
def test_a_question_is_answered_or_left_to_others(name: str, rdtype: str, records: list[str] | None) -> None:
    assert ask(name, rdtype) == records


def test_an_internal_network_gets_no_answers_from_outside() -> None:
    assert ask("secret.", names=INSIDE_RED) == ["10.9.0.2"]
    wire = answer_query(dns.message.make_query("example.com.", "A").to_wire(), INSIDE_RED)
    assert wire is not None
    assert dns.message.from_wire(wire).rcode() == dns.rcode.REFUSED


def test_who_asks_is_known_by_address_or_by_the_gateway_asked() -> None:
    assert names_for("10.0.0.2", "10.9.0.1").network == "Blue"
    assert names_for("10.0.0.77", "10.0.0.1").network == "Blue"
    assert NAMES.of_asker(ip_address("10.0.0.77"), ip_address("10.9.0.1")) is None
    assert NAMES.of_asker(ip_address("192.0.2.1"), ip_address("10.0.0.1")) is None


def test_a_query_of_another_kind_is_refused_in_its_own_words() -> None:
    update = dns.message.make_query("web.", "A")
    update.set_opcode(dns.opcode.NOTIFY)
    wire = answer_query(update.to_wire(), INSIDE_BLUE)
    assert wire is not None
    assert dns.message.from_wire(wire).rcode() == dns.rcode.NOTIMP


def test_an_answer_is_never_answered() -> None:
    response = dns.message.make_response(dns.message.make_query("web.", "A")).to_wire()
    with pytest.raises(MalformedQueryError):
        answer_query(response, INSIDE_BLUE)


@given(st.binary(max_size=80))
def test_whatever_comes_is_answered_refused_or_left(query: bytes) -> None:
    try:
        answer = answer_query(query, INSIDE_BLUE)
    except MalformedQueryError:
        return
    assert answer is None or (answer[:2] == query[:2] and answer[2] & 0x80)


def test_a_refusal_keeps_number_and_recursion() -> None:
    query = dns.message.make_query("web.", "A")
    response = dns.message.from_wire(refuse(query.to_wire(), dns.rcode.SERVFAIL))
    assert (response.id, response.rcode()) == (query.id, dns.rcode.SERVFAIL)
    assert response.flags & dns.flags.RD
