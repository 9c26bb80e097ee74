"""The file's ``manifests``: what they are relative to, when they are on, and what they forbid."""

from pathlib import Path

import pytest

from control.config import load_configuration, render_configuration
from control.errors import ConfigurationError
from control.policy.model import Manifests, NetworkPolicy
from tests.config.read import load, mistakes
from tests.manifests.read import HEAD

TWO_NETWORKS = """
networks: [{name: a, mode: none, subnets: [10.0.0.0/24]}, {name: b, mode: none, subnets: [10.0.0.0/24]}]
ports:
- {name: p, network: a, pcap: {}, addresses: [10.0.0.2]}
- {name: q, network: b, pcap: {}, addresses: [10.0.0.3, 10.0.0.2]}
"""


def test_without_them_nobody_is_judged() -> None:
    assert load("networks: []\nmanifests:\n").manifests is None
    assert load("networks: []\n").manifests is None


@pytest.mark.parametrize("written", ["[]", "policies", "[policies/]"])
def test_an_empty_list_and_an_empty_folder_turn_policy_on(tmp_path: Path, written: str) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "f.yaml").write_text(f"manifests: {written}\n")
    assert load_configuration(tmp_path / "f.yaml").configuration.manifests == Manifests()


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    (tmp_path / "policies").mkdir()
    (tmp_path / "policies" / "p.yaml").write_text(HEAD)
    (tmp_path / "q").write_text(HEAD.replace("{name: p}", "{name: q}"))
    (tmp_path / "f.yaml").write_text(f"manifests: [policies, {tmp_path}/q]\n")
    configuration = load_configuration(tmp_path / "f.yaml").configuration
    policies = (NetworkPolicy("default", "p", ingress=()), NetworkPolicy("default", "q", ingress=()))
    assert configuration.manifests == Manifests(policies)
    assert configuration.manifest_paths == (str(tmp_path / "policies"), str(tmp_path / "q"))
    assert render_configuration(configuration)["manifests"] == {
        "paths": [str(tmp_path / "policies"), str(tmp_path / "q")],
        "network_policies": 2,
        "cluster_network_policies": 0,
        "namespaces": 0,
        "nodes": 0,
    }


def test_mistakes_of_the_file_and_of_its_manifests_are_told_together(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text(HEAD + "spec: 5\n")
    (tmp_path / "f.yaml").write_text("workers: 9\nmanifests: [p.yaml, missing]\n")
    with pytest.raises(ConfigurationError) as error:
        load_configuration(tmp_path / "f.yaml")
    assert error.value.status == 2
    assert [line.replace(f"{tmp_path}/", "") for line in error.value.mistakes] == [
        "f.yaml:1: workers: expected a whole number from 1 to 4, found the number 9",
        "missing: expected a file or folder of manifests, found no such file or directory",
        "p.yaml:4: spec: expected a mapping, found the number 5",
    ]


def test_warnings_of_manifests_are_told_with_those_of_the_file(tmp_path: Path) -> None:
    (tmp_path / "p.yaml").write_text("apiVersion: v1\nkind: Service\n")
    (tmp_path / "f.yaml").write_text("manifests: p.yaml\n")
    assert load_configuration(tmp_path / "f.yaml").warnings == (
        f"{tmp_path}/p.yaml:2: kind: v1 Service counts for nothing here",
    )


def test_a_path_is_text() -> None:
    assert mistakes("manifests: [5, '']\n") == [
        "1: manifests[0]: expected the path of a file or folder, found the number 5",
        "1: manifests[1]: expected the path of a file or folder, found ''",
    ]


def test_endpoints_of_one_address_are_refused_where_policies_tell_them_by_it() -> None:
    assert mistakes(TWO_NETWORKS) == []
    assert mistakes(TWO_NETWORKS + "manifests: []\n") == [
        (
            "5: ports[1].addresses: expected an address that no other endpoint has, since policies tell endpoints by "
            "their addresses, found 10.0.0.2 of port q, which port p has"
        )
    ]
    assert mistakes(TWO_NETWORKS.replace("- {name: q", "- {endpoint: false, name: q") + "manifests: []\n") == []
