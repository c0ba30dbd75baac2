"""Schemas of predict, where it is annotated with pydantic's models; pydantic is the package's, if it has it."""

import typing
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from dataclasses import dataclass

try:
    from pydantic import BaseModel, ValidationError
except ImportError:
    BaseModel = None

    class ValidationError(Exception):
        pass


PROBLEMS_SHOWN = 5
PLACE_LENGTH_MAX = 100
WORDS_LENGTH_MAX = 300


@dataclass
class Schema:
    input_type: type
    described: dict

    def parse(self, value):
        return self.input_type.model_validate(value)


def problems(error):
    """What is wrong with a value, in a few words. pydantic's own text repeats the value, which is the client's and may be large."""
    found = error.errors()
    shown = []
    for problem in found[:PROBLEMS_SHOWN]:
        place = ".".join(str(step) for step in problem["loc"])[:PLACE_LENGTH_MAX]
        words = problem["msg"][:WORDS_LENGTH_MAX]
        shown.append(f"{place}: {words}" if place else words)
    more = len(found) - len(shown)
    return "; ".join(shown) + (f"; and {more} more" if more else "")


def is_model_type(annotation):
    return BaseModel is not None and isinstance(annotation, type) and issubclass(annotation, BaseModel)


def schema_of(function):
    """None where the first argument is not annotated with a model of pydantic."""
    if BaseModel is None or not hasattr(BaseModel, "model_validate"):
        return None
    try:
        hints = typing.get_type_hints(function)
    except Exception:
        return None
    result = hints.pop("return", None)
    first = next(iter(hints.values()), None)
    if not is_model_type(first):
        return None
    streams = typing.get_origin(result) in (Generator, Iterator, AsyncGenerator, AsyncIterator)
    described = {"input_schema": first.model_json_schema(), "output_schema": None, "supports_streaming": streams}
    if is_model_type(result):
        described["output_schema"] = result.model_json_schema()
    return Schema(first, described)
