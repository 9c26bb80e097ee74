"""Large files are read by another reader, which says what the first one says, or nothing."""

import pytest

from control.config import quick
from control.config.lines import read_yaml
from control.config.load import parse_configuration
from control.config.mistakes import Mistakes
from control.config.quick import read_large_yaml
from control.errors import ConfigurationError

NUMBERS = [
    "1",
    "-1",
    "+1",
    "0x10",
    "0o17",
    "017",
    "0b11",
    "1_000",
    "1.0",
    "1.",
    ".5",
    "1e3",
    "1e",
    "0x",
    ".inf",
    ".nan",
]
WORDS = ["yes", "no", "on", "Off", "true", "True", "TRUE", "~", "null", "", "=", "<", '"yes"', "'1'", "a b", "a\n  b"]
TIMES = ["12:30:45", "190:20:30", "2001-01-01", "1.2.3.4", "fd00::1", "00:11:22:33:44:55", "10.0.0.0/8"]
SHAPES = [
    "[1, 2]",
    "{a: 1}",
    "{a:1}",
    "[a:b]",
    "\n- 1\n- {b: c}",
    "\n  a: 1\n  b: []",
    "|\n  x\n",
    ">\n  y\n",
    "a # b",
    "a#b",
]
BROKEN = ["a: b", "@a", "`a", "[1", "{a", "- x", '"a']
OTHERS = ["&a 1", "!!str 1", "{<<: {a: 1}}", "? a", "1\nx: 2", "1\n1: 2", "1\n---\ny: 2", "1\n[a]: 2"]


@pytest.fixture(autouse=True)
def everything_is_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quick, "LARGE_BYTES", 0)


def read_slowly(text: str) -> object:
    return read_yaml(text, Mistakes("file", {}))


@pytest.mark.parametrize("value", [*NUMBERS, *WORDS, *TIMES, *SHAPES])
def test_both_readers_say_the_same(value: str) -> None:
    text = f"x: {value}" if "\n" in value else f"x: {value}\nz:\n  - y: {value}"
    assert repr(read_large_yaml(text)) == repr(read_slowly(text))


@pytest.mark.parametrize("value", [*BROKEN, *OTHERS])
def test_what_might_be_read_differently_is_left_to_the_first(value: str) -> None:
    assert read_large_yaml(f"x: {value}") is None


def test_so_is_what_is_small_and_what_is_no_mapping(monkeypatch: pytest.MonkeyPatch) -> None:
    assert read_large_yaml("- 1") is None
    assert read_large_yaml("x: " + "[" * 40 + "]" * 40) is None
    monkeypatch.undo()
    assert read_large_yaml("x: 1") is None


def test_mistakes_in_large_files_have_their_lines() -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_configuration("node: n\nworkers: many", "file.yaml")
    assert "file.yaml:2: workers" in str(refused.value)
