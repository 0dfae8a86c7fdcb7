"""Bodies of requests: read with a bound, and decoded strictly.

Rule: nothing is parsed before its size is known; an unknown member is refused, not ignored. What is wrong leaves as a
problem (413 or 422) that doesn't repeat what was sent.
"""

from __future__ import annotations

from typing import TypeVar

import msgspec
from fastapi import HTTPException, Request
from fastapi.exceptions import RequestValidationError

T = TypeVar("T")


async def bounded(request: Request, most: int) -> bytes:
    """The body, at most ``most`` bytes; HTTPException 413 as soon as it is longer."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > most:
            raise HTTPException(413, f"The body is longer than {most} bytes; send fewer at once.")
    return bytes(body)


def decoded(body: bytes, form: type[T]) -> T:
    """The body as ``form``; RequestValidationError says which member is wrong, without its value."""
    try:
        return msgspec.json.decode(body, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        # msgspec's message names expected types and the path, and the name of an unknown member at most.
        told = str(error)[:200] if isinstance(error, msgspec.ValidationError) else "it is not JSON"
        raise RequestValidationError([{"loc": ("body", "body"), "msg": told, "type": "value_error"}]) from None
