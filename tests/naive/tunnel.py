"""Into the tunnel: frames for other nodes, cut if they must be, wrapped, or kept until the way is known."""

from control.model import Port
from tests.naive.domains import Domain
from tests.naive.frames import Fate, Frame, Own, Parcel, best_of, drop
from tests.naive.overlay import Remote, group_mac
from tests.naive.packet import read_packet
from tests.naive.router import Router
from tests.naive.translate import cut
from tests.naive.vlan import Untagged
from tests.naive.wire import Address, ethernet, ethertype_of

ETHERNET_BYTES = 14


class Tunnel:
    """The tunnel's end of a switch; ``router`` knows the ways."""

    def __init__(self, router: Router) -> None:
        self.router = router

    def address_of(self, place: Remote) -> Address:
        """Return the address of a node's VTEP."""
        overlay = self.router.configuration.overlay
        assert overlay
        return next(peer.address for peer in overlay.peers if peer.node == place.node)

    def copies(self, source: Port | None, domain: Domain, frame: bytes) -> list[Parcel]:
        """Return the copies of a frame for all other nodes of its network; of one for a station here none."""
        vtep = self.router.vtep
        if vtep is None or not vtep.has(domain) or vtep.is_mac_here(domain, frame[0:6]):
            return []
        return [Parcel(source, domain, frame, to, is_copy=True) for to in vtep.receivers(domain)]

    def reach_nobody(self, domain: Domain, frame: bytes) -> Fate:
        """Return what becomes of a frame for all other nodes where there is none: what might not have gone to any is
        dropped as that."""
        vtep = self.router.vtep
        if vtep is None or not vtep.has(domain) or vtep.is_mac_here(domain, frame[0:6]):
            return drop("no_receiver")
        if not vtep.may_carry(domain, frame):
            return drop("inner_vlan")
        return drop("no_receiver" if self._fit(domain, frame) else "packet_too_big")

    def send(self, parcel: Parcel) -> Fate:
        """Wrap a frame for another node, and send it by the uplink as soon as the way there is known. A sender is told
        of what is too big, if it was for one station."""
        vtep = self.router.vtep
        assert vtep
        if not vtep.may_carry(parcel.domain, parcel.data):
            return drop("inner_vlan")
        pieces = self._fit(parcel.domain, parcel.data)
        if not pieces:
            return drop("packet_too_big") if parcel.is_copy else self._refuse(parcel)
        if not parcel.is_copy:
            return self._send_pieces(parcel, pieces)
        return best_of([self._send_pieces(parcel._replace(data=piece), [piece]) for piece in pieces])

    def _send_pieces(self, parcel: Parcel, pieces: list[bytes]) -> Fate:
        """Send what a parcel was cut into; if the way is not known yet, it waits as it is."""
        vtep = self.router.vtep
        assert vtep
        found: tuple[Domain, bytes] | Fate = (vtep.uplink.domains[0], group_mac(parcel.to))
        if parcel.to != vtep.overlay.group:
            found = self.router.find_underlay(parcel)
        if isinstance(found, Fate):
            return found
        domain, mac = found
        group = parcel.source.group if parcel.source else 0
        for piece in pieces:
            packet = vtep.wrap(parcel.domain, piece, parcel.to, group)
            whole = ethernet(mac, vtep.uplink.mac, ethertype_of(parcel.to.version), packet)
            fate = self.router.ways.out(Own(domain, whole))
        return fate

    def _refuse(self, parcel: Parcel) -> Fate:
        """Drop a frame that is too big for other nodes; its network's gateway tells a station here."""
        if parcel.source is None or parcel.source.network != parcel.domain.network:
            return drop("packet_too_big")
        mtu = self.router.configuration.network(parcel.domain.network).mtu
        frame = Frame(parcel.source, Untagged(parcel.data, None, 0), parcel.domain)
        return self.router.refuse_size(frame, mtu)

    def _fit(self, domain: Domain, frame: bytes) -> list[bytes]:
        """Return a frame as it may enter the tunnel: in pieces if it must be, empty if it is too big."""
        mtu = self.router.configuration.network(domain.network).mtu
        if len(frame) - ETHERNET_BYTES <= mtu:
            return [frame]
        packet = read_packet(frame) if frame[12:14] in (b"\x08\x00", b"\x86\xdd") else None
        if packet and len(packet.data) <= mtu:
            return [frame[:14] + packet.data]
        return [frame[:14] + piece for piece in cut(packet.data, mtu)] if packet and packet.may_be_cut else []
