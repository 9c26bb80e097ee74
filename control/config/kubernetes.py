"""Kubernetes' own rules for the fields that its policies will select by: namespaces, labels and named ports.

Sources: RFC 1123 labels for namespaces; "Labels and Selectors: syntax and character set"; IANA service names (RFC 6335
section 5.1) for port names.
"""

import re

from control.config.values import Expected

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z")
_QUALIFIED = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?\Z")
_PORT_NAME = re.compile(r"(?=[a-z0-9-]*[a-z])[a-z0-9]+(?:-[a-z0-9]+)*\Z")
_NAMED_PORT = re.compile(r"([0-9]{1,5})/(tcp|udp|sctp)\Z")

_MAX_PREFIX = 253
_MAX_PORT_NAME = 15
_MAX_PORT = 65535


def namespace(value: object) -> str:
    if not isinstance(value, str) or not _LABEL.match(value):
        raise Expected("a namespace of 1 to 63 lower-case letters, digits and '-', with a letter or digit at both ends")
    return value


def label_key(value: object) -> str:
    if isinstance(value, str):
        prefix, slash, name = value.rpartition("/")
        if _QUALIFIED.match(name) and (not slash or _is_subdomain(prefix)):
            return value
    raise Expected("a label's name such as app or example.com/tier (at most 63 characters behind the '/')")


def label_value(value: object) -> str:
    if not isinstance(value, str) or (value and not _QUALIFIED.match(value)):
        raise Expected("a label's value: text of at most 63 letters, digits, '.', '_' and '-' (quote numbers)")
    return value


def port_name(value: object) -> str:
    if not isinstance(value, str) or len(value) > _MAX_PORT_NAME or not _PORT_NAME.match(value):
        raise Expected("a port's name: at most 15 lower-case letters, digits and single '-', with a letter in it")
    return value


def named_port(value: object) -> tuple[int, str]:
    """Return (port, protocol) of ``80/tcp``."""
    match = _NAMED_PORT.match(value) if isinstance(value, str) else None
    if not match or not 1 <= int(match[1]) <= _MAX_PORT:
        raise Expected("a port from 1 to 65535 and its protocol (tcp, udp or sctp), such as 80/tcp")
    return int(match[1]), match[2]


def _is_subdomain(prefix: str) -> bool:
    return len(prefix) <= _MAX_PREFIX and all(_LABEL.match(label) for label in prefix.split("."))
