"""Notices: fixed texts, clear errors, what issuer and riders read; and the receipts that belong to them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gateway.consent import receipt
from gateway.consent.notices import NO_CONTACT, NO_OPERATOR, TEXTS, Notices, parse, read, shipped
from gateway.errors import UserError
from gateway.service import Service, Settings
from gateway.store.database import Database
from tests.gateway.conftest import Whole
from tests.gateway.test_commands import gateway, one_sentence
from tests.support import ROOT

SHIPPED = ROOT / "gateway" / "consent" / "shipped" / "2026-1.toml"
# Riders have been shown these words: whoever changes a shipped notice makes a new version instead.
FIXED = {"2026-1": "d25678a0c781808f6e6a8604d5bea50e40d29cdd8a398adf54994056bc96ef02"}


def other(version: str = "2026-2", **changes: str) -> str:
    """The shipped notice under another version, with some of its lines changed."""
    text = SHIPPED.read_text(encoding="utf-8").replace('version = "2026-1"', f'version = "{version}"')
    for old, new in changes.items():
        text = re.sub(rf"^{old} = .*$", f"{old} = {new}".replace("\\", r"\\"), text, flags=re.MULTILINE)
    return text


def test_shipped_texts_are_fixed() -> None:
    assert {notice.version: notice.sha256 for notice in shipped()} == FIXED


def test_every_text_is_there_in_every_language_and_says_how_long() -> None:
    for notice in shipped():
        filled = notice.filled("Example Transit Lab", "privacy@example.org")
        for texts in filled.values():
            assert list(texts) == list(TEXTS)
            assert str(notice.keep_days) in texts["how_long"] and "privacy@example.org" in texts["contact"]
            assert not [text for text in texts.values() if "{" in text]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"version": "Notice 1"}, ["version is 'Notice 1'", "lower-case letters"]),
        ({"keep_days": "0"}, ["keep_days is 0", "from 1 to 366"]),
        ({"keep_days": '"7"'}, ["keep_days is '7'"]),
        ({"keep_days": "true"}, ["keep_days is True"]),
        ({"keep_days": "7\nscore = 3"}, ["there is no key score", "keep_days"]),
        ({"question": '""'}, ["[en]: the text question is missing"]),
        ({"what": '"{name}"'}, ["the text what has braces around something else", "keep_days"]),
        ({"what": '"{"'}, ["braces"]),
        ({"how_long": '"Seven days."'}, ["must say {keep_days}"]),
        ({"contact": '"ask us"'}, ["must say {contact}"]),
        ({"why": '"x\\ny"'}, ["one paragraph"]),
        ({"why": '"' + "x" * 1001 + '"'}, ["at most 1000"]),
        ({"why": '"x"\nbecause = "y"'}, ["has no text because", "withdraw"]),
        ({"why": "x"}, ["is not TOML"]),
    ],
    ids=str,
)
def test_what_is_wrong_with_a_notice_is_said(changes: dict[str, str], words: list[str]) -> None:
    with pytest.raises(UserError) as error:
        parse(other(**changes), "my.toml")
    for word in ["my.toml", *words]:
        assert word in str(error.value)


def test_a_language_that_is_missing_is_named() -> None:
    with pytest.raises(UserError, match=r"the table \[de\] is missing"):
        parse(other().split("[de]")[0], "my.toml")


def test_files_that_are_no_notices(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        read(tmp_path / "none.toml")
    (tmp_path / "big.toml").write_bytes(b"#" * 70_000)
    with pytest.raises(UserError, match="larger than 65536 bytes"):
        read(tmp_path / "big.toml")
    (tmp_path / "latin.toml").write_bytes("# Müller".encode("latin-1"))
    with pytest.raises(UserError, match="not UTF-8"):
        read(tmp_path / "latin.toml")


def test_a_version_is_fixed_once_it_is_added(database: Database) -> None:
    notices = Notices(database)
    assert notices.current().version == "2026-1"
    notices.keep()
    assert notices.add(parse(other(), "a"))
    assert not notices.add(parse(other(), "a")), "the same again changes nothing"
    assert [notice.version for notice in notices.all()] == ["2026-1", "2026-2"]
    assert notices.current().version == "2026-2"
    with pytest.raises(UserError, match="a version's text is fixed: give the new text a new version"):
        notices.add(parse(other(question='"Really?"'), "b"))
    assert notices.current().sha256 == parse(other(), "a").sha256
    assert notices.find("2026-1") == shipped()[0] and notices.find("2025-1") is None
    with database.writer.begin() as connection:
        connection.exec_driver_sql("UPDATE consent_notices SET sha256 = '00' WHERE version = '2026-1'")
    with pytest.raises(UserError, match="comes with this program has other words"):
        notices.keep()


def test_nothing_lives_longer_than_any_notice_has_told(tmp_path: Path) -> None:
    database = Database(tmp_path)
    notices = Notices(database)
    notices.keep()
    assert (notices.days_to_keep(None), notices.days_to_keep(3), notices.days_to_keep(9)) == (7, 3, 7)
    notices.add(parse(other(keep_days="30"), "a"))
    assert notices.days_to_keep(None) == 7, "somebody may hold a pass under the older one"
    notices.add(parse(other("2026-3", keep_days="2"), "a"))
    assert notices.days_to_keep(None) == 2
    database.close()
    with pytest.raises(UserError, match=r"--keep-days 7 is longer than the notice 2026-3 .*\(2 days\)"):
        Service(Settings(tmp_path, keep_days=7), lambda: None)
    Service(Settings(tmp_path, keep_days=2), lambda: None).close()


def test_an_own_notice_from_the_first_day_may_tell_of_longer(tmp_path: Path) -> None:
    database = Database(tmp_path)
    Notices(database).add(parse(other(keep_days="30"), "a"))
    Notices(database).keep()
    assert Notices(database).days_to_keep(30) == 30
    database.close()


def test_the_commands(tmp_path: Path) -> None:
    data = ("--data", tmp_path / "data")
    (tmp_path / "own.toml").write_text(other(), encoding="utf-8")
    added = notice("add", "2026-1", *data)
    assert added.returncode == 0 and "2026-1 (SHA-256 d256" in added.stderr and "current" in added.stderr
    assert "is the current notice now" in notice("add", tmp_path / "own.toml", *data).stderr
    assert "nothing has changed" in notice("add", tmp_path / "own.toml", *data).stderr
    listed = [json.loads(line) for line in notice("list", *data).stdout.splitlines()]
    assert [(one["version"], one["current"], one["languages"]) for one in listed] == [
        ("2026-1", False, ["de", "en"]),
        ("2026-2", True, ["de", "en"]),
    ]
    typo = tmp_path / "typo"
    one_sentence(notice("list", "--data", typo), "typo", "is not there")
    one_sentence(notice("list", "--data", tmp_path), "has no gateway's data in it")
    one_sentence(notice("list", "--data", tmp_path / "own.toml"), "own.toml is a file")
    one_sentence(notice("add", "2026-1", "--data", tmp_path / "own.toml"), "own.toml is a file")
    assert not typo.exists() and {one.name for one in tmp_path.iterdir()} == {"data", "own.toml"}
    one_sentence(notice("add", tmp_path / "none.toml", *data), "none.toml", "cannot be read")
    assert notice("operator", "--name", "Lab", "--contact", "lab@example.org", *data).returncode == 0
    one_sentence(notice("operator", "--name", "{x}", "--contact", "y", *data), "operator's name", "without braces")
    database = Database(tmp_path / "data")
    assert Notices(database).operator() == ("Lab", "lab@example.org")
    database.close()


def notice(*words: str | Path) -> Any:
    return gateway("notice", *words)


def test_the_api_tells_them(whole: Whole) -> None:
    assert whole.http.get("/v1/notices").json() == {
        "items": [{"version": "2026-1", "sha256": FIXED["2026-1"], "keep_days": 7, "current": True}]
    }
    body = whole.http.get("/v1/notices/2026-1").json()
    for language, words in NO_OPERATOR.items():
        assert words in body["texts"][language]["contact"] and words in body["texts"][language]["who"]
        assert body["receipt"][language]["piiControllers"][0]["piiController"] == words
        assert NO_CONTACT[language] in body["receipt"][language]["piiControllers"][0]["contact"]
    assert whole.service.notices.add(parse(other(), "a"))
    whole.service.notices.set_operator("Lab", "lab@example.org")
    assert whole.http.get("/v1/notices").json()["items"][-1]["version"] == "2026-2"
    body = whole.http.get("/v1/notices/2026-1").json()
    assert not body["current"] and body["texts"]["en"]["contact"] == "Lab, lab@example.org"
    assert whole.http.get("/v1/notices/nothing").status_code == 404


# -- receipts


def receipts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((ROOT / "tests" / "golden" / "consent-receipts.json").read_text())
    return found


def test_the_schema_in_the_docs_is_the_form_in_the_code() -> None:
    written = json.loads((ROOT / "docs" / "consent-receipt.schema.json").read_text())
    assert written == receipt.schema()


def test_a_template_with_its_blanks_filled_is_a_receipt(whole: Whole) -> None:
    whole.service.notices.set_operator("Example Transit Lab", "privacy@example.org")
    for golden in receipts():
        template = whole.http.get("/v1/notices/2026-1").json()["receipt"][golden["language"]]
        assert [name for name, value in template.items() if value is None] == sorted(
            receipt.BLANKS, key=list(template).index
        )
        filled = template | {name: golden[name] for name in receipt.BLANKS}
        assert filled == golden
        made = receipt.decode(json.dumps(filled).encode())
        assert made.iso27560.privacy_notice.sha256 == FIXED["2026-1"]


@pytest.mark.parametrize(
    "change",
    [
        {"piiPrincipalId": "somebody"},
        {"pass": "AEAQ"},
        {"consentTimestamp": 1_754_402_401},
        {"consentTimestamp": None},
        {"consentReceiptID": "4"},
        {"sensitive": True},
        {"piiControllers": []},
    ],
    ids=str,
)
def test_a_receipt_says_nothing_else(change: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        receipt.decode(json.dumps(receipts()[0] | change).encode())


def test_every_member_of_a_receipt_is_in_the_docs() -> None:
    page = (ROOT / "docs" / "consent-receipt.md").read_text(encoding="utf-8")
    for struct in (receipt.Receipt, receipt.Controller, receipt.Purpose, receipt.Service, receipt.Iso27560):
        for field in msgspec.structs.fields(struct):
            assert re.search(rf"[`.]{field.name}\b", page), field.name
