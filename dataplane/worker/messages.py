"""The worker's end of the agent's connection: JSON objects, one a datagram, with descriptors beside them."""

import json
import os
import socket
from typing import Any

Message = dict[str, Any]

DATAGRAM_BYTES = 1 << 16
DESCRIPTORS_PER_MESSAGE = 200


class AgentGoneError(Exception):
    """The agent has hung up, or died."""


def receive_message(connection: socket.socket) -> tuple[Message, list[int]]:
    """Return the next message and its descriptors; AgentGoneError at the end."""
    try:
        payload, descriptors, _, _ = socket.recv_fds(
            connection, DATAGRAM_BYTES, DESCRIPTORS_PER_MESSAGE, socket.MSG_CMSG_CLOEXEC
        )
    except ConnectionError as error:
        raise AgentGoneError from error
    if not payload:
        raise AgentGoneError
    return json.loads(payload), list(descriptors)


def send_message(connection: socket.socket, message: Message, descriptors: tuple[int, ...] = ()) -> None:
    """Send one message; AgentGoneError if nobody is there."""
    try:
        socket.send_fds(connection, [json.dumps(message).encode()], descriptors)
    except ConnectionError as error:
        raise AgentGoneError from error


def close_all(descriptors: list[int]) -> None:
    """Close descriptors that nobody wants."""
    for descriptor in descriptors:
        os.close(descriptor)
