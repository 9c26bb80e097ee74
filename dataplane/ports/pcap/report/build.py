"""Prepare a report: its phrases, and the order of its ports."""

import json
from collections.abc import Mapping
from typing import Final

import numpy as np

from dataplane.ports.pcap.report.tables import (
    AUDITED_END,
    COMMA,
    END,
    IN,
    INDEX,
    NO_RULE,
    OUT,
    PORTS,
    REASONS,
    REPORT_DTYPE,
    RULES,
    TIME,
    VERDICTS,
    Report,
)
from dataplane.verdict import REASON_NAMES, VERDICT_NAMES

TEXT_BYTES: Final = 1 << 20
NUMBERS_BYTES: Final = 64
"""Room for the two numbers of a line."""


def make_report(
    port_names: Mapping[int, str],
    vector_frames: int,
    entrances: Mapping[int, str] | None = None,
    rule_names: Mapping[int, tuple[str, str]] | None = None,
) -> Report:
    """Return an empty report for the ports with these names by index. ``entrances``: of ports that only stand for
    others, the name of the one by which their frames come in. ``rule_names``: policy and rule by number."""
    rules = rule_names or {}
    encoded = encode_phrases({**port_names, **(entrances or {})}, rules)
    starts = np.cumsum([0, *map(len, encoded)], dtype=np.int64)
    state = np.zeros(1, REPORT_DTYPE).view(np.recarray)[0]
    state.enabled = True
    state.longest_line = longest_line(encoded)
    state.rules = max(rules, default=-1) + 1
    for rank, index in enumerate(sorted(port_names, key=port_names.__getitem__)):
        state.rank[index] = rank
        state.ports_by_rank[rank] = index
    text = np.empty(max(TEXT_BYTES, vector_frames * int(state.longest_line)), np.uint8)
    return Report(text, np.frombuffer(b"".join(encoded), np.uint8), starts, state)


def make_no_report() -> Report:
    """Return a report that is switched off."""
    nothing = np.zeros(1, REPORT_DTYPE).view(np.recarray)[0]
    return Report(np.empty(0, np.uint8), np.frombuffer(b"\0", np.uint8), np.zeros(1, np.int64), nothing)


def encode_phrases(port_names: Mapping[int, str], rule_names: Mapping[int, tuple[str, str]]) -> list[bytes]:
    """Return all phrases, in the order of their numbers."""
    phrases = {
        INDEX: '{"index": ',
        TIME: ', "t": ',
        IN: ', "in": ',
        OUT: ', "out": [',
        COMMA: ", ",
        NO_RULE: ', "policy": null, "rule": null',
        END: "}\n",
        AUDITED_END: ', "audited": true}\n',
        **{VERDICTS + code: f'], "verdict": "{name}", "reason": ' for code, name in enumerate(VERDICT_NAMES)},
        REASONS: "null",
        **{REASONS + number: json.dumps(name) for number, name in REASON_NAMES.items()},
        **{PORTS + index: json.dumps(name) for index, name in port_names.items()},
        **{RULES + number: ruling_text(*names) for number, names in rule_names.items()},
    }
    return [phrases.get(number, "").encode() for number in range(RULES + max(rule_names, default=-1) + 1)]


def ruling_text(policy: str, rule: str) -> str:
    """Return the end of a line that names a policy and its rule."""
    return f', "policy": {json.dumps(policy)}, "rule": {json.dumps(rule)}'


def longest_line(encoded: list[bytes]) -> int:
    """Return how many bytes a line has at most: that of a frame that leaves by all ports."""
    lengths = [len(phrase) for phrase in encoded]
    ports, rules = lengths[PORTS:RULES], lengths[RULES:]
    once = [max(lengths[VERDICTS:REASONS]), max(lengths[REASONS:PORTS]), max(ports), max(rules, default=0)]
    flooded = sum(length + lengths[COMMA] for length in ports if length)
    return sum(lengths[:VERDICTS]) + sum(once) + flooded + NUMBERS_BYTES
