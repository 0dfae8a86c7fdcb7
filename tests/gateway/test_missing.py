"""Where there is nothing: a page of the gateway's own for a browser, problem details for everybody else, both 404."""

import json
import re
from collections.abc import Iterator

import httpx
import pytest

from gateway.embedded import EmbeddedGateway
from gateway.web.frame import HELP, PLACES
from gateway.web.missing import PATH_SHOWN

BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"}


@pytest.fixture(scope="module")
def http(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    """A gateway in a process of its own, with a lane, a physical gate's site and an empty folder of runs."""
    folder = tmp_path_factory.mktemp("missing")
    (folder / "runs").mkdir()
    gateway = EmbeddedGateway(folder / "data", runs=folder / "runs")
    try:
        gateway.provision("majestic", ["gate-1"])
        gateway.start_broker()
        with httpx.Client(base_url=gateway.start_gateway(), timeout=30) as client:
            yield client
    finally:
        gateway.stop()


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/nonsense", "There is no page at “/nonsense” here."),
        ("/start/here", "There is no page at “/start/here” here."),
        ("/my-data/", "There is no page at “/my-data/” here."),
        ("/lane/unknown", "There is no gate that is called “unknown” here."),
        ("/devices/unknown", "No gate or kiosk that is called “unknown” was ever added here."),
        ("/replay?run=gone", "There is no such run"),
        ("/replay?device=gate-1&boot=1&seq=5", "gate-1 has no such record any more"),
        ("/results?run=gone", "There is no run of that name here (yet)"),
    ],
)
def test_a_wrong_path_is_a_page_of_ours(http: httpx.Client, path: str, says: str) -> None:
    answer = http.get(path, headers=BROWSER)
    assert answer.status_code == 404
    assert answer.headers["content-type"].startswith("text/html")
    words = answer.text.replace("\\u201c", "“").replace("\\u201d", "”")
    assert says in words
    for _, way in (*PLACES, HELP):
        assert json.dumps(way) in words, f"it says nothing of {way}"
    # The guard's rules hold here too: every script has the nonce of this answer's policy.
    [nonce] = re.findall(r"'nonce-([^']+)'", answer.headers["content-security-policy"])
    scripts = re.findall(r"<script\b[^>]*>", answer.text)
    assert scripts and all(f'nonce="{nonce}"' in one for one in scripts)
    assert answer.headers["x-content-type-options"] == "nosniff" and answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/v1/nonsense", BROWSER),
        ("/v1", BROWSER),
        ("/v1/devices/unknown/gaps", BROWSER),
        ("/v1/runs/gone", BROWSER),
        ("/nonsense", {"accept": "*/*"}),
        ("/static/old/gateline.css", {"accept": "text/css,*/*;q=0.1"}),
        ("/_nicegui/nonsense", {"accept": "*/*"}),
    ],
)
def test_who_asks_for_no_page_gets_problem_details(http: httpx.Client, path: str, headers: dict[str, str]) -> None:
    answer = http.get(path, headers=headers)
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["instance"] == path


def test_what_was_asked_for_is_text_and_bounded(http: httpx.Client) -> None:
    answer = http.get("/%3Cscript%3Ealert(1)%3C%2Fscript%3E%E2%80%AE", headers=BROWSER)
    assert answer.status_code == 404
    assert "<script>alert" not in answer.text and "\u202e" not in answer.text
    assert "x" * (PATH_SHOWN + 1) not in http.get("/" + "x" * 2_000, headers=BROWSER).text


def test_strangers_get_no_page(http: httpx.Client) -> None:
    answer = http.get("/nonsense", headers={**BROWSER, "host": "elsewhere.example"})
    assert answer.status_code == 400
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_is_there_answers_200(http: httpx.Client) -> None:
    for path in ("/", "/start", "/lane/gate-1", "/devices/gate-1", "/replay", "/results", "/my-data"):
        assert http.get(path, headers=BROWSER).status_code == 200, path
