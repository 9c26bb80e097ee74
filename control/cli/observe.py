"""`tapestry observe`."""

import json as json_module
import re
import signal
import sys
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import Annotated, Any

import typer

from control.cli.flows import end_text
from control.cli.options import RunDirOption
from control.cli.output import Json, Output, wants_json
from control.errors import UserError

SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}
_DURATION = re.compile(r"([0-9]{1,9})([smhd]?)\Z", re.ASCII)


def observe(
    pod: Annotated[
        str | None, typer.Option("--pod", metavar="[NAMESPACE/]NAME", help="With this pod at an end.")
    ] = None,
    namespace: Annotated[str | None, typer.Option("--namespace", metavar="N", help="With an end in it.")] = None,
    verdict: Annotated[str | None, typer.Option("--verdict", metavar="V", help="forward, drop or audit.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", metavar="R", help="Such as policy_denied.")] = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", metavar="P", help="tcp, udp, sctp, icmp, icmp6 or a number.")
    ] = None,
    port: Annotated[int | None, typer.Option("--port", metavar="PORT", help="With this port at an end.")] = None,
    policy: Annotated[
        str | None, typer.Option("--policy", metavar="[NAMESPACE/]NAME", help="Decided by this policy.")
    ] = None,
    since: Annotated[str | None, typer.Option("--since", metavar="TIME", help="What was, from 90s, 5m, 2h on.")] = None,
    last: Annotated[int | None, typer.Option("--last", metavar="N", min=0, help="The last N of what was.")] = None,
    follow: Annotated[bool, typer.Option("--follow/--no-follow", help="Go on with what comes.")] = True,
    run_dir: RunDirOption = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Show conversations as they begin, end and are refused: who with whom, the verdict, and the rule that decided.

    With -o json a line is one JSON object. Ctrl-C ends it.

    Example: tapestry observe --namespace shop --verdict drop -o json
    """
    from control.client import AgentClient

    criteria = {"pod": pod, "namespace": namespace, "verdict": verdict, "reason": reason, "protocol": protocol}
    asked = criteria | {
        "port": port,
        "policy": policy,
        "last": last,
        "since": None if since is None else seconds(since),
    }
    query = {name: str(value) for name, value in asked.items() if value is not None}
    chunks = AgentClient(run_dir).observe(**query, follow=str(int(follow)))
    signal.signal(signal.SIGINT, _end)
    if wants_json(output, json):
        for chunk in chunks:
            sys.stdout.buffer.write(chunk)
            sys.stdout.buffer.flush()
        return
    for line in lines_of(chunks):
        print(event_text(json_module.loads(line)), flush=True)


def lines_of(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield the lines of a stream as they are complete."""
    rest = b""
    for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        yield from lines


def event_text(event: dict[str, Any]) -> str:
    """Return an event as people read it."""
    from datetime import datetime

    at = datetime.fromtimestamp(event["time"]).strftime("%H:%M:%S.%f")[:-3]
    if event["event"] == "lost":
        return f"{at}  {event['count']:,} events are missing here"
    words = [at, event["event"].ljust(7), event["verdict"].ljust(7), event["protocol"] or "-"]
    words.append(f"{side_text(event['source'])} > {side_text(event['destination'])}")
    for name, text in (("addressed_to", "addressed to"), ("appears_as", "appears as")):
        if name in event:
            words.append(f"({text} {end_text(event[name]['address'], event[name]['port'])})")
    if event["event"] != "new":
        words.append(
            f"{event['packets']}/{event['reply_packets']} packets, {event['bytes']}/{event['reply_bytes']} bytes"
        )
    words.append(ruling_text(event))
    return "  ".join(word for word in words if word)


def side_text(side: dict[str, Any]) -> str:
    """Return one side: its pod, if it is one, its address and its port."""
    address = side["address"] or ""
    where = address if side["port"] is None else end_text(address, side["port"])
    return where if side["pod"] is None else f"{side['namespace']}/{side['pod']} {where}".rstrip()


def ruling_text(event: dict[str, Any]) -> str:
    """Return why: the drop's reason, the policy and its rule."""
    by = " ".join(text for text in (event["policy"], event["rule"]) if text)
    return ": ".join(text for text in (event["reason"], by) if text)


def seconds(text: str) -> int:
    """Return the seconds that ``90s``, ``5m`` or ``2h`` are."""
    match = _DURATION.match(text)
    if match is None:
        raise UserError(f"since: expected a time such as 90s, 5m or 2h, found {text!r}", status=2)
    return int(match[1]) * SECONDS[match[2]]


def _end(_signal: int, _frame: FrameType | None) -> None:
    """Ctrl-C is how observing is meant to end."""
    raise SystemExit(0)
