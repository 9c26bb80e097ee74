"""The fabric of one replay: a compiled loop that carries frames, and what it fills on the way.

Python runs between windows of many thousand frames, where a configuration changes, and where a buffer is full;
everything else is the loop. What becomes of a frame depends on the frames before it, their times, the configurations
and the seed.
"""

import time
from collections.abc import Callable
from types import TracebackType

import numpy as np

from control.fabric import Fabric
from control.model import Configuration
from control.observe.known import rule_names
from control.replay.feed import Window
from control.replay.job import Job, entrances_of, pcap_ports
from control.replay.output import CaptureFolder, LineFile
from control.replay.summary import Summary
from dataplane.ports.pcap.files import read_only
from dataplane.ports.pcap.replay.build import empty_recording, make_recording
from dataplane.ports.pcap.replay.kernels import replay_frames
from dataplane.ports.pcap.replay.tables import ReplayLane
from dataplane.ports.pcap.report.build import make_no_report, make_report
from dataplane.ports.pcap.tables import make_frames
from dataplane.vector import make_arena, make_egress, make_vector


class Engine:
    """The fabric of one replay, its compiled loop and what the loop fills."""

    def __init__(self, job: Job, configuration: Configuration, timer: Callable[[], float] = time.perf_counter) -> None:
        self.job = job
        self.timer = timer
        self.summary = Summary()
        self.fabric = Fabric(configuration.limits, seed=job.seed)
        self.folder = CaptureFolder(job.out_dir) if job.out_dir else None
        self.lines = LineFile(job.verdicts) if job.verdicts else None
        self.buffers = make_vector(), make_arena(job.vector), make_egress()
        self.recording = make_recording([])
        self.report = make_no_report()
        self.indices: list[int] = []
        self.apply(configuration)

    def apply(self, configuration: Configuration) -> None:
        """Put ``configuration`` in force; what went before has been written by then."""
        self.empty()
        ports, drops = self.fabric.port_counters(), self.fabric.drop_counts()
        removed = {port.name for port in self.fabric.apply(configuration).removed}
        self.summary.add({name: ports[name] for name in removed}, drops)
        names = {self.fabric.index_of(name): name for name in pcap_ports(configuration)}
        entrances = entrances_of(configuration)
        self.summary.entrances.update(entrances)
        self.summary.pcap_ports.update(dict.fromkeys(names.values()))
        for name in names.values():
            self.fabric.set_link(name, True)
        self.indices = list(names)
        if self.folder:
            self.folder.begin(names.values())
            self.recording = make_recording(self.indices)
        if self.lines:
            next_index = self.report.state.next_index
            by_index = {self.fabric.index_of(name): entrance for name, entrance in entrances.items()}
            self.report = make_report(names, self.job.vector, by_index, rule_names(self.fabric.policy.book))
            self.report.state.next_index = next_index

    def prepare(self) -> None:
        """Load or compile the loop now, so that the time it takes is not taken for the pipeline's."""
        self._run(Window(make_frames(0), read_only(b"")), 0, 0, 0)

    def carry(self, window: Window, first: int, last: int, shift_ns: int) -> None:
        """Send some frames of a window through the pipeline, ``shift_ns`` later than they say."""
        while first < last:
            begun = self.timer()
            first = self._run(window, first, last, shift_ns)
            self.summary.seconds += self.timer() - begun
            if first < last:
                self.empty()

    def _run(self, window: Window, first: int, last: int, shift_ns: int) -> int:
        lane = ReplayLane(*self.buffers, self.fabric.state, self.recording, self.report)
        size = self.job.vector
        reached: int = replay_frames(lane, window.frames, window.data, first, last, size, np.uint64(shift_ns))
        return reached

    def empty(self) -> None:
        """Write what was recorded and reported to its files."""
        if self.folder:
            for port, records in empty_recording(self.recording, self.indices):
                self.folder.append(self.fabric.name_of(port), records)
        if self.lines:
            self.lines.append(self.report.text[: int(self.report.state.used)])
            self.report.state.used = 0

    def finish(self) -> Summary:
        """Write what is left and return what was counted."""
        self.empty()
        if self.lines:
            self.lines.flush()
        self.summary.add(self.fabric.port_counters(), self.fabric.drop_counts())
        return self.summary

    def __enter__(self) -> "Engine":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self.lines:
            self.lines.close()
        self.fabric.close()
