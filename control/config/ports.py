"""One port that does not come from the file: what the API's `attach` is asked for -> the model."""

import logging

from control.config.mistakes import Mistakes
from control.config.resolve import Surroundings, resolve_ports
from control.config.uplink import WayOut
from control.model import Configuration, Port
from control.overlay.claims import PeerClaims

log = logging.getLogger(__name__)


def parse_port(
    mapping: object, configuration: Configuration, where: str = "port", elsewhere: PeerClaims | None = None
) -> Port:
    """Return the port that ``mapping`` (an item of the file's ``ports``, as JSON has it) adds to ``configuration``.

    Same fields, same rules, same defaults as in the file; addresses are the next free ones, none of those that nodes
    have ``elsewhere``. Raises ConfigurationError with every mistake as ``WHERE: field: expected what, found what``;
    warnings are logged.
    """
    mistakes = Mistakes(where)
    networks = {network.name: network for network in configuration.networks}
    surroundings = Surroundings(
        node=configuration.node,
        networks=networks,
        all_networks=True,
        macs_per_port=configuration.limits.macs_per_port,
        way_out=WayOut(configuration.uplink, is_written=configuration.uplink is not None),
        attached=configuration.ports,
        attached_are="the port",
        elsewhere=elsewhere or PeerClaims(),
    )
    ports = resolve_ports([((), mapping)], surroundings, mistakes)
    mistakes.raise_any()
    for warning in mistakes.warnings:
        log.warning("%s", warning)
    return ports[0]
