"""Text of manifests -> objects, or what is wrong with it, as tests look at both."""

import pytest

from control.errors import ConfigurationError
from control.manifests.library import Found, parse_manifests
from control.policy.model import ClusterPolicy, NetworkPolicy, Rule

HEAD = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p}\n"
"""Three lines: what is after them begins on the fourth."""

CLUSTER_HEAD = "apiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: c}\n"


def parse(text: str) -> Found:
    return parse_manifests(text, "f.yaml")


def mistakes(text: str) -> list[str]:
    """Return what is wrong, each without the file's name: ``LINE: field: …``."""
    with pytest.raises(ConfigurationError) as error:
        parse(text)
    assert error.value.status == 2
    return [line.removeprefix("f.yaml:") for line in error.value.mistakes]


def warnings(text: str) -> list[str]:
    return [line.removeprefix("f.yaml:") for line in parse(text).warnings]


def policy(spec: str, metadata: str = "{name: p}") -> NetworkPolicy:
    """Return the one policy with this ``spec``, in YAML's flow style or indented by a line of its own."""
    text = HEAD.replace("{name: p}", metadata) + f"spec: {spec}\n"
    (found,) = parse(text).manifests.policies
    return found


def ingress(rule: str) -> Rule:
    """Return the one ingress rule."""
    found = policy(f"{{ingress: [{rule}]}}").ingress
    assert found is not None
    return found[0]


def cluster_policy(fields: str) -> ClusterPolicy:
    """Return the one policy of tier Admin about all pods, with these ``fields`` besides."""
    (found,) = parse(CLUSTER_HEAD + cluster_spec(fields)).manifests.cluster_policies
    return found


def cluster_spec(fields: str) -> str:
    return f"spec: {{tier: Admin, priority: 10, subject: {{namespaces: {{}}}}, {fields}}}\n"


def egress(rule: str) -> Rule:
    """Return the one egress rule of a cluster's policy."""
    (found,) = cluster_policy(f"egress: [{rule}]").egress
    return found
