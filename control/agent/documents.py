"""What the agent says of itself: the API's documents, as docs/commands.md has them. Reads, changes nothing."""

import os
import time
from importlib.metadata import version
from typing import Any

from control.agent.instance import Instance
from control.agent.rundir import RunDir
from control.config import render_configuration, render_manifests, render_network, render_peer, render_port
from control.fabric import PortCounters
from control.fabric.cluster import cluster_in
from control.model import Pcap, Port, Vtep
from control.observe import policies
from control.observe.known import rule_names
from control.policy.model import Manifests
from control.policy.trial import Cluster

Document = dict[str, Any]
NOTHING_YET = PortCounters()


def status_document(instance: Instance, run_dir: RunDir) -> Document:
    """Return what and how the daemon is."""
    states = [port["state"] for port in ports_document(instance)]
    configuration = instance.configuration
    return {
        "state": instance.state,
        "node": configuration.node,
        "version": version("tapestry"),
        "pid": os.getpid(),
        "run_dir": str(run_dir.path),
        "config": str(instance.path),
        "uptime_s": round(time.monotonic() - instance.started_at, 1),
        "workers": [
            {
                "index": index,
                "pid": worker.process.pid,
                "ready": worker.is_ready,
                "restarts": instance.workers.restarts.get(index, 0),
            }
            for index, worker in sorted(instance.workers.workers.items())
        ],
        "networks": [
            render_network(network) | {"ports": sum(port.network == network.name for port in configuration.ports)}
            for network in configuration.networks
        ],
        "overlay": _overlay(instance),
        "policy": _policy(instance),
        "manifests": _manifests(instance),
        "ports": {"total": len(states)} | {state: states.count(state) for state in ("up", "down", "waiting")},
        "fdb": {
            "entries": int(instance.fabric.state.fdb_head[0].entries[0]),
            "limit": configuration.limits.fdb,
            **instance.fabric.learning_counters(),
        },
        "warnings": list(instance.warnings),
    }


def ports_document(instance: Instance) -> list[Document]:
    """Return every port but the agent's own: as configured, its device's state, and its counters since it was added."""
    plan, counters = instance.fabric.plan, instance.fabric.port_counters()
    return [
        render_port(port)
        | {"index": plan.ports[port.name].index}
        | _state(instance, port)
        | vars_of(counters.get(port.name, NOTHING_YET))
        for port in instance.ports
    ]


def _manifests(instance: Instance) -> Document | None:
    manifests = render_manifests(instance.configuration)
    return None if manifests is None else manifests | {"refused": list(instance.refused_manifests)}


def port_document(instance: Instance, name: str) -> Document:
    """Return one port; UserError if there is none of that name."""
    instance.require_port(name)
    return next(port for port in ports_document(instance) if port["name"] == name)


def fdb_document(instance: Instance) -> list[Document]:
    """Return every address that is known, by network, VLAN and MAC."""
    entries = [vars_of(entry) for entry in instance.fabric.fdb_entries(time.monotonic_ns())]
    for entry in entries:
        entry["age_s"] = round(entry["age_s"], 1)
        entry["network"] = entry["network"] or None
    return sorted(entries, key=lambda entry: (entry["network"] or "", entry["vlan"] or 0, entry["mac"]))


def policies_document(instance: Instance) -> list[Document]:
    """Return every policy and rule, whom they are about here, and how often they have decided."""
    book = instance.fabric.policy.book
    known = policies.numbers_of(rule_names(book), book.writing.tables.hits())
    return policies.policies_document(instance.configuration.manifests or Manifests(), known, book.selected)


def cluster_document(instance: Instance) -> Document:
    """Return all pods, and all objects that say who may talk to whom, for a process of this version."""
    return Cluster.of(cluster_in(instance.fabric)).document()


def peers_document(instance: Instance) -> list[Document]:
    """Return all that is known of other nodes, by name; ``source`` is who says so, ``networks`` those it is in."""
    overlays = [network.name for network in instance.configuration.networks if network.mode == "overlay"]
    now_s = time.monotonic()
    documents = []
    for _node, known in sorted(instance.peers.store.known.items()):
        expires_s = None if known.expires_at is None else max(0.0, round(known.expires_at - now_s, 1))
        document = dict(render_peer(known.peer))
        document["networks"] = document["networks"] or overlays
        documents.append(document | {"source": known.source, "expires_s": expires_s})
    return documents


def drops_document(instance: Instance) -> Document:
    """Return how many frames ended for which reason, in all and by the port where they came in."""
    ports = instance.fabric.drop_counts()
    totals: dict[str, int] = {}
    for counts in ports.values():
        for reason, count in counts.items():
            totals[reason] = totals.get(reason, 0) + count
    return {"drops": totals, "ports": {name: counts for name, counts in ports.items() if counts}}


def configuration_document(instance: Instance) -> Document:
    """Return the configuration in force, every default filled in, with what was attached."""
    return {"file": str(instance.path)} | dict(render_configuration(instance.configuration))


def vars_of(record: Any) -> Document:
    """Return a dataclass's fields by name."""
    return {name: getattr(record, name) for name in record.__dataclass_fields__}


def _overlay(instance: Instance) -> Document | None:
    """Return this node's end of the tunnels in short, and how much is known of the others."""
    overlay, known = instance.configuration.overlay, instance.peers.store.known
    if overlay is None:
        return None
    return {
        "address": str(overlay.address),
        "transport": overlay.transport,
        "mtu": overlay.mtu,
        "peers": len(known),
        "endpoints": sum(len(each.endpoints) for each in known.values()),
    }


def _policy(instance: Instance) -> Document | None:
    """Return how many policies there are and whom they know, and how many packets their rules have decided."""
    manifests, book = instance.configuration.manifests, instance.fabric.policy.book
    if manifests is None:
        return None
    known = policies.numbers_of(rule_names(book), book.writing.tables.hits())
    return {
        "policies": len(manifests.policies),
        "cluster_policies": len(manifests.cluster_policies),
        "pods": len(book.wanted.pods),
        "rules": len(book.names),
        "decided": sum(rule.packets for rule in known.values()),
    }


def _state(instance: Instance, port: Port) -> Document:
    keeper = instance.keepers.get(port.name)
    if isinstance(port.attachment, Pcap):
        state, reason = "replay", "fed by `tapestry replay` alone"
    elif port.attachment == Vtep("raw"):
        state, reason = "up", ""
    elif keeper is None:
        state, reason = "opening", ""
    else:
        state, reason = keeper.state.value, keeper.reason
    return {
        "state": state,
        "reason": reason or None,
        "attached": instance.is_attached(port.name),
    }
