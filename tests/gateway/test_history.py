"""How a device was: points, silences, and when a word is overdue."""

from gateway.admission.rules import Sender
from gateway.live.history import OVERDUE, OVERDUE_MIN_MS, POINT_MS, POINTS_KEPT, SILENCES_KEPT, DeviceHistory, Point
from gateway.live.state import LiveState
from gateway.protocol.records import Health, Online

NOW = 1_754_503_200_000
INTERVAL_MS = 10_000


def health(outbox: int = 0, heap_free: int = 50_000, worst_tick_ms: int = 5) -> Health:
    return Health(1, 1, heap_free, worst_tick_ms, outbox, 0)


def regular(history: DeviceHistory, times: int = 3, interval_ms: int = INTERVAL_MS) -> int:
    """It says its health so often; when it last did."""
    for n in range(times):
        history.health(NOW + n * interval_ms, health())
    return NOW + (times - 1) * interval_ms


def test_a_minute_has_one_point_with_the_worst_of_it() -> None:
    history = DeviceHistory()
    history.health(NOW, health(3, 40_000, 9))
    history.health(NOW + POINT_MS - 1, health(1, 30_000, 4))
    history.health(NOW + POINT_MS, health(0, 60_000, 1))
    assert history.points() == (Point(NOW, 3, 30_000, 9), Point(NOW + POINT_MS, 0, 60_000, 1))


def test_points_and_silences_are_bounded() -> None:
    history = DeviceHistory()
    for n in range(2 * POINTS_KEPT):
        history.lost(NOW + n * POINT_MS - 1)
        history.health(NOW + n * POINT_MS, health())
    assert len(history.points()) == POINTS_KEPT
    assert len(history.silences(NOW)) == SILENCES_KEPT


def test_silence_begins_when_its_own_interval_is_overdue() -> None:
    for interval_ms in (INTERVAL_MS, 900_000):
        history = DeviceHistory()
        last_ms = regular(history, interval_ms=interval_ms)
        overdue_ms = round(max(OVERDUE_MIN_MS, OVERDUE * interval_ms))
        assert history.silent_since_ms(last_ms + overdue_ms) is None
        assert history.silent_since_ms(last_ms + overdue_ms + 1) == last_ms
        assert history.silences(last_ms + overdue_ms + 1) == ((last_ms, None),)
        history.heard(last_ms + overdue_ms + 500)
        assert history.silent_since_ms(last_ms + overdue_ms + 500) is None
        assert history.silences(last_ms + overdue_ms + 500) == ((last_ms, last_ms + overdue_ms + 500),)


def test_until_it_has_said_its_health_twice_only_the_broker_tells() -> None:
    history = DeviceHistory()
    history.health(NOW, health())
    assert history.silent_since_ms(NOW + 10**9) is None
    history.lost(NOW + 45_000)
    assert history.silent_since_ms(NOW + 45_000) == NOW


def test_lost_is_a_silence_until_it_is_heard_again() -> None:
    history = DeviceHistory()
    last_ms = regular(history)
    history.lost(last_ms + 3_000)
    history.lost(last_ms + 4_000)
    assert history.silences(last_ms + 5_000) == ((last_ms, None),)
    history.heard(last_ms + 9_000)
    assert history.silences(last_ms + 9_000) == ((last_ms, last_ms + 9_000),)


def test_a_silence_is_not_taken_for_its_rhythm() -> None:
    history = DeviceHistory()
    last_ms = regular(history)
    back_ms = last_ms + 3_600_000
    for n in range(2):
        history.health(back_ms + n * INTERVAL_MS, health())
    overdue_ms = round(max(OVERDUE_MIN_MS, OVERDUE * INTERVAL_MS))
    assert history.silent_since_ms(back_ms + INTERVAL_MS + overdue_ms + 1) == back_ms + INTERVAL_MS


def test_never_heard_is_not_silent() -> None:
    assert DeviceHistory().silent_since_ms(NOW) is None


def test_the_live_state_keeps_it() -> None:
    now = [NOW]
    live = LiveState(lambda: now[0])
    gate = Sender("north", "gate-1", "emulated")
    live.load([gate], {})
    assert live.silent_since_ms("gate-1", NOW) is None
    live.set_online(gate, Online(1, "0.1.0", ""))
    for _ in range(3):
        now[0] += INTERVAL_MS
        live.set_health(gate, health(outbox=2))
    last_ms = now[0]
    assert [point.outbox for point in live.health_history("gate-1")] == [2]
    now[0] += 5_000
    live.set_lost(gate)
    assert live.silent_since_ms("gate-1", now[0]) == last_ms
    now[0] += 5_000
    live.set_online(gate, Online(2, "0.1.0", ""))
    assert live.silent_since_ms("gate-1", now[0]) is None
    assert live.silences("gate-1", now[0]) == ((last_ms, now[0]),)
    assert live.health_history("gate-9") == ()
