"""The kernel settings of a host uplink: forwarding on, for the families that it has, and what was there before.

What was there is remembered by whoever calls (the agent's record), so that it can be put back after any death. Settings
of the TAP itself are not remembered: they go with it.

Limits: turning forwarding on resets what an administrator had set for single interfaces; those are put back with it.
"""

import os
from collections.abc import Iterable, Mapping

from control.errors import UserError

ROOT = "/proc/sys/net"

FORWARDING = {4: "ipv4/ip_forward", 6: "ipv6/conf/all/forwarding"}
_NOT_DEVICES = ("all", "default", "lo")


def read_before(versions: Iterable[int], ifname: str) -> dict[str, str]:
    """Return the settings that ``turn_on`` may change, by their path below /proc/sys/net; ``ifname`` is ours."""
    found: dict[str, str] = {}
    for version in versions:
        found[FORWARDING[version]] = _read(FORWARDING[version])
        for device in _devices(version):
            if device != ifname:
                found |= {path: _read(path) for path in _settings_of(device, version)}
    return found


def turn_on(versions: Iterable[int], ifname: str, before: Mapping[str, str]) -> None:
    """Have the host forward, and route loopback addresses to the TAP for published ports. UserError if it may not.

    A host that forwards IPv6 heeds no router advertisements unless told to (accept_ra 2): devices that did still do.
    """
    for version in versions:
        _write(FORWARDING[version], "1")
        _write(f"ipv{version}/conf/{ifname}/forwarding", "1")
    for path, value in before.items():
        if path.endswith("/accept_ra") and value == "1" and before.get(FORWARDING[6]) == "0":
            _write_if_there(path, "2")
    if 4 in versions:
        _write(f"ipv4/conf/{ifname}/route_localnet", "1")
    if 6 in versions:
        _write(f"ipv6/conf/{ifname}/accept_ra", "0")


def are_on(versions: Iterable[int], ifname: str) -> bool:
    """Return whether nobody has changed what ``turn_on`` set."""
    wanted = {FORWARDING[version]: "1" for version in versions}
    wanted |= {f"ipv{version}/conf/{ifname}/forwarding": "1" for version in versions}
    if 4 in versions:
        wanted[f"ipv4/conf/{ifname}/route_localnet"] = "1"
    return all(_read(path) == value for path, value in wanted.items())


def restore(before: Mapping[str, str]) -> None:
    """Put back what was there before, where it was changed."""
    for path in FORWARDING.values():
        if before.get(path) == "0":
            _write(path, "0")  # This resets every device's own setting, so those come after it.
    for path, value in before.items():
        if path not in FORWARDING.values() and _read(path) not in ("", value):
            _write_if_there(path, value)


def closed_devices(before: Mapping[str, str]) -> dict[int, list[str]]:
    """Return, by family, the devices that did not forward before forwarding was turned on."""
    closed: dict[int, list[str]] = {}
    for version, path in FORWARDING.items():
        if before.get(path) == "0":
            prefix = f"ipv{version}/conf/"
            devices = [
                each.split("/")[2] for each in before if each.startswith(prefix) and each.endswith("/forwarding")
            ]
            # For IPv6 the one setting for all devices decides, whatever a device's own says.
            closed[version] = [
                device
                for device in devices
                if device not in _NOT_DEVICES and (version == 6 or before[f"{prefix}{device}/forwarding"] == "0")
            ]
    return closed


def has_ipv6() -> bool:
    """Return whether devices that are made here may have IPv6 addresses."""
    return all(_read(f"ipv6/conf/{place}/disable_ipv6") == "0" for place in ("all", "default"))


def _settings_of(device: str, version: int) -> tuple[str, ...]:
    place = f"ipv{version}/conf/{device}"
    return (f"{place}/forwarding",) if version == 4 else (f"{place}/forwarding", f"{place}/accept_ra")


def _devices(version: int) -> list[str]:
    try:
        return sorted(set(os.listdir(f"{ROOT}/ipv{version}/conf")) - set(_NOT_DEVICES))
    except FileNotFoundError:
        return []


def _read(path: str) -> str:
    """Return the value, empty where the kernel has no such setting."""
    try:
        with open(f"{ROOT}/{path}", encoding="ascii") as stream:
            return stream.read().strip()
    except OSError:
        return ""


def _write(path: str, value: str) -> None:
    if _read(path) == value:
        return
    try:
        with open(f"{ROOT}/{path}", "w", encoding="ascii") as stream:
            stream.write(value)
    except OSError as error:
        name = f"net/{path}"
        raise UserError(
            f"cannot set {name} to {value} ({error.strerror}), which uplink mode host needs: set it before, with "
            f"`sysctl -w {name}={value}`"
        ) from error


def _write_if_there(path: str, value: str) -> None:
    """Set what may have gone with its device meanwhile."""
    if os.path.exists(f"{ROOT}/{path}"):
        _write(path, value)
