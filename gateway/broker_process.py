"""The embedded broker's own process: ``python -m gateway.broker_process CONFIG``.

Rules: it ends when its standard input closes, so it never outlives the process that started it, even one that was
killed; it ignores the keyboard's interrupt, because its parent decides when the devices have been heard; it takes as
many open files as the system gives, for each device is one.
"""

from __future__ import annotations

import logging
import os
import resource
import signal
import sys
import threading

import iotcore


def _end_with_parent() -> None:
    while os.read(0, 1024):
        pass
    os._exit(0)


def main() -> None:
    """Run the broker until standard input closes or a signal ends the process."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # rumqttd reports every packet as an error span; its own port check speaks through an exception instead.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)
    _, most_files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
    threading.Thread(target=_end_with_parent, daemon=True).start()
    iotcore.Broker(config_path=sys.argv[1]).run_forever()


if __name__ == "__main__":
    main()
