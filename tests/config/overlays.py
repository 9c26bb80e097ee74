"""Files with an overlay, as the tests of its configuration share them."""

RED = "networks: [{name: red, mode: overlay, vni: 200, subnets: [10.20.0.0/16, 'fd00:20::/48']}]\n"
"""One network on line 1."""


def peers(*items: str, more: str = "") -> str:
    """Return the network red and an overlay with ``more`` fields and these peers, one a line from line 3 on."""
    return RED + f"overlay: {{address: 192.0.2.1{more}, peers: [\n" + ",\n".join(items) + "\n]}\n"


def endpoint(fields: str) -> str:
    """Return one peer with one endpoint, on line 3."""
    return peers(f"{{node: node2, address: 192.0.2.2, endpoints: [{{{fields}}}]}}")
