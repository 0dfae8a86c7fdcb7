"""What the documents claim and the code has: topics, records, the turnstile's diagram, every command's options."""

import json
import re
import runpy
import typing
from dataclasses import fields

import typer.main

from gateline import build
from simulator.demo import Summary
from simulator.truth import INTRUSIONS, KINDS
from tests.support import PICTURES, ROOT, pictures_shown

PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


def test_the_turnstile_page_is_drawn_from_the_table() -> None:
    page = runpy.run_path(str(ROOT / "docs" / "draw_turnstile.py"))["page"]
    assert (ROOT / "docs" / "turnstile.md").read_text(encoding="utf-8") == page()


def test_every_channel_and_record_kind_is_in_the_protocol() -> None:
    from gateway.protocol import records, topics

    kinds = [kind.__struct_config__.tag for kind in typing.get_args(records.Record)]
    assert len(kinds) == 8
    for kind in kinds:
        assert f"**`{kind}`**" in PROTOCOL, f"record kind {kind} is not described in docs/protocol.md"
    for channel in (*topics.INCOMING, topics.STORED, topics.WORLD):
        assert f"| `{channel}` |" in PROTOCOL, f"channel {channel} is not described in docs/protocol.md"


def test_every_command_and_option_is_documented() -> None:
    documents = "\n".join(
        path.read_text(encoding="utf-8") for path in [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    )
    missing = []

    def walk(command: object, words: tuple[str, ...]) -> None:
        commands = getattr(command, "commands", None)
        if commands is not None:
            for name, inner in commands.items():
                walk(inner, (*words, name))
            return
        if " ".join(words) not in documents:
            missing.append(" ".join(words))
        for parameter in getattr(command, "params", ()):
            if getattr(parameter, "hidden", False):
                continue
            for option in parameter.opts:
                if option.startswith("--") and option != "--help" and option not in documents:
                    missing.append(f"{' '.join(words)} {option}")

    walk(typer.main.get_command(build([])), ("gateline",))
    assert not missing, f"neither README.md nor docs/ mentions {missing}"


def test_links_between_documents_lead_somewhere() -> None:
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        for target in re.findall(r"\]\(([^)#]+?)(?:#[^)]*)?\)", path.read_text(encoding="utf-8")):
            if "://" not in target:
                assert (path.parent / target).exists(), f"{path.name} links to {target}, which is not there"


def test_every_picture_is_shown_and_every_picture_shown_is_there() -> None:
    assert {picture.name for picture in PICTURES.iterdir()} == pictures_shown()


def test_no_document_has_a_place_left_open() -> None:
    for path in [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        assert not re.findall(r"@[A-Z]+@", path.read_text(encoding="utf-8")), path.name


def test_the_worked_example_is_a_golden_payload() -> None:
    golden = {case["name"]: case for case in json.loads((ROOT / "tests" / "golden" / "payloads.json").read_text())}
    for name in ("passage, emulated", "stored"):
        assert golden[name]["message"] in PROTOCOL and golden[name]["topic"] in PROTOCOL


def test_every_setting_of_a_device_is_in_its_table() -> None:
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    code = (ROOT / "firmware" / "config.py").read_text(encoding="utf-8")
    names = set(re.findall(r'\(\w+, "([a-z_.]+)"', code)) | {"key"}
    assert {"site", "class", "key", "broker", "broker.port", "lane.beams", "report.interval_ms"} <= names
    missing = [name for name in sorted(names - {"lane", "passes", "report"}) if f"| `{name}` |" not in page]
    assert not missing, f"docs/settings.md has no row for {missing}"


def test_the_demos_summary_in_the_readme_has_the_members_that_are_printed() -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = json.loads(text.split("```json\n", 1)[1].split("```", 1)[0])
    assert list(shown) == [field.name for field in fields(Summary)]
    assert list(shown["truth"]) == [kind for kind in KINDS if kind not in INTRUSIONS or kind in shown["truth"]]
    demo = (ROOT / "docs" / "demo.md").read_text(encoding="utf-8")
    assert [name for name in shown if f"`{name}`" not in demo] == []
