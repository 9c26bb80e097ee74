"""The worker's end of the agent's connection: JSON objects, one a datagram, with descriptors beside them."""

import json
import os
import socket
from collections.abc import Iterable
from typing import Any, NamedTuple

from dataplane.vector import MAX_PORTS

Message = dict[str, Any]

DATAGRAM_BYTES = 1 << 16
DESCRIPTORS_PER_MESSAGE = 200

RING_OPTIONS = ("block_size", "frame_size", "frame_count")


class AgentGoneError(Exception):
    """The agent has hung up, died, or stopped reading."""


class MessageError(Exception):
    """The agent said something that no worker understands; the text says what was expected and what was found."""


class PortRequest(NamedTuple):
    """What ``open_port`` asks for; ``options`` are those of the kind (a NIC's ring, a VTEP's sockets)."""

    index: int
    kind: str
    receives: bool
    options: dict[str, int]


def receive_message(connection: socket.socket) -> tuple[Any, list[int]]:
    """Return the next message, None if it is no JSON object, and its descriptors; AgentGoneError at the end."""
    try:
        payload, descriptors, _, _ = socket.recv_fds(
            connection, DATAGRAM_BYTES, DESCRIPTORS_PER_MESSAGE, socket.MSG_CMSG_CLOEXEC
        )
    except OSError as error:
        raise AgentGoneError from error
    if not payload:
        close_all(descriptors)
        raise AgentGoneError
    try:
        message = json.loads(payload)
    except (ValueError, RecursionError):
        message = None
    return message if isinstance(message, dict) else None, list(descriptors)


def send_message(connection: socket.socket, message: Message, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message; AgentGoneError if nobody is there to read it."""
    try:
        socket.send_fds(connection, [json.dumps(message).encode()], descriptors)
    except OSError as error:
        raise AgentGoneError from error


def close_all(descriptors: Iterable[int]) -> None:
    """Close descriptors that nobody wants."""
    for descriptor in descriptors:
        os.close(descriptor)


def read_index(message: Message) -> int:
    """Return the port that a message is about; MessageError if it names none."""
    index = message.get("index")
    if type(index) is not int or not 0 <= index < MAX_PORTS:
        raise MessageError(f"index: expected 0 to {MAX_PORTS - 1}, found {brief(index)}")
    return index


def read_port_request(message: Message, kinds: tuple[str, ...]) -> PortRequest:
    """Return what an ``open_port`` message asks for; MessageError if that makes no sense."""
    index = read_index(message)
    kind, receives, options = message.get("kind"), message.get("receive"), message.get("options")
    if kind not in kinds:
        raise MessageError(f"kind: expected one of {', '.join(kinds)}, found {brief(kind)}")
    if type(receives) is not bool:
        raise MessageError(f"receive: expected true or false, found {brief(receives)}")
    if not isinstance(options, dict):
        raise MessageError(f"options: expected an object, found {brief(options)}")
    if kind == "nic":
        require_ring(options)
    if kind == "vtep":
        require_sockets(options)
    return PortRequest(index, kind, receives, options)


def require_ring(options: dict[str, Any]) -> None:
    """MessageError unless the options describe a receive ring of whole blocks."""
    for name in RING_OPTIONS:
        if type(options.get(name)) is not int or options[name] <= 0:
            raise MessageError(f"options: {name}: expected a positive number, found {brief(options.get(name))}")
    per_block, rest = divmod(options["block_size"], options["frame_size"])
    if rest or options["frame_count"] % per_block:
        raise MessageError(f"options: expected whole slots in whole blocks, found {brief(options)}")


def require_sockets(options: dict[str, Any]) -> None:
    """MessageError unless the options say which of the descriptors receive, and whether the kernel cuts superframes."""
    for name, choices in (("receivers", (1, 2)), ("cuts", (0, 1))):
        if options.get(name) not in choices:
            raise MessageError(f"options: {name}: expected one of {choices}, found {brief(options.get(name))}")


def brief(value: Any) -> str:
    """Return a value for a sentence, however large it is."""
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
