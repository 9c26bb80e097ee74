"""A configuration as a file that means the same: what a failing input is kept with."""

from io import StringIO
from typing import Any

from ruamel.yaml import YAML

from control.config import render_configuration
from control.model import Configuration

NOT_IN_THE_FILE = ("kind", "mac_known", "gateway")


def write_configuration(configuration: Configuration) -> str:
    """Return YAML that `parse_configuration` reads as ``configuration``, which has pcap ports and default gateways."""
    yaml = YAML()
    yaml.default_flow_style = False
    text = StringIO()
    yaml.dump(without_defaults(render_configuration(configuration)), text)
    return text.getvalue()


def without_defaults(data: Any) -> Any:
    """Return ``data`` without what a file does not say: fields that are None and those the reader works out."""
    if isinstance(data, list):
        return [without_defaults(each) for each in data]
    if isinstance(data, dict):
        said = {name: value for name, value in data.items() if value is not None and name not in NOT_IN_THE_FILE}
        return {name: without_defaults(value) for name, value in said.items()}
    return data
