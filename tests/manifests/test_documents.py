"""Files of manifests: documents, lists, JSON, YAML as Kubernetes reads it, and what is no document at all."""

import json
import textwrap

import pytest

from control.manifests.documents import cut
from control.manifests.scalars import plain_value
from control.policy.model import Namespace, NetworkPolicy, Place
from tests.manifests.read import CLUSTER_HEAD, HEAD, cluster_spec, mistakes, parse, warnings


def named(name: str, namespace: str = "default") -> str:
    return HEAD.replace("{name: p}", f"{{name: {name}, namespace: {namespace}}}")


def names(text: str) -> list[str]:
    return [policy.name for policy in parse(text).manifests.policies]


def as_json(name: str) -> dict[str, object]:
    return {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": name}}


@pytest.mark.parametrize("text", ["", "\n\n", "---\n", "# a comment\n---\n---\n# another\n", "---\n...\n---\n"])
def test_documents_without_content_are_nothing(text: str) -> None:
    assert parse(text).manifests.policies == ()


def test_objects_are_sorted_by_namespace_and_name_whatever_their_order() -> None:
    text = "---\n".join([named("b", "x"), named("c", "a"), named("a", "x")])
    found = parse(text).manifests.policies
    assert [(each.namespace, each.name) for each in found] == [("a", "c"), ("x", "a"), ("x", "b")]


def test_an_object_knows_the_line_that_it_begins_on() -> None:
    text = "# first\n\n" + named("a") + "---\n" + named("b") + "--- # third\n\n" + named("c")
    lines = {each.name: each.place for each in parse(text).manifests.policies}
    assert lines == {"a": Place("f.yaml", 3), "b": Place("f.yaml", 7), "c": Place("f.yaml", 12)}


def test_lists_hold_objects_of_any_kind_and_other_lists() -> None:
    text = """
apiVersion: v1
kind: List
items:
- apiVersion: v1
  kind: Namespace
  metadata: {name: shop, labels: {team: a}}
- apiVersion: v1
  kind: List
  items:
  - apiVersion: networking.k8s.io/v1
    kind: NetworkPolicy
    metadata: {name: p, namespace: shop}
"""
    found = parse(text).manifests
    labels = (("kubernetes.io/metadata.name", "shop"), ("team", "a"))
    assert found.namespaces == (Namespace("shop", labels),)
    assert found.policies == (NetworkPolicy("shop", "p", ingress=()),)
    assert (found.namespaces[0].place.line, found.policies[0].place.line) == (5, 8)


def test_items_of_a_list_of_one_kind_need_not_say_their_kind() -> None:
    text = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicyList
metadata: {resourceVersion: "5"}
items:
- metadata: {name: a}
- {apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: b}}
- {apiVersion: v1, kind: Namespace, metadata: {name: c}}
"""
    said = "8: items[2].kind: expected NetworkPolicy in a NetworkPolicyList, found 'Namespace'"
    assert mistakes(text) == [said]
    assert names(text.replace("- {apiVersion: v1,", "# {apiVersion: v1,")) == ["a", "b"]


def test_json_is_read_one_document_or_many_or_a_list() -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [as_json("c"), as_json("d")]}
    text = json.dumps(as_json("a")) + "\n" + json.dumps(as_json("b"), indent=2) + "\n---\n" + json.dumps(listed)
    assert names(text) == ["a", "b", "c", "d"]
    assert parse(text).manifests.policies[1].place == Place("f.yaml", 2)


def test_mistakes_in_json_have_lines_too() -> None:
    text = json.dumps(as_json("a") | {"spec": {"ingress": [{"ports": [{"port": 0}]}]}}, indent=1)
    line = text.splitlines().index('      "port": 0') + 1
    said = "spec.ingress[0].ports[0].port: expected a port from 1 to 65535, found the number 0"
    assert mistakes(text) == [f"{line}: {said}"]


def test_one_object_twice_in_a_file_counts_as_it_stands_there_last() -> None:
    text = named("a") + "---\n" + named("a") + "spec: {policyTypes: [Egress]}\n"
    assert parse(text).manifests.policies == (NetworkPolicy("default", "a", egress=()),)
    assert warnings(text) == [
        (
            "5: metadata.name: expected every NetworkPolicy once, found default/a again (first at f.yaml:1): "
            "the later one counts"
        )
    ]


def test_one_name_in_two_namespaces_and_of_two_kinds_is_no_clash() -> None:
    text = "---\n".join([named("a", "x"), named("a", "z"), CLUSTER_HEAD.replace("c}", "a}") + cluster_spec("")])
    assert parse(text).warnings == ()


UNKNOWN = {
    "of another group": (
        "apiVersion: apps/v1\nkind: Deployment\n",
        "2: kind: apps/v1 Deployment counts for nothing here",
    ),
    "a list of another": (
        "apiVersion: apps/v1\nkind: DeploymentList\nitems: [{}]\n",
        "2: kind: apps/v1 DeploymentList counts for nothing here",
    ),
    "somebody else's of that name": (
        "apiVersion: crd.projectcalico.org/v1\nkind: NetworkPolicy\n",
        "2: kind: crd.projectcalico.org/v1 NetworkPolicy counts for nothing here",
    ),
    "what was before": (
        "apiVersion: policy.networking.k8s.io/v1alpha1\nkind: AdminNetworkPolicy\n",
        (
            "2: kind: policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy counts for nothing here "
            "(write it as the tier Admin of ClusterNetworkPolicy)"
        ),
    ),
    "a pod": (
        "apiVersion: v1\nkind: Pod\n",
        "2: kind: v1 Pod counts for nothing here (write it as the fabric's ports)",
    ),
}


@pytest.mark.parametrize("row", UNKNOWN.values(), ids=UNKNOWN)
def test_kinds_that_are_not_known_are_named_in_a_warning(row: tuple[str, str]) -> None:
    text, said = row
    assert warnings(text) == [said]


WRONG = {
    "no kind": ("apiVersion: v1\n", "1: kind: expected text such as NetworkPolicy, found nothing"),
    "no version": ("kind: NetworkPolicy\n", "1: apiVersion: expected text such as networking.k8s.io/v1, found nothing"),
    "a list": ("- a\n", "1: document: expected an object: a mapping with apiVersion and kind, found a list"),
    "text": ("hello\n", "1: document: expected an object: a mapping with apiVersion and kind, found 'hello'"),
    "an old group": (
        "apiVersion: extensions/v1beta1\nkind: NetworkPolicy\n",
        "1: apiVersion: expected networking.k8s.io/v1 for a NetworkPolicy, found 'extensions/v1beta1'",
    ),
    "another version": (
        "apiVersion: policy.networking.k8s.io/v1alpha3\nkind: ClusterNetworkPolicy\n",
        (
            "1: apiVersion: expected policy.networking.k8s.io/v1alpha2 for a ClusterNetworkPolicy, "
            "found 'policy.networking.k8s.io/v1alpha3'"
        ),
    ),
    "a field twice": (
        HEAD + "spec: {}\nspec: {}\n",
        "5: spec: expected the field once, found it again (first on line 4)",
    ),
    "a tag": (
        HEAD + "spec: !!python/name:os {}\n",
        "4: spec: expected plain YAML without tags, found the tag tag:yaml.org,2002:python/name:os",
    ),
    "broken YAML": (
        "a: [b\nc: d\n",
        "2: document: expected ',' or ']' while parsing a flow sequence, found something else",
    ),
    "a tab": (
        "a:\n\tb: c\n",
        (
            "2: document: expected valid YAML while scanning for the next token, "
            "found character that cannot start any token"
        ),
    ),
    "an unknown alias": ("a: *b\n", "1: document: expected valid YAML, found undefined alias"),
    "an alias of itself": ("a: &a [*a]\n", "1: a[0]: expected a value, found an alias of what it stands in"),
    "broken JSON": (
        '{"a": 1,,}\n',
        "1: document: expected node content while parsing a flow node, found something else",
    ),
    "a field twice in JSON": (
        '{"kind": 1,\n "kind": 2}\n',
        "2: kind: expected the field once, found it again (first on line 1)",
    ),
    "too deep": ("[" * 100_000, "1: document: expected at most 32 levels, found more"),
}


@pytest.mark.parametrize("row", WRONG.values(), ids=WRONG)
def test_what_is_no_object_is_refused(row: tuple[str, str]) -> None:
    text, said = row
    assert mistakes(text) == [said]


def test_nested_aliases_do_not_make_billions_of_values() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 10)
    )
    (said,) = mistakes(text)
    assert "values, each use of an alias counted, found more" in said


def test_what_is_wrong_with_one_document_does_not_hide_what_is_wrong_with_another() -> None:
    text = "a: [b\n---\n" + HEAD + "spec: 5\n---\nkind: NetworkPolicy\n"
    assert [line.partition(": expected")[0] for line in mistakes(text)] == ["2: document", "6: spec", "8: apiVersion"]


def test_anchors_and_merge_keys_work() -> None:
    text = HEAD + textwrap.dedent(
        """\
        spec:
          podSelector: &web {matchLabels: {app: web}}
          ingress:
          - from: [{podSelector: *web}]
            ports:
            - &first {protocol: UDP, port: 53}
            - {<<: *first, port: 54}
        """
    )
    (found,) = parse(text).manifests.policies
    assert found.ingress is not None
    assert found.ingress[0].peers is not None
    assert [each.pods for each in found.ingress[0].peers] == [found.pods]  # type: ignore[union-attr]
    assert [(each.protocol, each.first) for each in found.ingress[0].ports or ()] == [("udp", 53), ("udp", 54)]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("yes", True), ("On", True), ("y", True), ("no", False), ("OFF", False), ("", None), ("~", None),
        ("Null", None),
        ("7", 7), ("+7", 7), ("-0x1F", -31), ("017", 15), ("0o17", 15), ("0b11", 3), ("1_000", 1000), ("089", 89),
        ("1.5", 1.5), ("1e3", 1000.0), (".5", 0.5), ("5.", 5.0),
        ("12:30", "12:30"), ("2026-01-01", "2026-01-01"), ("1.2.3.4", "1.2.3.4"), ("0x", "0x"), ("tRUE", "tRUE"),
        ("10.0.0.0/8", "10.0.0.0/8"), ("1" * 50, "1" * 50), ("-", "-"), ("_1", "_1"),
    ],
)  # fmt: skip
def test_plain_text_means_what_kubernetes_reads(text: str, meant: object) -> None:
    found = plain_value(text)
    assert (found, type(found)) == (meant, type(meant))


def test_a_border_of_documents_is_a_line_that_begins_with_it() -> None:
    text = "a: |\n  ---\n  b\n---x: 1\n--- c\n...\n%YAML 1.1\n---\nd\n"
    assert [(chunk.text, chunk.line) for chunk in cut(text)] == [
        ("a: |\n  ---\n  b\n---x: 1\n", 1),
        (" c\n", 5),
        ("\nd\n", 8),
    ]


def test_windows_line_ends_and_a_byte_order_mark_are_read() -> None:
    assert names((named("a") + "---\n" + named("b")).replace("\n", "\r\n")) == ["a", "b"]
