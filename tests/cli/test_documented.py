"""docs/commands.md shows the documents that the daemon gives: the same fields, in the same nesting."""

import asyncio
import json
import re
from dataclasses import fields
from pathlib import Path
from typing import Any

from control.agent.conversations import flows_document, neighbours_document, routes_document
from control.agent.instance import Instance
from control.cli import VERBS
from control.client import AgentClient
from control.explain.explain import Explanation, Sent
from control.explain.stages import Stage
from tests.agent.conversing import conversing_fabric
from tests.agent.stage import Scene, stage
from tests.agent.test_instance import TWO_PORTS

PAGE = (Path(__file__).parents[2] / "docs" / "commands.md").read_text()
SHOWN = [json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)]


def shape(document: Any) -> Any:
    """Return the document's field names alone; of a list, its first item stands for all."""
    if isinstance(document, dict):
        return {name: shape(value) for name, value in document.items()}
    if isinstance(document, list):
        return [shape(document[0])] if document and isinstance(document[0], dict) else []
    return None


def test_status_and_ports_have_the_fields_that_the_page_shows(tmp_path: Path) -> None:
    given: list[Any] = []

    async def scenario(scene: Scene, instance: Instance) -> None:
        client = AgentClient(scene.run_dir.path)
        given.extend([await asyncio.to_thread(client.status), await asyncio.to_thread(client.ports)])

    with stage(tmp_path, TWO_PORTS) as scene:
        scene.play(scenario)
    assert [shape(document) for document in given] == [shape(document) for document in SHOWN[:2]]


def test_entries_of_the_fdb_have_the_fields_that_the_page_shows() -> None:
    from control.fabric import FdbEntry

    assert list(FdbEntry.__dataclass_fields__) == list(SHOWN[2][0])


def test_what_the_router_knows_has_the_fields_that_the_page_shows() -> None:
    fabric = conversing_fabric()
    try:
        given = [flows_document(fabric, {}, 0), routes_document(fabric), neighbours_document(fabric)]
    finally:
        fabric.close()
    assert [shape(document) for document in given] == [shape(document) for document in SHOWN[4:7]]


def test_an_explanation_has_the_fields_that_the_page_shows() -> None:
    shown = SHOWN[7]
    assert set(shown) == {field.name for field in fields(Explanation)} - {"in_port"} | {"in"}
    assert list(shown["stages"][0]) == [field.name for field in fields(Stage)]
    assert list(shown["sent"][0]) == list(shown["answers"][0]) == [field.name for field in fields(Sent)]


def test_every_verb_is_on_the_page() -> None:
    assert [verb for verb in VERBS if not re.search(rf"\b{verb}\b", PAGE)] == []
