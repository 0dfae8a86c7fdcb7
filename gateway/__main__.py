"""``python -m gateway``: the gateway's own commands without the front door, for processes that start it."""

from gateway.cli import main

main()
