"""What policies say of the packet at hand. ``dataplane/policy/tables.py`` has the theory of operation."""

from typing import Any

import numpy as np

from dataplane.jit import inlined, kernel
from dataplane.policy.kernels import count_hit, is_denied, judge, prefetch_cell, stamp_in_force
from dataplane.policy.tables import JUDGEMENT_MASK
from dataplane.router.routes import find_group
from dataplane.router.view import policy_of, way_of


@inlined
def policy_is_on(router: Any) -> bool:
    """Whether conversations are judged."""
    return policy_of(router).rules.is_on != 0


@inlined
def policy_stamp(router: Any) -> Any:
    """Return the stamp (uint32, never 0) of the policies in force: read before what is to be judged by them."""
    return stamp_in_force(policy_of(router))


@inlined
def end_of_port(router: Any, port: Any) -> Any:
    """Return the end (int64) of what is behind a port, 0 if that is no endpoint."""
    return np.int64(policy_of(router).rules.end_of_port[port])


@kernel
def find_end(router: Any, high: Any, low: Any) -> Any:
    """Return the end (int64) of an address, as columns hold it; 0 if nothing is known of it."""
    policy = policy_of(router)
    return np.int64(find_group(policy.fib4, policy.fib6, high, low))


@kernel
def end_behind(router: Any, port: Any, high: Any, low: Any) -> Any:
    """Return the end (int64) of what is behind a port and has an address there: the address's own if that is the pod's
    or if no pod is behind the port, else the pod's first one."""
    at_port = end_of_port(router, port)
    by_address = find_end(router, high, low)
    return by_address if at_port == 0 or same_pod(router, at_port, by_address) else at_port


@inlined
def same_pod(router: Any, one: Any, other: Any) -> bool:
    """Whether two ends are those of one pod."""
    ends = policy_of(router).ends
    pod = ends[one].pod
    return (one == other and one != 0) or (pod != 0 and pod == ends[other].pod)


@kernel
def judge_row(router: Any, row: Any, other: Any, key: Any) -> Any:
    """Return the verdict (uint64, 40 bits) of a row other than 0 on an end, for a ``policy_key``."""
    return judge(policy_of(router), row, other, key)


@kernel
def judge_ends(router: Any, source: Any, destination: Any, key: Any, from_node: Any) -> bool:
    """Whether what has the end ``source`` may talk to ``destination``, for a ``policy_key``.

    Writes the way's egress and ingress: the judgements (uint32) of the source's and of the destination's policies, 0
    where none was asked. What comes ``from_node`` needs leave from no destination here.
    """
    way = way_of(router)
    way.egress = np.uint32(0)
    way.ingress = np.uint32(0)
    if same_pod(router, source, destination):
        return True
    if not judge_egress(router, source, destination, key):
        return False
    return bool(from_node) or judge_ingress(router, source, destination, key)


@kernel
def judge_egress(router: Any, source: Any, destination: Any, key: Any) -> bool:
    """Do so by the source's policies alone; writes the way's egress."""
    way, policy = way_of(router), policy_of(router)
    way.egress = np.uint32(0)
    row = np.int64(policy.ends[source].egress)
    if row == 0:
        return True
    verdict = judge_row(router, row, destination, key)
    way.egress = np.uint32(verdict & JUDGEMENT_MASK)
    return not is_denied(verdict)


@kernel
def judge_ingress(router: Any, source: Any, destination: Any, key: Any) -> bool:
    """Do so by the destination's policies alone; writes the way's ingress."""
    way, policy = way_of(router), policy_of(router)
    way.ingress = np.uint32(0)
    row = np.int64(policy.ends[destination].ingress)
    if row == 0:
        return True
    verdict = judge_row(router, row, source, key)
    way.ingress = np.uint32(verdict & JUDGEMENT_MASK)
    return not is_denied(verdict)


@inlined
def count_judgement(router: Any, judgement: Any, before: Any) -> None:
    """Let the rule of a judgement, if it has one, count one more packet; but not if that was said ``before``, of the
    packet, when it had to wait, or of its flow."""
    if judgement != before:
        count_hit(policy_of(router), judgement)


@inlined
def is_isolated(router: Any, end: Any) -> bool:
    """Whether policies say who may talk to what has the end ``end``."""
    return policy_of(router).ends[end].ingress != 0


@inlined
def is_confined(router: Any, end: Any) -> bool:
    """Whether policies say whom what has the end ``end`` may talk to."""
    return policy_of(router).ends[end].egress != 0


@inlined
def prefetch_verdicts(router: Any, source: Any, destination: Any) -> None:
    """Ask the caches for the cells by which two ends will be judged, if they are isolated."""
    ends = policy_of(router).ends
    prefetch_row(router, np.int64(ends[source].egress), destination)
    prefetch_row(router, np.int64(ends[destination].ingress), source)


@inlined
def prefetch_row(router: Any, row: Any, other: Any) -> None:
    """Do so for one row, 0 if there is none, and the end that it is asked about."""
    if row == 0:
        return
    policy = policy_of(router)
    prefetch_cell(policy, row, policy.ends[other].labels, False)
    if policy.ends[other].block != 0:
        prefetch_cell(policy, row, policy.ends[other].block, True)
