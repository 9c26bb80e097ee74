"""How a mapping of the file is read by pydantic so that every mistake in it is told, and its good fields are kept.

``Section`` is a mapping inside a part: right or wrong as a whole. ``Part`` is a network, a port or the file itself: a
field that is wrong becomes None, so that the rules that span fields can still look at the others. ``Part.read`` says
what is wrong through ``Mistakes``.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PlainValidator,
    ValidationError,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
    model_validator,
)
from pydantic_core import ErrorDetails

from control.config import values
from control.config.mistakes import Mistakes, Path, describe, nearest

required = partial(Field, default=None, validate_default=True)
"""A field that must be written: left out, its reader is asked about None and says what it expects."""


class Section(BaseModel):
    """A mapping whose unknown fields are mistakes, and where a field left empty counts as not written."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    @model_validator(mode="before")
    @classmethod
    def _drop_empty_fields(cls, data: object) -> object:
        if not isinstance(data, dict):
            raise values.Expected("a mapping")
        return {key: value for key, value in data.items() if value is not None or key not in cls.model_fields}


class _Reading:
    """The context of one ``Part.read``: where it stands, and where its mistakes go."""

    def __init__(self, path: Path, mistakes: Mistakes) -> None:
        self._path = path
        self._mistakes = mistakes

    def wrong(self, below: Path, expected: str, found: str) -> None:
        self._mistakes.add((*self._path, *below), expected, found)


class Part(Section):
    """A section whose good fields are kept when others are wrong."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    @classmethod
    def read(cls, data: object, path: Path, mistakes: Mistakes) -> Self | None:
        """Return the part with None for every field that is wrong or not written; None if ``data`` is no mapping."""
        reading = _Reading(path, mistakes)
        if not isinstance(data, dict):
            reading.wrong((), "a mapping", describe(data))
            return None
        for field in data:
            if field not in cls.model_fields:
                reading.wrong((field,), _known_fields(cls, str(field)), describe(field))
        return cls.model_validate(data, context=reading)

    @field_validator("*", mode="wrap")
    @classmethod
    def _keep_the_rest(cls, value: object, read: ValidatorFunctionWrapHandler, info: ValidationInfo) -> object:
        try:
            return read(value)
        except ValidationError as error:
            reading: _Reading = _context(info)
            for detail in error.errors(include_url=False):
                reading.wrong(*_wrong(cls, str(info.field_name), detail))
            return None


def reads(reader: Callable[[Any], Any]) -> PlainValidator:
    """Return the annotation of a field that ``reader`` reads, raising ``values.Expected``."""
    return PlainValidator(reader)


def reads_each(reader: Callable[[Any], Any]) -> PlainValidator:
    """Return the annotation of a part's list field, whose wrong items become None; one value stands for a list."""

    def read_each(value: object, info: ValidationInfo) -> list[Any]:
        items: list[Any] = []
        for index, item in enumerate(one_or_many(value)):
            try:
                items.append(reader(item))
            except values.Expected as error:
                _context(info).wrong((str(info.field_name), index), error.expected, error.found or describe(item))
                items.append(None)
        return items

    return PlainValidator(read_each)


def one_or_many(value: object) -> list[object]:
    """Let a single value stand for a list of one."""
    single = isinstance(value, str | int) and not isinstance(value, bool)
    return [value] if single else values.sequence(value)


def _context(info: ValidationInfo) -> _Reading:
    reading: _Reading = info.context  # type: ignore[assignment]
    return reading


def _wrong(part: type[Part], field: str, detail: ErrorDetails) -> tuple[Path, str, str]:
    """Return the path below the part, what was expected and what was found, for one of pydantic's errors."""
    below: Path = (field, *detail["loc"])
    if below[-1] == "[key]":
        below = below[:-1]
    error = detail.get("ctx", {}).get("error")
    if isinstance(error, values.Expected):
        return below, error.expected, error.found or describe(detail["input"])
    if detail["type"] == "extra_forbidden":
        return below, _known_fields(_section_of(part, field), str(below[-1])), describe(below[-1])
    return below, detail["msg"], describe(detail["input"])


def _section_of(part: type[Part], field: str) -> type[BaseModel]:
    """Return the section that a field of the part holds."""
    annotation = part.model_fields[field].annotation
    choices = getattr(annotation, "__args__", (annotation,))
    return next((choice for choice in choices if isinstance(choice, type) and issubclass(choice, Section)), part)


def _known_fields(section: type[BaseModel], found: str) -> str:
    known = tuple(section.model_fields)
    if not known:
        return "an empty mapping"
    meant = nearest(found, known)
    return f"a field that is known (did you mean {meant}?)" if meant else f"one of the fields {', '.join(known)}"
