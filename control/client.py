"""The agent's API as a client sees it: HTTP over the UNIX socket of a run directory, standard library alone.

An answer that is an error becomes a `UserError` with the agent's own sentence.
"""

import http.client
import json
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from control.agent.rundir import RunDir, default_run_dir
from control.errors import UserError

CHUNK_BYTES = 1 << 16


class AgentClient:
    """Asks the agent of one run directory; each call is a connection of its own."""

    def __init__(self, run_dir: Path | None = None, timeout_s: float | None = 60.0) -> None:
        """``run_dir`` None is the default one of this user."""
        self.run_dir = RunDir(run_dir or default_run_dir())
        self._timeout_s = timeout_s

    def status(self) -> dict[str, Any]:
        return self._call("GET", "/v1/status")

    def ports(self) -> list[dict[str, Any]]:
        return self._call("GET", "/v1/ports")

    def port(self, name: str) -> dict[str, Any]:
        """Return one port; UserError if there is none of that name."""
        return self._call("GET", f"/v1/ports/{quote(name, safe='')}")

    def fdb(self) -> list[dict[str, Any]]:
        return self._call("GET", "/v1/fdb")

    def flush_fdb(self, **selection: str) -> dict[str, Any]:
        """Forget learned MACs; ``selection`` narrows it (network, port)."""
        return self._call("POST", "/v1/fdb/flush", selection)

    def drops(self) -> dict[str, Any]:
        return self._call("GET", "/v1/drops")

    def flows(self, limit: int = 0, **criteria: str) -> list[dict[str, Any]]:
        """Return the conversations that ``criteria`` choose (address, port, protocol, state, network); 0: all.

        Millions take their time.
        """
        return self._call("GET", f"/v1/flows?{urlencode(criteria | {'limit': str(limit)})}", is_long=True)

    def kill_flows(self, **criteria: str) -> dict[str, Any]:
        """End the conversations that ``criteria`` choose (a ``number`` too); all if there are none."""
        return self._call("POST", "/v1/flows/kill", criteria, is_long=True)

    def routes(self) -> list[dict[str, Any]]:
        return self._call("GET", "/v1/routes")

    def neighbours(self) -> list[dict[str, Any]]:
        return self._call("GET", "/v1/neighbours")

    def flush_neighbours(self, address: str | None = None) -> dict[str, Any]:
        """Forget the neighbours with an address, or all."""
        return self._call("POST", "/v1/neighbours/flush", {} if address is None else {"address": address})

    def policies(self) -> list[dict[str, Any]]:
        """Return every policy and rule, and how often each has decided."""
        return self._call("GET", "/v1/policies")

    def cluster(self) -> dict[str, Any]:
        """Return all pods and objects in force, as ``control.policy.trial.Cluster`` reads them."""
        return self._call("GET", "/v1/policies/cluster", is_long=True)

    def peers(self) -> list[dict[str, Any]]:
        """Return all that is known of other nodes."""
        return self._call("GET", "/v1/peers")

    def feed_peers(self, peers: list[dict[str, Any]]) -> dict[str, Any]:
        """Say what other nodes have, each written whole as in a configuration file; return their names."""
        return self._call("POST", "/v1/peers", {"peers": peers})

    def forget_peer(self, node: str) -> dict[str, Any]:
        """Say that a node that was fed is gone."""
        return self._call("DELETE", f"/v1/peers/{quote(node, safe='')}")

    def feed_endpoint(self, node: str, endpoint: dict[str, Any]) -> dict[str, Any]:
        """Say that a node that was fed has an endpoint, written as in a configuration file."""
        return self._call("POST", f"/v1/peers/{quote(node, safe='')}/endpoints", {"endpoint": endpoint})

    def forget_endpoint(self, node: str, network: str, address: str) -> dict[str, Any]:
        """Say that a node that was fed has an endpoint no longer."""
        place = "/".join(quote(part, safe="") for part in (network, address))
        return self._call("DELETE", f"/v1/peers/{quote(node, safe='')}/endpoints/{place}")

    def configuration(self) -> dict[str, Any]:
        return self._call("GET", "/v1/config")

    def reload(self) -> dict[str, Any]:
        """Have the agent read its configuration file again; UserError with the mistakes if it is wrong."""
        return self._call("POST", "/v1/reload")

    def attach(self, port: dict[str, Any], *, until_caller_ends: bool = False) -> dict[str, Any]:
        """Attach a port, written as in a configuration file; returns it as /v1/ports shows it.

        ``until_caller_ends``: it is detached when the calling process ends, however that happens.
        """
        return self._call("POST", "/v1/ports", {"port": port, "until_caller_ends": until_caller_ends})

    def detach(self, name: str) -> dict[str, Any]:
        return self._call("DELETE", f"/v1/ports/{quote(name, safe='')}")

    def capture(self, port: str, **options: int) -> Iterator[bytes]:
        """Yield the bytes of a pcapng stream of the port's frames as they come."""
        return self._stream(f"/v1/capture/{quote(port, safe='')}?{urlencode(options)}")

    def observe(self, **query: str) -> Iterator[bytes]:
        """Yield lines of JSON, one or more at a time, as conversations come and go: those that ``query`` chooses (pod,
        namespace, verdict, reason, protocol, port, policy); ``last`` so many of what was, or ``since`` so many seconds;
        ``follow`` 0: then nothing more."""
        return self._stream(f"/v1/observe?{urlencode(query)}")

    def _stream(self, path: str) -> Iterator[bytes]:
        connection = self._connect(timeout_s=None)
        try:
            response = self._request(connection, "GET", path, None)
            while chunk := response.read1(CHUNK_BYTES):
                yield chunk
        except (http.client.HTTPException, OSError) as error:
            raise self._went_away(error) from error
        finally:
            connection.close()

    def _call(self, method: str, path: str, body: Any = None, is_long: bool = False) -> Any:
        connection = self._connect(None if is_long else self._timeout_s)
        try:
            return json.loads(self._request(connection, method, path, body).read())
        except (http.client.HTTPException, OSError, ValueError) as error:
            raise self._went_away(error) from error
        finally:
            connection.close()

    def _went_away(self, error: Exception) -> UserError:
        return UserError(f"the tapestry at {self.run_dir.path} went away while it was asked: {error}")

    def _request(
        self, connection: http.client.HTTPConnection, method: str, path: str, body: Any
    ) -> http.client.HTTPResponse:
        payload = None if body is None else json.dumps(body)
        connection.request(method, path, payload, {"Content-Type": "application/json"} if payload else {})
        response = connection.getresponse()
        if response.status >= 400:
            answer = json.loads(response.read())
            raise UserError(answer["error"], answer.get("status", 1))
        return response

    def _connect(self, timeout_s: float | None) -> http.client.HTTPConnection:
        connection = _UnixConnection(self.run_dir.api_socket, timeout_s)
        try:
            connection.connect()
        except (FileNotFoundError, ConnectionRefusedError):
            raise UserError(f"no tapestry runs at {self.run_dir.path}: start one with `tapestry up CONFIG`") from None
        except PermissionError:
            raise UserError(f"the tapestry at {self.run_dir.path} belongs to another user: try with sudo") from None
        return connection


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: Path, timeout_s: float | None) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        try:
            self.sock.connect(os.fspath(self._path))
        except BaseException:
            self.sock.close()
            raise
