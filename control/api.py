"""The agent's API: HTTP over a UNIX socket that its owner alone may open.

    GET    /v1/status  /v1/ports  /v1/ports/NAME  /v1/fdb  /v1/drops  /v1/config
    GET    /v1/capture/NAME?snaplen=N&count=N      pcapng, as frames come
    GET    /v1/observe?CRITERION=VALUE&last=N&since=SECONDS&follow=0    lines of JSON, as conversations come and go
    POST   /v1/ports                               {"port": {…}, "until_caller_ends": false}
    DELETE /v1/ports/NAME
    POST   /v1/reload  /v1/fdb/flush
    GET    /v1/policies  /v1/policies/cluster
    GET    /v1/peers
    POST   /v1/peers                               {"peers": [{…}, …]}
    DELETE /v1/peers/NODE
    POST   /v1/peers/NODE/endpoints                {"endpoint": {…}}
    DELETE /v1/peers/NODE/endpoints/NETWORK/ADDRESS
    GET    /v1/flows?CRITERION=VALUE&limit=N  /v1/routes  /v1/neighbours
    POST   /v1/flows/kill {CRITERION: VALUE}  /v1/neighbours/flush {"address": ADDRESS}

Answers are the documents of docs/commands.md. An error is {"error": sentence, "status": a command's exit status}, with
404 for what is not there, 422 for a configuration that is refused, 400 for other mistakes.
"""

import asyncio
import contextlib
import json
import os
import socket
import struct
from collections.abc import AsyncGenerator, Awaitable, Callable
from pathlib import Path
from typing import Any

from aiohttp import web

from control.agent import conversations, documents
from control.agent.instance import Instance, NoSuchPortError
from control.agent.peers import NoSuchPeerError
from control.agent.process import ProcessId
from control.agent.rundir import RunDir
from control.capture import Captures
from control.errors import ConfigurationError, UserError
from control.observe.observers import Observers, Wish

SHUTDOWN_GRACE_S = 0.2
PEER_CREDENTIALS = struct.Struct("3i")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class ApiServer:
    """Serves one instance."""

    def __init__(self, instance: Instance, run_dir: RunDir, captures: Captures, observers: Observers) -> None:
        self._instance = instance
        self._run_dir = run_dir
        self._captures = captures
        self._observers = observers
        application = web.Application(middlewares=[_sentences_for_errors])
        application.add_routes(
            [
                web.get("/v1/status", self._status),
                web.get("/v1/ports", self._ports),
                web.post("/v1/ports", self._attach),
                web.get("/v1/ports/{name}", self._port),
                web.delete("/v1/ports/{name}", self._detach),
                web.get("/v1/fdb", self._fdb),
                web.post("/v1/fdb/flush", self._flush_fdb),
                web.get("/v1/drops", self._drops),
                web.get("/v1/flows", self._flows),
                web.post("/v1/flows/kill", self._kill_flows),
                web.get("/v1/routes", self._routes),
                web.get("/v1/neighbours", self._neighbours),
                web.post("/v1/neighbours/flush", self._flush_neighbours),
                web.get("/v1/policies", self._policies),
                web.get("/v1/policies/cluster", self._cluster),
                web.get("/v1/peers", self._peers),
                web.post("/v1/peers", self._feed_peers),
                web.delete("/v1/peers/{node}", self._forget_peer),
                web.post("/v1/peers/{node}/endpoints", self._feed_endpoint),
                web.delete("/v1/peers/{node}/endpoints/{network}/{address}", self._forget_endpoint),
                web.get("/v1/config", self._config),
                web.post("/v1/reload", self._reload),
                web.get("/v1/capture/{name}", self._capture),
                web.get("/v1/observe", self._observe),
            ]
        )
        self._runner = web.AppRunner(
            application, handle_signals=False, access_log=None, shutdown_timeout=SHUTDOWN_GRACE_S
        )

    async def start(self) -> None:
        """Listen on the run directory's socket."""
        await self._runner.setup()
        await web.SockSite(self._runner, listen_for_owner(self._run_dir.api_socket)).start()

    async def stop(self) -> None:
        """Stop listening and cut what goes on."""
        self._captures.close()
        self._observers.close()
        await self._runner.cleanup()
        self._run_dir.api_socket.unlink(missing_ok=True)

    async def _status(self, _request: web.Request) -> web.Response:
        status = documents.status_document(self._instance, self._run_dir)
        seen = {"captures": self._captures.describe(), "observers": self._observers.describe()}
        return web.json_response(status | seen)

    async def _ports(self, _request: web.Request) -> web.Response:
        return web.json_response(documents.ports_document(self._instance))

    async def _port(self, request: web.Request) -> web.Response:
        return self._describe_port(request.match_info["name"])

    async def _attach(self, request: web.Request) -> web.Response:
        body = await _read_object(request)
        owner = _caller(request) if body.get("until_caller_ends") else None
        return self._describe_port(await self._instance.attach(body.get("port", {}), owner))

    async def _detach(self, request: web.Request) -> web.Response:
        name = request.match_info["name"]
        answer = self._describe_port(name)
        await self._instance.detach(name)
        return answer

    async def _fdb(self, _request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(documents.fdb_document, self._instance))

    async def _flush_fdb(self, _request: web.Request) -> web.Response:
        return web.json_response({"flushed": await self._instance.flush_fdb()})

    async def _drops(self, _request: web.Request) -> web.Response:
        return web.json_response(documents.drops_document(self._instance))

    async def _flows(self, request: web.Request) -> web.Response:
        criteria = dict(request.query)
        criteria.pop("limit", None)
        limit = _number(request, "limit")
        text = await asyncio.to_thread(
            lambda: json.dumps(conversations.flows_document(self._instance.fabric, criteria, limit))
        )
        return web.json_response(text=text)

    async def _kill_flows(self, request: web.Request) -> web.Response:
        criteria = {name: str(value) for name, value in (await _read_object(request)).items()}
        return web.json_response(await asyncio.to_thread(conversations.kill_flows, self._instance.fabric, criteria))

    async def _routes(self, _request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(conversations.routes_document, self._instance.fabric))

    async def _neighbours(self, _request: web.Request) -> web.Response:
        return web.json_response(await asyncio.to_thread(conversations.neighbours_document, self._instance.fabric))

    async def _flush_neighbours(self, request: web.Request) -> web.Response:
        address = (await _read_object(request)).get("address")
        return web.json_response(
            await asyncio.to_thread(conversations.flush_neighbours, self._instance.fabric, address)
        )

    async def _policies(self, _request: web.Request) -> web.Response:
        return web.json_response(documents.policies_document(self._instance))

    async def _cluster(self, _request: web.Request) -> web.Response:
        return web.json_response(documents.cluster_document(self._instance))

    async def _peers(self, _request: web.Request) -> web.Response:
        return web.json_response(
            text=await asyncio.to_thread(lambda: json.dumps(documents.peers_document(self._instance)))
        )

    async def _feed_peers(self, request: web.Request) -> web.Response:
        peers = (await _read_object(request)).get("peers")
        if not isinstance(peers, list):
            raise UserError("the request's body: expected a list of peers, found none")
        return web.json_response({"peers": await self._instance.peers.upsert(peers)})

    async def _forget_peer(self, request: web.Request) -> web.Response:
        node = request.match_info["node"]
        await self._instance.peers.remove(node)
        return web.json_response({"peers": [node]})

    async def _feed_endpoint(self, request: web.Request) -> web.Response:
        node, body = request.match_info["node"], await _read_object(request)
        await self._instance.peers.upsert_endpoint(node, body.get("endpoint", {}))
        return web.json_response({"peers": [node]})

    async def _forget_endpoint(self, request: web.Request) -> web.Response:
        node, network, address = (request.match_info[name] for name in ("node", "network", "address"))
        await self._instance.peers.remove_endpoint(node, network, address)
        return web.json_response({"peers": [node]})

    async def _config(self, _request: web.Request) -> web.Response:
        return web.json_response(documents.configuration_document(self._instance))

    async def _reload(self, _request: web.Request) -> web.Response:
        await self._instance.reload()
        return web.json_response(documents.status_document(self._instance, self._run_dir))

    async def _capture(self, request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        self._instance.require_port(name)
        options = {option: _number(request, option) for option in ("snaplen", "count")}
        return await _send_stream(request, "application/x-pcapng", self._captures.stream(name, **options))

    async def _observe(self, request: web.Request) -> web.StreamResponse:
        wish = Wish.of(request.query)
        return await _send_stream(request, "application/x-ndjson", self._observers.stream(wish))

    def _describe_port(self, name: str) -> web.Response:
        return web.json_response(documents.port_document(self._instance, name))


def listen_for_owner(path: Path) -> socket.socket:
    """Return a socket at ``path`` that its owner alone may connect to, from its first moment on."""
    path.unlink(missing_ok=True)
    listener = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        listener.bind(os.fspath(path))
    finally:
        os.umask(before)
    return listener


@web.middleware
async def _sentences_for_errors(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except UserError as error:
        is_missing = isinstance(error, NoSuchPortError | NoSuchPeerError)
        code = 404 if is_missing else 422 if isinstance(error, ConfigurationError) else 400
        return _refusal(code, str(error), error.status)
    except web.HTTPException as error:
        return _refusal(error.status, f"{request.method} {request.path}: {error.reason}", 1)


def _refusal(code: int, sentence: str, status: int) -> web.Response:
    return web.json_response({"error": sentence, "status": status}, status=code)


async def _read_object(request: web.Request) -> dict[str, Any]:
    try:
        body = await request.json()
    except json.JSONDecodeError as error:
        raise UserError(f"the request's body is no JSON: {error}") from None
    if not isinstance(body, dict):
        raise UserError(f"the request's body: expected an object, found {type(body).__name__}")
    return body


async def _send_stream(
    request: web.Request, content_type: str, stream: AsyncGenerator[bytes, None]
) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": content_type})
    await response.prepare(request)
    async with contextlib.aclosing(stream) as chunks:
        async for chunk in chunks:
            if request.transport is None:  # Who asked has gone.
                return response
            await response.write(chunk)
    await response.write_eof()
    return response


def _number(request: web.Request, option: str) -> int:
    text = request.query.get(option, "0")
    if not text.isdecimal():
        raise UserError(f"{option}: expected a number of zero or more, found {text!r}")
    return int(text)


def _caller(request: web.Request) -> ProcessId:
    """Return the process at the other end of the request's connection."""
    connection = request.get_extra_info("socket")
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, PEER_CREDENTIALS.size)
    pid, _uid, _gid = PEER_CREDENTIALS.unpack(credentials)
    try:
        return ProcessId.of(pid)
    except ProcessLookupError:
        raise UserError("the process that asked is gone") from None
