"""The page on translation names the tests that show what it says: all of them are there."""

import re

from tests.sources import ROOT


def test_the_tests_that_the_page_names_exist() -> None:
    named = set(re.findall(r"(tests/[\w/]+|`)(?:: )?(test_\w+)`", (ROOT / "docs" / "nat.md").read_text()))
    assert len(named) > 10
    for folder, name in named:
        where = ROOT / ("tests/nat" if folder == "`" else folder)
        assert any(f"def {name}(" in path.read_text() for path in where.glob("test_*.py")), f"{folder} {name}"
