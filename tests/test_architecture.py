"""The house rules that a machine can check: who imports whom, who touches the system, how long things get."""

import ast
import subprocess
import sys
from collections.abc import Iterable
from graphlib import TopologicalSorter

import pytest

from tests.sources import PACKAGES, ROOT, Module, find, loaded_with, modules

BASE = {
    f"dataplane.{name}"
    for name in (
        *("jit", "layout", "memory", "intrinsics", "verdict", "wire", "hash", "vector", "shm", "counters", "libc"),
        *("checksum", "drop", "ethernet", "originate", "token_bucket", "virtio"),
    )
}
KERNEL_SIDE = {"numba", "llvmlite", "dataplane.jit", "dataplane.memory", "dataplane.intrinsics"}

WHOLE_WAY = {"dataplane.pipeline", "dataplane.settle"}
KERNELS_MAY_NAME = {"dataplane.state"}
"""The tuples of tables that kernels take apart."""
LOOPS = ("dataplane.ports", "dataplane.worker")
"""The loops that run the pipeline from one end to the other; other kernels are stages of it."""

SYSTEM = {
    *("os", "io", "socket", "fcntl", "mmap", "select", "selectors", "signal", "subprocess", "ctypes", "shutil"),
    *("tempfile", "resource", "asyncio", "multiprocessing", "threading", "pytun", "pyroute2", "pathlib"),
}
MAY_TOUCH_THE_SYSTEM = ("dataplane.ports", "dataplane.shm", "dataplane.libc", "dataplane.worker", "control")
EXCEPTIONS = {
    "dataplane.jit": {"os", "shutil", "pathlib"},  # keeps the folder of compiled kernels, which is on disk
    "dataplane.memory": {"ctypes"},  # addresses, where kernels run as Python
}

MAY_COMPILE = ("control.replay", "control.bench", "control.explain")
MAY_IMPORT_ENCAPSULATION_AND_NAT = tuple(
    f"dataplane.{name}" for name in ("decide", "forward", "pipeline", "ports.vtep", "router", "state", "transmit.vtep")
)

LONGEST_FILE = 400
LONGEST_KERNEL = 70

each_module = pytest.mark.parametrize("module", modules(), ids=str)


def is_in(name: str, places: Iterable[str]) -> bool:
    """Return whether the module ``name`` is one of ``places`` or inside one."""
    return any(name == place or name.startswith(f"{place}.") for place in places)


def ours(names: Iterable[str]) -> set[str]:
    """Return those of ``names`` that are the project's."""
    return {name for name in names if is_in(name, PACKAGES)}


def of_others(names: Iterable[str]) -> set[str]:
    """Return the top-level names of the packages, outside the standard library, that are not the project's."""
    tops = {name.partition(".")[0] for name in names}
    return tops - set(PACKAGES) - sys.stdlib_module_names


def room_of(name: str) -> str:
    """Return the room that the module ``name`` is."""
    return name.rpartition(".")[2]


def in_rooms(*rooms: str) -> pytest.MarkDecorator:
    """Parametrize a test by the modules of these rooms."""
    chosen = [module for module in modules() if module.room in rooms]
    return pytest.mark.parametrize("module", chosen, ids=str)


@pytest.mark.parametrize("name", sorted(BASE))
def test_base_imports_no_feature(name: str) -> None:
    module = find(name)
    assert module
    assert ours(module.imports) <= BASE


@in_rooms("tables")
def test_tables_import_numpy_the_base_and_tables_alone(module: Module) -> None:
    others = {name for name in ours(module.imports) if room_of(name) != "tables"}
    assert others <= BASE - KERNEL_SIDE
    assert of_others(module.imports) <= {"numpy"}
    assert "numba" not in loaded_with(module.name)


@pytest.mark.parametrize("module", [module for module in modules() if module.kernels], ids=str)
def test_kernels_import_the_base_tables_and_kernels_alone(module: Module) -> None:
    """Whatever is compiled, wherever it lies, and whatever it compiles in."""
    compiled = {name for name in ours(module.imports) if (imported := find(name)) and imported.kernels}
    strangers = {name for name in ours(module.imports) - BASE - compiled if room_of(name) != "tables"}
    assert strangers <= KERNELS_MAY_NAME
    if not is_in(module.name, LOOPS):
        assert not compiled & WHOLE_WAY
    assert of_others(module.imports) <= {"numpy", "numba", "llvmlite"}


@in_rooms("build")
def test_build_imports_no_kernels(module: Module) -> None:
    assert not {name for name in ours(module.imports) if room_of(name) == "kernels"}
    assert "numba" not in loaded_with(module.name)


def test_features_depend_on_each_other_one_way() -> None:
    """A feature is a folder that holds kernels; the sorter raises CycleError, naming the circle."""
    features = {module.folder for module in modules() if module.room == "kernels"}
    graph: dict[str, set[str]] = {feature: set() for feature in features}
    for module in modules():
        if module.folder in features:
            used = {name.rpartition(".")[0] for name in ours(module.imports)}
            graph[module.folder] |= (used & features) - {module.folder}
    assert set(TopologicalSorter(graph).static_order()) == features


@each_module
def test_only_ports_and_control_touch_the_system(module: Module) -> None:
    if is_in(module.name, MAY_TOUCH_THE_SYSTEM):
        return
    touched = {name.partition(".")[0] for name in module.imports} & SYSTEM
    assert touched <= EXCEPTIONS.get(module.name, set())


@each_module
def test_only_the_router_and_the_state_import_nat_and_encap(module: Module) -> None:
    if module.package == "dataplane" and not is_in(module.name, MAY_IMPORT_ENCAPSULATION_AND_NAT):
        assert not {name for name in module.imports if is_in(name, ("nat", "encap"))}


@each_module
def test_the_dataplane_does_not_know_who_controls_it(module: Module) -> None:
    if module.package != "control":
        assert not {name for name in module.imports if is_in(name, ("control", "tests", "benchmarks"))}


@each_module
def test_control_leaves_kernels_to_replay_and_bench(module: Module) -> None:
    if module.package != "control" or is_in(module.name, MAY_COMPILE):
        return
    compiled = {name for name in ours(module.imports) if find(name) and "numba" in loaded_with(name)}
    assert not {name for name in compiled if not is_in(name, MAY_COMPILE)}, (
        f"import it inside {' or '.join(MAY_COMPILE)}"
    )
    assert "numba" not in loaded_with(module.name), "importing this compiles; import it inside the function"


def test_the_agent_runs_without_numba() -> None:
    code = "import control.agent, control.cli, sys; print(sorted({'numba', 'llvmlite', 'scapy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@each_module
def test_kernels_take_every_argument_and_stay_readable(module: Module) -> None:
    for function in module.kernels:
        arguments = function.args
        assert not arguments.defaults, f"{function.name} has default arguments"
        assert not [default for default in arguments.kw_defaults if default], f"{function.name} has default arguments"
        assert arguments.vararg is None, f"{function.name} takes any number of arguments"
        assert arguments.kwarg is None, f"{function.name} takes any number of arguments"
        lines = (function.end_lineno or 0) - function.lineno + 1
        assert lines <= LONGEST_KERNEL, f"{function.name} has {lines} lines"


@each_module
def test_only_jit_names_numba_options(module: Module) -> None:
    compilers = {"njit", "jit", "vectorize", "guvectorize", "cfunc"}
    named = {node.attr for node in ast.walk(module.tree) if isinstance(node, ast.Attribute)}
    named |= {alias.name for node in ast.walk(module.tree) if isinstance(node, ast.ImportFrom) for alias in node.names}
    if "numba" in module.imports and module.name != "dataplane.jit":
        assert not compilers & named


def test_files_can_be_read_in_one_sitting() -> None:
    sources = [path for folder in (*PACKAGES, "tests", "benchmarks") for path in (ROOT / folder).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources}
    assert not {path: lines for path, lines in lengths.items() if lines > LONGEST_FILE}


@each_module
def test_modules_say_what_they_are_for(module: Module) -> None:
    assert not module.tree.body or ast.get_docstring(module.tree), "begins with a docstring"
