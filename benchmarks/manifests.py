"""``python -m benchmarks.manifests [POLICIES]``: manifests into objects, the first time and after one change.

A change is told of where folders are watched, and else looked for.

Each policy has what policies of applications have: a selector, two rules, four peers, three ports. Beside it stands
what PyYAML's own reader in C takes for the same text, which checks nothing. Times are of the process.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from control.cli.output import format_table
from control.manifests import Library

POLICIES = 10_000
NAMESPACES = 500
RUNS = 3

TEXT = """apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: policy-{number}
  namespace: namespace-{namespace}
spec:
  podSelector:
    matchLabels: {{app: app-{app}}}
  policyTypes: [Ingress, Egress]
  ingress:
    - from:
        - podSelector:
            matchLabels:
              role: role-{role}
        - namespaceSelector:
            matchExpressions:
              - {{key: team, operator: In, values: [team-{role}, everybody]}}
        - ipBlock:
            cidr: 10.{octet}.0.0/16
            except:
              - 10.{octet}.4.0/24
      ports:
        - protocol: TCP
          port: {port}
        - protocol: UDP
          port: 53
        - port: http
  egress:
    - to:
        - ipBlock:
            cidr: 0.0.0.0/0
"""


def policy(number: int) -> str:
    """Return one policy in YAML."""
    return TEXT.format(
        number=number,
        namespace=number % NAMESPACES,
        app=number % 97,
        role=number % 13,
        octet=number % 256,
        port=1000 + number % 5000,
    )


def fastest(work: Callable[[], Any]) -> float:
    """Return for how long the process worked at it, in seconds."""
    took = []
    for _ in range(RUNS):
        begun = time.process_time()
        work()
        took.append(time.process_time() - begun)
    return min(took)


def in_one_file(folder: Path, texts: list[str]) -> list[tuple[str, float]]:
    file = folder / "policies.yaml"
    file.write_text("---\n".join(texts))
    library = Library()
    rows = [
        ("YAML, one file", fastest(lambda: Library().read([file]))),
        ("PyYAML's CSafeLoader alone", fastest(lambda: list(yaml.load_all(file.read_text(), yaml.CSafeLoader)))),
    ]
    library.read([file])
    file.write_text("---\n".join([*texts[:-1], texts[-1].replace("53", "54")]))
    return [*rows, ("YAML, one file, one policy changed", fastest(lambda: library.read([file])))]


def in_many_files(folder: Path, texts: list[str]) -> list[tuple[str, float]]:
    changed = folder / "0.yaml"
    for number, text in enumerate(texts):
        (folder / f"{number}.yaml").write_text(text)
    # A clock far ahead: what is here has been at rest for long.
    library = Library(lambda: time.time_ns() * 2)
    rows = [("YAML, a file each", fastest(lambda: Library().read([folder])))]
    library.read([folder])
    changed.write_text(texts[0].replace("53", "54"))
    rows.append(("YAML, a file each, one changed and looked for", fastest(lambda: library.read([folder]))))
    others = (texts[0].replace("53", str(port)) for port in count(55))

    def told_of() -> None:
        changed.write_text(next(others))
        library.read([folder], frozenset([changed]))

    return [*rows, ("YAML, a file each, one changed and told of", fastest(told_of))]


def in_json(folder: Path, texts: list[str]) -> list[tuple[str, float]]:
    file = folder / "policies.json"
    items = [yaml.load(text, yaml.CSafeLoader) for text in texts]
    file.write_text(json.dumps({"apiVersion": "v1", "kind": "List", "items": items}))
    return [("JSON, one list", fastest(lambda: Library().read([file])))]


def main() -> None:
    policies = int(sys.argv[1]) if len(sys.argv) > 1 else POLICIES
    texts = [policy(number) for number in range(policies)]
    rows = []
    for measure in (in_one_file, in_many_files, in_json):
        with tempfile.TemporaryDirectory() as folder:
            rows += measure(Path(folder), texts)
    print(f"{policies} policies")
    print(format_table(("", "seconds"), [(name, f"{took:.4f}") for name, took in rows]))


if __name__ == "__main__":
    main()
