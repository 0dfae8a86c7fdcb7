"""The routes of consent: notices, "my data" by token, the data inventory.

Rules: tokens come in the body and are in no log, no address and no answer; nobody says who they are; an unknown token
and one without rows are answered alike. "Erased" is said when the bytes are gone (gateway/consent/keeping.py).
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, cast

import anyio.to_thread
import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request
from pydantic import BaseModel, Field

from gateway.api.bodies import bounded, decoded
from gateway.api.models import WayName
from gateway.api.problems import MEDIA_TYPE, RESPONSES, known_parameters_only
from gateway.consent import receipt
from gateway.consent.inventory import inventory
from gateway.consent.keeping import ErasureUnfinished
from gateway.consent.notices import TEXTS, Notice
from gateway.service import Service
from gateway.store.database import StoreBusy, StoreFull

MAX_BODY_BYTES: Final = 8 * 1024
MAX_TOKENS: Final = 62

_BODY_RESPONSES: Final[dict[int | str, dict[str, Any]]] = {
    413: {
        "description": "The body is too long.",
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
}
_TOKENS_BODY: Final = {
    "requestBody": {
        "required": True,
        "description": "Tokens of the days asked for: HMAC-SHA256 of the pass's nonce and the day in decimal ASCII; "
        "never the pass.",
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["tokens"],
                    "properties": {
                        "tokens": {
                            "type": "array",
                            "minItems": 1,
                            "maxItems": MAX_TOKENS,
                            "items": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
                        }
                    },
                }
            }
        },
    }
}

router = APIRouter(prefix="/v1", responses=RESPONSES, dependencies=[Depends(known_parameters_only)])


class _Asked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    tokens: Annotated[
        list[Annotated[str, msgspec.Meta(pattern=r"\A[0-9a-f]{64}\Z")]],
        msgspec.Meta(min_length=1, max_length=MAX_TOKENS),
    ]


class NoticeInfo(BaseModel):
    """A notice without its texts."""

    version: str = Field(examples=["2026-1"])
    sha256: str = Field(description="Over all its texts, as they were fixed when it was added.")
    keep_days: int = Field(description="How long it says that records live.")
    current: bool = Field(description="Whether keys made now belong to it.")


class NoticeList(BaseModel):
    """All notices, the current one last."""

    items: list[NoticeInfo]


class NoticeText(BaseModel):
    """A notice in every language, as riders read it, and the consent receipts that belong to it."""

    version: str = Field(examples=["2026-1"])
    sha256: str
    keep_days: int
    resolution_minutes: int = Field(description="To how many minutes the time of a passage is rounded down.")
    current: bool
    texts: dict[str, dict[str, str]] = Field(description=f"Language, then text: {', '.join(TEXTS)}.")
    receipt: dict[str, dict[str, Any]] = Field(
        description="By language: a consent receipt in which the kiosk fills the members that are null."
    )


class MyRow(BaseModel):
    """One passage that is stored under one of the tokens."""

    day: int = Field(description="The site's service day, days since 1970-01-01.", examples=[20400])
    at: int = Field(description="Epoch milliseconds; a physical site's are rounded down to a quarter hour.")
    way: WayName
    product: Literal["single", "day"]
    site: str | None = Field(description="Null when the gate is no longer known.")
    gate: str = Field(examples=["gate-1"])
    transit_ms: int = Field(description="From the first beam broken to the last cleared, rounded to 250.")
    kept_until: int = Field(description="When it is deleted by itself, within a minute; epoch milliseconds.")


class MyData(BaseModel):
    """All that is stored under the tokens; nothing, also for tokens that never were."""

    rows: list[MyRow]


class Erasure(BaseModel):
    """What was erased. It is gone from the database's file and its log."""

    erased: int = Field(description="How many rows were deleted.")
    covers_later: bool = Field(
        description="Whether what a gate still holds under these tokens is kept out too, when it comes."
    )
    remembered_until_day: int = Field(
        description="Until when (days since 1970-01-01) that is remembered, as a hash beside the database."
    )


class InventoryEntry(BaseModel):
    """One field, wherever it is: a column, a member of a message, a file."""

    where: str
    name: str
    why: str
    how_long: str
    who: str


class Inventory(BaseModel):
    """Everything that is kept or passes through."""

    items: list[InventoryEntry]


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


async def _tokens(request: Request) -> list[str]:
    return decoded(await bounded(request, MAX_BODY_BYTES), _Asked).tokens


def _info(notice: Notice, current: Notice) -> dict[str, Any]:
    return {
        "version": notice.version,
        "sha256": notice.sha256,
        "keep_days": notice.keep_days,
        "current": notice.version == current.version,
    }


@router.get("/notices", summary="What riders are told, by version")
def notices(request: Request) -> NoticeList:
    """All notices of this gateway in the order in which they were added; the last is current."""
    found = _service(request).notices.all()
    return NoticeList.model_validate({"items": [_info(notice, found[-1]) for notice in found]})


@router.get("/notices/{version}", summary="One notice, in every language")
def notice(request: Request, version: str) -> NoticeText:
    """The texts with the operator's name and contact filled in, and the template of the consent receipt."""
    kept = _service(request).notices
    found = kept.find(version)
    if found is None:
        raise HTTPException(404, "There is no such notice; /v1/notices lists all.")
    operator, contact = kept.operator()
    return NoticeText.model_validate(
        {
            **_info(found, kept.current()),
            "resolution_minutes": found.resolution_minutes,
            "texts": found.filled(operator, contact),
            "receipt": {language: receipt.template(found, language, operator, contact) for language in found.texts},
        }
    )


@router.post("/my-data", summary="What is stored under a pass", responses=_BODY_RESPONSES, openapi_extra=_TOKENS_BODY)
async def my_data(request: Request) -> MyData:
    """Whoever has a pass derives the tokens of the days they ask for; nobody says who they are."""
    tokens = await _tokens(request)
    rows = await anyio.to_thread.run_sync(_service(request).keeping.rows, tokens)
    return MyData.model_validate({"rows": rows})


@router.post(
    "/my-data/erase", summary="Erase what is stored under a pass", responses=_BODY_RESPONSES, openapi_extra=_TOKENS_BODY
)
async def erase(request: Request) -> Erasure:
    """Answers when the bytes are gone. A 503 says that they aren't yet: the same request goes on where it stopped."""
    tokens = await _tokens(request)
    try:
        done = await anyio.to_thread.run_sync(_service(request).keeping.erase, tokens)
    except ErasureUnfinished:
        raise HTTPException(
            503,
            "The rows are deleted, but their bytes are not gone from the disk yet, because another program reads the "
            "database; ask again in a few seconds, until it is done.",
            {"Retry-After": "5"},
        ) from None
    except (StoreBusy, StoreFull):
        raise HTTPException(
            503,
            "Nothing is erased yet, because the database cannot be written at the moment; ask again.",
            {"Retry-After": "5"},
        ) from None
    return Erasure(erased=done.rows, covers_later=done.covers_later, remembered_until_day=done.remembered_until_day)


@router.get("/inventory", summary="Every field: why it is there, how long, who sees it")
def data_inventory() -> Inventory:
    """The data inventory, made from the schema: tables, messages, files, keys."""
    return Inventory.model_validate({"items": [entry._asdict() for entry in inventory()]})
