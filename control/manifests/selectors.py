"""Label selectors, by the rules of Kubernetes' ValidateLabelSelector."""

from control.config import kubernetes
from control.config.mistakes import Path, describe
from control.manifests.notes import Notes
from control.manifests.reading import holds, mapping, sequence, text, texts
from control.policy.model import EVERYTHING, Operator, Requirement, Selector

_FIELDS = ("matchLabels", "matchExpressions")
_EXPRESSION_FIELDS = ("key", "operator", "values")
_OPERATORS: dict[str, Operator] = {
    "In": "In",
    "NotIn": "NotIn",
    "Exists": "Exists",
    "DoesNotExist": "DoesNotExist",
}


def read_selector(value: object, path: Path, notes: Notes) -> Selector:
    """Return the selector; one that has nothing in it selects everything."""
    fields = mapping(value, _FIELDS, path, notes)
    if not fields:
        return EVERYTHING
    where = (*path, "matchLabels")
    labels = texts(fields.get("matchLabels"), where, notes)
    requirements = []
    for key, item in sorted(labels.items()):
        holds(kubernetes.label_key, key, (*where, key), notes)
        holds(kubernetes.label_value, item, (*where, key), notes)
        requirements.append(Requirement(key, "In", frozenset((item,))))
    where = (*path, "matchExpressions")
    for index, expression in enumerate(sequence(fields.get("matchExpressions"), where, notes)):
        requirement = _expression(expression, (*where, index), notes)
        if requirement is not None:
            requirements.append(requirement)
    return Selector(tuple(requirements))


def _expression(value: object, path: Path, notes: Notes) -> Requirement | None:
    fields = mapping(value, _EXPRESSION_FIELDS, path, notes)
    key = text(fields.get("key"), (*path, "key"), notes)
    if not isinstance(fields.get("key"), int | float | list | dict):
        holds(kubernetes.label_key, key, (*path, "key"), notes)
    items = sequence(fields.get("values"), (*path, "values"), notes)
    values = [text(item, (*path, "values", index), notes) for index, item in enumerate(items)]
    for index, item in enumerate(values):
        holds(kubernetes.label_value, item, (*path, "values", index), notes)
    operator = _OPERATORS.get(str(fields.get("operator")))
    if operator is None:
        notes.wrong((*path, "operator"), "In, NotIn, Exists or DoesNotExist", fields.get("operator"))
        return None
    if operator in ("In", "NotIn"):
        if not items:
            notes.wrong((*path, "values"), f"at least one value beside {operator}", fields.get("values"))
    elif items:
        notes.wrong_as((*path, "values"), f"no values beside {operator}", describe(fields.get("values")))
    return Requirement(key, operator, frozenset(values))
