"""Passes at the gate: real ones open, all others are refused for the right reason, and nothing raises.

Keys, lists, pages and passes are those of tests/golden/passes.json, which OpenSSL has signed (tests/passes.py).
"""

import gc
import json
import unittest

from chumicro_timing import ticks_add

from firmware.fare import handles, keylist, pass_token
from firmware.fare.decision import REASONS, Decision
from firmware.fare.passback import CAPACITY, Passback
from firmware.fare.passes import MEDIUM_MAX_BYTES, USED_MAX, Fare
from firmware.fare.spent import SpentPages, Used
from tests.firmware.fakes import Lcg, MemoryStorage, settings, token

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

with open(__file__.rsplit("/", 2)[0] + "/golden/passes.json") as file:
    GOLDEN = json.load(file)
DAY = GOLDEN["day"]
LIST_KEY = GOLDEN["list_key"]


def entry_of(name: str, which: int = 0) -> "dict[str, Any]":
    found = [each for each in GOLDEN["passes"] if each["name"] == name]
    chosen: "dict[str, Any]" = found[which]
    return chosen


def text(name: str, which: int = 0) -> bytes:
    said: bytes = entry_of(name, which)["text"].encode()
    return said


def key_list(name: str = "7") -> bytes:
    payload: bytes = GOLDEN["lists"][name].encode()
    return payload


def page(name: str) -> bytes:
    payload: bytes = GOLDEN["pages"][name].encode()
    return payload


def make(way: str = "entry", storage: "MemoryStorage | None" = None, listed: str = "7", **passes: "Any") -> Fare:
    passes["list_key"] = LIST_KEY
    chosen = settings(lane={"way": way}, passes=passes)
    fare = Fare(chosen, storage or MemoryStorage())
    if listed:
        fare.keys.accept(key_list(listed))
    return fare


def raw_of(name: str) -> bytes:
    raw: "bytes | None" = pass_token.parse(text(name))
    assert raw is not None
    return raw


class Parsing(unittest.TestCase):
    def test_bytes_and_texts_of_every_golden_pass(self) -> None:
        for each in GOLDEN["passes"]:
            raw = pass_token.parse(each["text"].encode())
            assert raw is not None
            self.assertEqual(len(raw), 297)
            for same in (raw, each["text"].lower().encode(), b" \r\n\t" + each["text"].encode() + b"\n"):
                self.assertEqual(pass_token.parse(same), raw)
            self.assertEqual(pass_token.nullifier(pass_token.nonce(raw)).hex(), each["nullifier"])
            self.assertEqual(handles.handle(pass_token.nonce(raw), DAY), each["handle"])

    def test_what_is_no_pass(self) -> None:
        good = text("single none")
        raw = raw_of("single none")
        for bad in (
            b"",
            b" " * 476,
            b"1" * 476,
            good[:-1],
            good + b"A",
            good[:-1] + b"B",  # spare bits that are not nought
            good[:100] + b" " + good[101:],
            good[:100] + b"\xc3" + good[101:],
            b"\x02" + raw[1:],
            raw[:-1],
            raw + b"\0",
            raw.hex().encode(),
        ):
            self.assertIsNone(pass_token.parse(bad), bad[:20])


class Deciding(unittest.TestCase):
    def refused(self, fare: Fare, medium: bytes, day: int = DAY, now: int = 0) -> "Any":
        decision = fare.decide(medium, day, now)
        self.assertFalse(decision.accepted)
        self.assertIn(decision.reason, REASONS)
        self.assertIsNone(decision.handle)
        return decision.reason

    def test_a_valid_pass_of_each_product_and_choice(self) -> None:
        for way in ("entry", "exit"):
            fare = make(way)
            for name in ("single research", "single none", "day research", "day none", "single of the month before"):
                entry = entry_of(name)
                for medium in (text(name), raw_of(name)):
                    decision = fare.decide(medium, DAY, 0)
                    self.assertTrue(decision.accepted, name)
                    self.assertIsNone(decision.reason)
                    self.assertEqual((decision.product, decision.to), (entry["product"], entry["to"]))
                    self.assertEqual(decision.consent, entry["choice"] == "research")
                    self.assertEqual(decision.nullifier.hex(), entry["nullifier"])
                    self.assertEqual(decision.handle, entry["handle"] if decision.consent else None)

    def test_a_rider_who_has_not_agreed_leaves_no_nonce_behind(self) -> None:
        decision = make().decide(text("single none"), DAY, 0)
        nonce = pass_token.nonce(raw_of("single none"))
        self.assertNotIn(nonce, [getattr(decision, name) for name in dir(decision)])
        agreed = make().decide(text("single research"), DAY, 0)
        self.assertIn(
            pass_token.nonce(raw_of("single research")), [agreed._nonce]
        )  # or the search above would prove nothing

    def test_the_days_of_a_key(self) -> None:
        fare = make()
        entry = entry_of("single none")
        medium = text("single none")
        self.assertEqual(self.refused(fare, medium, entry["from"] - 1), "not_yet_valid")
        self.assertTrue(fare.decide(medium, entry["from"], 0).accepted)
        self.assertTrue(fare.decide(medium, entry["to"], 0).accepted)
        self.assertEqual(self.refused(fare, medium, entry["to"] + 1), "expired")
        self.assertEqual(self.refused(fare, text("day pass of tomorrow")), "not_yet_valid")
        self.assertEqual(self.refused(fare, text("single of the month over")), "expired")
        self.assertEqual(self.refused(fare, text("day none"), DAY + 1), "expired")

    def test_every_other_reason(self) -> None:
        fare = make()
        self.assertEqual(self.refused(fare, bytes(MEDIUM_MAX_BYTES + 1)), "oversized")
        self.assertEqual(self.refused(fare, b"not a pass"), "malformed")
        self.assertEqual(self.refused(fare, GOLDEN["of no listed key"].encode()), "unknown_key")
        self.assertEqual(self.refused(fare, GOLDEN["of another salt"].encode()), "bad_signature")
        self.assertEqual(self.refused(make(listed=""), text("single none")), "no_keys")
        self.assertEqual(self.refused(make(listed=""), b"not a pass"), "malformed")
        self.assertEqual(self.refused(make(listed="8"), text("day none")), "unknown_key")
        self.assertEqual(self.refused(Fare(settings(), MemoryStorage()), text("single none")), "no_keys")

    def test_one_key_does_not_vouch_for_another(self) -> None:
        raw = raw_of("single none")
        for other in ("day none", "single research", "single of the month before"):
            forged = raw[:1] + raw_of(other)[1:9] + raw[9:]
            self.assertEqual(self.refused(make(), forged), "bad_signature")

    def test_a_pass_costs_the_powers_of_both_choices_keys_whichever_it_is(self) -> None:
        powers: "list[Any]" = []

        def verify(n: bytes, message: "Any", signature: bytes) -> bool:
            powers.append(n)
            return True

        fare = Fare(settings(passes={"list_key": LIST_KEY}), MemoryStorage(), verify, lambda n, _: powers.append(n))
        fare.keys.accept(key_list())
        costs = []
        for name in ("single research", "single none", "day research", "day none"):
            powers.clear()
            self.assertTrue(fare.decide(text(name), DAY, 0).accepted, name)
            costs.append(sorted(powers))
        self.assertEqual([len(cost) for cost in costs], [2, 2, 2, 2])
        self.assertEqual((costs[0], costs[2]), (costs[1], costs[3]))
        self.assertNotEqual(costs[0], costs[2])

    def test_one_bit_flipped_anywhere(self) -> None:
        fare = make()
        raw = raw_of("single none")
        for at in list(range(41)) + list(range(41, 297, 16)) + [295, 296]:
            flipped = bytearray(raw)
            flipped[at] ^= 1 << at % 8
            reason = self.refused(fare, bytes(flipped))
            expected = "malformed" if at == 0 else "unknown_key" if at < 9 else "bad_signature"
            self.assertEqual(reason, expected, at)

    def test_any_bytes_get_a_decision(self) -> None:
        chance = Lcg(7)
        fare = make()
        good = text("day research")
        raw = raw_of("day research")
        for _ in range(150):
            kind = chance.below(4)
            if kind == 0:
                medium = chance.random_bytes(chance.below(1200))
            elif kind == 1:
                medium = raw[:1] + chance.random_bytes(296)
            else:
                changed = bytearray(raw if kind == 2 else good)
                for _ in range(1 + chance.below(3)):
                    changed[chance.below(len(changed))] = chance.below(256)
                medium = bytes(changed)
            if pass_token.parse(medium) == raw:
                continue  # the change made a small letter, or none
            self.refused(fare, medium)

    def test_the_test_token_opens_and_is_never_spent(self) -> None:
        fare = make(listed="")
        for _ in range(2):
            decision = fare.decide(token(b"rider"), DAY, 0)
            self.assertTrue(decision.accepted)
            self.assertFalse(fare.use(decision, 0))
        self.assertEqual(self.refused(fare, token(b"rider")[:-1]), "malformed")


class Spending(unittest.TestCase):
    def test_a_single_opens_an_entry_once_and_an_exit_once_more(self) -> None:
        for consent in ("single research", "single none"):
            fare = make()
            decision = fare.decide(text(consent), DAY, 0)
            self.assertTrue(fare.decide(text(consent), DAY, 0).accepted, "shown, but nobody has passed")
            self.assertTrue(fare.use(decision, 0), "the gateway must hear of it")
            self.assertEqual(fare.decide(text(consent), DAY, 0).reason, "spent")
            way_out = make("exit")
            self.assertFalse(way_out.use(way_out.decide(text(consent), DAY, 0), 0), "told at the entry, once")
            self.assertEqual(way_out.decide(text(consent), DAY, 0).reason, "spent")

    def test_a_spent_single_leaves_by_an_exit(self) -> None:
        used = ("single none", 1)
        for way, reason in (("entry", "spent"), ("exit", None)):
            fare = make(way)
            if fare.spent is not None:
                self.assertTrue(fare.spent.accept(page("3, grown")))
            self.assertEqual(fare.decide(text(*used), DAY, 0).reason, reason)
            self.assertIsNone(fare.decide(text("single none"), DAY, 0).reason)

    def test_an_exchanged_day_pass_is_refused_at_an_entry(self) -> None:
        fare = make()
        assert fare.spent is not None
        self.assertTrue(fare.decide(text("day none", 1), DAY, 0).accepted)
        fare.spent.accept(page("3, grown"))
        self.assertEqual(fare.decide(text("day none", 1), DAY, 0).reason, "spent")

    def test_a_day_pass_waits_before_it_opens_the_same_gate_again(self) -> None:
        for way in ("entry", "exit"):
            fare = make(way, passback_ms=60000)
            decision = fare.decide(text("day none"), DAY, 1000)
            self.assertFalse(fare.use(decision, 1000), "no nullifier of a day pass leaves the gate")
            self.assertEqual(fare.decide(text("day none"), DAY, 60999).reason, "passback")
            self.assertTrue(fare.decide(text("day none"), DAY, 61000).accepted)
            self.assertTrue(fare.decide(text("day research"), DAY, 1001).accepted)

    def test_what_was_used_before_this_boot_is_refused_again_at_an_entry(self) -> None:
        nullifier = pass_token.nullifier(pass_token.nonce(raw_of("single none")))
        for way, reason in (("entry", "spent"), ("exit", None)):
            fare = make(way)
            fare.remember(nullifier)
            self.assertEqual(fare.decide(text("single none"), DAY, 0).reason, reason)


class KeyLists(unittest.TestCase):
    def accept(self, keys: keylist.KeyList, name: str) -> "Any":
        return keys.accept(key_list(name))

    def test_a_list_holds_until_a_later_one_comes(self) -> None:
        storage = MemoryStorage()
        keys = make(storage=storage, listed="").keys
        self.assertFalse(keys)
        self.assertEqual(keys.hash, "")
        self.assertEqual(self.accept(keys, "7"), keylist.NEW)
        self.assertEqual((keys.serial, len(keys.keys)), (7, 7))
        self.assertEqual(self.accept(keys, "7"), keylist.SAME)
        before = keys.hash
        for refused in ("7, other", "9, of another list key"):
            self.assertEqual(self.accept(keys, refused), keylist.REFUSED, refused)
            self.assertEqual((keys.serial, keys.hash), (7, before))
        self.assertEqual(self.accept(keys, "8"), keylist.NEW)
        self.assertEqual(self.accept(keys, "7"), keylist.REFUSED)
        self.assertEqual((keys.serial, len(keys.keys)), (8, 2))
        again = make(storage=storage, listed="").keys
        self.assertEqual((again.serial, again.hash, len(again.keys)), (8, keys.hash, 2))
        self.assertEqual(self.accept(again, "7"), keylist.REFUSED)

    def test_the_hash_is_of_what_is_signed(self) -> None:
        import hashlib

        keys = make().keys
        self.assertEqual(keys.hash, hashlib.sha256(key_list()[:-354]).digest().hex())

    def test_hostile_bytes_are_refused(self) -> None:
        chance = Lcg(3)
        storage = MemoryStorage()
        keys = make(storage=storage, listed="").keys
        good = key_list()
        bad = [b"", b"{}", good[:-1], good[1:], good[:-354], good[-354:], good.replace(b'"v":1', b'"v": 1')]
        bad += [bytes(8193), b'{"v":1,"serial":' + b"9" * 7000]
        for payload in bad:
            self.assertEqual(keys.accept(payload), keylist.REFUSED, payload[:40])
        for _ in range(20):
            gc.collect()
            changed = bytearray(good)
            at = chance.below(len(good) - 4)  # not in the signature's spare bits
            changed[at] ^= 1 << chance.below(7)
            self.assertEqual(keys.accept(bytes(changed)), keylist.REFUSED, at)
        self.assertEqual(storage.files, {})

    def test_a_list_of_another_network_is_dropped_at_boot(self) -> None:
        storage = MemoryStorage({"keys": key_list("9, of another list key")})
        keys = make(storage=storage, listed="").keys
        self.assertFalse(keys)
        self.assertEqual(self.accept(keys, "7"), keylist.NEW)

    def test_the_newest_key_that_is_sold(self) -> None:
        keys = make().keys
        newest = keys.newest("single", "none", DAY)
        assert newest is not None
        self.assertEqual(newest.first, DAY - 5)
        self.assertEqual(keys.find(newest.id), newest)
        older = keys.newest("single", "none", DAY - 6)
        assert older is not None
        self.assertEqual(older.first, DAY - 20)
        self.assertIsNone(keys.newest("single", "none", DAY + 10))
        self.assertIsNone(keys.newest("day", "research", DAY + 1))
        self.assertIsNone(keys.find(bytes(8)))


class Pages(unittest.TestCase):
    def pages(self, count: int = 4) -> SpentPages:
        spent = make(spent_pages=count).spent
        assert spent is not None
        return spent

    def test_a_page_is_taken_again_only_when_it_has_grown(self) -> None:
        spent = self.pages()
        self.assertTrue(spent.accept(page("3")))
        self.assertEqual(len(spent), 20)
        for refused in ("3", "3, shrunk", "4, of another list key"):
            self.assertFalse(spent.accept(page(refused)), refused)
        self.assertTrue(spent.accept(page("3, grown")))
        self.assertFalse(spent.accept(page("3")))
        for number in range(1, 200, 3):
            self.assertTrue(spent.has(bytes([number]) * 16))
            self.assertFalse(spent.has(bytes([number + 1]) * 16))

    def test_the_oldest_is_forgotten(self) -> None:
        spent = self.pages()
        for name in ("3", "4", "7"):
            self.assertTrue(spent.accept(page(name)), name)
        self.assertFalse(spent.has(bytes([1]) * 16), "page 3 has gone: 7 stands in its place")
        self.assertTrue(spent.has(bytes([200]) * 16))
        self.assertFalse(spent.accept(page("3, grown")), "older than what is kept")
        one = self.pages(1)
        self.assertTrue(one.accept(page("3")))
        self.assertTrue(one.accept(page("4")))
        self.assertEqual(len(one), 1)
        self.assertFalse(one.accept(page("3, grown")))

    def test_they_come_in_any_order(self) -> None:
        spent = self.pages()
        for name in ("4", "3"):
            self.assertTrue(spent.accept(page(name)))
        self.assertTrue(spent.has(bytes([1]) * 16) and spent.has(bytes([200]) * 16))

    def test_hostile_bytes_are_refused(self) -> None:
        chance = Lcg(5)
        spent = self.pages()
        good = page("3, grown")
        for payload in (b"", b"{}", good[:-1], good[:-354], good[-354:], key_list(), bytes(8193)):
            self.assertFalse(spent.accept(payload), payload[:40])
        for _ in range(30):
            gc.collect()
            changed = bytearray(good)
            at = chance.below(len(good) - 4)
            changed[at] ^= 1 << chance.below(7)
            self.assertFalse(spent.accept(bytes(changed)), at)
        self.assertEqual(len(spent), 0)

    def test_an_entry_across_two_others_is_not_found(self) -> None:
        used = Used(4)
        used.add(bytes(range(16)))
        used.add(bytes(range(8, 24)))
        self.assertFalse(used.has(bytes(range(4, 12))))
        self.assertTrue(used.has(bytes(range(8))))
        self.assertTrue(used.has(bytes(range(8, 16))))

    def test_what_was_used_here_is_bounded(self) -> None:
        used = Used(USED_MAX)
        for number in range(USED_MAX + 3):
            used.add(number.to_bytes(2, "big") * 8)
        self.assertEqual(len(used), USED_MAX)
        for number in range(USED_MAX + 3):
            self.assertEqual(used.has(number.to_bytes(2, "big") * 8), number >= 3, number)


class PassbackCache(unittest.TestCase):
    def test_it_is_bounded_and_ends_with_its_time(self) -> None:
        cache = Passback(1000)
        for number in range(CAPACITY + 2):
            cache.add(bytes([number]) * 16, 5, DAY)
        self.assertFalse(cache.has(bytes([1]) * 16, 6, DAY))
        self.assertTrue(cache.has(bytes([2]) * 16, 6, DAY))
        self.assertFalse(cache.has(bytes([2]) * 16, 1005, DAY))

    def test_ticks_wrap(self) -> None:
        late = ticks_add(0, -10)
        cache = Passback(1000)
        cache.add(bytes(16), late, DAY)
        self.assertTrue(cache.has(bytes(16), 500, DAY))
        self.assertFalse(cache.has(bytes(16), 990, DAY))

    def test_another_service_day_begins_anew(self) -> None:
        cache = Passback(1000)
        cache.add(bytes(16), 0, DAY)
        self.assertFalse(cache.has(bytes(16), 1, DAY + 1))

    def test_the_last_of_two_uses_counts(self) -> None:
        cache = Passback(1000)
        cache.add(bytes(16), 0, DAY)
        cache.add(bytes(16), 1500, DAY)
        self.assertTrue(cache.has(bytes(16), 2000, DAY))

    def test_nought_switches_it_off(self) -> None:
        cache = Passback(0)
        cache.add(bytes(16), 0, DAY)
        self.assertFalse(cache.has(bytes(16), 0, DAY))


class Handles(unittest.TestCase):
    def test_a_decision_made_by_hand_has_the_handle_that_it_was_given(self) -> None:
        self.assertEqual(Decision(True, "single", True, "ab" * 32).handle, "ab" * 32)
        self.assertIsNone(Decision(True, "single").handle)


if __name__ == "__main__":
    unittest.main()
