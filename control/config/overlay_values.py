"""One value of the overlay's fields at a time."""

from control.config.values import Expected

_MAX_DSCP = 63


def transport(value: object) -> str:
    if value not in ("socket", "raw"):
        raise Expected("socket or raw")
    return str(value)


def inner_vlan(value: object) -> str:
    if value not in ("discard", "keep"):
        raise Expected("discard or keep")
    return str(value)


def dscp(value: object) -> int | str:
    """Return ``inherit``, or the six bits of RFC 2474 as a number."""
    is_number = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_DSCP
    if value != "inherit" and not is_number:
        raise Expected(f"inherit, or a whole number from 0 to {_MAX_DSCP}")
    return value  # type: ignore[return-value]
