"""The project's own sources as data: modules, what each imports and when, the functions in them."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("dataplane", "encap", "nat", "control")


@dataclass(frozen=True)
class Module:
    """One source file. ``name`` is dotted, ``room`` the last part of it (tables, kernels, build, …)."""

    name: str
    path: Path

    def __str__(self) -> str:
        return self.name

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def folder(self) -> str:
        return self.name.rpartition(".")[0]

    @property
    def room(self) -> str:
        return self.name.rpartition(".")[2]

    @cached_property
    def text(self) -> str:
        return self.path.read_text()

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.text)

    @cached_property
    def imports(self) -> frozenset[str]:
        """All modules that the file names in an import, wherever it stands."""
        return frozenset(imported(ast.walk(self.tree)))

    @cached_property
    def imports_at_once(self) -> frozenset[str]:
        """The modules that are imported with this one: not those inside functions or under TYPE_CHECKING."""
        return frozenset(imported(run_at_import(self.tree)))

    @property
    def kernels(self) -> list[ast.FunctionDef]:
        """The functions that are compiled."""
        functions = (node for node in ast.walk(self.tree) if isinstance(node, ast.FunctionDef))
        return [function for function in functions if any(is_kernel_decorator(d) for d in function.decorator_list)]


def is_kernel_decorator(decorator: ast.expr) -> bool:
    """Return whether ``decorator`` compiles its function."""
    target = decorator.func if isinstance(decorator, ast.Call) else decorator
    return isinstance(target, ast.Name | ast.Attribute) and ast.unparse(target).endswith(
        ("kernel", "inlined", "expanded", "jit")
    )


def imported(nodes: Iterator[ast.AST]) -> Iterator[str]:
    """Yield the modules that import statements among ``nodes`` name; ``from a import b`` is a.b where that exists."""
    for node in nodes:
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            for alias in node.names:
                longer = f"{node.module}.{alias.name}"
                yield longer if find(longer) else str(node.module)


def run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes below ``node`` that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from run_at_import(child)


@cache
def modules() -> tuple[Module, ...]:
    """Return every module of the project's packages."""
    paths = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
    return tuple(Module(dotted(path), path) for path in paths)


def dotted(path: Path) -> str:
    """Return the dotted name of the module in ``path``."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@cache
def find(name: str) -> Module | None:
    """Return the project's module of that dotted name, or None."""
    return next((module for module in modules() if module.name == name), None)


@cache
def loaded_with(name: str) -> frozenset[str]:
    """Return every module, ours or not, that importing our module ``name`` imports at once, directly or not."""
    seen: set[str] = set()
    waiting = [name]
    while waiting:
        each = waiting.pop()
        if each in seen:
            continue
        seen.add(each)
        parent = each.rpartition(".")[0]
        module = find(each)
        if module:
            waiting += [*module.imports_at_once, *([parent] if parent else [])]
    return frozenset(seen)
