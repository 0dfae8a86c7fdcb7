"""The fleet in the terminal. Draws; knows nothing else."""

from rich import box
from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from simulator.fleet.fleet import Look
from simulator.fleet.summary import Summary


def screen(look: Look, *, broker: str, clock_s: float, note: str) -> RenderableType:
    """One frame."""
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(justify="right", style="bold", min_width=9)
    table.add_column()
    faults = ", ".join(f"{count} {what.replace('_', ' ')}s" for what, count in look.faults.items() if count)
    for value, name in (
        (f"{look.connected:,}", f"of {look.devices:,} devices connected"),
        (f"{look.riders:,}", "riders came"),
        (f"{look.counts.records:,}", "records made"),
        (f"{look.counts.confirmed:,}", "confirmed by the gateway"),
        (f"{look.counts.unconfirmed:,}", "in flight"),
        (f"{look.late_ms:,}", "ms late at worst"),
    ):
        table.add_row(value, name)
    return Panel(
        Group(Text.assemble(("broker  ", "dim"), (broker, "bold cyan")), Text(note, style="dim"), table, Text(faults)),
        title="[bold]Gateline fleet[/] · rate the gate, not the rider",
        subtitle=f"{clock_s:.0f} s · Ctrl-C ends it",
        box=box.ROUNDED,
        width=72,
    )


def summary_table(summary: Summary) -> RenderableType:
    """The summary in words."""
    table = Table(box=box.SIMPLE_HEAD, show_header=False)
    table.add_column(justify="right", style="bold")
    table.add_column()
    table.add_row(f"{summary.connected:,}", f"of {summary.devices:,} devices connected")
    table.add_row(f"{summary.riders:,}", "riders came")
    for kind, count in summary.truth.items():
        if count:
            table.add_row(f"{count:,}", f"  {kind.replace('_', ' ')}", style="dim")
    for value, name in (
        (summary.stranded, "never got through"),
        (summary.turned_away, "found a full queue and went"),
        (summary.records, "records made"),
        (summary.confirmed, "confirmed by the gateway"),
        (summary.unconfirmed, "not confirmed"),
        (summary.resends, "times a device sent again"),
        (summary.folded, "records folded into tallies"),
        (summary.dropped, "records dropped"),
        (summary.reconnects, "times a device connected again"),
        *((count, what.replace("_", " ") + "s") for what, count in summary.faults.items()),
        (summary.late_ms, "ms late at worst"),
        (summary.rss_bytes_per_device // 1024, "KiB of memory a device"),
        (round(summary.cpu_share * 100), "% of a core while riders came"),
    ):
        table.add_row(f"{value:,}", name)
    return Group(table, Text(summary.verdict(), style="bold green" if summary.clean else "bold red"))
