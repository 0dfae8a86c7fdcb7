"""The routes of kiosks: a sealed question in, a sealed answer out; and what the operator sees of passes.

Rules: a question is bounded, its seal is checked before it is decoded, and its form is canonical to the byte; what is
wrong before the seal has proved who asks is answered alike for all, and nothing of a body is kept, logged or repeated.
Who may have a signature is decided in gateway/passes.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated, Any, Final, Literal, cast

import anyio.to_thread
import msgspec
from fastapi import APIRouter, Depends, HTTPException, Request, Response
from msgspec import Meta, Struct
from pydantic import BaseModel, Field

from gateway.api.bodies import bounded
from gateway.api.problems import MEDIA_TYPE, RESPONSES, known_parameters_only
from gateway.devices.registry import Device
from gateway.passes.issuer import Exchange
from gateway.passes.refusal import Refusal
from gateway.passes.signing import MODULUS_BYTES, SigningFault
from gateway.protocol.records import Count, Name, Nullifier, ServiceDay
from gateway.protocol.refusal import Refused
from gateway.protocol.seal import seal, unseal
from gateway.service import Service

MAX_BODY_BYTES: Final = 2_048
SIGN: Final = "/v1/kiosk/sign"
EXCHANGE: Final = "/v1/kiosk/exchange"
_HEAD: Final = re.compile(rb'\{"v":1,"device":"([a-z0-9][a-z0-9-]{0,31})",')

Ask = Annotated[str, Meta(pattern=r"\A[0-9a-f]{32}\Z")]
KeyId = Annotated[str, Meta(pattern=r"\A[0-9a-f]{16}\Z")]
Bytes256 = Annotated[str, Meta(pattern=r"\A[0-9A-Za-z+/]{342}==\Z")]

router = APIRouter(prefix="/v1", responses=RESPONSES, dependencies=[Depends(known_parameters_only)])


class _Sign(Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    device: Name
    ask: Ask
    sale: Count
    key: KeyId
    blinded: Bytes256


class _Exchange(Struct, frozen=True, forbid_unknown_fields=True):
    v: Literal[1]
    device: Name
    ask: Ask
    sale: Count
    key: KeyId
    blinded: Bytes256
    nullifier: Nullifier
    to: ServiceDay


class _Signed(Struct, frozen=True):
    v: Literal[1]
    ask: str
    signature: str


class _RefusedAnswer(Struct, frozen=True):
    v: Literal[1]
    ask: str
    refused: str


class PassKeyInfo(BaseModel):
    """A key that verifies passes. All of it is public but whether its private part is still there."""

    id: str = Field(examples=["3f0a6c1de2b49587"])
    product: Literal["single", "day"]
    choice: Literal["research", "none"] = Field(description="What its riders chose: to be recorded or not.")
    notice: str = Field(description="The notice they were told.", examples=["2026-1"])
    first: int = Field(alias="from", description="First service day, days since 1970-01-01.", examples=[20400])
    sold_to: int = Field(description="Last day on which it is sold.", examples=[20414])
    last: int = Field(alias="to", description="Last day on which it is valid.", examples=[20429])
    private: bool = Field(description="Whether passes can still be signed with it.")


class KeyListInfo(BaseModel):
    """The signed list that every device should hold."""

    serial: int
    hash: str


class KioskBooks(BaseModel):
    """Signatures that a kiosk got beside the passes that its `sales` records tell."""

    device: str = Field(examples=["kiosk-1"])
    signatures: int
    told: int = Field(description="Passes sold and exchanged, after its records.")
    difference: int = Field(
        description="Signatures without a pass: sales in progress or not told yet, refunds after signing, or a kiosk "
        "that lies. Negative: it tells more than it got."
    )


class KeysTold(BaseModel):
    """Which key list a device told last."""

    device: str
    keys: Literal["none", "current", "older", "differs"]


class Passes(BaseModel):
    """How passes are issued."""

    issuing: Literal["yes", "no_keys", "keys_differ"]
    differing: list[str] = Field(description="Devices because of which nothing is issued.")
    trouble: str | None = Field(description="Why keys can't be made or published at the moment.")
    published: KeyListInfo = Field(description="The list that every device should hold.")
    keys: list[PassKeyInfo]
    devices: list[KeysTold]
    quota: int = Field(description="Signatures for one kiosk on one service day.")
    spent: int = Field(description="Used or exchanged passes whose key has not expired.")
    spent_again: int = Field(description="How often a gate told a pass that had been used or exchanged already.")
    audit: list[KioskBooks]


def _service(request: Request) -> Service:
    return cast(Service, request.app.state.service)


def _body_schema(form: type[Struct]) -> dict[str, Any]:
    names = [field.name for field in msgspec.structs.fields(form)] + ["mac"]
    schema = {
        "type": "object",
        "additionalProperties": False,
        "required": names,
        "properties": {name: {"type": "integer" if name in ("v", "sale", "to") else "string"} for name in names},
    }
    return {
        "requestBody": {
            "required": True,
            "description": "Canonical JSON, sealed with the kiosk's key, the path in place of the topic.",
            "content": {"application/json": {"schema": schema}},
        }
    }


_ANSWERS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"description": text, "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}}
    for status, text in {
        403: "No kiosk of this network has sealed this.",
        413: "The body is too long.",
    }.items()
}
_ANSWERS[200] = {
    "description": "`ask`, and `signature` or `refused`; sealed as the question is.",
    "content": {"application/json": {"schema": {"type": "object"}}},
}


async def _question(request: Request, form: type[_Sign] | type[_Exchange]) -> tuple[Device, _Sign | _Exchange]:
    body = await bounded(request, MAX_BODY_BYTES)
    head = _HEAD.match(body)
    device = None if head is None else _service(request).registry.by_name(head[1].decode())
    try:
        if device is None or device.sender.kind != "kiosk":
            raise HTTPException(403, "No kiosk of this network has sealed this question.")
        inner = unseal(device.key, request.url.path, body)
    except Refused:
        raise HTTPException(403, "No kiosk of this network has sealed this question.") from None
    try:
        asked = msgspec.json.decode(inner, type=form)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise HTTPException(422, "The question is not of its form; docs/passes.md has it.") from None
    if msgspec.json.encode(asked) != inner:
        raise HTTPException(422, "The question is not in canonical form; docs/protocol.md has it.")
    return device, asked


async def _answer(request: Request, form: type[_Sign] | type[_Exchange]) -> Response:
    device, asked = await _question(request, form)
    service = _service(request)
    exchange = Exchange(bytes.fromhex(asked.nullifier), asked.to) if isinstance(asked, _Exchange) else None
    result: bytes | Refusal
    try:
        blinded = base64.b64decode(asked.blinded, validate=True)
    except binascii.Error:
        blinded = b""
    # The last character has bits that count for nothing: only one of its forms is canonical.
    if len(blinded) != MODULUS_BYTES or base64.b64encode(blinded).decode() != asked.blinded:
        result = Refusal.MALFORMED
    else:
        try:
            result = await anyio.to_thread.run_sync(
                service.office.issuer.sign, device.sender, asked.sale, asked.key, blinded, service.now_ms(), exchange
            )
        except SigningFault:
            raise HTTPException(
                503, "The signature did not verify and was not given out; ask again, and look at the machine."
            ) from None
    reply = (
        _RefusedAnswer(1, asked.ask, result.value)
        if isinstance(result, Refusal)
        else _Signed(1, asked.ask, base64.b64encode(result).decode())
    )
    sealed = seal(device.key, request.url.path, msgspec.json.encode(reply))
    return Response(sealed, media_type="application/json", headers={"Cache-Control": "no-store"})


@router.post(
    "/kiosk/sign",
    summary="A blind signature for a sale",
    responses=_ANSWERS,
    openapi_extra=_body_schema(_Sign),
    response_class=Response,
)
async def sign(request: Request) -> Response:
    """For kiosks. The same question gets the same signature, and costs the quota once."""
    return await _answer(request, _Sign)


@router.post(
    "/kiosk/exchange",
    summary="A blind signature for a pass that is given back",
    responses=_ANSWERS,
    openapi_extra=_body_schema(_Exchange),
    response_class=Response,
)
async def exchange(request: Request) -> Response:
    """For kiosks. Spends the old pass, then signs with a key of the same product whose passages are not recorded."""
    return await _answer(request, _Exchange)


@router.get("/passes", summary="Keys, key list, who holds another one, and the audit of kiosks")
def passes(request: Request) -> Passes:
    """How passes are issued; nothing of any single pass."""
    service = _service(request)
    office = service.office
    told = [
        {"device": device.sender.device, "keys": office.agreement.of(device.sender.device)}
        for device in service.registry.devices()
    ]
    audit = [
        {
            "device": books.device,
            "signatures": books.signatures,
            "told": books.told,
            "difference": books.signatures - books.told,
        }
        for books in office.store.books()
    ]
    return Passes.model_validate({**office.state(), "devices": told, "audit": audit})
