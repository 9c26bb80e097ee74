"""docs/configuration.md says all there is to say: every field, every one that is not in force yet, YAML that loads."""

import re
from pathlib import Path

import pytest

from control.config.notyet import NOT_YET
from control.config.schema import (
    FileFields,
    LimitFields,
    NatFields,
    NetworkFields,
    NicFields,
    OverlayFields,
    PeerFields,
    PortFields,
    RemoteEndpointFields,
    RouteFields,
    StaticFields,
    StormFields,
    TapFields,
    TimeoutFields,
    UplinkFields,
    VlanFields,
)
from tests.config.read import parse

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
SECTIONS = (
    *(FileFields, NetworkFields, PortFields, TapFields, NicFields),
    *(VlanFields, StormFields, TimeoutFields, LimitFields),
    *(UplinkFields, RouteFields, NatFields, StaticFields),
    *(OverlayFields, PeerFields, RemoteEndpointFields),
)
BLOCK = re.compile(r"```yaml\n(.*?)```", flags=re.DOTALL)
CODE = " ".join(re.findall(r"`([^`]+)`", BLOCK.sub("", PAGE)))


@pytest.mark.parametrize("field", sorted({field for section in SECTIONS for field in section.model_fields}))
def test_every_field_is_explained(field: str) -> None:
    assert re.search(rf"\b{field}\b", CODE)


@pytest.mark.parametrize("field", sorted({str(row.field[-1]) for row in NOT_YET}))
def test_what_is_not_in_force_yet_is_said(field: str) -> None:
    chapter = PAGE.split("## Not in force yet")[1].split("\n## ")[0]
    assert re.search(rf"\b{field}s?\b", chapter)


def test_the_yaml_on_the_page_loads() -> None:
    blocks = BLOCK.findall(PAGE)
    assert blocks
    for block in blocks:
        assert parse(block).warnings == ()


def test_the_examples_that_the_page_names_are_there_and_all_are_named() -> None:
    named = set(re.findall(r"\.\./examples/([\w.-]+)", PAGE))
    assert named == {path.name for path in (Path(__file__).parents[2] / "examples").glob("*.yaml")}
