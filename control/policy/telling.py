"""Matrices and differences for people and programs."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Any

from control.model import Address
from control.policy.answers import Answer
from control.policy.diff import Conversation, Difference
from control.policy.matrix import Cell
from control.policy.model import Pod

Document = dict[str, Any]
Rows = list[list[str]]


def pod_text(pod: Pod) -> str:
    """Return how people name a pod."""
    return f"{pod.namespace}/{pod.name}"


def matrix_rows(cells: Iterable[Cell]) -> Rows:
    """Return a heading, and a row a source with a column a destination: in it what is open."""
    rows: dict[str, dict[str, str]] = {}
    for (source, destination), group in groupby(cells, key=lambda cell: (cell.source, cell.destination)):
        families = {family: open_text(list(of)) for family, of in groupby(group, key=lambda cell: cell.family)}
        texts = set(families.values())
        split = "; ".join(f"IPv{family}: {text}" for family, text in families.items())
        rows.setdefault(pod_text(source), {})[pod_text(destination)] = texts.pop() if len(texts) == 1 else split
    destinations = list(dict.fromkeys(name for row in rows.values() for name in row))
    body = [[source, *(row.get(name, "") for name in destinations)] for source, row in rows.items()]
    return [["from \\ to", *destinations], *body]


def open_text(cells: Sequence[Cell]) -> str:
    """Return which of one pair's columns are open: all, none, or which; what only an audit lets pass in brackets."""
    if all(cell.answer.verdict == "forward" for cell in cells):
        return "all"
    passing = (cell for cell in cells if cell.answer.verdict != "drop")
    texts = (cell.column.text if cell.answer.verdict == "forward" else f"({cell.column.text})" for cell in passing)
    return " ".join(texts) or "none"


def cell_document(cell: Cell) -> Document:
    """Return a cell as JSON has it; ``port`` null: all that no other cell names."""
    is_named = not cell.column.is_other and cell.column.port
    return {
        "source": pod_text(cell.source),
        "destination": pod_text(cell.destination),
        "family": cell.family,
        "protocol": cell.column.protocol,
        "port": cell.column.port if is_named else None,
        **answer_document(cell.answer),
    }


def answer_document(answer: Answer) -> Document:
    """Return an answer as JSON has it."""
    return {"verdict": answer.verdict, "policy": answer.policy or None, "rule": answer.rule or None}


def change_of(difference: Difference) -> str:
    """Return what a difference means: denied, allowed, or only that something is audited or is so no longer."""
    if difference.after.verdict == "drop":
        return "denied"
    return (
        "allowed"
        if difference.before.verdict == "drop"
        else "audited"
        if difference.after.verdict == "audit"
        else "unaudited"
    )


def difference_document(difference: Difference, pods: Mapping[Address, Pod]) -> Document:
    """Return a difference as JSON has it."""
    talk = difference.conversation
    return {
        "change": change_of(difference),
        "protocol": talk.protocol,
        "source": side_document(talk.source, pods),
        "destination": side_document(talk.destination, pods) | {"port": talk.port or None},
        "count": difference.times,
        "before": answer_document(difference.before),
        "after": answer_document(difference.after),
    }


def side_document(address: Address, pods: Mapping[Address, Pod]) -> Document:
    """Return one end as JSON has it."""
    pod = pods.get(address)
    return {
        "address": str(address),
        "pod": None if pod is None else pod.name,
        "namespace": None if pod is None else pod.namespace,
    }


def difference_rows(differences: Iterable[Difference], pods: Mapping[Address, Pod]) -> Rows:
    """Return a heading and a row a difference."""
    header = ["change", "protocol", "from", "to", "conversations", "before", "after"]
    return [header, *(_difference_row(each, pods) for each in differences)]


def _difference_row(difference: Difference, pods: Mapping[Address, Pod]) -> list[str]:
    talk = difference.conversation
    return [
        change_of(difference),
        talk.protocol,
        _side_text(talk.source, pods),
        _side_text(talk.destination, pods) + (f" port {talk.port}" if talk.port else ""),
        str(difference.times),
        _answer_text(difference.before),
        _answer_text(difference.after),
    ]


def _side_text(address: Address, pods: Mapping[Address, Pod]) -> str:
    return str(address) if address not in pods else f"{pod_text(pods[address])} {address}"


def _answer_text(answer: Answer) -> str:
    return " ".join(text for text in (answer.verdict, answer.policy, answer.rule) if text)


def summary_text(differences: Sequence[Difference], recorded: Counter[Conversation]) -> str:
    """Return how many conversations each change concerns."""
    counted: Counter[str] = Counter()
    for each in differences:
        counted[change_of(each)] += each.times
    told = ", ".join(f"{count} newly {change}" for change, count in sorted(counted.items()))
    return f"{told or 'no change'}, of {recorded.total()} conversations"
