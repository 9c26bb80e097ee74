"""`tapestry run`."""

import contextlib
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from control.cli.options import RunDirOption, words_of
from control.errors import UserError

if TYPE_CHECKING:
    from control.client import AgentClient

CONTEXT = {"allow_interspersed_args": False}

CONTAINER = "container:"


def run(
    command: Annotated[list[str], typer.Argument(metavar="CMD", help="The command and its arguments.")],
    network: Annotated[
        str | None,
        typer.Option(
            "--network",
            "-n",
            metavar="N",
            help="A network's name; bridge: the first bridged one; host: the daemon's own; none: loopback alone; "
            "container:X: that of port X [default: the only one there is].",
        ),
    ] = None,
    publish: Annotated[
        list[str] | None,
        typer.Option(
            "--publish", "-p", metavar="P", help="Lead an outside port to the command: [IP:]PORT:PORT[/PROTO]."
        ),
    ] = None,
    dns: Annotated[
        list[str] | None, typer.Option("--dns", metavar="IP", help="Whom to ask for names [default: the gateway].")
    ] = None,
    name: Annotated[str | None, typer.Option(help="The port's name [default: run-PID].")] = None,
    run_dir: RunDirOption = None,
) -> None:
    """Run a command in a network namespace of its own, attached, with an address; its exit status is the command's.

    Port, address and namespace are gone when the command ends, however it ends.

    Example: tapestry run -p 8080:80 -- python3 -m http.server 80
    """
    from control.client import AgentClient

    words, ports, resolvers = words_of(command), publish or [], _addresses(dns or [])
    client = AgentClient(run_dir)
    if network == "host":
        _run_on_host(client, words, ports, resolvers)
    is_beside = network is not None and network.startswith(CONTAINER)
    if ports and (network == "none" or is_beside):
        raise UserError(f"--network {network} publishes no ports: leave out -p", status=2)
    if network is not None and is_beside:
        _run_beside(client, network.removeprefix(CONTAINER), words, resolvers)
    if network == "none":
        raise typer.Exit(_run_alone(client, words, resolvers))
    raise typer.Exit(_run_attached(client, network, words, ports, resolvers, name or f"run-{os.getpid()}"))


def _run_attached(
    client: "AgentClient",
    network: str | None,
    words: list[str],
    ports: Sequence[str],
    resolvers: Sequence[str],
    name: str,
) -> int:
    from control.cli.networks import choose_bridge, choose_network, network_named
    from control.cli.resolving import own_files, read_resolv_conf
    from control.host.command import new_namespace_for

    wanted = choose_bridge(client) if network == "bridge" else choose_network(client, network)
    with new_namespace_for(words, client.status()["pid"]) as started:
        port: dict[str, Any] = {
            "name": name,
            "network": wanted,
            "tap": {"netns": started.netns_path, "ifname": "eth0"},
        }
        if ports:
            port["publish"] = list(ports)
        # The daemon takes the port away should this process end before it can.
        attached = client.attach(port, until_caller_ends=True)
        try:
            started.release(own_files(attached, network_named(client, wanted), resolvers, read_resolv_conf()))
            return started.wait()
        finally:
            with contextlib.suppress(UserError):  # The daemon has stopped: the port went with it.
                client.detach(attached["name"])


def _run_alone(client: "AgentClient", words: list[str], resolvers: Sequence[str]) -> int:
    from control.cli.resolving import own_files, read_resolv_conf
    from control.host.command import new_namespace_for
    from control.host.rootless import is_root_lacking

    # Without root only the daemon's user namespace gives the right to make a network namespace.
    agent_pid = client.status()["pid"] if is_root_lacking() else None
    with new_namespace_for(words, agent_pid) as started:
        started.release(own_files(None, None, resolvers, read_resolv_conf()))
        return started.wait()


def _run_beside(client: "AgentClient", port: str, words: list[str], resolvers: Sequence[str]) -> NoReturn:
    from control.cli.networks import network_named
    from control.cli.resolving import own_files, read_resolv_conf
    from control.host.enter import exec_in_namespace

    found = client.port(port)
    netns = found["tap"]["netns"] if found["kind"] == "tap" else None
    if netns is None:
        raise UserError(f"port {port} has no namespace of its own to run a command in")
    files = own_files(found, network_named(client, found["network"]), resolvers, read_resolv_conf())
    exec_in_namespace(netns, words, client.status()["pid"], files=files)


def _run_on_host(client: "AgentClient", words: list[str], ports: Sequence[str], resolvers: Sequence[str]) -> NoReturn:
    from control.cli.hostports import published_at_host, require_free_ports
    from control.cli.resolving import own_files, read_resolv_conf
    from control.host.enter import exec_in_namespace

    agent_pid = client.status()["pid"]
    if ports:
        require_free_ports(ports, f"/proc/{agent_pid}/net", published_at_host(client.configuration()))
    exec_in_namespace(None, words, agent_pid, files=own_files(None, None, resolvers, read_resolv_conf()))


def _addresses(texts: Sequence[str]) -> list[str]:
    from ipaddress import ip_address

    addresses = []
    for text in texts:
        try:
            addresses.append(str(ip_address(text)))
        except ValueError:
            raise UserError(f"--dns: expected an address such as 10.10.0.1, found {text!r}", status=2) from None
    return addresses
