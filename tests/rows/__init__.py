"""Packet tests as rows, by subject: each subject's ``ROWS``, and all of them as ``ALL_ROWS``."""

from tests.rows import ageing, frames, isolation, learning, limits, spoofing, storms, vlan
from tests.rows.overlay import (
    arriving,
    asking,
    congestion,
    groups,
    leaving,
    malformed,
    routed,
    security,
    underlay,
    whereabouts,
)
from tests.rows.overlay import sizes as overlay_sizes
from tests.rows.overlay.world import UNDERLAYS
from tests.rows.policy import bridged
from tests.rows.policy import fragments as judged_fragments
from tests.rows.policy import groups as to_groups
from tests.rows.policy import routed as judged_routed
from tests.rows.router import (
    arp,
    claims,
    conversations,
    discovery,
    errors,
    fragments,
    networks,
    packets,
    routes,
    services,
    sizes,
    translation,
)

ROUTER_SUBJECTS = {
    "arp": arp.ROWS,
    "discovery": discovery.ROWS,
    "packets": packets.ROWS,
    "routes": routes.ROWS,
    "services": services.ROWS,
    "sizes": sizes.ROWS,
    "translation": translation.ROWS,
    "conversations": conversations.ROWS,
    "errors": errors.ROWS,
    "fragments": fragments.ROWS,
    "networks": networks.ROWS,
    "claims": claims.ROWS,
}

OVERLAY_SUBJECTS = {
    "leaving": leaving.rows,
    "arriving": arriving.rows,
    "whereabouts": whereabouts.rows,
    "asking": asking.rows,
    "underlay": underlay.rows,
    "sizes": overlay_sizes.rows,
    "congestion": congestion.rows,
    "security": security.rows,
    "routed": routed.rows,
    "groups": groups.rows,
    "malformed": malformed.rows,
}

SUBJECTS = {
    "frames": frames.ROWS,
    "learning": learning.ROWS,
    "ageing": ageing.ROWS,
    "limits": limits.ROWS,
    "vlan": vlan.ROWS,
    "isolation": isolation.ROWS,
    "storms": storms.ROWS,
    "spoofing": spoofing.ROWS,
}
ALL_ROWS = [(subject, row) for subject, rows in SUBJECTS.items() for row in rows]
ROUTER_ROWS = [(subject, row) for subject, rows in ROUTER_SUBJECTS.items() for row in rows]
OVERLAY_ROWS = [
    (f"{subject} over IPv{under.version}", row)
    for under in UNDERLAYS
    for subject, rows in OVERLAY_SUBJECTS.items()
    for row in rows(under)
]
POLICY_SUBJECTS = {
    "bridged": bridged.ROWS,
    "groups": to_groups.ROWS,
    "fragments": judged_fragments.ROWS,
    "routed": judged_routed.ROWS,
}
POLICY_ROWS = [(subject, row) for subject, rows in POLICY_SUBJECTS.items() for row in rows]
