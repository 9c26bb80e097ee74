"""YAML itself: what is read, which line a mistake is on, and what no file can do to its reader."""

from pathlib import Path

import pytest

from control.config import ConfigurationError, load_configuration
from tests.config.read import BLUE, addresses, find, load, mistakes, parse

ROWS = {
    "empty": ("", "1: configuration: expected a mapping such as `networks:` and `ports:`, found an empty file"),
    "only comments": (
        "# nothing\n\n# at all\n",
        "1: configuration: expected a mapping such as `networks:` and `ports:`, found an empty file",
    ),
    "a list": ("- a\n", "1: configuration: expected a mapping such as `networks:` and `ports:`, found a list"),
    "a text": ("hello\n", "1: configuration: expected a mapping such as `networks:` and `ports:`, found 'hello'"),
    "an empty document": (
        "---\n...\n",
        "2: configuration: expected a mapping such as `networks:` and `ports:`, found nothing",
    ),
    "a mapping inside a value": (
        "node: x\nworkers: 1: 2\n",
        "2: configuration: expected valid YAML, found mapping values are not allowed here",
    ),
    "a tab": (
        "networks:\n\t- name: x\n",
        (
            "2: configuration: expected valid YAML while scanning for the next token, "
            "found character '\\t' that cannot start any token"
        ),
    ),
    "a bracket that stays open": (
        "node: x\nports: [\n",
        "3: configuration: expected the node content while parsing a flow node, found '<stream end>'",
    ),
    "an unknown alias": ("node: *x\n", "1: configuration: expected valid YAML, found undefined alias 'x'"),
    "two documents": (
        "node: x\n---\nnode: y\n",
        "2: configuration: expected a single document in the stream, found another document",
    ),
    "a control character": (
        "node: x\n# \x07\n",
        "2: configuration: expected printable text, found the character U+0007",
    ),
    "a field twice": (
        "node: x\nworkers: 1\nnode: y\n",
        "3: node: expected the field once, found it again (first on line 1)",
    ),
    "a number as a field": (
        "node: x\n1: y\n",
        "2: configuration: expected field names that are text (quote it), found the number 1",
    ),
    "a list as a field": (
        "? [a]\n: y\n",
        "1: configuration: expected field names that are text (quote it), found a list or mapping as the name",
    ),
    "a tag": (
        "node: !!python/object:os.system x\n",
        "1: node: expected plain YAML without tags, found the tag tag:yaml.org,2002:python/object:os.system",
    ),
    "an alias of what it stands in": (
        "routes: &r [*r]\n",
        "1: routes[0]: expected a value, found an alias of what it stands in",
    ),
    "a merge of what is no mapping": (
        "<<: 5\n",
        "1: configuration: expected a mapping after `<<:`, found something else",
    ),
    "a merge of itself": ("uplink: &u\n  <<: *u\n", "1: uplink: expected at most 32 levels, found more"),
}


@pytest.mark.parametrize(("text", "expected"), ROWS.values(), ids=ROWS)
def test_wrong_yaml_is_one_line(text: str, expected: str) -> None:
    assert mistakes(text) == [expected]


def test_deep_nesting_is_refused() -> None:
    assert mistakes("routes: " + "[" * 2000) == ["1: configuration: expected at most 32 levels, found more"]


def test_a_few_lines_of_aliases_cannot_stand_for_billions_of_values() -> None:
    bomb = "routes:\n- &a0 [x]\n" + "".join(f"- &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12))
    (mistake,) = mistakes(bomb)
    assert "configuration: expected at most 1000000 values, each use of an alias counted, found more" in mistake


def test_lines_are_those_of_block_style_too() -> None:
    text = """
networks:
  - name: blue
ports:
  - name: trunk
    network: blue
    pcap: {}
    vlan:
      trunk:
        - 10
        - "20-10"
      native: 5000
    labels:
      app.kubernetes.io/name: "not valid!"
"""
    where = [line.partition(": expected ")[0] for line in mistakes(text)]
    assert where == [
        "11: ports[0].vlan.trunk[1]",
        "12: ports[0].vlan.native",
        "14: ports[0].labels['app.kubernetes.io/name']",
    ]


def test_a_missing_field_is_on_the_line_of_what_lacks_it() -> None:
    (mistake,) = mistakes(BLUE + "ports:\n- {name: a, network: blue, pcap: }\n-\n  name: b\n  pcap: {}\n")
    assert mistake.startswith("5: ports[1].network: expected ")


def test_anchors_aliases_and_merge_keys_work() -> None:
    text = (
        BLUE
        + """
ports:
  - &web {name: web1, network: blue, pcap: {}, max_macs: 5, labels: &labels {app: web}}
  - {<<: *web, name: web2, max_macs: 6}
  - {<<: [{max_macs: 7}, *web], name: web3}
  - {name: web4, network: blue, pcap: {}, labels: *labels}
"""
    )
    configuration = load(text)
    assert [port.max_macs for port in configuration.ports] == [5, 6, 7, 1024]
    assert {port.labels for port in configuration.ports} == {(("app", "web"),)}


def test_an_anchor_may_be_used_again() -> None:
    assert load("node: &x a\nworkers: 1\nnetworks: [{name: &x b}]\n").networks[0].name == "b"


def test_json_is_yaml() -> None:
    text = """
{"networks": [{"name": "n", "subnets": ["10.0.0.0/24"]}],
 "ports": [{"name": "p", "network": "n", "pcap": {}}]}
"""
    assert find(load(text), "p").network == "n"


def test_a_field_left_empty_counts_as_not_written() -> None:
    text = "workers:\nnetworks: [{name: n, mtu: , subnets: }]\nports: [{name: p, network: n, pcap: , labels: }]\n"
    configuration = load(text)
    assert (configuration.workers, configuration.networks[0].mtu, configuration.ports[0].labels) == (1, 1500, ())


def test_a_list_of_one_can_be_written_without_brackets() -> None:
    text = """
networks: [{name: n, subnets: 10.0.0.0/24}]
ports: [{name: p, network: n, pcap: {}, addresses: 10.0.0.9, vlan: {trunk: 7}, static_macs: "02:00:00:00:00:09"}]
"""
    assert addresses(load(text)) == {"p": ["10.0.0.9/24"]}


def test_numbers_are_those_of_yaml_1_2() -> None:
    assert load("limits: {fdb: 0x1000, macs_per_port: 010}\n").limits.fdb == 4096
    assert load("limits: {fdb: 0x1000, macs_per_port: 010}\n").limits.macs_per_port == 10


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_a_byte_order_mark_and_either_line_ending_are_fine(tmp_path: Path, ending: str) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\xef\xbb\xbf" + f"node: x{ending}workers: 1{ending}".encode())
    assert load_configuration(path).configuration.node == "x"


def _refused(path: Path) -> str:
    with pytest.raises(ConfigurationError) as error:
        load_configuration(path)
    assert error.value.status == 2
    return str(error.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    assert _refused(path) == f"{path}: expected a configuration file to read, found no such file or directory"


def test_a_folder(tmp_path: Path) -> None:
    assert _refused(tmp_path) == f"{tmp_path}: expected a configuration file to read, found is a directory"


def test_a_file_that_is_not_utf8(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"node: x\n# caf\xe9\n")
    assert _refused(path) == f"{path}:2: configuration: expected text in UTF-8, found the byte 0xe9"


def test_a_binary_file(tmp_path: Path) -> None:
    path = tmp_path / "f.yaml"
    path.write_bytes(b"\x7fELF\x02\x01\x01\x00")
    assert _refused(path) == f"{path}:1: configuration: expected printable text, found the character U+007F"


def test_a_file_without_end() -> None:
    assert _refused(Path("/dev/zero")) == "/dev/zero: expected at most 16777216 bytes, found more"


def test_json_says_what_yaml_says_and_its_mistakes_have_lines() -> None:
    text = '{"networks": [{"name": "blue",\n "subnets": ["10.10.0.0/24"]}],\n"workers": 1}\n'
    assert load(text) == load("networks: [{name: blue, subnets: [10.10.0.0/24]}]\nworkers: 1\n")
    assert mistakes(text.replace('"blue"', "5")) == [
        (
            "1: networks[0].name: expected a name of 1 to 63 letters, digits, '.', '_' and '-' "
            "that starts with a letter or digit, found the number 5"
        )
    ]
    assert mistakes(text.replace('"workers"', '"networks"')) == [
        "3: networks: expected the field once, found it again (first on line 1)"
    ]
    shared = '{"networks": [{"name": "a", "subnets": "10.0.0.0/8"},\n{"name": "b", "subnets": "10.0.0.0/8"}]}'
    assert parse(shared).warnings[0].startswith("f.yaml:2: networks[1]: ")
