"""Files and folders: which are read, what changes of them cost, and what is said of those that cannot be read."""

import os
from collections.abc import Collection
from pathlib import Path
from random import Random

import pytest

from control.errors import ConfigurationError
from control.manifests import Library
from control.policy.model import NetworkPolicy
from tests.manifests.read import HEAD

LONG_AGO_NS = 10**18
SUFFIXES = (".yaml", ".yml", ".txt")


def named(*names: str) -> str:
    return "---\n".join(HEAD.replace("{name: p}", f"{{name: {name}}}") for name in names)


class Folder:
    """A folder of manifests and a library whose clock stands long after every change."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.now_ns = LONG_AGO_NS * 2
        self.library = Library(lambda: self.now_ns)
        self._changes = 0

    def write(self, name: str, text: str, changed: bool = True) -> None:
        """Save a file; if not ``changed``, its size and its times stay what they were."""
        self._changes += changed
        (self.path / name).write_text(text)
        os.utime(self.path / name, ns=(LONG_AGO_NS + self._changes,) * 2)

    def outcome(self, library: Library, changed: Collection[Path] | None = None) -> object:
        """Return what a library finds: objects and warnings, or mistakes."""
        try:
            return library.read([self.path], None if changed is None else frozenset(changed))
        except ConfigurationError as error:
            return error.mistakes

    def policies(self) -> dict[str, NetworkPolicy]:
        return {policy.name: policy for policy in self.library.read([self.path]).manifests.policies}

    def change(self, random: Random) -> list[Path]:
        """Have some files come, go or be others: with a few names between them, mistakes and warnings now and then.
        Return their paths, and some at which nothing happened."""
        paths = [self.path / f"{random.choice('abcdef')}{random.choice(SUFFIXES)}" for _ in range(random.randrange(4))]
        for path in paths:
            kind = random.random()
            if kind < 0.3:
                path.unlink(missing_ok=True)
            elif kind < 0.9:
                text = named(*(f"p{random.randrange(200)}" for _ in range(random.choice([0, 1, 1, 1, 2]))))
                self.write(path.name, text + random.choice([*[""] * 30, "---\nspec: 5\n", "---\nkind: Pod\n"]))
        return paths

    def refusal(self, *paths: Path) -> list[str]:
        with pytest.raises(ConfigurationError) as error:
            self.library.read(paths or [self.path])
        return [line.replace(str(self.path), "DIR") for line in error.value.mistakes]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_manifests_of_a_folder_are_its_yaml_and_json_and_none_below(folder: Folder) -> None:
    (folder.path / "below.yaml").mkdir()
    (folder.path / "below.yaml" / "x.yaml").write_text(named("below"))
    for name in ("a.yaml", "b.yml", ".hidden.yaml", "c.yaml~", "d.txt", "README.md"):
        folder.write(name, named(name.strip(".").replace("~", "").replace("READM", "readm").lower()))
    folder.write("e.json", '{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": {"name": "e"}}')
    assert list(folder.policies()) == ["a.yaml", "b.yml", "e"]


def test_a_file_that_is_named_is_read_whatever_its_name(folder: Folder) -> None:
    folder.write("policies", named("a"))
    found = folder.library.read([folder.path / "policies", folder.path / "policies", folder.path])
    assert len(found.manifests.policies) == 1


def test_a_file_that_did_not_change_is_not_read_again(folder: Folder) -> None:
    folder.write("a.yaml", named("a"))
    before = folder.policies()["a"]
    folder.write("a.yaml", named("b"), changed=False)
    assert folder.policies() == {"a": before}
    folder.write("a.yaml", named("b"))
    assert list(folder.policies()) == ["b"]


def test_a_library_that_is_told_what_has_changed_finds_what_one_that_reads_all_does(folder: Folder, seed: int) -> None:
    random = Random(seed)
    for _ in range(300):
        changed = folder.change(random)
        assert folder.outcome(folder.library, changed) == folder.outcome(Library())


def test_who_says_what_has_changed_has_nothing_else_looked_at(folder: Folder) -> None:
    for name in ("a", "b", "c"):
        folder.write(f"{name}.yaml", named(name))
    folder.policies()
    for name in ("a", "b"):
        folder.write(f"{name}.yaml", named(f"new-{name}"))
    found = folder.library.read([folder.path], frozenset([folder.path / "a.yaml"]))
    assert [each.name for each in found.manifests.policies] == ["b", "c", "new-a"]
    assert sorted(folder.policies()) == ["c", "new-a", "new-b"]


@pytest.mark.parametrize("is_told", [True, False])
def test_where_links_lead_is_looked_at_each_time(folder: Folder, is_told: bool) -> None:
    """As a volume of Kubernetes has it: files that lead by way of a folder that is exchanged as a whole."""
    for version in ("1", "2"):
        (folder.path / f"..{version}").mkdir()
        folder.write(f"..{version}/a.yaml", named(f"version-{version}"))
    (folder.path / "..data").symlink_to("..1")
    (folder.path / "a.yaml").symlink_to("..data/a.yaml")
    assert list(folder.policies()) == ["version-1"]
    (folder.path / "..data").unlink()
    (folder.path / "..data").symlink_to("..2")
    found = folder.library.read([folder.path], frozenset([folder.path / "..data"]) if is_told else None)
    assert [each.name for each in found.manifests.policies] == ["version-2"]


def test_a_file_that_becomes_a_link_is_looked_at_from_then_on(folder: Folder) -> None:
    folder.write("a.yaml", named("a"))
    folder.policies()
    folder.write("away.txt", named("b"))
    (folder.path / "a.yaml").unlink()
    (folder.path / "a.yaml").symlink_to("away.txt")
    folder.library.read([folder.path], frozenset([folder.path / "a.yaml"]))
    folder.write("away.txt", named("c"))
    found = folder.library.read([folder.path], frozenset([folder.path / "away.txt"]))
    assert [each.name for each in found.manifests.policies] == ["c"]


def test_a_file_that_has_just_changed_is_compared_by_its_text(folder: Folder) -> None:
    folder.now_ns = LONG_AGO_NS + 1_000_000_000
    folder.write("a.yaml", named("a"))
    before = folder.policies()["a"]
    assert folder.policies()["a"] is before
    folder.write("a.yaml", named("b"), changed=False)
    assert list(folder.policies()) == ["b"]


def test_documents_whose_text_did_not_change_are_the_same_objects(folder: Folder) -> None:
    folder.write("a.yaml", named("a", "b", "c"))
    before = folder.policies()
    folder.write("a.yaml", named("a", "d", "c"))
    after = folder.policies()
    assert list(after) == ["a", "c", "d"]
    assert after["a"] is before["a"]
    assert after["c"] is before["c"]


def test_documents_that_moved_tell_their_new_line(folder: Folder) -> None:
    folder.write("a.yaml", named("a"))
    assert folder.policies()["a"].place.line == 1
    folder.write("a.yaml", named("b") + "---\n" + named("a"))
    assert folder.policies()["a"].place.line == 5


def test_files_that_come_and_go(folder: Folder) -> None:
    folder.write("a.yaml", named("a"))
    assert list(folder.policies()) == ["a"]
    folder.write("b.yaml", named("b"))
    assert list(folder.policies()) == ["a", "b"]
    (folder.path / "a.yaml").unlink()
    assert list(folder.policies()) == ["b"]


def test_a_mistake_is_told_until_it_is_mended(folder: Folder) -> None:
    folder.write("a.yaml", HEAD + "spec: 5\n")
    folder.write("b.yaml", "kind: 5\n")
    said = [
        "DIR/a.yaml:4: spec: expected a mapping, found the number 5",
        "DIR/b.yaml:1: apiVersion: expected text such as networking.k8s.io/v1, found nothing",
        "DIR/b.yaml:1: kind: expected text such as NetworkPolicy, found the number 5",
    ]
    assert folder.refusal() == said
    assert folder.refusal() == said
    folder.write("a.yaml", named("a"))
    assert folder.refusal() == said[1:]
    folder.write("b.yaml", "")
    assert list(folder.policies()) == ["a"]


def test_one_object_in_two_files_is_refused(folder: Folder) -> None:
    folder.write("a.yaml", named("p"))
    folder.write("b.yaml", "\n" + named("p"))
    again = "found default/p again (first at DIR/a.yaml:1)"
    assert folder.refusal() == [f"DIR/b.yaml:2: metadata.name: expected every NetworkPolicy once, {again}"]


def test_what_is_not_there_or_cannot_be_read_is_refused(folder: Folder) -> None:
    missing = folder.path / "missing"
    expected = "expected a file or folder of manifests, found no such file or directory"
    assert folder.refusal(missing) == [f"DIR/missing: {expected}"]
    (folder.path / "a.yaml").write_bytes(b"a: b\nc: \xff\n")
    (folder.path / "b.yaml").symlink_to(missing)
    assert folder.refusal() == [
        "DIR/a.yaml:2: document: expected text in UTF-8, found the byte 0xff",
        "DIR/b.yaml: expected a file of manifests, found no such file or directory",
    ]
