"""One packet from what the user writes to what becomes of it. Nothing outside the trial's own tables changes."""

from dataclasses import asdict, dataclass
from typing import Any

from control.explain.answer import neighbour_answer, presence
from control.explain.decode import Decoded
from control.explain.packet import Packet, ether_type_of, frame_bytes, packet_bytes
from control.explain.place import answerer_of, mac_of, place_packet
from control.explain.rulings import RuleNames, rulings_of
from control.explain.stages import Findings, Stage, stages_of
from control.explain.trial import Fate, Outcome, Trial
from control.fabric import Fabric
from control.fabric.entries import PROTOCOL_NAMES, FlowTuple
from control.fabric.plan import PortPlan
from control.model import Address

Document = dict[str, Any]

ROUNDS = 2
"""How often an answer may be asked for on the way of one packet."""


@dataclass(frozen=True)
class Sent:
    """One frame that leaves the fabric, by which port."""

    port: str
    packet: str
    source_mac: str
    destination_mac: str
    vlan: int | None
    ttl: int | None
    length: int


@dataclass(frozen=True)
class Explanation:
    """What becomes of a packet. ``policy`` and ``rule`` decided, None where nobody's policy was asked; ``audited``:
    they deny it, and it passes. ``sent``: how it leaves; ``answers``: what the fabric sends because of it."""

    packet: str
    in_port: str
    verdict: str
    reason: str | None
    out: tuple[str, ...]
    stages: tuple[Stage, ...]
    flow: Document | None
    policy: str | None
    rule: str | None
    audited: bool
    sent: tuple[Sent, ...]
    answers: tuple[Sent, ...]
    assumed: tuple[str, ...]

    def as_document(self) -> Document:
        """Return it as JSON has it."""
        document = asdict(self)
        document["in"] = document.pop("in_port")
        return document


def explain(
    packet: Packet, fabric: Fabric, now_ns: int, in_port: str | None, is_running: bool, rule_names: RuleNames
) -> Explanation:
    """Return what becomes of ``packet`` on the tables of ``fabric``, which are changed by it.

    ``is_running``: they are a copy of a running fabric's, whose switch knows what it knows; otherwise whoever is named
    by the configuration is taken to have been heard.
    """
    place = place_packet(packet, fabric.plan, in_port, fabric.others.store)
    payload = packet_bytes(packet)
    frame = frame_bytes(place.destination_mac, place.source_mac, payload, ether_type_of(packet), place.vlan)
    trial = Trial(fabric, now_ns)
    assumed = list(place.assumed)
    if place.receiver is not None and not is_running:
        trial.carry(place.receiver.index, presence(place.destination_mac, _tag_of(place.receiver, None)))
    parsed, admitted = trial.admit(place.port.index, frame)
    first = trial.carry(place.port.index, frame)
    fate, way, neighbour, made_later = _follow(trial, first, assumed)
    rules = rulings_of(fate, rule_names)
    findings = Findings(fabric, packet, place, len(payload), parsed, admitted, fate, way, neighbour, rules)
    made = [*first.made, *made_later]
    questions = [each for each in made if _asked(each) is not None]
    if findings.verdict == "forward":  # What else was made are the packet's further fragments.
        sent, answers = (
            _sent(fabric, [fate, *(each for each in made if each not in questions)]),
            _sent(fabric, questions),
        )
    else:
        sent, answers = (), _sent(fabric, [fate, *made])
    return Explanation(
        packet=Decoded(frame).text,
        in_port=place.port.port.name,
        verdict=findings.verdict,
        reason=findings.reason,
        out=tuple(dict.fromkeys(each.port for each in sent)),
        stages=tuple(stages_of(findings)),
        flow=_flow(findings),
        policy=rules.policy or None,
        rule=rules.rule or None,
        audited=rules.audited,
        sent=sent,
        answers=answers,
        assumed=tuple(assumed),
    )


def _follow(trial: Trial, outcome: Outcome, assumed: list[str]) -> tuple[Fate, Any, str, list[Fate]]:
    """Follow a packet that waits for a neighbour until it has left; return its fate, its way, what the neighbour said,
    and what else the fabric sent."""
    fate, way, more = outcome.fate, outcome.way, []
    said = "known"
    for _ in range(ROUNDS):
        question = next((each for each in outcome.made if _asked(each) is not None), None)
        if fate.verdict != "consume" or question is None:
            break
        address, decoded, frame = _asked(question) or (None, None, b"")
        assert address is not None
        assert decoded is not None
        answerer = answerer_of(address, question.domain, trial.fabric.plan)
        if answerer is None:
            said = f"{address} is asked for; no port is known to have it"
            break
        mac = mac_of(answerer, address, trial.fabric.plan, [])
        said = f"{address} has {mac.hex(':')}"
        assumed.append(f"{address} answers at port {answerer.port.name} that it has {mac.hex(':')}")
        asker = frame[28:32] if address.version == 4 else frame[22:38]
        tag = _tag_of(answerer, question.domain)
        answer = neighbour_answer(address, mac, asker, decoded.source_mac, tag)
        outcome = trial.carry(answerer.index, answer)
        if not outcome.came_back:
            break
        fate, way = outcome.came_back[0], outcome.way
        more += outcome.made
    return fate, way, said, more


def _asked(fate: Fate) -> tuple[Address, Decoded, bytes] | None:
    """Return whom a frame of the fabric's own asks for, and the frame without its tag; None if it asks nobody."""
    for frame in fate.copies.values():
        decoded = Decoded(frame)
        if decoded.address_asked is not None:
            plain = frame if decoded.vlan is None else frame[:12] + frame[16:]
            return decoded.address_asked, decoded, plain
    return None


def _tag_of(port: PortPlan, domain: int | None) -> int | None:
    """Return the tag with which a station behind ``port`` sends into a domain (None: into any)."""
    if port.port.vlan is None or not port.port.vlan.is_trunk:
        return None
    if domain in (None, port.native_domain) and port.native_domain:
        return None
    return next((vlan for vlan, number in port.domains if domain in (None, number)), None)


def _sent(fabric: Fabric, fates: list[Fate]) -> tuple[Sent, ...]:
    frames = []
    for fate in fates:
        for index, frame in sorted(fate.copies.items()):
            decoded = Decoded(frame)
            frames.append(
                Sent(
                    port=fabric.name_of(index),
                    packet=decoded.text,
                    source_mac=decoded.source_mac.hex(":"),
                    destination_mac=decoded.destination_mac.hex(":"),
                    vlan=decoded.vlan,
                    ttl=decoded.ttl,
                    length=decoded.length,
                )
            )
    return tuple(frames)


def _flow(found: Findings) -> Document | None:
    tuples = found.tuples()
    if tuples is None or found.verdict != "forward":
        return None
    protocol = found.packet.protocol
    return {
        "protocol": PROTOCOL_NAMES.get(protocol, str(protocol)),
        "number": int(found.way.half) >> 1 if found.way.half else None,
        "original": _ends(tuples[0]),
        "reply": _ends(tuples[1]),
    }


def _ends(ends: FlowTuple) -> Document:
    return {
        "source": str(ends.source),
        "source_port": ends.source_port,
        "destination": str(ends.destination),
        "destination_port": ends.destination_port,
    }
