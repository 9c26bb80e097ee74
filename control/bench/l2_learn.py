"""The learning switch: ``flows`` MACs on one port talk to ``flows`` MACs on another, both ways, in random order."""

from typing import Any

import numpy as np

from control.bench.workload import CALM_FRAMES, Parameters, Workload, lay_out_frames
from control.fabric import Fabric
from control.model import Configuration, Limits, Network, Pcap, Port

SEED = 1


def l2_learn(parameters: Parameters) -> Workload:
    """Return the workload; with several workers each has ports and MACs of its own in one network."""
    macs = 2 * parameters.flows * parameters.workers
    limits = Limits(fdb=max(65536, macs), macs_per_port=macs)
    names = [f"p{k}" for k in range(2 * parameters.workers)]
    configuration = Configuration(
        node="bench",
        workers=parameters.workers,
        networks=(Network("bench"),),
        ports=tuple(Port(name, "bench", Pcap(), max_macs=macs) for name in names),
        limits=limits,
    )
    fabric = Fabric(limits, parameters.workers, shared=parameters.workers > 1)
    fabric.apply(configuration)
    for name in names:
        fabric.set_link(name, up=True)
    rounds = [
        make_round(parameters, worker, [fabric.index_of(name) for name in names[2 * worker : 2 * worker + 2]])
        for worker in range(parameters.workers)
    ]
    return Workload("l2_learn", fabric, rounds)


def make_round(parameters: Parameters, worker: int, ports: list[int]) -> tuple[Any, Any]:
    """Return frames in which every MAC of the worker's two ports sends as often as every other."""
    random = np.random.default_rng([SEED, worker])
    flows = parameters.flows
    repeats = max(1, CALM_FRAMES // (2 * flows))
    first = 2 * flows * worker
    left, right = mac_addresses(first, flows), mac_addresses(first + flows, flows)
    parts = []
    for _ in range(repeats):
        there = np.hstack([right[random.permutation(flows)], left[random.permutation(flows)]])
        back = np.hstack([left[random.permutation(flows)], right[random.permutation(flows)]])
        parts.append(np.stack([there, back], axis=1).reshape(2 * flows, 12))
    headers = np.concatenate(parts)
    ether_type = np.broadcast_to(np.array([0x08, 0x00], np.uint8), (len(headers), 2))
    in_ports = np.tile(np.array(ports, np.uint16), len(headers) // 2)
    return lay_out_frames(np.hstack([headers, ether_type]), in_ports, parameters.frame_bytes)


def mac_addresses(first: int, count: int) -> Any:
    """Return ``count`` locally administered MACs, uint8 of shape (count, 6)."""
    numbers = np.arange(first, first + count, dtype=">u4").view(np.uint8).reshape(-1, 4)
    prefix = np.broadcast_to(np.array([0x02, 0x00], np.uint8), (count, 2))
    return np.hstack([prefix, numbers])
