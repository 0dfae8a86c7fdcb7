"""Notices: what riders are told before they are asked, by version and language.

Rules: a notice is one TOML file; every text is there in every language, in plain characters of one paragraph; how long
records live is a number (``keep_days``) that the text must quote through its placeholder, so that the two can't differ.
A version's text is fixed once it is known to a database: its SHA-256 says so, keys and receipts name the version, and
whoever wants other words adds another version. The newest added one is *current*: new keys belong to it. Name and
contact of the operator are no part of the fixed text; they fill ``{operator}`` and ``{contact}`` when it is shown.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from gateway.errors import UserError
from gateway.store.consent import ConsentStore
from gateway.store.database import Database

TEXTS: Final = ("title", "question", "what", "why", "how_long", "who", "no", "withdraw", "beware", "contact")
"""The texts of a notice, in the order in which they are shown."""
REQUIRED_LANGUAGES: Final = ("en", "de")
MAX_TEXT: Final = 1_000
MAX_FILE_BYTES: Final = 64 * 1024
MAX_KEEP_DAYS: Final = 366
NO_OPERATOR: Final = {"en": "the operator of these gates", "de": "der Betreiber dieser Sperren"}
NO_CONTACT: Final = {"en": "at the station's desk", "de": "am Schalter der Station"}
"""What stands for an operator who has not said who they are; other languages have the English words."""

_VERSION: Final = re.compile(r"[a-z0-9][a-z0-9.-]{0,15}")
_LANGUAGE: Final = re.compile(r"[a-z]{2,3}")
_PLACEHOLDER: Final = re.compile(r"\{([^{}]*)\}")
_ALLOWED: Final = frozenset({"keep_days", "operator", "contact"})
_NUMBERS: Final = {"keep_days": MAX_KEEP_DAYS, "resolution_minutes": 1440}


def in_language(words: Mapping[str, str], language: str) -> str:
    """The words in ``language``, or in English."""
    return words.get(language, words["en"])


@dataclass(frozen=True, slots=True)
class Notice:
    """One version. ``texts``: language -> name of the text (of :data:`TEXTS`) -> text with its placeholders."""

    version: str
    keep_days: int
    resolution_minutes: int
    texts: Mapping[str, Mapping[str, str]]

    @property
    def canonical(self) -> str:
        """The one form that is stored and hashed: JSON with sorted members, no white space."""
        value = {
            "version": self.version,
            "keep_days": self.keep_days,
            "resolution_minutes": self.resolution_minutes,
            "texts": {language: dict(texts) for language, texts in self.texts.items()},
        }
        return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)

    @property
    def sha256(self) -> str:
        """64 hex digits over :attr:`canonical` in UTF-8."""
        return hashlib.sha256(self.canonical.encode()).hexdigest()

    def filled(self, operator: str, contact: str) -> dict[str, dict[str, str]]:
        """The texts as they are shown; '' for an operator who has not said who they are."""
        return {language: self._filled(language, operator, contact) for language in self.texts}

    def _filled(self, language: str, operator: str, contact: str) -> dict[str, str]:
        values = {
            "keep_days": str(self.keep_days),
            "operator": operator or in_language(NO_OPERATOR, language),
            "contact": contact or in_language(NO_CONTACT, language),
        }
        texts = self.texts[language]
        return {name: _PLACEHOLDER.sub(lambda found: values[found[1]], texts[name]) for name in TEXTS}


def parse(text: str, where: str) -> Notice:
    """A notice from TOML; :class:`UserError` names ``where``, the key, and what is allowed."""
    try:
        value = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{where} is not TOML: {error}.") from error
    return _checked(value, where)


def from_canonical(text: str) -> Notice:
    """A notice as :attr:`Notice.canonical` gave it."""
    value = json.loads(text)
    return Notice(value["version"], value["keep_days"], value["resolution_minutes"], value["texts"])


def read(path: Path) -> Notice:
    """A notice from a file; :class:`UserError` when it can't be read or is none."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}); give the path of a notice's TOML file.") from error
    if len(data) > MAX_FILE_BYTES:
        raise UserError(f"{path} is larger than {MAX_FILE_BYTES} bytes, and no notice is; give a notice's TOML file.")
    try:
        return parse(data.decode(), str(path))
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8.") from error


def _checked(value: dict[str, Any], where: str) -> Notice:
    version = value.pop("version", None)
    if not isinstance(version, str) or _VERSION.fullmatch(version) is None:
        raise UserError(
            f"{where}: version is {version!r}; it must be 1 to 16 lower-case letters, digits, dots and hyphens, for "
            'example version = "2026-2".'
        )
    numbers = {}
    for name, most in _NUMBERS.items():
        number = value.pop(name, None)
        if type(number) is not int or not 1 <= number <= most:
            raise UserError(f"{where}: {name} is {number!r}; it must be a whole number from 1 to {most}.")
        numbers[name] = number
    for language, texts in value.items():
        if not isinstance(texts, dict) or _LANGUAGE.fullmatch(language) is None:
            raise UserError(
                f"{where}: there is no key {language}; there are version, {', '.join(_NUMBERS)} and one table for each "
                f"language, at least [{'], ['.join(REQUIRED_LANGUAGES)}]."
            )
        _check_texts(texts, f"{where}: [{language}]")
    for language in REQUIRED_LANGUAGES:
        if language not in value:
            raise UserError(f"{where}: the table [{language}] is missing; a notice is there in every language.")
    return Notice(version, numbers["keep_days"], numbers["resolution_minutes"], value)


def _check_texts(texts: dict[str, Any], where: str) -> None:
    for name in texts:
        if name not in TEXTS:
            raise UserError(f"{where} has no text {name}; its texts are {', '.join(TEXTS)}.")
    for name in TEXTS:
        text = texts.get(name)
        if not isinstance(text, str) or not text.strip():
            raise UserError(f"{where}: the text {name} is missing; it must say something.")
        if len(text) > MAX_TEXT or not text.isprintable():
            raise UserError(f"{where}: the text {name} must be one paragraph of at most {MAX_TEXT} characters.")
        used = set(_PLACEHOLDER.findall(text))
        if used - _ALLOWED or re.search(r"[{}]", _PLACEHOLDER.sub("", text)):
            raise UserError(
                f"{where}: the text {name} has braces around something else than {', '.join(sorted(_ALLOWED))}."
            )
        if name == "how_long" and "keep_days" not in used:
            raise UserError(f"{where}: the text how_long must say {{keep_days}}, so that it says what is kept to.")
        if name == "contact" and "contact" not in used:
            raise UserError(f"{where}: the text contact must say {{contact}}, so that riders find the operator.")


@cache
def shipped() -> tuple[Notice, ...]:
    """The notices in the package, oldest first."""
    folder = files("gateway.consent").joinpath("shipped")
    found = [parse(one.read_text(encoding="utf-8"), one.name) for one in folder.iterdir() if one.name.endswith(".toml")]
    return tuple(sorted(found, key=lambda notice: notice.version))


class Notices:
    """The notices of one database: the shipped ones and the operator's own."""

    def __init__(self, database: Database) -> None:
        self._store = ConsentStore(database)

    def all(self) -> list[Notice]:
        """Every notice of this database, the current one last; StoreBusy while it cannot be read.

        Before anything was written down that is the newest shipped one.
        """
        return [from_canonical(row.body) for row in self._store.notices()] or [shipped()[-1]]

    def current(self) -> Notice:
        """The notice that new keys belong to: the last added."""
        return self.all()[-1]

    def find(self, version: str) -> Notice | None:
        """The notice of that version."""
        return next((notice for notice in self.all() if notice.version == version), None)

    def keep(self) -> None:
        """Write down which notice is current, if none is yet.

        A newer program's notices are not taken over by themselves: which words riders are shown is the operator's
        decision.

        :class:`UserError` when a shipped notice differs from what was written down under its version.
        """
        if not self._store.notices():
            self._write(shipped()[-1], "The notice that comes with this program")
        known = {row.version for row in self._store.notices()}
        for notice in shipped():
            if notice.version in known:
                self._write(notice, f"The notice {notice.version} that comes with this program")

    def add(self, notice: Notice) -> bool:
        """Make ``notice`` the current one; False when it is there already, word for word.

        :class:`UserError` when its version is there with other words.
        """
        return self._write(notice, f"The notice {notice.version}")

    def _write(self, notice: Notice, what: str) -> bool:
        if self._store.add_notice(notice.version, notice.sha256, notice.canonical):
            return True
        present = next(row for row in self._store.notices() if row.version == notice.version)
        if present.sha256 != notice.sha256:
            raise UserError(
                f"{what} has other words (SHA-256 {notice.sha256[:16]}…) than the one that riders were shown under "
                f"this version ({present.sha256[:16]}…); a version's text is fixed: give the new text a new version."
            )
        return False

    def days_to_keep(self, wanted: int | None) -> int:
        """For how many days consented rows live: ``wanted``, but never longer than any notice has told riders."""
        told = min(notice.keep_days for notice in self.all())
        return told if wanted is None else min(wanted, told)

    def require_told(self, wanted: int | None) -> None:
        """:class:`UserError` when ``wanted`` is longer than a notice says under which somebody may have agreed."""
        for notice in self.all():
            if wanted is not None and wanted > notice.keep_days:
                raise UserError(
                    f"--keep-days {wanted} is longer than the notice {notice.version} has told riders "
                    f"({notice.keep_days} days); keep shorter, or begin a new data directory with a notice that "
                    "says so."
                )

    def operator(self) -> tuple[str, str]:
        """Name and contact of the operator, '' where they are not set: :meth:`Notice.filled` has words for that."""
        return self._store.operator()

    def set_operator(self, name: str, contact: str) -> None:
        """Write down who the operator is; :class:`UserError` when a text is empty, has braces or is too long."""
        for what, text in (("name", name), ("contact", contact)):
            if not text.strip() or len(text) > 200 or not text.isprintable() or "{" in text or "}" in text:
                raise UserError(f"The operator's {what} must be 1 to 200 characters on one line, without braces.")
        self._store.set_operator(name.strip(), contact.strip())
