"""All mistakes at once, in the file's order, and none that only follows from another."""

from tests.config.read import mistakes


def test_mistakes_of_every_kind_are_told_at_once_in_the_order_of_the_file() -> None:
    text = """
workers: 9
networks:
  - name: blue
    subnets: [10.10.0.0/24, 10.20.0.1/24]
  - {name: red, subnets: [10.30.0.0/30], icc: on}
ports:
  - {name: web, network: blue, pcap: {}, mac: "zero"}
  - {name: web, network: red, pcap: {}, addresses: [10.99.0.2]}
  - {name: one, network: red, tap: {netns: one, ifname: eth0}}
  - {name: two, network: red, tap: {netns: two, ifname: eth0}}
timeout: {}
"""
    assert [line.partition(": expected ")[0] for line in mistakes(text)] == [
        "2: workers",
        "5: networks[0].subnets[1]",
        "6: networks[1].icc",
        "8: ports[0].mac",
        "9: ports[1].addresses[0]",
        "9: ports[1].name",
        "11: ports[3].addresses",
        "12: timeout",
    ]


def test_a_mistake_is_not_blamed_on_others() -> None:
    """A network or a port that is wrong in itself causes no further mistakes at those who refer to it."""
    text = """
networks:
  - {name: "a b", subnets: [10.10.0.0/24]}
  - {name: blue, subnets: [10.20.0.1/24]}
ports:
  - {name: p, network: red, pcap: {}}
  - {name: q, network: blue, pcap: {}, addresses: [10.20.0.2]}
  - {name: r, network: blue, tap: {ifname: 5}}
"""
    assert [line.partition(": expected ")[0] for line in mistakes(text)] == [
        "3: networks[0].name",
        "4: networks[1].subnets[0]",
        "8: ports[2].tap.ifname",
    ]
