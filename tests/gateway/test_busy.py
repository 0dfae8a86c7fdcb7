"""Pages on a busy gateway: made all the same where that takes long, and else 503 that says when to try again.

Time is pretended: the event loop's clock goes on to the next deadline when there is nothing else to do.
"""

import json
import subprocess
import sys
from typing import Any

import pytest

from gateway.web.busy import AGAIN_S, PATIENCE_S

# In a process of its own: NiceGUI is one per process.
CODE = """
import asyncio, json, selectors, sys
import httpx
from fastapi import FastAPI
from nicegui import Client
from gateway.api.guard import Guard
from gateway.store.database import StoreBusy
from gateway.web import site
from gateway.web.busy import patient_page
from gateway.web.frame import frame
from gateway.web.nodes import Node

class Clock(selectors.DefaultSelector):
    ahead_s = 0.0
    def select(self, timeout=None):
        ready = super().select(0)
        if not ready and timeout:
            self.ahead_s += timeout
        return ready

class Loop(asyncio.SelectorEventLoop):
    def __init__(self):
        self.clock = Clock()
        super().__init__(self.clock)
    def time(self):
        return super().time() + self.clock.ahead_s

app = FastAPI()
app.add_middleware(Guard)
site.install(app)

@patient_page("/slow/{seconds}")
async def slow(seconds: int) -> None:
    await asyncio.sleep(seconds)
    with frame("Slow", ""):
        Node("p", "made after all")

@patient_page("/locked")
async def locked() -> None:
    await asyncio.sleep(0)
    raise StoreBusy("locked")

async def main():
    async with app.router.lifespan_context(app):
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1") as client:
            for path in sys.argv[1:]:
                before = set(Client.instances)
                answers = [await client.get(path, headers={"accept": accept}) for accept in ("text/html", "*/*")]
                print(json.dumps([[one.status_code, dict(one.headers), one.text] for one in answers]))
                if answers[0].status_code == 503:
                    await asyncio.sleep(0)
                    assert set(Client.instances) == before, "what nobody will connect to keeps no place"

asyncio.Runner(loop_factory=Loop).run(main())
"""


@pytest.fixture(scope="module")
def answers() -> dict[str, list[list[Any]]]:
    """Of each path what a browser and what a program gets: status, headers, text."""
    paths = ["/slow/25", f"/slow/{PATIENCE_S * 2:.0f}", "/locked"]
    done = subprocess.run([sys.executable, "-c", CODE, *paths], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    return dict(zip(("slow", "too slow", "locked"), map(json.loads, done.stdout.splitlines()), strict=True))


def test_a_page_that_takes_long_is_made_all_the_same(answers: dict[str, list[list[Any]]]) -> None:
    for status, _, text in answers["slow"]:
        assert status == 200
        assert "made after all" in text


@pytest.mark.parametrize(
    ("case", "says"), [("too slow", "could not make this page within 30 seconds"), ("locked", "can&#x27;t be read")]
)
def test_what_cannot_be_made_now_says_when_to_try_again(
    answers: dict[str, list[list[Any]]], case: str, says: str
) -> None:
    (status, headers, text), (other_status, other_headers, other_text) = answers[case]
    assert status == other_status == 503
    assert headers["retry-after"] == other_headers["retry-after"] == str(AGAIN_S)
    assert headers["content-type"].startswith("text/html") and says in text
    assert "nonce-" in headers["content-security-policy"] and '<script nonce="' in text
    assert f'<meta http-equiv="refresh" content="{AGAIN_S}">' in text
    assert other_headers["content-type"] == "application/problem+json"
    assert f"Try again in {AGAIN_S} seconds." in json.loads(other_text)["detail"]
