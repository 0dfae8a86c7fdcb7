"""An issuer that tags riders by a key for each kiosk: what it would have to do, and where it shows (docs/passes.md).

The two lists are signed alike, for the issuer has the list key. What is left is that each device tells the hash of its
list; and that of one list every kiosk takes the same key, however many there are.
"""

from __future__ import annotations

from firmware.fare import keylist
from firmware.fare.passes import Fare
from tests.firmware.fakes import DAY_MS, MORNING_MS, MemoryStorage, settings
from tests.passes import Issuer, IssuerKey, list_hash, single

DAY = MORNING_MS // DAY_MS


def gate(issuer: Issuer) -> Fare:
    return Fare(settings(passes={"list_key": issuer.list_key}), MemoryStorage())


def lists() -> tuple[Issuer, IssuerKey, IssuerKey, bytes, bytes]:
    """The same list twice, but for the key of the single: one for each of two kiosks."""
    issuer, here, there = Issuer(), single("none", DAY - 5), single("none", DAY - 5)
    return issuer, here, there, issuer.key_list(7, [here]), issuer.key_list(7, [there])


def test_a_key_of_its_own_for_a_kiosk_does_not_open_gates_that_have_the_other_list() -> None:
    issuer, here, there, one, _ = lists()
    fare = gate(issuer)
    assert fare.keys.accept(one) == keylist.NEW
    assert fare.decide(here.new_pass(), DAY, 0).accepted
    refused = fare.decide(there.new_pass(), DAY, 0)
    assert not refused.accepted and refused.reason == "unknown_key"


def test_a_gate_takes_no_second_list_under_the_same_serial_and_tells_which_it_has() -> None:
    issuer, _, _, one, other = lists()
    first, second = gate(issuer), gate(issuer)
    assert first.keys.accept(one) == second.keys.accept(other) == keylist.NEW
    assert first.keys.accept(other) == second.keys.accept(one) == keylist.REFUSED
    # This is what `status` tells and tickets show: whoever compares two sees it.
    assert (first.keys.hash, second.keys.hash) == (list_hash(one), list_hash(other))
    assert first.keys.hash != second.keys.hash


def test_of_one_list_with_a_key_for_each_kiosk_all_take_the_same() -> None:
    issuer = Issuer()
    keys = [single("none", DAY - 5) for _ in range(4)]
    listed = issuer.key_list(7, keys)
    chosen = []
    for _ in range(2):
        fare = gate(issuer)
        assert fare.keys.accept(listed) == keylist.NEW
        chosen.append(fare.keys.newest("single", "none", DAY).id)
    assert chosen[0] == chosen[1]
