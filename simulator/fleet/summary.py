"""What a fleet's run came to, as it is printed. docs/fleet.md explains each member."""

import json
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Summary:
    """Counts of one run; records by sequence number."""

    devices: int
    connected: int
    riders: int
    stranded: int
    turned_away: int
    truth: dict[str, int]
    records: int
    confirmed: int
    unconfirmed: int
    resends: int
    folded: int
    dropped: int
    reconnects: int
    faults: dict[str, int]
    late_ms: int
    rss_bytes_per_device: int
    cpu_share: float
    seed: int
    wall_s: float

    def json(self) -> str:
        return json.dumps(asdict(self))

    @property
    def clean(self) -> bool:
        """All were there, nobody was left standing, and the gateway has everything."""
        return self.connected == self.devices and not (self.stranded or self.unconfirmed or self.dropped)

    def verdict(self) -> str:
        """In a sentence."""
        if self.clean:
            return "The gateway has confirmed everything."
        found = []
        if self.connected < self.devices:
            found.append(f"at most {self.connected} of {self.devices} devices were connected at a time")
        if self.stranded:
            found.append(f"{self.stranded} riders never got through")
        if self.unconfirmed:
            found.append(f"{self.unconfirmed} records are not confirmed")
        if self.dropped:
            found.append(f"{self.dropped} records were dropped by full outboxes")
        text = ", ".join(found)
        return text[0].upper() + text[1:] + "."
