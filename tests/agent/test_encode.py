"""The model goes through JSON and comes back equal."""

import json
from pathlib import Path

import pytest

from control.agent.encode import decode, encode
from control.config import load_configuration

EXAMPLES = sorted((Path(__file__).parents[2] / "examples").glob("*.yaml"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_a_configuration_comes_back_as_it_was(path: Path) -> None:
    configuration = load_configuration(path).configuration
    assert decode(json.loads(json.dumps(encode(configuration)))) == configuration


def test_a_class_that_is_gone_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(KeyError):
        decode({"": "Obsolete"})
