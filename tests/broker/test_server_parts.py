"""The small parts of a broker: limiter, budget, waits, recovery, idle times, pressure, tokens, versions, instances."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iapeer_memory.broker.server import tokens as session
from iapeer_memory.broker.server.connections import Connections
from iapeer_memory.broker.server.instance import Unresolvable, instance_of
from iapeer_memory.broker.server.pressure import BACK_OFF_MS, FdPressure
from iapeer_memory.broker.server.rate import MANY, RateLimiter
from iapeer_memory.broker.server.tokens import SessionTokens
from iapeer_memory.broker.server.versions import is_allowed, is_below
from iapeer_memory.broker.spawn.backend import idle_secs
from iapeer_memory.broker.spawn.budget import SingleFlight, SpawnBudget
from iapeer_memory.broker.spawn.idle import Due, Watched, connections_in, due
from iapeer_memory.broker.spawn.recovery import Recovery
from iapeer_memory.broker.spawn.wait import Decision, SpawnWait
from iapeer_memory.broker.wire_v2.service import ServiceDefinition


class TestRate:
    def test_256_in_a_second_and_the_rest_of_the_window_to_wait(self) -> None:
        limiter = RateLimiter()
        assert [limiter.take(7, 10) for _ in range(256)] == [0] * 256
        assert limiter.take(7, 400) == 610
        assert limiter.take(8, 400) == 0
        assert limiter.take(7, 1_009) == 1
        assert limiter.take(7, 1_010) == 0

    def test_who_has_no_pid_is_not_counted(self) -> None:
        limiter = RateLimiter(limit=1)
        assert [limiter.take(0, 0) for _ in range(5)] == [0] * 5

    def test_no_limit(self) -> None:
        limiter = RateLimiter(limit=0)
        assert not any(limiter.take(7, 0) for _ in range(1_000))

    def test_windows_that_are_over_do_not_pile_up(self) -> None:
        limiter = RateLimiter(limit=1)
        for pid in range(1, MANY * 3):
            assert limiter.take(pid, pid * 2) == 0
        assert len(limiter._windows) <= MANY

    @given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 5))
    def test_never_more_than_the_limit_in_one_window(self, steps: list[int], limit: int) -> None:
        limiter = RateLimiter(limit=limit, window_ms=100)
        granted = [now for now in itertools.accumulate(steps) if limiter.take(1, now) == 0]
        began, count = -100, 0
        for now in granted:
            began, count = (now, 1) if now - began >= 100 else (began, count + 1)
            assert count <= limit


class TestBudget:
    def test_three_in_thirty_seconds_and_one_storm_a_window(self) -> None:
        budget: SpawnBudget[str] = SpawnBudget()
        assert [budget.take("a", 0).granted for _ in range(3)] == [True] * 3
        refused = budget.take("a", 10_000)
        assert (refused.granted, refused.retry_after_ms, refused.storm) == (False, 20_000, True)
        assert not budget.take("a", 11_000).storm
        assert budget.take("b", 11_000).granted
        assert list(budget.used(11_000)) == [("a", 3, 19_000), ("b", 1, 0)]
        assert budget.take("a", 30_000).granted
        assert budget.taken == 5

    def test_a_start_that_worked_empties_the_window(self) -> None:
        budget: SpawnBudget[str] = SpawnBudget()
        for _ in range(10):
            assert budget.take("a", 0).granted
            budget.succeeded("a")

    def test_windows_that_are_over_do_not_pile_up(self) -> None:
        budget: SpawnBudget[int] = SpawnBudget()
        for key in range(1_000):
            budget.take(key, key * 1_000)
        assert len(budget._windows) <= 31

    def test_one_flight_a_key(self) -> None:
        flight: SingleFlight[str] = SingleFlight()
        assert flight.begin("a")
        assert not flight.begin("a")
        assert flight.begin("b")
        flight.end("a")
        flight.end("a")
        assert "a" not in flight
        assert flight.begin("a")


class TestWait:
    def test_the_sleeps_grow_to_two_seconds(self) -> None:
        wait = SpawnWait()
        sleeps = [wait.decide(look, 0, ready=False, alive=True).sleep_ms for look in range(8)]
        assert sleeps == [50, 100, 200, 500, 1_000, 2_000, 2_000, 2_000]

    @pytest.mark.parametrize(
        ("waited", "ready", "alive", "expected"),
        [
            (70_000, True, False, Decision("ready")),
            (70_000, False, False, Decision("dead")),
            (60_000, False, True, Decision("ceiling")),
            (59_990, False, True, Decision("sleep", 10)),
        ],
    )
    def test_ready_comes_before_dead_before_the_ceiling(
        self, waited: int, ready: bool, alive: bool, expected: Decision
    ) -> None:
        assert SpawnWait().decide(9, waited, ready=ready, alive=alive) == expected


class TestRecovery:
    def test_once_soon_then_not_for_the_rest_of_the_window(self) -> None:
        recovery: Recovery[str] = Recovery()
        assert recovery.crashed("a", 1_000).retry_ms == 250
        assert recovery.refused_for("a", 1_100) == 0
        second = recovery.crashed("a", 5_000)
        assert (second.retry_ms, second.refuse_ms) == (None, 26_000)
        assert recovery.refused_for("a", 6_000) == 25_000
        assert recovery.refused_for("b", 6_000) == 0
        assert recovery.crashed("a", 31_000).retry_ms == 250

    def test_an_end_in_order_counts_as_none(self) -> None:
        recovery: Recovery[str] = Recovery()
        recovery.crashed("a", 0)
        recovery.settled("a")
        assert recovery.crashed("a", 1).retry_ms == 250


class TestIdle:
    @pytest.mark.parametrize(
        ("watched", "is_due"),
        [
            (Watched("a", 0, 30, 0), True),
            (Watched("a", 1, 30, 0), False),
            (Watched("a", 0, None, 0), False),
            (Watched("a", 0, 30, 1), False),
            (Watched("a", 0, 30, None), False),
            (Watched("a", 0, 30, 0, quiesced=True), False),
        ],
    )
    def test_due(self, watched: Watched[str], is_due: bool) -> None:
        assert due([watched], 30_000) == ((Due("a"),) if is_due else ())

    def test_connections_are_counted_in_the_table(self) -> None:
        head = "Num       RefCount Protocol Flags    Type St Inode Path\n"
        row = "0000000000000000: 00000003 00000000 {flags} 0001 {state} 4711 {path}\n"
        table = head + "".join(
            row.format(flags=flags, state=state, path=path)
            for flags, state, path in [
                ("00010000", "01", "/run/a b.sock"),
                ("00000000", "03", "/run/a b.sock"),
                ("00000000", "02", "/run/a b.sock"),
                ("00000000", "03", "/run/a b.sock2"),
                ("00000000", "03", ""),
            ]
        )
        assert connections_in(table, "/run/a b.sock") == 2
        assert connections_in(table, "/run/other.sock") == 0

    @pytest.mark.parametrize(
        ("label", "secs"), [("30", 30), ("0", None), ("", None), ("-1", None), ("1.5", None), ("9" * 12, None)]
    )
    def test_a_definition_asks_for_it(self, label: str, secs: int | None) -> None:
        assert idle_secs(ServiceDefinition(labels={"idle_timeout_secs": label})) == secs


class TestPressure:
    def test_three_good_ones_in_a_row_end_it(self) -> None:
        pressure = FdPressure()
        states = []
        for event in "ffaafaaa":
            if event == "f":
                assert pressure.failed() == BACK_OFF_MS == 50
            else:
                pressure.accepted()
            states.append(pressure.demoted)
        assert states == [True, True, True, True, True, True, True, False]
        assert pressure.times == 1


def counted() -> Iterator[bytes]:
    for number in itertools.count(1):
        yield bytes([number]) * 16


class TestTokens:
    def test_every_way_to_be_void_in_its_order(self) -> None:
        halves = counted()
        tokens = SessionTokens(lambda count: next(halves))
        first = tokens.register("d")
        assert (len(first), tokens.objection("d", first)) == (32, None)
        assert tokens.objection("d", first[:-1]) == session.MALFORMED
        assert tokens.objection("other", first) == session.NO_DAEMON
        second = tokens.register("d")
        assert tokens.objection("d", first) == session.OTHER_DAEMON
        assert tokens.token("d") == second
        tokens.rotate()
        assert tokens.objection("other", second) == session.OTHER_BROKER
        tokens.forget("d")
        assert tokens.token("d") is None


def test_ids_count_from_one() -> None:
    connections = Connections()
    assert [connections.next_id() for _ in range(3)] == [1, 2, 3]


@pytest.mark.parametrize(
    ("version", "floor", "below"),
    [
        ("1.9.0", "1.10.0", True),
        ("1.10.0", "1.9.0", False),
        ("1.9.0", "1.9.0", False),
        ("1.9.0-rc.1", "1.9.0", False),
        ("1.9.0", "", False),
        ("", "0.0.1", True),
        ("", "", False),
        ("0." + "9" * 60 + ".0", "1.0.0", True),
    ],
)
def test_the_floor_is_numeric(version: str, floor: str, below: bool) -> None:
    assert is_below(version, floor) is below


def test_the_allow_list_is_literal() -> None:
    assert is_allowed("1.0.0", ())
    assert is_allowed("1.0.0", ("1.0.0",))
    assert not is_allowed("1.0.0", ("1.0.0-rc.1",))


@pytest.mark.parametrize(
    ("isolation", "named", "instance"),
    [
        (0, "", "private:svc"),
        (1, "", "shared"),
        (2, "blue", "explicit:blue"),
        (2, "", None),
        (2, "BLUE", None),
        (1, "blue", None),
        (9, "", None),
    ],
)
def test_instances(isolation: int, named: str, instance: str | None) -> None:
    definition = ServiceDefinition(service_name="svc", isolation=isolation, explicit_instance=named)
    if instance is None:
        with pytest.raises(Unresolvable):
            instance_of(definition)
    else:
        assert instance_of(definition) == instance
