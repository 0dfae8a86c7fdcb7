"""The service that the pages of this process show.

NiceGUI is one per process, and so are its pages: they ask here for the gateway they belong to, which is known while it
runs. Nothing else belongs here.
"""

from __future__ import annotations

from gateway.service import Service

_service: Service | None = None


def use(service: Service | None) -> None:
    """From now on pages show this service; None when it ends."""
    global _service
    _service = service


def service() -> Service:
    """The running service; RuntimeError while there is none."""
    if _service is None:
        raise RuntimeError("the pages were asked before the gateway ran, or after its end")
    return _service
