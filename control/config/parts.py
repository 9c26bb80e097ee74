"""``overlay.subnets``: this node's own parts of networks that go on at other nodes."""

from control.config.check import Networks
from control.config.mistakes import Mistakes
from control.config.peers import network_around
from control.model import Overlay
from control.overlay.claims import PeerClaims


def claim_parts(
    overlay: Overlay, networks: Networks, all_networks: bool, claims: PeerClaims, mistakes: Mistakes
) -> None:
    """Take in this node's own parts beside what peers have in ``claims``.

    ``all_networks`` is false when ``networks`` lacks one whose name is wrong.
    """
    is_complete = all_networks and None not in networks.values()
    for index, part in enumerate(overlay.subnets):
        where = ("overlay", "subnets", index)
        if is_complete and network_around(part, networks, ("overlay",)) is None:
            mistakes.add(where, "a subnet within one of an overlay network", str(part))
        for other, _ in claims.own.parts.overlapping(part):
            mistakes.add(where, "subnets that do not overlap", f"{part}, which overlaps {other}")
        for other, node in claims.subnets.overlapping(part):
            mistakes.add(where, "a subnet that overlaps no peer's", f"{part}, which overlaps {other} of {node}")
        if not mistakes.touch(where):
            claims.own.parts.add(part, "")
