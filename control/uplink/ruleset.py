"""The nftables table of a host uplink, as text for `nft -f`. Pure.

Invariants:
- ``guard``: nobody but this host and the fabric uses the TAP's own addresses, and 127.0.0.0/8, which the host routes to
  the TAP for published ports, cannot be reached from there.
- ``lead``: a published port leads to the fabric's end whatever address of the host it was asked at; the port stays, so
  what may follow is the fabric's to decide. The client's address is kept.
- ``follow``: loopback has no meaning beyond the host, so it becomes the node's address; what came from the fabric and
  goes back there becomes the reflected one, so that its answers come back by here; what leaves with the fabric's own
  address takes the host's.
- ``keep_closed``: interfaces that did not forward before we turned forwarding on do not forward to each other now.
"""

from collections.abc import Collection, Mapping

from control.model import Address
from control.uplink.plan import HostPlan, Lead

TABLE = "tapestry"

_WORD = {4: "ip", 6: "ip6"}
_TYPE = {4: "ipv4_addr", 6: "ipv6_addr"}
_LOOPBACK = {4: "127.0.0.0/8", 6: "::1"}


def render_ruleset(plan: HostPlan, closed: Mapping[int, Collection[str]]) -> str:
    """Return the whole table, and what replaces the one that is there by it in one step.

    ``closed`` are, by family, the interfaces that are not to forward to each other.
    """
    lines = [f"table inet {TABLE}", f"delete table inet {TABLE}", f"table inet {TABLE} {{"]
    lines += _sets(plan, closed)
    lines += _chain("guard", "filter hook prerouting priority raw", _guard(plan))
    lines += _chain("keep_closed", "filter hook forward priority filter", _keep_closed(plan, closed))
    lines += _chain("lead_in", "nat hook prerouting priority dstnat", ["fib daddr type local jump lead"])
    lines += _chain("lead_out", "nat hook output priority -100", ["fib daddr type local jump lead"])
    lines += _chain("follow", "nat hook postrouting priority srcnat", _follow(plan))
    lines += _chain("lead", "", _lead(plan))
    return "\n".join([*lines, "}", ""])


def _sets(plan: HostPlan, closed: Mapping[int, Collection[str]]) -> list[str]:
    lines: list[str] = []
    for version in plan.versions:
        leads = [lead for lead in plan.leads if lead.version == version]
        anywhere = [_ports(lead) for lead in leads if lead.host is None]
        at = [f"{lead.host} . {_ports(lead)}" for lead in leads if lead.host is not None]
        lines += _set(f"published{version}", "inet_proto . inet_service", "interval", anywhere)
        lines += _set(f"published{version}_at", f"{_TYPE[version]} . inet_proto . inet_service", "interval", at)
        lines += _set(f"closed{version}", "ifname", "", [f'"{name}"' for name in sorted(closed.get(version, ()))])
    return lines


def _ports(lead: Lead) -> str:
    return f"{lead.protocol} . {lead.first}" + (f"-{lead.last}" if lead.last > lead.first else "")


def _set(name: str, kind: str, flags: str, elements: list[str]) -> list[str]:
    body = [f"type {kind}"] + ([f"flags {flags}"] if flags else [])
    body += [f"elements = {{ {', '.join(elements)} }}"] if elements else []
    return [f"  set {name} {{", *(f"    {line}" for line in body), "  }"]


def _chain(name: str, hook: str, rules: list[str]) -> list[str]:
    head = [f"type {hook}; policy accept;"] if hook else []
    return [f"  chain {name} {{", *(f"    {line}" for line in (*head, *rules)), "  }"]


def _guard(plan: HostPlan) -> list[str]:
    rules = []
    for version in plan.versions:
        word, loopback = _WORD[version], _LOOPBACK[version]
        own = _of(plan.host, version) + _of(plan.reflected, version)
        link = [str(link) for link in plan.links if link.version == version] + _of(plan.reflected, version)
        for side in ("saddr", "daddr"):
            rules.append(f'iifname "{plan.ifname}" {word} {side} {loopback} drop')
            rules.append(f'iifname != {{ "{plan.ifname}", "lo" }} {word} {side} {{ {", ".join(link)} }} drop')
        rules.append(f'iifname "{plan.ifname}" {word} saddr {{ {", ".join(own)} }} drop')
    return rules


def _keep_closed(plan: HostPlan, closed: Mapping[int, Collection[str]]) -> list[str]:
    families = [version for version in plan.versions if closed.get(version)]
    return [f"meta nfproto ipv{each} iifname @closed{each} oifname @closed{each} drop" for each in families]


def _lead(plan: HostPlan) -> list[str]:
    # The kernel routes 127.0.0.0/8 out of the host if told to, but never ::1: who asks there is refused at once.
    rules = [f"ip6 daddr {_LOOPBACK[6]} return"]
    for version in plan.versions:
        word, target = _WORD[version], f"dnat {_WORD[version]} to {_of(plan.fabric, version)[0]}"
        family = f"meta nfproto ipv{version}"
        rules.append(f"{family} meta l4proto . th dport @published{version} {target}")
        rules.append(f"{word} daddr . meta l4proto . th dport @published{version}_at {target}")
    return rules


def _follow(plan: HostPlan) -> list[str]:
    rules = []
    for version in plan.versions:
        word, out = _WORD[version], f'oifname "{plan.ifname}"'
        host, reflected, fabric = (_of(each, version)[0] for each in (plan.host, plan.reflected, plan.fabric))
        if version == 4:
            rules.append(f"{out} ip saddr {_LOOPBACK[4]} snat ip to {host}")
        rules.append(f'{out} iifname "{plan.ifname}" meta nfproto ipv{version} snat {word} to {reflected}')
        rules.append(f'oifname != "{plan.ifname}" {word} saddr {fabric} masquerade')
    return rules


def _of(addresses: tuple[Address, ...], version: int) -> list[str]:
    return [str(address) for address in addresses if address.version == version]
