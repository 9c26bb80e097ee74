"""The command line: `tapestry VERB …`, one verb a file.

Goals: `tapestry --help` answers at once, so only the verb that was asked for is imported, and what its body needs only
when the body runs; a user's mistake is one sentence on stderr and an exit status, never a traceback.

A verb's module is named as the verb and holds either a function of that name (a typer signature) or, for a verb that
has verbs of its own, ``app``, a ``typer.Typer``.
"""

import importlib
import importlib.util
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Annotated

import typer

from control.errors import ConfigurationError, UserError

VERBS = {
    "up": "Run the fabric: the daemon, in the foreground",
    "run": "Run a command in a network namespace of its own, attached",
    "exec": "Run a command inside the namespace of a port",
    "attach": "Attach a namespace, a VM's TAP or a NIC to the running fabric",
    "detach": "Take away a port that was attached",
    "reload": "Read the configuration file again and apply the difference",
    "status": "Show what the daemon is and how it does",
    "ports": "List the ports, their state and their counters",
    "fdb": "List or flush the MAC addresses that the switch has learned",
    "flows": "List or end the conversations that the router follows",
    "routes": "List the routes in force",
    "neighbours": "List or forget whom the router knows on its links",
    "peers": "List what is known of other nodes, or feed it",
    "policies": "List the policies, and how often each rule has decided",
    "policy": "Show who may talk to whom, or what a change of policies would deny or allow",
    "observe": "Show conversations as they begin, end and are refused",
    "drops": "Count the frames that did not go out, by reason",
    "capture": "Write a port's frames as pcapng, to a file or a pipe",
    "explain": "Say where a packet would go, and why",
    "replay": "Push captures through the pipeline",
    "bench": "Measure the pipeline in memory",
    "doctor": "Say what this machine has and lacks",
    "version": "Print the version",
}
"""Every verb and its line in `tapestry --help`; the order is the order shown."""

INTERRUPTED = 128 + signal.SIGINT
BROKEN_PIPE = 128 + signal.SIGPIPE


def main() -> None:
    """Run the command line of this process and leave with the command's exit status."""
    signal.signal(signal.SIGINT, _leave_quietly)
    try:
        build_app(_asked_for(sys.argv[1:]))(prog_name="tapestry")
    except BrokenPipeError:
        sys.exit(BROKEN_PIPE)
    except OSError as error:
        # Standard output may be a full disk, or a terminal that is gone.
        print(f"tapestry: {error}", file=sys.stderr)
        sys.exit(1)
    except UserError as error:
        # A configuration's mistakes begin with file and line, where editors and programs look for them.
        sentence = str(error) if isinstance(error, ConfigurationError) else f"tapestry: {error}"
        print(sentence, file=sys.stderr)
        sys.exit(error.status)


def build_app(asked_for: str | None) -> typer.Typer:
    """Return the application; of all verbs only ``asked_for`` is imported, the others are names with a line of help."""
    app = typer.Typer(
        no_args_is_help=True,
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="A network fabric woven from TAP devices: switch, route and translate for namespaces, containers and VMs.",
        epilog="Example: tapestry up examples/quickstart.yaml",
    )
    for verb, summary in VERBS.items():
        if verb == asked_for:
            _register(app, verb)
        elif _is_installed(verb):
            app.command(verb, help=summary)(_placeholder)
    app.callback(invoke_without_command=True)(_common_options)
    return app


def _register(app: typer.Typer, verb: str) -> None:
    module = importlib.import_module(f"control.cli.{verb}")
    own_app = getattr(module, "app", None)
    if isinstance(own_app, typer.Typer):
        app.add_typer(own_app, name=verb)
        return
    body: Callable[..., None] = getattr(module, verb)
    # A command that ends in another's arguments (run, exec) leaves everything after `--` to it.
    app.command(verb, context_settings=getattr(module, "CONTEXT", None))(body)


def _asked_for(arguments: list[str]) -> str | None:
    verb = next((argument for argument in arguments if not argument.startswith("-")), None)
    return verb if verb in VERBS and _is_installed(verb) else None


def _is_installed(verb: str) -> bool:
    return importlib.util.find_spec(f"control.cli.{verb}") is not None


def _placeholder() -> None:
    """Stand for a verb that was not asked for."""


def _common_options(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        from importlib.metadata import version as version_of

        print(f"tapestry {version_of('tapestry')}")
        raise typer.Exit


def _leave_quietly(_signal: int, _frame: FrameType | None) -> None:
    raise SystemExit(INTERRUPTED)
