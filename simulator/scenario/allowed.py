"""What a key may be given, in words, out of how the models declare it: for error messages, and for docs/scenarios.md.

Pure. Does not belong here: the models themselves (models.py).
"""

from types import NoneType
from typing import Annotated, Any, Literal, get_args, get_origin

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BaseModel

NAMES = "1 to 32 of a-z, 0-9 and -, not beginning with -"


def words(annotation: Any) -> str:
    """The values that a key declared so may have."""
    bare, metadata = _bare(annotation)
    if get_origin(bare) is Literal:
        names = [f'"{name}"' for name in get_args(bare)]
        return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
    if bare is bool:
        return "true or false"
    if bare is int:
        return "a whole number" + _range(metadata)
    if bare is float:
        return "a number" + _range(metadata)
    if bare is str:
        return NAMES if any(getattr(item, "pattern", None) for item in metadata) else "text in quotes"
    if get_origin(bare) is tuple:
        ends = [one for one in get_args(bare) if one is not Ellipsis]
        if len(ends) == 2:  # the two ends between which a number is drawn
            return words(ends[0]).replace("a number", "two numbers") + ", the smaller first"
        return "a list of tables"
    return "a table"


def model_of(annotation: Any) -> type[BaseModel] | None:
    """The table that an annotation is about, however it is wrapped; None where it is about none."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if (found := model_of(inner)) is not None:
            return found
    return None


def _bare(annotation: Any) -> tuple[Any, list[Any]]:
    """Without what it is wrapped in (`| None`, `Annotated`), and what was noted on the wrapping."""
    metadata: list[Any] = []
    while True:
        if get_origin(annotation) is Annotated:
            annotation, *notes = get_args(annotation)
            for note in notes:
                metadata += getattr(note, "metadata", [note])
            continue
        inner = [one for one in get_args(annotation) if one is not NoneType]
        if len(inner) == 1 and NoneType in get_args(annotation):
            annotation = inner[0]
            continue
        return annotation, metadata


def _range(metadata: list[Any]) -> str:
    low = high = ""
    for item in metadata:
        if isinstance(item, Ge):
            low = f"from {number(item.ge)}"
        elif isinstance(item, Gt):
            low = f"above {number(item.gt)}"
        elif isinstance(item, Le):
            high = f"to {number(item.le)}" if low.startswith("from") else f"and at most {number(item.le)}"
        elif isinstance(item, Lt):
            high = f"and below {number(item.lt)}"
    return f" {low} {high}".rstrip()


def number(value: Any) -> str:
    """Long ones with thin groups, as people write them; 2**63 - 1 by its name."""
    return "2^63 - 1" if value == 2**63 - 1 else f"{value:,}".replace(",", " ") if value >= 10_000 else f"{value:g}"
