"""Open vSwitch in user space: a datapath of type netdev with a veth to each end.

It passes on no partial checksums: without its TSO the ends have to compute their own, and to send frames of the MTU.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.switches.ends import IFNAME, LEFT, RIGHT, SWITCH, Ends, ends, require

SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"


@contextmanager
def open_vswitch(tso: bool) -> Iterator[Ends]:
    """Join two namespaces, with or without userspace-tso-enable."""
    require("ovsdb-tool", "ovsdb-server", "ovs-vswitchd", "ovs-vsctl", "ethtool")
    with tempfile.TemporaryDirectory() as folder, ends() as here:
        socket, environment = (
            f"unix:{folder}/db",
            {"OVS_RUNDIR": folder, "OVS_LOGDIR": folder, "OVS_SYSCONFDIR": folder},
        )
        control = ("ovs-vsctl", f"--db={socket}", "--timeout=20")
        subprocess.run(["ovsdb-tool", "create", f"{folder}/conf.db", SCHEMA], check=True)
        database = ("ovsdb-server", f"{folder}/conf.db", f"--remote=punix:{folder}/db", f"--unixctl={folder}/dbctl")
        switch = ("ovs-vswitchd", socket, "--disable-system", f"--unixctl={folder}/ctl")
        with here.running(SWITCH, *database, **environment):
            here.until(SWITCH, *control, "--no-wait", "init")
            setting = f"other_config:userspace-tso-enable={str(tso).lower()}"
            here.run(SWITCH, *control, "--no-wait", "set", "Open_vSwitch", ".", setting)
            with here.running(SWITCH, *switch, **environment):
                here.run(SWITCH, *control, "add-br", "br0", "--", "set", "bridge", "br0", "datapath_type=netdev")
                for place in (LEFT, RIGHT):
                    here.run(SWITCH, *control, "add-port", "br0", here.cable(place))
                    if not tso:
                        here.run(place, "ethtool", "-K", IFNAME, "tx", "off")
                yield here
