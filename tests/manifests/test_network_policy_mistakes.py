"""NetworkPolicy: every rule of the API's validation, each with a document that breaks it and what is said of that."""

import pytest

from tests.manifests.read import HEAD, mistakes

SUBDOMAIN = "a name of at most 253 lower-case letters, digits, '-' and '.', with a letter or digit at all parts' ends"
NAMESPACE = "a namespace of 1 to 63 lower-case letters, digits and '-', with a letter or digit at both ends"
KEY = "a label's name such as app or example.com/tier (at most 63 characters behind the '/')"
VALUE = "a label's value: text of at most 63 letters, digits, '.', '_' and '-' (quote numbers)"
PORT_NAME = "a port's name: at most 15 lower-case letters, digits and single '-', with a letter in it"
BLOCK = "a block of addresses such as 10.0.0.0/8 or fd00::/8"
PORT = "a port from 1 to 65535"

METADATA = {
    "no name": ("{}", "name: expected a name, found nothing"),
    "an empty name": ("{name: ''}", "name: expected a name, found nothing"),
    "only a generated name": (
        "{generateName: p-}",
        "name: expected a name, found generateName alone, for which only a server makes a name",
    ),
    "name in capitals": ("{name: P}", f"name: expected {SUBDOMAIN}, found 'P'"),
    "name that ends badly": ("{name: p-}", f"name: expected {SUBDOMAIN}, found 'p-'"),
    "name with an empty part": ("{name: a..b}", f"name: expected {SUBDOMAIN}, found 'a..b'"),
    "name too long": ("{name: " + "a" * 254 + "}", f"name: expected {SUBDOMAIN}, found '{'a' * 58}…"),
    "name that is a number": ("{name: 5}", "name: expected text (quote it), found the number 5"),
    "name that is a boolean": ("{name: yes}", "name: expected text (quote it), found true"),
    "namespace with a dot": ("{name: p, namespace: a.b}", f"namespace: expected {NAMESPACE}, found 'a.b'"),
    "namespace too long": (
        "{name: p, namespace: " + "a" * 64 + "}",
        f"namespace: expected {NAMESPACE}, found '{'a' * 58}…",
    ),
    "a label's key": ("{name: p, labels: {-a: b}}", f"labels.-a: expected {KEY}, found '-a'"),
    "a label's value": ("{name: p, labels: {a: b c}}", f"labels.a: expected {VALUE}, found 'b c'"),
    "a label that is a number": ("{name: p, labels: {a: 5}}", "labels.a: expected text (quote it), found the number 5"),
    "labels as a list": ("{name: p, labels: [a]}", "labels: expected a mapping, found a list"),
    "an annotation's key": ("{name: p, annotations: {a b: c}}", f"annotations['a b']: expected {KEY}, found 'a b'"),
    "an annotation that is no text": (
        "{name: p, annotations: {a: true}}",
        "annotations.a: expected text (quote it), found true",
    ),
    "audit that is neither": (
        "{name: p, annotations: {tapestry/audit: 'yes'}}",
        "annotations['tapestry/audit']: expected \"true\" or \"false\", found 'yes'",
    ),
    "annotations too large": (
        "{name: p, annotations: {a: " + "x" * 262144 + "}}",
        "annotations: expected annotations of at most 262144 bytes, found 262145 bytes",
    ),
    "a field unknown": (
        "{name: p, lables: {}}",
        "lables: expected a field that is known (did you mean labels?), found 'lables'",
    ),
    "a negative generation": (
        "{name: p, generation: -1}",
        "generation: expected a number that is not negative, found the number -1",
    ),
    "a finalizer": ("{name: p, finalizers: [a b]}", f"finalizers[0]: expected {KEY}, found 'a b'"),
    "an owner without a kind": (
        "{name: p, ownerReferences: [{apiVersion: v1, name: a, uid: b}]}",
        "ownerReferences[0].kind: expected text that is not empty, found nothing",
    ),
    "metadata as text": ("text", ": expected a mapping, found 'text'"),
}


@pytest.mark.parametrize("row", METADATA.values(), ids=METADATA)
def test_metadata(row: tuple[str, str]) -> None:
    written, said = row
    found = mistakes(HEAD.replace("{name: p}", written))
    assert found[0] == f"3: metadata.{said}".replace("metadata.:", "metadata:")
    assert len(found) == 1 + (written == "text")


def rule(text: str) -> str:
    return f"{{ingress: [{text}]}}"


def peer(text: str) -> str:
    return rule(f"{{from: [{text}]}}")


def block(cidr: str, excepts: str = "") -> str:
    return peer(f"{{ipBlock: {{cidr: '{cidr}'{', except: [' + excepts + ']' if excepts else ''}}}}}")


def port(text: str) -> str:
    return rule(f"{{ports: [{text}]}}")


def selector(text: str) -> str:
    return f"{{podSelector: {{{text}}}}}"


def expression(text: str) -> str:
    return selector(f"matchExpressions: [{{{text}}}]")


FROM = "spec.ingress[0].from[0]"
PORTS = "spec.ingress[0].ports[0]"
EXPRESSION = "spec.podSelector.matchExpressions[0]"
RULE_FIELDS = "expected one of the fields from, ports"

SPEC = {
    "spec as a list": ("[]", "spec: expected a mapping, found an empty list"),
    "a field unknown": (
        "{podselector: {}}",
        "spec.podselector: expected a field that is known (did you mean podSelector?), found 'podselector'",
    ),
    "rules as a mapping": ("{ingress: {}}", "spec.ingress: expected a list, found an empty mapping"),
    "a rule as text": (rule("all"), "spec.ingress[0]: expected a mapping, found 'all'"),
    "to in ingress": (rule("{to: []}"), f"spec.ingress[0].to: {RULE_FIELDS}, found 'to'"),
    "from in egress": (
        "{egress: [{from: []}]}",
        "spec.egress[0].from: expected one of the fields to, ports, found 'from'",
    ),
    "a policy type": ("{policyTypes: [ingress]}", "spec.policyTypes[0]: expected Ingress or Egress, found 'ingress'"),
    "three policy types": (
        "{policyTypes: [Ingress, Egress, Egress]}",
        "spec.policyTypes: expected at most two policy types, found 3",
    ),
    "policy types as text": ("{policyTypes: Ingress}", "spec.policyTypes: expected a list, found 'Ingress'"),
    "a peer of nothing": (
        peer("{}"),
        f"{FROM}: expected one of podSelector, namespaceSelector and ipBlock, found none of them",
    ),
    "a peer that is null": (
        peer("null"),
        f"{FROM}: expected one of podSelector, namespaceSelector and ipBlock, found none of them",
    ),
    "a block beside pods": (
        peer("{ipBlock: {cidr: 10.0.0.0/8}, podSelector: {}}"),
        f"{FROM}: expected ipBlock alone, or selectors, found both",
    ),
    "a block beside namespaces": (
        peer("{ipBlock: {cidr: 10.0.0.0/8}, namespaceSelector: {}}"),
        f"{FROM}: expected ipBlock alone, or selectors, found both",
    ),
    "peers as a mapping": (rule("{from: {podSelector: {}}}"), "spec.ingress[0].from: expected a list, found a mapping"),
    "no cidr": (peer("{ipBlock: {}}"), f"{FROM}.ipBlock.cidr: expected {BLOCK}, found nothing"),
    "cidr without a length": (block("10.0.0.1"), f"{FROM}.ipBlock.cidr: expected {BLOCK}, found '10.0.0.1'"),
    "cidr with a mask": (
        block("10.0.0.0/255.0.0.0"),
        f"{FROM}.ipBlock.cidr: expected {BLOCK}, found '10.0.0.0/255.0.0.0'",
    ),
    "cidr too long": (block("10.0.0.0/33"), f"{FROM}.ipBlock.cidr: expected {BLOCK}, found '10.0.0.0/33'"),
    "cidr of a zone": (block("fe80::%1/64"), f"{FROM}.ipBlock.cidr: expected {BLOCK}, found 'fe80::%1/64'"),
    "cidr of words": (block("all"), f"{FROM}.ipBlock.cidr: expected {BLOCK}, found 'all'"),
    "an exception outside": (
        block("10.0.0.0/8", "11.0.0.0/16"),
        f"{FROM}.ipBlock.except[0]: expected a block inside 10.0.0.0/8 and smaller than it, found 11.0.0.0/16",
    ),
    "an exception that is all": (
        block("10.0.0.0/8", "10.0.0.0/8"),
        f"{FROM}.ipBlock.except[0]: expected a block inside 10.0.0.0/8 and smaller than it, found 10.0.0.0/8",
    ),
    "an exception around": (
        block("10.0.0.0/8", "10.0.0.0/7"),
        f"{FROM}.ipBlock.except[0]: expected a block inside 10.0.0.0/8 and smaller than it, found 10.0.0.0/7",
    ),
    "an exception of the other family": (
        block("0.0.0.0/0", "'fd00::/8'"),
        f"{FROM}.ipBlock.except[0]: expected a block inside 0.0.0.0/0 and smaller than it, found fd00::/8",
    ),
    "an exception of nothing": (
        block("10.0.0.0/8", "x"),
        f"{FROM}.ipBlock.except[0]: expected {BLOCK}, found 'x'",
    ),
    "a lower-case protocol": (port("{protocol: tcp}"), f"{PORTS}.protocol: expected TCP, UDP or SCTP, found 'tcp'"),
    "a protocol of no ports": (port("{protocol: ICMP}"), f"{PORTS}.protocol: expected TCP, UDP or SCTP, found 'ICMP'"),
    "an empty protocol": (port("{protocol: ''}"), f"{PORTS}.protocol: expected TCP, UDP or SCTP, found ''"),
    "port zero": (port("{port: 0}"), f"{PORTS}.port: expected {PORT}, found the number 0"),
    "port too large": (port("{port: 65536}"), f"{PORTS}.port: expected {PORT}, found the number 65536"),
    "a port in quotes": (port("{port: '80'}"), f"{PORTS}.port: expected {PORT_NAME}, found '80'"),
    "a port's name too long": (
        port("{port: sixteen-letters-}"),
        f"{PORTS}.port: expected {PORT_NAME}, found 'sixteen-letters-'",
    ),
    "a port's name with two dashes": (port("{port: a--b}"), f"{PORTS}.port: expected {PORT_NAME}, found 'a--b'"),
    "a port's name in capitals": (port("{port: HTTP}"), f"{PORTS}.port: expected {PORT_NAME}, found 'HTTP'"),
    "a port as a boolean": (port("{port: true}"), f"{PORTS}.port: expected {PORT}, found true"),
    "an end without a port": (
        port("{endPort: 90}"),
        f"{PORTS}.endPort: expected a port's number beside it, found none",
    ),
    "an end of a name": (
        port("{port: http, endPort: 90}"),
        f"{PORTS}.endPort: expected a port's number beside it, found 'http'",
    ),
    "an end before its port": (
        port("{port: 90, endPort: 80}"),
        f"{PORTS}.endPort: expected a port that is not below port 90, found 80",
    ),
    "an end too large": (
        port("{port: 90, endPort: 70000}"),
        f"{PORTS}.endPort: expected {PORT}, found the number 70000",
    ),
    "an end in quotes": (port("{port: 90, endPort: '99'}"), f"{PORTS}.endPort: expected {PORT}, found '99'"),
    "an operator": (
        expression("key: a, operator: in, values: [b]"),
        f"{EXPRESSION}.operator: expected In, NotIn, Exists or DoesNotExist, found 'in'",
    ),
    "no operator": (
        expression("key: a"),
        f"{EXPRESSION}.operator: expected In, NotIn, Exists or DoesNotExist, found nothing",
    ),
    "In of nothing": (
        expression("key: a, operator: In"),
        f"{EXPRESSION}.values: expected at least one value beside In, found nothing",
    ),
    "NotIn of nothing": (
        expression("key: a, operator: NotIn, values: []"),
        f"{EXPRESSION}.values: expected at least one value beside NotIn, found an empty list",
    ),
    "Exists of values": (
        expression("key: a, operator: Exists, values: [b]"),
        f"{EXPRESSION}.values: expected no values beside Exists, found a list",
    ),
    "DoesNotExist of values": (
        expression("key: a, operator: DoesNotExist, values: [b]"),
        f"{EXPRESSION}.values: expected no values beside DoesNotExist, found a list",
    ),
    "no key": (expression("operator: Exists"), f"{EXPRESSION}.key: expected {KEY}, found ''"),
    "a key's prefix": (
        expression("key: A.com/b, operator: Exists"),
        f"{EXPRESSION}.key: expected {KEY}, found 'A.com/b'",
    ),
    "a value": (
        expression("key: a, operator: In, values: [b/c]"),
        f"{EXPRESSION}.values[0]: expected {VALUE}, found 'b/c'",
    ),
    "a value that is a number": (
        expression("key: a, operator: In, values: [5]"),
        f"{EXPRESSION}.values[0]: expected text (quote it), found the number 5",
    ),
    "a matching label's key": (
        selector("matchLabels: {a/b/c: d}"),
        f"spec.podSelector.matchLabels['a/b/c']: expected {KEY}, found 'a/b/c'",
    ),
    "a matching label's value": (
        selector("matchLabels: {a: " + "b" * 64 + "}"),
        f"spec.podSelector.matchLabels.a: expected {VALUE}, found '{'b' * 58}…",
    ),
    "a label written beside matchLabels": (
        selector("app: web"),
        "spec.podSelector.app: expected one of the fields matchLabels, matchExpressions, found 'app'",
    ),
}


@pytest.mark.parametrize("row", SPEC.values(), ids=SPEC)
def test_spec(row: tuple[str, str]) -> None:
    written, said = row
    assert mistakes(HEAD + f"spec: {written}\n") == [f"4: {said}"]


def test_all_mistakes_of_all_documents_are_told_at_once_with_their_lines() -> None:
    text = """# a comment
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: first
spec:
  podSelector:
    matchLabels:
      app: web
  ingress:
    - from:
        - podSelector: {}
        - ipBlock:
            cidr: 10.0.0.0/8
            except:
              - 10.1.0.0/16
              - 12.0.0.0/16
      ports:
        - port: 0
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: Second
spec:
  polcyTypes: [Ingress]
"""
    assert [line.partition(": expected")[0] for line in mistakes(text)] == [
        "17: spec.ingress[0].from[1].ipBlock.except[1]",
        "19: spec.ingress[0].ports[0].port",
        "24: metadata.name",
        "26: spec.polcyTypes",
    ]
