"""What the API answers, as pydantic models: the source of the OpenAPI document.

Rules: times are epoch milliseconds; handles are not in any answer; no member scores, ranks, lists or bars a rider (I4).
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, Field

SiteClassName = Literal["emulated", "physical"]
WayName = Literal["entry", "exit"]

Boot = Annotated[int, Field(description="Which start of the device, counted upward.", examples=[3])]
Seq = Annotated[int, Field(description="Sequence number within the boot.", examples=[120])]
At = Annotated[int, Field(description="Epoch milliseconds.", examples=[1754400000000])]
DeviceName = Annotated[str, Field(description="The device's name.", examples=["gate-1"])]


Next = Annotated[
    str | None,
    Field(description="Give this as `cursor` for the next page; null on the last. Also as a Link header (RFC 8288)."),
]


class Site(BaseModel):
    """A site."""

    site: str = Field(examples=["majestic"])
    site_class: SiteClassName = Field(alias="class", description="Fixed when the site was created.")
    day_start_ms: int = Field(description="When the service day begins, milliseconds after midnight UTC.")
    devices: int = Field(description="How many devices it has.", examples=[8])


class Sites(BaseModel):
    """A page of all sites, in order of their name."""

    items: list[Site]
    next: Next


class BootMark(BaseModel):
    """How far one boot of a device is stored."""

    boot: Boot
    watermark: int = Field(description="Everything of this boot below this sequence number is stored.", examples=[137])


class DeviceInfo(BaseModel):
    """A device."""

    device: DeviceName
    site: str = Field(examples=["majestic"])
    link: Literal["unknown", "online", "lost"] = Field(description="What it last said of itself; a hint only.")
    firmware: str | None = Field(examples=["0.1.0"])
    boots: list[BootMark] = Field(description="Its boots, oldest first.")


class Devices(BaseModel):
    """A page of all devices, or of those of one site, in order of site and name."""

    items: list[DeviceInfo]
    next: Next


class PassageEvent(BaseModel):
    """One rider passed and has consented. The handle is stored and not shown."""

    kind: Literal["passage"]
    device: DeviceName
    boot: Boot
    seq: Seq
    at: At
    way: WayName
    product: Literal["single", "day"]
    transit_ms: int = Field(description="From the first beam broken to the last cleared, rounded to 250.")


class IrregularEvent(BaseModel):
    """One irregular passage of an emulated site's synthetic rider."""

    kind: Literal["irregular"]
    device: DeviceName
    boot: Boot
    seq: Seq
    at: At
    way: WayName
    what: Literal["tailgate", "reverse", "forced", "jump", "crawl", "passback"]
    confidence: int = Field(description="Of the detector, in percent.")
    trace: list[tuple[int, int, int]] = Field(description="Beam edges: [ms since the first, beam, blocked].")


class DailyEvent(BaseModel):
    """A device's totals of one service day; `at` is the day's end."""

    kind: Literal["daily"]
    device: DeviceName
    boot: Boot
    seq: Seq
    at: At
    day: int = Field(description="Days since 1970-01-01.")
    refused: int = Field(description="Media refused.")
    tailgate: int
    reverse: int
    forced: int
    jump: int
    crawl: int
    passback: int


class NoticeEvent(BaseModel):
    """A notice of the device about itself."""

    kind: Literal["device"]
    device: DeviceName
    boot: Boot
    seq: Seq
    at: At
    what: Literal["boot", "fault", "recovered", "fire_on", "fire_off", "storage_lost"]
    folds: int = Field(description="How many sequence numbers it stands for.")


Event = Annotated[PassageEvent | IrregularEvent | DailyEvent | NoticeEvent, Field(discriminator="kind")]


class Events(BaseModel):
    """A page of events, in order of time."""

    items: list[Event]
    next: Next


class TallyItem(BaseModel):
    """Counts of passages that have no record of their own, over [from_ms, to_ms)."""

    device: DeviceName
    boot: Boot
    seq: Seq
    from_ms: At
    to_ms: At
    entries: int
    exits: int
    paid: int = Field(description="On a valid medium.")
    free: int = Field(description="While the gate was released to all.")
    declined: int = Field(description="Those of `paid` whose rider has not consented.")
    irregular: int = Field(description="`irregular` records folded into this one.")
    notices: int = Field(description="`device` and `daily` records folded into this one.")
    folds: int = Field(description="How many sequence numbers it stands for.")


class Tallies(BaseModel):
    """A page of tallies, in order of the beginning of their interval."""

    items: list[TallyItem]
    next: Next


class Gap(BaseModel):
    """Sequence numbers [from_seq, to_seq) that did not come in order."""

    boot: Boot
    from_seq: int
    to_seq: int
    state: Literal["open", "closed", "permanent"] = Field(
        description="open: not come yet; closed: came later; permanent: the device has lost them."
    )


class Gaps(BaseModel):
    """A page of the gap report of one device, in order of boot and sequence number."""

    device: DeviceName
    boots: list[BootMark]
    items: list[Gap]
    next: Next


class Quarantined(BaseModel):
    """Messages refused for one reason from one device."""

    reason: str = Field(examples=["bad_seal"])
    device: str = Field(description="Empty for devices that are not known.")
    count: int
    bytes: int


class Blocked(BaseModel):
    """A device whose batch is refused. It sends the batch again and again, and nothing behind it is stored."""

    reason: str = Field(description="Why, as in `quarantine`.", examples=["not_allowed"])
    count: int = Field(description="Sealed batches of the device refused since the gateway's start.")


class DeviceHealth(BaseModel):
    """How one device is."""

    device: DeviceName
    link: Literal["unknown", "online", "lost"]
    state: str | None = Field(description="The turnstile's state on the last scene (emulated sites).")
    boot: int | None
    watermark: int | None
    outbox: int | None = Field(description="Records that the device has not been told to be stored.")
    heap_free: int | None = Field(description="Bytes; -1 where the runtime can't tell.")
    worst_tick_ms: int | None
    refused_stored: int | None
    blocked: Blocked | None = Field(description="Null once a record of the device is stored again.")


class GatewayHealth(BaseModel):
    """How the gateway is."""

    status: Literal["ok", "degraded"]
    ingest: Literal["ok", "database_busy", "disk_full", "broker_lost", "failed"]
    stored: dict[str, int] = Field(description="Records stored, by kind.")
    duplicates_refused: int
    gaps: dict[str, int] = Field(description="Gaps by state.")
    quarantine: list[Quarantined]
    dropped: int = Field(description="Messages since the start that found no room; devices send events again.")
    devices: list[DeviceHealth]
