"""Well-known recipes of NetworkPolicies, each with what it is meant to let pass, in words of its own.

The policies are files in the folder ``netpol`` beside the captures; what is expected here was written by hand.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.policy.story import namespace, pod
from tests.shared import shared_folder

NAMESPACES = (
    namespace("prod", "purpose=production") + namespace("dev", "purpose=testing") + namespace("ops", "team=operations")
)


PODS = {
    "web": pod("app=web"),
    "api": pod("app=bookstore role=api"),
    "db": pod("app=bookstore role=db"),
    "search": pod("app=bookstore role=search"),
    "inventory": pod("app=inventory role=web"),
    "apiserver": pod("app=apiserver"),
    "monitor": pod("role=monitoring type=monitoring"),
    "foo": pod("app=foo"),
    "prodpod": pod(namespace="prod"),
    "devpod": pod("app=bookstore role=api", "dev"),
    "opsmonitor": pod("type=monitoring", "ops"),
    "opspod": pod(namespace="ops"),
    "dns": pod("k8s-app=kube-dns", "kube-system"),
}
FAR = "far"
"""Somebody who is no pod."""
DEFAULT = {name for name, each in PODS.items() if each.fields["namespace"] == "default"}
SERVICES = (("tcp", 80), ("tcp", 5000), ("tcp", 53), ("udp", 53), ("udp", 80))


class Talk(NamedTuple):
    """Somebody who talks to somebody."""

    source: str
    destination: str
    protocol: str
    port: int


def to_names(talk: Talk) -> bool:
    """Whether it asks the cluster's answerer of names."""
    return talk.destination == "dns" and talk.port == 53


RECIPES: dict[str, Callable[[Talk], bool]] = {
    "01-deny-all-traffic-to-an-application": lambda t: t.destination != "web",
    "02-limit-traffic-to-an-application": lambda t: t.destination != "api" or t.source in ("db", "search"),
    "02a-allow-all-traffic-to-an-application": lambda t: True,
    "03-deny-all-non-whitelisted-traffic-in-the-namespace": lambda t: t.destination not in DEFAULT,
    "04-deny-traffic-from-other-namespaces": lambda t: t.destination not in DEFAULT or t.source in DEFAULT,
    "05-allow-traffic-from-all-namespaces": lambda t: t.destination != "web" or t.source != FAR,
    "06-allow-traffic-from-a-namespace": lambda t: t.destination != "web" or t.source == "prodpod",
    "07-allow-traffic-from-some-pods-in-another-namespace": (
        lambda t: t.destination != "web" or t.source == "opsmonitor"
    ),
    "08-allow-external-traffic": lambda t: True,
    "09-allow-traffic-only-to-a-port": (
        lambda t: t.destination != "apiserver" or (t.source == "monitor" and (t.protocol, t.port) == ("tcp", 5000))
    ),
    "10-allowing-traffic-with-multiple-selectors": (
        lambda t: t.destination != "db" or t.source in ("search", "api", "inventory")
    ),
    "11-deny-egress-traffic-from-an-application": lambda t: t.source != "foo" or to_names(t),
    "12-deny-all-non-whitelisted-traffic-from-the-namespace": lambda t: t.source not in DEFAULT,
    "14-deny-external-egress-traffic": lambda t: t.source != "foo" or to_names(t),
}


def recipes_folder() -> Path:
    """Return where the recipes are; skips, by name, where they are not there."""
    folder = shared_folder() / "netpol"
    if not folder.is_dir():
        pytest.skip(f"needs the recipes of network policies in {folder}")
    return folder


def read_recipe(name: str) -> str:
    """Return the YAML of a recipe."""
    return (recipes_folder() / f"{name}.yaml").read_text()


def talks() -> Iterator[Talk]:
    """Yield everybody who could talk to everybody else, and by which service."""
    names = [*PODS, FAR]
    for source in names:
        for destination in names:
            if source != destination:
                yield from (Talk(source, destination, *service) for service in SERVICES)


def port_fields(name: str) -> dict[str, Any]:
    """Return what a configuration says of a pod."""
    return dict(PODS[name].fields)
