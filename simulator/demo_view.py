"""The demo in the terminal: lanes, riders, what is stored and what is in flight. Draws; knows nothing else."""

from collections.abc import Sequence

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulator.demo import Summary
from simulator.live import LaneView

_STATE_STYLES = {
    "locked": "dim",
    "refusing": "yellow",
    "released": "green",
    "passing": "bold green",
    "clearing": "green",
    "intrusion": "bold red",
    "free": "bold yellow",
    "dark": "red",
}


def screen(
    lanes: Sequence[LaneView],
    *,
    url: str,
    kiosk_url: str,
    gateline_url: str,
    clock_s: float,
    riders: int,
    stored: int,
    in_flight: int,
    held: int,
    shopping: int,
    refused: int,
    note: str,
) -> RenderableType:
    """One frame. `stored` counts passages and tallied riders in the database, `in_flight` riders not yet there,
    `held` those whom the gates have counted and not told, `shopping` who has no pass yet."""
    table = Table(box=box.SIMPLE_HEAD, expand=True, pad_edge=False)
    for title, justify in (("lane", "left"), ("way", "left"), ("state", "left"), ("through", "right")):
        table.add_column(title, justify="right" if justify == "right" else "left")
    table.add_column("waiting", justify="left")
    table.add_column("process", justify="right")
    for lane in lanes:
        process = "in process" if lane.pid is None else str(lane.pid)
        table.add_row(
            lane.name,
            "entry →" if lane.way == "entry" else "← exit",
            Text(lane.state, style=_STATE_STYLES.get(lane.state, "")),
            str(lane.through),
            "●" * min(lane.queue, 12) + (f" {lane.queue}" if lane.queue > 12 else ""),
            process if lane.boots <= 1 else f"{process} (boot {lane.boots})",
        )
    totals = Table.grid(expand=True)
    for _ in range(6):
        totals.add_column(justify="center")
    totals.add_row(
        *(
            Text.assemble((str(value), "bold"), f" {name}")
            for value, name in (
                (shopping, "at the kiosks"),
                (riders, "came"),
                (stored, "in the table"),
                (held, "held at gates"),
                (in_flight, "on their way"),
                (refused, "duplicates"),
            )
        )
    )
    addresses = Table.grid(padding=(0, 2))
    for name, address in (("pages", url), ("kiosk", kiosk_url), ("hold a pass to a gate", gateline_url)):
        addresses.add_row(Text(name, style="dim"), Text(address, style="bold cyan"))
    return Panel(
        Group(addresses, Text(note, style="dim"), table, totals),
        title="[bold]Gateline[/] · rate the gate, not the rider",
        subtitle=f"{clock_s:.0f} s · Ctrl-C ends it",
        box=box.ROUNDED,
    )


def summary_table(summary: Summary) -> RenderableType:
    """The summary in words."""
    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_row(str(summary.sold), "passes sold at the kiosks")
    if summary.refunded:
        table.add_row(str(summary.refunded), "  sales that ended with the money back", style="dim")
    if summary.unserved:
        table.add_row(str(summary.unserved), "  riders got no pass", style="bold red")
    table.add_row(str(summary.riders), "riders came to the gates")
    if summary.stranded:
        table.add_row(str(summary.stranded), "  never got through", style="bold red")
    for kind, count in summary.truth.items():
        if count:
            table.add_row(str(count), f"  {kind.replace('_', ' ')}", style="dim")
    rows = (
        (summary.recorded, "consented passages recorded"),
        (summary.erased, "consented passages that their riders had erased"),
        (summary.spent, "used singles in the spent set"),
        (summary.tallied, "passages counted in tallies"),
        (summary.held, "counted at the gates and not told yet: fewer than ten each"),
        (summary.stored, "records in the database"),
        (summary.duplicates_refused, "duplicates refused"),
        (summary.duplicates_stored, "duplicates stored"),
        (summary.gaps, "gaps"),
        (summary.lost, "lost"),
        (summary.invented, "invented"),
        (summary.irregular, "irregular passages reported"),
        (summary.misjudged, "by so much gates were wrong about their riders"),
        *([(summary.meddled, "explained by hands in the beams")] if summary.meddled else []),
        (summary.cash_off_cents, "cents too many or too few in the kiosks"),
        (summary.declined_located, f"of {summary.declined} riders who said no can be placed at one gate and time"),
    )
    for value, name in rows:
        table.add_row(str(value), name)
    return Group(table, Text(summary.verdict(), style="bold green" if summary.clean else "bold red"))
