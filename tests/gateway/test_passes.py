"""Keys at rest and over a year, issuing, exchange, spent set and key list: in this process, on a real database."""

from __future__ import annotations

import base64
import json
import os
import shutil
from collections.abc import Iterator
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA384

from gateway.admission.rules import Admitted, Sender
from gateway.devices.registry import Device
from gateway.errors import UserError
from gateway.passes import issuer, keyfiles
from gateway.passes.agreement import GRACE_MS
from gateway.passes.calendar import DAY_MS
from gateway.passes.issuer import Exchange
from gateway.passes.keyfiles import KeyFiles
from gateway.passes.keylist import SIGNATURE_END_BYTES
from gateway.passes.office import Office
from gateway.passes.refusal import Refusal
from gateway.passes.signing import SigningFault, blind_sign
from gateway.protocol.records import Sales, Spent
from gateway.store.database import FILE_NAME, Database, StoreBusy
from gateway.store.directory import Directory
from gateway.store.facts import read_facts
from gateway.store.passes import PassStore
from gateway.store.store import Store
from tests.gateway.pass_support import Rider, pool

TODAY = 20_400
KIOSK = Sender("north", "kiosk-1", "physical", 0, "kiosk")


class Broker:
    """What is retained, by topic; a publisher for an office."""

    def __init__(self) -> None:
        self.connected = True
        self.session = 1
        self.retained: dict[str, bytes] = {}
        self.count = 0

    def publish(self, topic: str, payload: bytes, *, retain: bool = False) -> None:
        assert retain
        self.count += 1
        self.retained[topic] = payload


class Network:
    """One office with a clock that tests move, and two sites."""

    def __init__(self, data: Path, quota: int = 5) -> None:
        self.data = data
        self.now_ms = TODAY * DAY_MS + DAY_MS // 2
        self.quota = quota
        self.broker = Broker()
        self.monotonic_s = 0.0
        self.open()

    def open(self) -> None:
        self.database = Database(self.data)
        self.store = PassStore(self.database)
        self.files = KeyFiles(Directory(self.database))
        self.office = Office(
            self.files,
            self.store,
            lambda: self.devices,
            lambda: "2026-1",
            lambda: self.now_ms,
            lambda: None,
            self.quota,
        )
        self.office.load()
        self.office._publisher = self.broker
        self.issuer = self.office.issuer

    devices = tuple(Device(Sender(site, site, "physical"), bytes(32)) for site in ("north", "south"))

    def step(self) -> None:
        self.monotonic_s += 61
        self.office.step(self.monotonic_s)

    def listed(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.broker.retained["gateline/1/north/passes/keys"])
        return found

    def key(self, product: str = "single", choice: str = "none") -> dict[str, Any]:
        today = self.now_ms // DAY_MS
        return next(
            key
            for key in self.listed()["keys"]
            if (key["product"], key["choice"]) == (product, choice) and key["from"] <= today <= key["sold_to"]
        )

    def sign(self, sale: int, rider: Rider, exchange: Exchange | None = None) -> bytes | Refusal:
        key_id = rider.message[33:].hex()
        return self.issuer.sign(KIOSK, sale, key_id, rider.blinded, self.now_ms, exchange)

    def page(self, slot: int) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.broker.retained[f"gateline/1/south/passes/spent-{slot}"])
        return found


@pytest.fixture
def network(tmp_path: Path) -> Iterator[Network]:
    made = Network(tmp_path / "data")
    made.step()
    yield made
    made.database.close()


def verify(message: bytes, context: bytes, public: rsa.RSAPublicKey) -> None:
    before = message[:-SIGNATURE_END_BYTES]
    signature = base64.b64decode(json.loads(message)["sig"])
    public.verify(signature, context + b"\0" + before, padding.PSS(padding.MGF1(SHA384()), 48), SHA384())


def test_one_list_for_all_sites_signed_and_again_after_each_connection(network: Network) -> None:
    north = network.broker.retained["gateline/1/north/passes/keys"]
    assert north == network.broker.retained["gateline/1/south/passes/keys"]
    public = rsa.RSAPublicNumbers(65537, int.from_bytes(network.files.list_modulus(), "big")).public_key()
    verify(north, b"gateline/1/passes/keys", public)
    listed = network.listed()
    assert list(listed) == ["v", "serial", "keys", "sig"] and listed["serial"] == 1
    assert list(listed["keys"][0]) == ["id", "product", "choice", "notice", "from", "sold_to", "to", "n"]
    said = network.broker.count
    network.step()
    assert network.broker.count == said, "nothing has changed"
    network.broker.retained.clear()
    network.broker.session += 1
    network.step()
    assert network.broker.retained["gateline/1/north/passes/keys"] == north
    network.database.close()
    network.open()
    network.step()
    assert network.broker.retained["gateline/1/south/passes/keys"] == north, "the same bytes after a restart"


@pytest.mark.slow
def test_a_year_of_lists(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    # Ninety keys in turn: one comes again only after it has gone (singles stay for 32 days, with two day keys each).
    turns = cycle(list(islice(pool(), 102))[12:])
    monkeypatch.setattr(keyfiles, "new_key", lambda: next(turns))
    serial, sizes = 0, set()
    for _ in range(366):
        network.step()
        message = network.broker.retained["gateline/1/north/passes/keys"]
        listed = json.loads(message)
        assert listed["serial"] >= serial and len(message) <= 8192 and len(listed["keys"]) <= 16
        serial = listed["serial"]
        sizes.add(len(listed["keys"]))
        today = network.now_ms // DAY_MS
        private = network.files.ids()
        assert {key["id"] for key in listed["keys"] if key["sold_to"] >= today - 1} <= private
        assert len(private) <= 10, "what is no longer sold cannot be signed any more"
        network.now_ms += DAY_MS
    assert serial > 300 and max(sizes) == 12


def test_private_keys_are_the_owners_alone_and_not_in_the_database(network: Network) -> None:
    folder = network.data / "keys"
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}
    assert network.sign(1, Rider(network.key())) is not None
    network.database.close()
    stored = b"".join(path.read_bytes() for path in network.data.glob(FILE_NAME + "*"))
    for path in folder.glob("*.pem"):
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        assert isinstance(key, rsa.RSAPrivateKey)
        numbers = key.private_numbers()
        for secret in (numbers.p, numbers.q, numbers.d):
            raw = secret.to_bytes(-(-secret.bit_length() // 8), "big")
            assert raw not in stored and raw.hex().encode() not in stored and base64.b64encode(raw) not in stored
        assert path.read_bytes() not in stored
    network.open()


@pytest.mark.parametrize(("name", "mode"), [("", 0o750), ("list.pem", 0o640), ("list.pem", 0o604)])
def test_loose_modes_are_refused_loudly(network: Network, name: str, mode: int) -> None:
    (network.data / "keys" / name).chmod(mode)
    with pytest.raises(UserError, match="can be reached by others"):
        KeyFiles(Directory(network.database))


def test_a_pass_is_sold_once_and_the_same_question_costs_once(network: Network) -> None:
    rider = Rider(network.key("single", "research"))
    first = network.sign(1, rider)
    assert isinstance(first, bytes)
    rider.finish(first)
    for _ in range(10):
        assert network.sign(1, rider) == first
    assert network.sign(1, Rider(network.key())) is Refusal.SALE_USED
    for sale in range(2, 6):
        assert isinstance(network.sign(sale, Rider(network.key())), bytes)
    assert network.sign(6, Rider(network.key())) is Refusal.QUOTA
    assert network.sign(1, rider) == first, "a question that was paid for needs no quota"
    network.now_ms += DAY_MS
    network.step()
    assert isinstance(network.sign(6, Rider(network.key())), bytes)
    assert read_facts(network.data)["issued"] == {"kiosk-1": 6}


def test_what_is_not_sold_is_not_signed(network: Network) -> None:
    tomorrow = next(key for key in network.listed()["keys"] if key["from"] == TODAY + 1)
    assert network.sign(1, Rider(tomorrow)) is Refusal.NOT_SOLD
    unknown = {**tomorrow, "id": "0" * 16}
    assert network.sign(1, Rider(unknown)) is Refusal.UNKNOWN_KEY
    old = Rider(network.key("day"))
    answered = network.sign(1, old)
    network.now_ms += DAY_MS
    network.step()
    assert network.sign(2, Rider({"id": old.message[33:].hex(), "n": base64.b64encode(old.modulus).decode()})) is (
        Refusal.NOT_SOLD
    )
    assert network.sign(1, old) == answered, "who was cut off at midnight gets what was paid for"
    network.now_ms += 3 * DAY_MS
    network.step()
    assert network.sign(1, old) is Refusal.UNKNOWN_KEY, "neither the pass nor its key is any longer"
    with network.database.reader.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM issued").scalar() == 0


def test_nothing_new_is_issued_while_lists_differ(network: Network, caplog: pytest.LogCaptureFixture) -> None:
    rider = Rider(network.key())
    answered = network.sign(1, rider)
    agreement = network.office.agreement
    agreement.tell("gate-1", 1, network.office.keyring.hash, network.now_ms)
    agreement.tell("gate-2", 1, "f" * 64, network.now_ms)
    network.step()
    assert network.sign(2, Rider(network.key())) is Refusal.KEYS_DIFFER
    assert network.sign(1, rider) == answered
    assert network.office.state()["issuing"] == "keys_differ" and "gate-2" in caplog.text
    agreement.tell("gate-2", 1, network.office.keyring.hash, network.now_ms)
    network.step()
    assert isinstance(network.sign(2, Rider(network.key())), bytes)
    assert "again" in caplog.text and network.office.state()["issuing"] == "yes"


def test_a_new_list_has_a_while_to_reach_everybody(network: Network) -> None:
    agreement = network.office.agreement
    agreement.tell("gate-1", 1, network.office.keyring.hash, network.now_ms)
    network.now_ms += DAY_MS
    network.step()
    assert network.listed()["serial"] == 2
    assert isinstance(network.sign(1, Rider(network.key())), bytes)
    network.now_ms += GRACE_MS
    assert isinstance(network.sign(3, Rider(network.key())), bytes), "it is silent, so it is not waited for"
    agreement.hear("gate-1", 1, network.now_ms)
    assert network.sign(2, Rider(network.key())) is Refusal.KEYS_DIFFER


def test_exchanges_count_in_the_quota_and_one_that_is_refused_spends_nothing(network: Network) -> None:
    to = network.key("single", "research")["to"]
    for sale in range(1, 6):
        given_back = Exchange(bytes([sale]) * 16, to)
        assert isinstance(network.sign(sale, Rider(network.key("single", "none")), given_back), bytes)
    late = Exchange(bytes([6]) * 16, to)
    assert network.sign(6, Rider(network.key("single", "none")), late) is Refusal.QUOTA
    assert network.sign(7, Rider(network.key())) is Refusal.QUOTA, "sales and exchanges share one quota"
    assert read_facts(network.data)["spent"] == {bytes([sale]).hex() * 16 for sale in range(1, 6)}


def test_an_exchange_spends_the_old_pass_once(network: Network) -> None:
    old = Rider(network.key("single", "research"))
    given = Exchange(old.nullifier, network.key()["to"])
    new = Rider(network.key("single", "none"))
    signed = network.sign(1, new, given)
    assert isinstance(signed, bytes)
    new.finish(signed)
    assert network.sign(1, new, given) == signed, "asked again after a power cut"
    assert network.sign(2, Rider(network.key()), given) is Refusal.SPENT
    assert network.sign(1, new) is Refusal.SALE_USED, "the same sale cannot be had without the exchange"
    assert network.sign(3, Rider(network.key("single", "research")), Exchange(bytes(16), given.to)) is Refusal.NOT_SOLD
    assert network.sign(3, Rider(network.key()), Exchange(bytes(16), given.to + 1)) is Refusal.UNKNOWN_KEY
    assert network.sign(3, Rider(network.key("day")), Exchange(bytes(16), given.to)) is Refusal.UNKNOWN_KEY
    network.step()
    assert network.page(0)["spent"] == [old.nullifier[:8].hex()]


def test_an_exchange_whose_answer_was_lost_is_answered_for_as_long_as_the_pass_is_valid(network: Network) -> None:
    network.now_ms = network.key("single")["sold_to"] * DAY_MS + DAY_MS // 2
    network.step()
    new = Rider(network.key("single", "none"))
    old = network.key("single", "research")
    given = Exchange(Rider(old).nullifier, old["to"])
    signed = network.sign(1, new, given)
    assert isinstance(signed, bytes)
    while network.now_ms // DAY_MS <= old["to"]:
        network.now_ms += DAY_MS
        network.step()
        network.office.agreement.tell("gate-2", 1, "f" * 64, network.now_ms)
        network.issuer.quota = 0
        assert network.sign(1, new, given) == signed
    key_id = new.message[33:].hex()
    assert key_id not in network.files.ids(), "answered without the private key, which went long ago"
    assert network.sign(1, Rider(network.key()), given) is Refusal.SALE_USED
    with network.database.reader.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM issued").scalar() == 1
    network.now_ms += 2 * DAY_MS
    network.step()
    with network.database.reader.connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM issued").scalar() == 0


def test_what_cannot_be_signed_costs_nothing(network: Network, monkeypatch: pytest.MonkeyPatch) -> None:
    def fault(*_: object) -> bytes:
        raise SigningFault

    rider = Rider(network.key())
    monkeypatch.setattr(issuer, "blind_sign", fault)
    with pytest.raises(SigningFault):
        network.sign(1, rider, Exchange(bytes(16), network.key()["to"]))
    assert read_facts(network.data)["issued"] == {} and network.store.spent_count() == 0
    monkeypatch.setattr(issuer, "blind_sign", blind_sign)
    assert isinstance(network.sign(1, rider, Exchange(bytes(16), network.key()["to"])), bytes)


def store_spent(network: Network, seq: int, numbers: range, to: int = TODAY + 10) -> None:
    record = Spent(to, [f"{number:032x}" for number in numbers])
    with Store(network.database).transaction() as transaction:
        transaction.add_records([Admitted("gate-1", 1, seq, record)])
        transaction.set_watermarks({("gate-1", 1): seq + 1})


def test_the_spent_set_grows_in_pages_and_tells_no_gate(network: Network) -> None:
    for seq in range(5):
        store_spent(network, seq, range(seq * 64 + 2**64, seq * 64 + 2**64 + 64))
    store_spent(network, 5, range(2**64, 2**64 + 64))
    network.step()
    assert [len(network.page(slot)["spent"]) for slot in (0, 1)] == [256, 64]
    full = network.broker.retained["gateline/1/north/passes/spent-0"]
    store_spent(network, 6, range(2**70, 2**70 + 1))
    network.step()
    assert network.broker.retained["gateline/1/north/passes/spent-0"] == full, "a full page stays as it is"
    assert len(network.page(1)["spent"]) == 65 and network.page(1)["spent"] == sorted(network.page(1)["spent"])
    facts = read_facts(network.data)
    assert len(facts["spent"]) == 321 and facts["gaps"] == 0
    assert facts["watermarks"] == {("gate-1", 1): 7}, "seven numbers are accounted for, and no row has them"


def test_passes_used_twice_are_counted_and_nothing_else_of_them_is_kept(network: Network) -> None:
    old = Rider(network.key("single", "research"))
    given = Exchange(old.nullifier, network.key("single", "research")["to"])
    assert isinstance(network.sign(1, Rider(network.key("single", "none")), given), bytes)
    assert network.office.state()["spent_again"] == 0
    number = int.from_bytes(old.nullifier, "big")
    store_spent(network, 0, range(number, number + 2), given.to)
    assert network.office.state()["spent_again"] == 1, "used at a gate that had not told it yet, then exchanged"
    store_spent(network, 1, range(number + 1, number + 3), given.to)
    assert network.store.spent_again() == 2 and network.store.spent_count() == 3
    with network.database.reader.connect() as connection:
        rows = connection.exec_driver_sql("SELECT name, device, value FROM counters WHERE name LIKE 'passes%'")
        assert [tuple(row) for row in rows] == [("passes_spent_again", "", 2)]


def test_a_number_that_is_missing_is_still_noticed(network: Network) -> None:
    store_spent(network, 0, range(3))
    with Store(network.database).transaction() as transaction:
        transaction.set_watermarks({("gate-1", 1): 3})
    assert read_facts(network.data)["gaps"] == 2


def test_what_has_expired_goes_and_no_page_is_filled_again(network: Network) -> None:
    store_spent(network, 0, range(10), TODAY)
    store_spent(network, 1, range(10, 12), TODAY + 20)
    network.step()
    assert network.page(0)["page"] == 0 and len(network.page(0)["spent"]) == 12
    network.now_ms += 2 * DAY_MS
    network.step()
    assert len(read_facts(network.data)["spent"]) == 2 and len(network.page(0)["spent"]) == 2
    store_spent(network, 2, range(20, 21), TODAY + 20)
    network.step()
    assert len(network.page(0)["spent"]) == 2 and network.page(1) == network.page(1) | {"page": 1}
    assert len(network.page(1)["spent"]) == 1, "a gate takes a page again only when it has grown"


def test_no_more_than_sixteen_pages_are_retained(network: Network) -> None:
    for seq in range(70):
        store_spent(network, seq, range(seq << 64, (seq << 64) + 64))
    network.step()
    pages = sorted(network.page(slot)["page"] for slot in range(16))
    assert pages == list(range(2, 18)) and network.page(1)["page"] == 17
    assert max(len(message) for message in network.broker.retained.values()) <= 8192


def test_a_database_from_a_backup_takes_up_the_list_that_was_published(
    network: Network, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    network.database.close()
    shutil.copy(network.data / FILE_NAME, tmp_path / "backup")
    network.open()
    network.now_ms += DAY_MS
    store_spent(network, 0, range(3))
    network.step()
    rider = Rider(network.key("day"))
    newest, message = network.listed(), network.broker.retained["gateline/1/north/passes/keys"]
    network.database.close()
    for path in network.data.glob(FILE_NAME + "*"):
        path.unlink()
    shutil.copy(tmp_path / "backup", network.data / FILE_NAME)
    network.open()
    assert "came back from a backup" in caplog.text
    network.broker.session += 1
    network.step()
    assert network.broker.retained["gateline/1/north/passes/keys"] == message, "no serial goes backward"
    assert network.listed()["serial"] == newest["serial"]
    assert isinstance(network.sign(9, rider), bytes), "the keys of that list sign again"
    store_spent(network, 0, range(7, 8))
    network.step()
    pages = [json.loads(m)["page"] for t, m in network.broker.retained.items() if "spent" in t]
    assert max(pages) >= 32, "no page number comes twice"


def test_a_lost_or_exchanged_list_key_is_one_sentence(network: Network) -> None:
    path = network.data / "keys" / "list.pem"
    kept = path.read_bytes()
    path.unlink()
    with pytest.raises(UserError, match="is gone, and every device trusts"):
        network.files.list_key()
    network.files.add("list", keyfiles.new_key())
    with pytest.raises(UserError, match="belong to different gateways"):
        network.files.list_key()
    path.write_bytes(b"rubbish")
    with pytest.raises(UserError, match="damaged"):
        network.files.list_key()
    path.write_bytes(kept)
    assert network.files.list_modulus()


def test_a_lost_private_key_stops_its_sale_and_nothing_else(network: Network) -> None:
    lost = Rider(network.key("day"))
    network.database.close()
    network.files.folder.joinpath(lost.message[33:].hex() + ".pem").unlink()
    network.open()
    assert network.sign(1, lost) is Refusal.NOT_SOLD
    assert isinstance(network.sign(2, Rider(network.key("single"))), bytes)


def test_a_full_disk_leaves_nothing_half_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = Network(tmp_path / "data")
    real, left = os.fsync, [3]

    def fsync(descriptor: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(UserError, match=r"No space left on device.*make room"):
        network.step()
    left[0] = 10**6
    assert {path.name for path in network.files.folder.iterdir()} == {"list.pem"}
    assert network.store.all_keys() == [] and network.store.lists() == []
    network.step()
    assert network.listed()["serial"] == 1
    network.database.close()


def test_a_disk_that_is_full_just_when_the_list_is_laid_beside_the_keys(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: bytes) -> None:
        raise UserError("No space left on device")

    before = network.broker.retained["gateline/1/north/passes/keys"]
    network.now_ms += DAY_MS
    real = network.files.keep_published
    monkeypatch.setattr(network.files, "keep_published", full)
    for _ in range(3):
        with pytest.raises(UserError, match="No space"):
            network.step()
    assert network.broker.retained["gateline/1/north/passes/keys"] == before, "what is not laid down is not published"
    monkeypatch.setattr(network.files, "keep_published", real)
    network.step()
    assert network.listed()["serial"] == 2
    assert network.files.published() == network.broker.retained["gateline/1/south/passes/keys"]
    assert isinstance(network.sign(1, Rider(network.key("day"))), bytes)


def test_a_process_that_ended_before_the_list_was_laid_beside_the_keys(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: bytes) -> None:
        raise KeyboardInterrupt

    network.now_ms += DAY_MS
    monkeypatch.setattr(network.files, "keep_published", interrupted)
    with pytest.raises(KeyboardInterrupt):
        network.step()
    network.database.close()
    network.open()
    network.step()
    assert network.listed()["serial"] == 2
    assert network.files.published() == network.broker.retained["gateline/1/south/passes/keys"]


def test_a_list_is_published_also_when_the_database_is_locked_behind_it(
    network: Network, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: int) -> int:
        raise StoreBusy

    network.now_ms += DAY_MS
    real = network.store.remove_expired
    monkeypatch.setattr(network.store, "remove_expired", locked)
    with pytest.raises(StoreBusy):
        network.step()
    monkeypatch.setattr(network.store, "remove_expired", real)
    network.step()
    assert network.listed()["serial"] == 2


def test_the_audit_shows_what_a_kiosk_does_not_tell(network: Network) -> None:
    for sale in range(4):
        network.sign(sale, Rider(network.key()))
    with Store(network.database).transaction() as transaction:
        transaction.add_records([Admitted("kiosk-1", 1, 0, Sales(0, 900_000, 2, 1, 1, 0))])
    (books,) = network.store.books()
    assert (books.device, books.signatures, books.told) == ("kiosk-1", 4, 3)
