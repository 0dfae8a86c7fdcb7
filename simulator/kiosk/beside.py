"""A kiosk with its page in a process of its own, beside a demo: `python -m simulator.kiosk.beside` takes what
`gateline kiosk` takes, and ends when its standard input does, so that it never outlives who started it.

`OwnKiosk` is the other end: it starts such a process and knows its page's address.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from simulator.errors import UserError

START_S = 60.0
STOP_S = 10.0


class OwnKiosk:
    """The process; `settings` as provisioned, with the gateway's address; `folder` gets its storage and its log."""

    def __init__(self, settings: dict[str, Any], folder: Path, present_url: str) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = folder / "settings.json"
        file.touch(mode=0o600)
        file.write_text(json.dumps(settings))
        root = str(Path(__file__).resolve().parents[2])
        environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))}
        command = [sys.executable, "-m", "simulator.kiosk.beside", str(file), "--data", str(folder / "storage")]
        command += ["--port", "0", "--present", present_url, "--json-ready"]
        self._log = folder / "log.txt"
        with self._log.open("wb") as log:
            # A session of its own: the keyboard's interrupt is for the demo, which ends the kiosk in its turn.
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                env=environment,
                start_new_session=True,
            )

    def url(self) -> str:
        """Where its page is, once it serves. UserError when it does not come to that."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(START_S, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        if not line:
            self._process.wait()
            raise UserError(f"The kiosk's page did not start; it said: {self._said()}")
        return str(json.loads(line)["http"])

    def check(self) -> None:
        """UserError when it has ended by itself."""
        if self._process.poll() is not None:
            raise UserError(
                f"The kiosk's page ended by itself (status {self._process.returncode}); it said: {self._said()}"
            )

    def close(self) -> None:
        """End it; what it holds for a rider is in its ledger."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()

    def _said(self) -> str:
        lines = self._log.read_text(errors="replace").split("\n")
        return " ".join(line.strip() for line in lines[-5:] if line.strip()) or "nothing"


def _end_with_stdin() -> None:
    # Not sys.stdin: a thread that holds its lock would break the interpreter's end.
    while os.read(0, 1024):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """The process's own beginning."""
    import typer

    from firmware.kiosk.touch.command import kiosk_command
    from firmware.kiosk.touch.errors import UserError as KioskError
    from simulator.kiosk.paced import PacedKiosk

    threading.Thread(target=_end_with_stdin, daemon=True).start()
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    app.command()(kiosk_command(PacedKiosk))
    try:
        app()
    except KioskError as error:
        sys.exit(f"{error}")


if __name__ == "__main__":
    main()
