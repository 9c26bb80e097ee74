"""What an agent without root does, as a script: two namespaces, a TAP in each, and frames carried between the TAPs.

Prints one JSON object when all is there, then carries frames until its standard input ends. `--ping` pings from one
namespace to the other first and ends.
"""

import json
import os
import select
import subprocess
import sys
import threading
from ipaddress import ip_interface

from control.errors import UserError
from control.host.capabilities import lacking_capabilities
from control.host.namespaces import make_namespace
from control.host.rootless import enter_rootless, outside_uid
from control.host.taps import OpenTap, open_tap


def main() -> None:
    uid = os.getuid()
    try:
        enter_rootless()
    except UserError as error:
        sys.exit(f"refused: {error}")
    taps = [open_in_new_namespace("left", "10.0.0.1/24"), open_in_new_namespace("right", "10.0.0.2/24")]
    threading.Thread(target=carry, args=(taps[0].fd, taps[1].fd), daemon=True).start()
    facts = {
        "uid": uid,
        "uid_inside": os.getuid(),
        "outside_uid": outside_uid(),
        "lacking": lacking_capabilities(),
        "run": sorted(os.listdir("/run")),
        "named": sorted(os.listdir("/run/netns")),
        "pid": os.getpid(),
    }
    if "--ping" in sys.argv:
        command = ["nsenter", "--net=/run/netns/left", "ping", "-c1", "-W10", "10.0.0.2"]
        facts["ping"] = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    print(json.dumps(facts), flush=True)
    sys.stdin.read()


def open_in_new_namespace(name: str, address: str) -> OpenTap:
    make_namespace(name)
    return open_tap(name, "eth0", addresses=[ip_interface(address)])


def carry(left: int, right: int) -> None:
    other = {left: right, right: left}
    while True:
        for fd in select.select([left, right], [], [])[0]:
            os.write(other[fd], os.read(fd, 2000))


if __name__ == "__main__":
    main()
