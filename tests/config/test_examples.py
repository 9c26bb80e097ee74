"""The examples are read as a user reads them: all load, without a warning, and the quickstart is what it says."""

from pathlib import Path

import pytest

from control.config import load_configuration
from control.model import Pcap, Tap
from tests.config.read import addresses

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("path", sorted(EXAMPLES.glob("*.yaml")), ids=lambda path: path.name)
def test_an_example_loads_without_a_warning(path: Path) -> None:
    loaded = load_configuration(path)
    assert loaded.configuration.ports
    assert loaded.warnings == ()


def test_the_quickstart_is_two_namespaces_on_one_network() -> None:
    configuration = load_configuration(EXAMPLES / "quickstart.yaml").configuration
    assert len(configuration.networks) == 1
    assert addresses(configuration) == {"alice": ["10.10.0.2/24"], "bob": ["10.10.0.3/24"]}
    for port in configuration.ports:
        assert isinstance(port.attachment, Tap)
        assert port.attachment.make_netns
        assert str(port.attachment.netns).startswith("tapestry-"), "unlikely to be a namespace of the user's own"


def test_the_replay_example_opens_captures_only() -> None:
    configuration = load_configuration(EXAMPLES / "replay.yaml").configuration
    assert {port.attachment for port in configuration.ports} == {Pcap()}
