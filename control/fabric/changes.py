"""What a change of configuration does to the ports."""

from dataclasses import dataclass

from control.fabric.plan import Plan
from control.model import Port


@dataclass(frozen=True)
class Changes:
    """What a new configuration did to the ports. A changed one keeps its index; its device may differ."""

    added: tuple[Port, ...] = ()
    removed: tuple[Port, ...] = ()
    changed: tuple[Port, ...] = ()


def compare_plans(before: Plan, after: Plan) -> Changes:
    """Return which ports came, went, and differ."""
    return Changes(
        added=tuple(plan.port for name, plan in after.ports.items() if name not in before.ports),
        removed=tuple(plan.port for name, plan in before.ports.items() if name not in after.ports),
        changed=tuple(
            plan.port for name, plan in after.ports.items() if name in before.ports and plan != before.ports[name]
        ),
    )
