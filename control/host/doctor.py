"""What this machine has and lacks for the fabric: one finding a row, each with its purpose and what to do.

TAPs and packet rings are really tried, in a throwaway namespace of a process of its own (`probe.py`); the compiler is
really loaded, in another. The rest is read from the system.
"""

import json
import os
import platform
import resource
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from control.host.capabilities import lacking_capabilities
from control.host.rootless import SYSCTLS, find_obstacle, read_sysctls
from control.own_code import PYTHON, own_environment

OLDEST_KERNEL = (4, 20)
"""PACKET_IGNORE_OUTGOING came with it."""
COMFORTABLE_MEMORY_MIB = 1024
COMFORTABLE_FILES = 4096
PATIENCE_S = 120

LOAD_COMPILER = """
import json, os, llvmlite, numba, numpy
from dataplane import jit
folder = str(jit.CACHE_FOLDER)
kernels = sum(name.endswith(".nbc") for _, _, names in os.walk(folder) for name in names)
writable = os.path.isdir(folder) and os.access(folder, os.W_OK)
print(json.dumps({"numba": numba.__version__, "numpy": numpy.__version__, "llvmlite": llvmlite.__version__,
                  "folder": folder, "kernels": kernels, "writable": writable}))
"""

TOOLS = {
    "ip": ("looking at namespaces and links", "iproute2"),
    "nft": ("uplink mode host: the way out through the host's own routing", "nftables"),
    "ping": ("the first thing to try between two ports", "iputils-ping"),
    "iperf3": ("measuring throughput between two ports", "iperf3"),
    "tshark": ("reading `tapestry capture` live", "tshark"),
    "tcpdump": ("looking at frames inside a namespace", "tcpdump"),
    "ethtool": ("looking at a NIC's offloads", "ethtool"),
}


class State(StrEnum):
    """How a row stands: as it should be, lacking, or there with a limit."""

    OK = "ok"
    MISSING = "missing"
    LIMITED = "limited"


@dataclass(frozen=True, slots=True)
class Row:
    """One finding. ``required``: Tapestry cannot run while it is missing. ``advice`` is empty when all is well."""

    name: str
    state: State
    found: str
    purpose: str
    advice: str = ""
    required: bool = False


def examine() -> list[Row]:
    """Return every row, the required ones first; takes about a second."""
    probed = probe_in_namespace()
    rows = [_kernel(), _rights(probed), _user_namespaces(probed), *_taps(probed), _compiler()]
    return [*rows, _cores(), _memory(), _huge_pages(), _open_files(), *map(_tool, TOOLS)]


def can_run(rows: Iterable[Row]) -> bool:
    """Return whether nothing that Tapestry cannot do without is missing."""
    return not any(row.required and row.state is State.MISSING for row in rows)


def probe_in_namespace() -> dict[str, str | None]:
    """Return what `control.host.probe` found, by name: None works, a sentence does not, "" was not tried."""
    done = _run_python("-m", "control.host.probe")
    if done.returncode:
        return {"namespace": f"the probe failed: {_last_line(done.stderr)}"}
    findings: dict[str, str | None] = json.loads(done.stdout)
    return findings


def _kernel() -> Row:
    release = platform.release()
    digits = release.split("-")[0].split(".")
    version = tuple(int(part) for part in digits[:2] if part.isdigit())
    is_new_enough = platform.system() == "Linux" and version >= OLDEST_KERNEL
    oldest = ".".join(map(str, OLDEST_KERNEL))
    return Row(
        "kernel",
        State.OK if is_new_enough else State.MISSING,
        f"{platform.system()} {release} on {platform.machine()}",
        "namespaces, TAPs and packet sockets",
        "" if is_new_enough else f"run on Linux {oldest} or newer",
        required=True,
    )


def _rights(probed: dict[str, str | None]) -> Row:
    lacking = lacking_capabilities()
    purpose = "the machine's own namespaces and interfaces"
    if not lacking:
        return Row("rights", State.OK, f"user {os.geteuid()}, all capabilities needed", purpose, required=True)
    found = f"user {os.geteuid()}, lacks {', '.join(lacking)}"
    if probed.get("namespace") is None:
        advice = "run as root for ports in the machine's namespaces; `tapestry up --demo` works as it is"
        return Row("rights", State.LIMITED, found, purpose, advice, required=True)
    return Row("rights", State.MISSING, found, purpose, "run as root (sudo)", required=True)


def _user_namespaces(probed: dict[str, str | None]) -> Row:
    purpose = "`tapestry up --demo` without root"
    sysctls = read_sysctls()
    obstacle = find_obstacle(sysctls)
    if obstacle is not None:
        advice = f"`sudo sysctl -w {obstacle}={SYSCTLS[obstacle]}`"
        return Row("user namespaces", State.LIMITED, f"{obstacle} = {sysctls[obstacle]}", purpose, advice)
    trouble = probed.get("namespace") if lacking_capabilities() else None
    if trouble:
        return Row("user namespaces", State.LIMITED, "refused", purpose, trouble)
    return Row("user namespaces", State.OK, "allowed", purpose)


def _taps(probed: dict[str, str | None]) -> list[Row]:
    def row(key: str, name: str, purpose: str, required: bool = False) -> Row:
        trouble = probed.get(key, "")
        if trouble is None:
            return Row(name, State.OK, "works", purpose, required=required)
        absent = State.MISSING if required else State.LIMITED
        found = "not tried" if trouble == "" else "does not work"
        return Row(name, absent, found, purpose, trouble or "mend what is missing above first", required)

    return [
        row("tun", "/dev/net/tun", "TAP ports", required=True),
        row("namespace", "namespace", "keeping ports apart from the machine's network", required=True),
        row("tap", "TAP with virtio-net header", "TAP ports", required=True),
        row("multi_queue", "TAP with several queues", "TAPs that libvirt made with multi_queue"),
        row("tso", "TAP offload TSO", "TCP in superframes of up to 64 KiB: without, a tenth of the throughput"),
        row("uso", "TAP offload USO", "UDP in superframes (Linux 6.2)"),
        row("tunnel_gso", "TAP offload UDP tunnel GSO", "superframes inside VXLAN (Linux 6.17)"),
        row("ring", "AF_PACKET ring", "NIC ports"),
        row("udp", "UDP segmentation and GRO", "overlays over sockets: many frames a system call (Linux 5.0)"),
    ]


def _compiler() -> Row:
    purpose = "compiling the packet path"
    done = _run_python("-c", LOAD_COMPILER)
    if done.returncode:
        advice = f"install Tapestry anew (make run): {_last_line(done.stderr)}"
        return Row("numba", State.MISSING, "cannot be loaded", purpose, advice, required=True)
    facts = json.loads(done.stdout)
    found = f"numba {facts['numba']}, numpy {facts['numpy']}; {facts['kernels']} kernels in {facts['folder']}"
    advice = ""
    if not facts["writable"]:
        advice = f"make {facts['folder']} writable or set TAPESTRY_CACHE_DIR, else every start compiles"
    elif not facts["kernels"]:
        advice = "nothing is compiled yet: the first start takes longer"
    return Row("numba", State.LIMITED if advice else State.OK, found, purpose, advice, required=True)


def _cores() -> Row:
    count = len(os.sched_getaffinity(0))
    advice = "" if count > 1 else "with one core a busy worker and the programs it serves share it"
    return Row("cores", State.OK if count > 1 else State.LIMITED, str(count), "one worker a core", advice)


def _memory() -> Row:
    available = _meminfo().get("MemAvailable", 0) >> 10
    is_enough = available >= COMFORTABLE_MEMORY_MIB
    advice = "" if is_enough else f"free some: compiling and large tables want {COMFORTABLE_MEMORY_MIB} MiB"
    state = State.OK if is_enough else State.LIMITED
    return Row("memory", state, f"{available} MiB available", "tables, rings (32 MiB a NIC) and compiling", advice)


def _huge_pages() -> Row:
    transparent = _read("/sys/kernel/mm/transparent_hugepage/enabled")
    mode = transparent.partition("[")[2].partition("]")[0] or "absent"
    reserved = _meminfo().get("HugePages_Total", 0)
    is_there = mode in ("always", "madvise") or reserved > 0
    advice = "" if is_there else "`echo madvise > /sys/kernel/mm/transparent_hugepage/enabled` as root"
    state = State.OK if is_there else State.LIMITED
    found = f"transparent: {mode}; reserved: {reserved}"
    return Row("huge pages", state, found, "large tables with fewer misses in the TLB", advice)


def _open_files() -> Row:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_enough = soft >= COMFORTABLE_FILES or soft == resource.RLIM_INFINITY
    advice = "" if is_enough else f"`ulimit -n {min(hard, 65536)}` before `tapestry up`"
    state = State.OK if is_enough else State.LIMITED
    return Row("open files", state, f"{soft} (at most {hard})", "one for each port in each process", advice)


def _tool(name: str) -> Row:
    purpose, package = TOOLS[name]
    path = shutil.which(name)
    if path is not None:
        return Row(name, State.OK, path, purpose)
    return Row(name, State.MISSING, "not installed", purpose, f"`apt install {package}`, if you want it")


def _meminfo() -> dict[str, int]:
    """Return /proc/meminfo: KiB, or counts for HugePages_…."""
    lines = (line.split() for line in _read("/proc/meminfo").splitlines())
    return {words[0].rstrip(":"): int(words[1]) for words in lines if len(words) > 1}


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii") as stream:
            return stream.read()
    except OSError:
        return ""


def _run_python(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [*PYTHON, *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_S, check=False, env=own_environment()
        )
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(command, 1, "", f"no answer within {PATIENCE_S} s")


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else "it said nothing"
