"""What the tests of the configuration share: read a text, and say what came of it."""

from control.config import ConfigurationError, Loaded, parse_configuration
from control.model import Configuration, Port

BLUE = "networks: [{name: blue, subnets: [10.10.0.0/24, 'fd00:10::/64']}]\n"
"""One network on line 1, so that what follows begins on line 2."""


def load(text: str, **options: object) -> Configuration:
    """Return the configuration that ``text`` is, on a machine called node1 with one core."""
    return parse(text, **options).configuration


def parse(text: str, **options: object) -> Loaded:
    return parse_configuration(text, "f.yaml", **{"hostname": "node1", "cores": 1, **options})  # type: ignore[arg-type]


def mistakes(text: str, **options: object) -> list[str]:
    """Return every mistake as ``LINE: field: expected …, found …``; none when the text loads."""
    refused = refusal(text, **options)
    if refused is None:
        return []
    assert refused.status == 2
    assert str(refused).splitlines() == list(refused.mistakes)
    return [mistake.removeprefix("f.yaml:") for mistake in refused.mistakes]


def refusal(text: str, **options: object) -> ConfigurationError | None:
    """Return the error that refuses ``text``; None when it loads."""
    try:
        load(text, **options)
    except ConfigurationError as error:
        return error
    return None


def ports(*items: str) -> str:
    """Return a file with the network blue and these ports, one a line from line 3 on."""
    return BLUE + "ports:\n" + "".join(f"- {{{item}}}\n" for item in items)


def port(fields: str) -> str:
    """Return a file whose one port, on line 3, is called p, is on blue, and has ``fields``."""
    return ports(f"name: p, network: blue, {fields}")


def find(configuration: Configuration, name: str) -> Port:
    return next(port for port in configuration.ports if port.name == name)


def addresses(configuration: Configuration) -> dict[str, list[str]]:
    return {port.name: [str(address) for address in port.addresses] for port in configuration.ports}
