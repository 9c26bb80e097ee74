"""What the calling process may do, as the kernel sees it: root in a container often lacks half of it."""

CAP_NET_ADMIN = 12
CAP_NET_RAW = 13
CAP_SYS_ADMIN = 21

NEEDED = {"CAP_SYS_ADMIN": CAP_SYS_ADMIN, "CAP_NET_ADMIN": CAP_NET_ADMIN, "CAP_NET_RAW": CAP_NET_RAW}
"""What the agent needs: to enter namespaces, to make and set devices, to open packet sockets."""


def effective_capabilities() -> int:
    """Return the effective capabilities as a mask: bit N is capability N."""
    with open("/proc/self/status", encoding="ascii") as lines:
        return next(int(line.split()[1], 16) for line in lines if line.startswith("CapEff:"))


def lacking_capabilities() -> list[str]:
    """Return the names of the capabilities that the agent needs and this process lacks."""
    mask = effective_capabilities()
    return [name for name, bit in NEEDED.items() if not mask >> bit & 1]
