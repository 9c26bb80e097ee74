"""`tapestry up`."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from control.cli.options import RunDirOption
from control.cli.output import Json, Output, print_document, wants_json
from control.errors import UserError

if TYPE_CHECKING:
    from control.model import Address

USUAL_PLACES = (Path("tapestry.yaml"), Path("/etc/tapestry/tapestry.yaml"))


def up(
    config: Annotated[
        Path | None,
        typer.Argument(help="The configuration [default: ./tapestry.yaml, else /etc/tapestry/tapestry.yaml]."),
    ] = None,
    check: Annotated[bool, typer.Option("--check", help="Only validate: exit status 2 if it is wrong.")] = False,
    watch: Annotated[bool, typer.Option("--watch", help="Apply the file again whenever it is saved.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Say what to try, show ports live; needs no root.")] = False,
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Run the fabric: the daemon, in the foreground. Ctrl-C stops it and leaves nothing behind.

    SIGHUP, or saving the file under --watch, applies the difference and touches nothing else. A daemon that died is
    taken over by the next one on the same run directory, and no frame is lost. -o is for --check.

    Example: tapestry up examples/quickstart.yaml
    """
    path = config or _usual_place()
    if check:
        _check(path, wants_json(output, json))
        return
    _serve(path, run_dir, watch, demo)


def _usual_place() -> Path:
    for path in USUAL_PLACES:
        if path.exists():
            return path
    places = " nor ".join(map(str, USUAL_PLACES))
    raise UserError(f"which configuration? There is neither {places}: name one, as in `tapestry up CONFIG`", status=2)


def _check(path: Path, as_json: bool) -> None:
    from control.config import load_configuration, render_configuration

    unknown: set[str] = set()
    configuration, warnings = load_configuration(path, underlay_mtus=lambda towards: _ways_from_here(towards, unknown))
    warnings += tuple(f"{path}: overlay.mtu: {each}" for each in unknown)
    for warning in warnings:
        typer.echo(warning, err=True)
    if as_json:
        print_document({"valid": True, "warnings": list(warnings)} | dict(render_configuration(configuration)))
    else:
        networks, ports = len(configuration.networks), len(configuration.ports)
        typer.echo(f"{path}: fine, {_count(networks, 'network')} and {_count(ports, 'port')}")


def _ways_from_here(towards: "Sequence[Address]", unknown: set[str]) -> Sequence[int | str]:
    """Ask as the daemon does; another machine's ways are nobody's to know, which goes into ``unknown``."""
    from control.host.underlay import underlay_mtus

    told = underlay_mtus(towards)
    if any(isinstance(each, int) for each in told):
        return told
    unknown.add(f"there is no way to {towards[0]} from this machine ({told[0]}): MTUs are not held against it")
    return ()


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _serve(path: Path, run_dir: Path | None, watch: bool, demo: bool) -> None:
    from control.agent.lifecycle import Options, run_agent
    from control.agent.rundir import default_run_dir
    from control.cli.faces import Demonstration, our_name, say_ready
    from control.host.rootless import is_root_lacking

    place = (run_dir or default_run_dir()).absolute()
    face = Demonstration(place) if demo else say_ready
    if is_root_lacking():
        if not demo:
            raise UserError(
                f"the fabric needs root for its TAPs and namespaces: `sudo {our_name()} up {path}`; or see it without "
                f"root, in a network of its own, with `{our_name()} up --demo {path}`"
            )
        _become_root_somewhere(place)
    run_agent(Options(path.absolute(), place, face, watch))


def _become_root_somewhere(place: Path) -> None:
    """Move into a network of our own, or into that of an instance whose agent died: its workers are still there."""
    from control.agent.record import read_record
    from control.agent.rundir import RunDir
    from control.host.enter import enter_namespace
    from control.host.rootless import enter_rootless

    record = read_record(RunDir(place).record)
    for worker in record.workers if record else ():
        if worker.process.is_alive():
            enter_namespace(None, worker.process.pid)
            return
    enter_rootless()
