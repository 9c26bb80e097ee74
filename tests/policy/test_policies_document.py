"""`tapestry policies`: every policy and rule, whom it is about, and how often it has decided."""

from typing import Any

import numpy as np

from control.cli.output import format_table
from control.cli.policies import tabulate
from control.observe.policies import names_in, numbers_of, policies_document
from control.policy.model import EVERYTHING, ClusterPolicy, Manifests, NetworkPolicy, Place, Pod, PodPeer, Rule

ALL = PodPeer(EVERYTHING, EVERYTHING)
MANIFESTS = Manifests(
    policies=(
        NetworkPolicy("shop", "db", ingress=(Rule(), Rule()), egress=(), place=Place("p.yaml", 3)),
        NetworkPolicy("shop", "web", egress=(Rule(),), audited=True),
    ),
    cluster_policies=(
        ClusterPolicy("last", "baseline", 0, ALL, egress=(Rule(action="deny"),)),
        ClusterPolicy("later", "admin", 20, ALL, ingress=(Rule(action="pass", name="monitoring"), Rule())),
        ClusterPolicy("first", "admin", 10, ALL),
    ),
)
NAMES = {3: ("shop/db", "ingress[1]"), 4: ("shop/db", "ingress"), 7: ("last", "egress[0]"), 8: ("last", "egress[0]")}
DB = Pod("db", "shop")


def document() -> list[Any]:
    hits = np.zeros(10, np.uint64)
    hits[[3, 4, 7, 8]] = 5, 2, 10, 1
    return policies_document(MANIFESTS, numbers_of(NAMES, hits), lambda name: (DB,) if name == "shop/db" else ())


def test_policies_stand_in_the_order_in_which_they_are_asked() -> None:
    assert [policy["policy"] for policy in document()] == ["first", "later", "shop/db", "shop/web", "last"]


def test_a_policy_says_whom_it_is_about_and_where_it_is_written() -> None:
    policy = document()[2]
    rules = policy.pop("rules")
    assert policy == {
        "policy": "shop/db",
        "kind": "NetworkPolicy",
        "tier": None,
        "priority": None,
        "audited": False,
        "place": "p.yaml:3",
        "pods": ["shop/db"],
    }
    assert rules == [
        {"rule": "ingress[0]", "name": None, "action": "accept", "packets": 0, "numbers": []},
        {"rule": "ingress[1]", "name": None, "action": "accept", "packets": 5, "numbers": [3]},
        {"rule": "ingress", "name": None, "action": "deny", "packets": 2, "numbers": [4]},
        {"rule": "egress", "name": None, "action": "deny", "packets": 0, "numbers": []},
    ]


def test_a_rule_with_several_numbers_has_the_packets_of_all() -> None:
    (rule,) = document()[4]["rules"]
    assert (rule["packets"], rule["numbers"], rule["action"]) == (11, [7, 8], "deny")


def test_the_numbers_lead_back_to_the_names() -> None:
    assert dict(names_in(document())) == NAMES


def test_people_see_a_row_a_rule() -> None:
    lines = format_table(*tabulate(document())).splitlines()
    assert lines[0].split() == ["policy", "tier", "pods", "rule", "action", "packets", "audited"]
    assert lines[1].split() == ["later", "admin", "0", "ingress[0]", "monitoring", "pass", "0", "no"]
    assert lines[3].split() == ["shop/db", "network", "1", "ingress[0]", "accept", "0", "no"]
    assert lines[7].split() == ["shop/web", "network", "0", "egress[0]", "accept", "0", "yes"]
