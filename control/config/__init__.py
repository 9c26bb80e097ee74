"""Configuration: YAML -> the model, every mistake told with its file, line and field.

lines.py      YAML text -> data, and the line of every value
schema.py     the file's shape: parts, fields, readers (sections.py: how a part is read; values.py, kubernetes.py:
              one value at a time)
notyet.py     the fields that are understood and not in force
check.py      rules that span fields; claims.py: what can belong to one port only
networks.py, resolve.py, build.py, allocate.py, subnets.py   the model, its defaults filled in
policies.py   the manifests that the file names, read by control/manifests
load.py       all of it in order; ports.py: one port for the API; render.py: the model as JSON
"""

from control.config.load import load_configuration, parse_configuration
from control.config.policies import Loaded, with_manifests
from control.config.ports import parse_port
from control.config.render import render_configuration, render_manifests, render_network, render_peer, render_port
from control.errors import ConfigurationError

__all__ = [
    "ConfigurationError",
    "Loaded",
    "load_configuration",
    "parse_configuration",
    "parse_port",
    "render_configuration",
    "render_manifests",
    "render_network",
    "render_peer",
    "render_port",
    "with_manifests",
]
