"""Whatever is in a file: it loads, or it is refused with lines for the user. Nothing else ever comes out."""

import json
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from control.config import ConfigurationError, parse_port, render_configuration
from control.config.schema import (
    FileFields,
    NetworkFields,
    OverlayFields,
    PeerFields,
    PortFields,
    RemoteEndpointFields,
)
from tests.config.read import load, ports, refusal

EXAMPLES = [path.read_text() for path in sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))]
RUNNING = load(ports("name: a, network: blue, tap: {netns: a, ifname: eth0}"))

MARKS = ("{", "}", "[", "]", ":", "-", "&a", "*a", "!", "!!int ", "'", '"', "|", ">", "%", "#", "?", "/", "::", "<<: ")
SPACES = (": ", "- ", "\n", "\n  ", "\t", "---\n", "\x00", "\x85", "\ud7ff", "é")
WORDS = ("null", "yes", "1e9999", "0x", "-1", "5000", "9" * 50)
FRAGMENTS = st.sampled_from((*MARKS, *SPACES, *WORDS))

NUMBERS = ("10.10.0.0/24", "10.10.0.2", "fd00::/64", "fd00::2", "02:00:00:00:00:02", "80/tcp", "10-20", 0, 1, 10, 1500)
GOOD = st.sampled_from(("blue", "n", "eth0", "bridge", "none", "overlay", "default", True, False, 4094, *NUMBERS))
SCALARS = st.one_of(GOOD, st.none(), st.integers(), st.floats(), st.text(max_size=8))
SECTIONS = (FileFields, NetworkFields, PortFields, OverlayFields, PeerFields, RemoteEndpointFields)
NAMES = st.one_of(
    st.sampled_from(sorted({field for section in SECTIONS for field in section.model_fields})),
    st.sampled_from(
        ["ifname", "netns", "make_netns", "offloads", "access", "trunk", "native", "broadcast", "fdb_s", "fdb", "flows"]
    ),
    st.text(max_size=4),
)
OF_MANIFESTS = re.compile(r".+\.(ya?ml|json):\d+: |.*: expected a file or folder of manifests, ")
"""What is wrong with a file or folder that the mutated one names."""
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(NAMES, inner, max_size=3)),
    max_leaves=8,
)


def check(text: str) -> None:
    """Read ``text``; what loads can be shown and read again, what does not is told line by line."""
    refused = refusal(text)
    if refused is None:
        configuration = load(text)
        json.dumps(render_configuration(configuration))
        assert load(text, previous=configuration) == configuration
        return
    assert refused.mistakes
    for mistake in refused.mistakes:
        assert mistake.startswith("f.yaml:") or OF_MANIFESTS.match(mistake), mistake
        assert mistake.isprintable(), mistake
        assert ": expected " in mistake
        assert ", found " in mistake


@given(data=st.data())
def test_a_mutated_example_loads_or_is_refused(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(EXAMPLES))
    for _ in range(data.draw(st.integers(1, 4))):
        begin = data.draw(st.integers(0, len(text)))
        end = begin + data.draw(st.integers(0, 12))
        text = text[:begin] + data.draw(st.one_of(FRAGMENTS, st.just(""))) + text[end:]
    check(text)


@given(st.text(max_size=60))
@example("\ud800")
@example("%YAML 1.1\n---\nnode: 10:20\nworkers: yes\n")
@example("%YAML 1.\n---\na: 1")
@example("!<tag:yaml.org,2002:map> x")
@example("node: !!map x")
@example("ports: !!str [a]")
def test_any_text_loads_or_is_refused(text: str) -> None:
    check(text)


PARTS: dict[str, Any] = {
    "networks": st.lists(st.dictionaries(st.sampled_from(sorted(NetworkFields.model_fields)), VALUES), max_size=2),
    "ports": st.lists(st.dictionaries(st.sampled_from(sorted(PortFields.model_fields)), VALUES), max_size=3),
    "timeouts": VALUES,
    "limits": VALUES,
    "uplink": VALUES,
}


@given(st.one_of(VALUES, st.fixed_dictionaries({}, optional=PARTS)))
def test_any_data_loads_or_is_refused(data: object) -> None:
    check(json.dumps(data))


@given(VALUES)
def test_any_attached_port_is_one_or_is_refused(mapping: object) -> None:
    with suppress(ConfigurationError):
        assert parse_port(mapping, RUNNING).network == "blue"
