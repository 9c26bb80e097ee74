"""Recorded conversations: those of a log that `tapestry observe -o json` has written."""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from control.errors import UserError
from control.policy.diff import Conversation


def read_log(path: Path) -> Counter[Conversation]:
    """Return the conversations of a log, and how many there were of each; UserError names the line that is wrong."""
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: expected a log of JSON lines to read, found {error}", status=2) from None
    return count_conversations(events_in(path, text.splitlines()))


def events_in(path: Path, lines: Iterable[str]) -> Iterator[dict[str, Any]]:
    """Yield the events that lines are."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            event = json.loads(line)
            event["event"]
        except (ValueError, TypeError, KeyError):
            expected = "an event as `tapestry observe -o json` writes it"
            raise UserError(f"{path}:{number}: expected {expected}, found {line[:60]!r}", status=2) from None
        yield event


def count_conversations(events: Iterable[dict[str, Any]]) -> Counter[Conversation]:
    """Return the conversations that events are about. What the log tells of one several times counts once."""
    seen = set()
    counted: Counter[Conversation] = Counter()
    for event in events:
        if event["event"] == "lost" or event["protocol"] is None:
            continue
        source, destination = event["source"], event["destination"]
        which = source["address"], source["port"], destination["address"], destination["port"], event["protocol"]
        if which not in seen:
            seen.add(which)
            ends = ip_address(source["address"]), ip_address(destination["address"])
            counted[Conversation(*ends, event["protocol"], destination["port"] or 0)] += 1
    return counted
