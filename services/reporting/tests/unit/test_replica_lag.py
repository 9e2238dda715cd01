"""How old a standby's view is, told from WAL positions, and when reports read it."""

from crm_reporting.replica.lag import MOST_MOMENTS, ReplicaLag


def make_lag() -> ReplicaLag:
    return ReplicaLag(max_s=10.0, max_bytes=1000)


def test_nothing_is_known_before_the_first_moment_that_it_has_reached() -> None:
    lag = make_lag()
    lag.note(at_s=0.0, written=500, replayed=400)
    lag.note(at_s=1.0, written=510, replayed=499)
    assert (lag.seconds, lag.bytes, lag.may_be_read(1.0)) == (None, 11, False)
    lag.note(at_s=2.0, written=520, replayed=500)
    assert (lag.seconds, lag.bytes, lag.may_be_read(2.0)) == (2.0, 20, True)


def test_an_idle_primary_makes_no_lag() -> None:
    lag = make_lag()
    for second in range(1000):
        lag.note(at_s=float(second), written=500, replayed=500)
        assert (lag.seconds, lag.bytes, lag.may_be_read(second)) == (0.0, 0, True)


def test_a_standby_that_stands_still_grows_old_from_the_last_moment_it_has() -> None:
    lag = make_lag()
    for second in range(13):
        lag.note(at_s=float(second), written=500 + second, replayed=501)
        assert lag.seconds == max(0.0, second - 1.0)
    assert not lag.may_be_read(12.0)


def test_what_was_seen_last_ages_where_nobody_looks() -> None:
    lag = make_lag()
    lag.note(at_s=0.0, written=500, replayed=500)
    assert lag.may_be_read(10.0)
    assert not lag.may_be_read(10.1)


def test_bytes_count_as_well_as_seconds() -> None:
    lag = make_lag()
    lag.note(at_s=0.0, written=500, replayed=500)
    lag.note(at_s=1.0, written=1500, replayed=500)
    assert lag.may_be_read(1.0)
    lag.note(at_s=2.0, written=1501, replayed=500)
    assert not lag.may_be_read(2.0)


def test_it_is_read_again_once_it_is_well_within_the_bounds() -> None:
    lag = make_lag()
    lag.note(at_s=0.0, written=500, replayed=500)
    lag.note(at_s=1.0, written=2000, replayed=500)
    read = []
    for replayed in (1100, 1499, 1500, 1100):
        lag.note(at_s=2.0, written=2000, replayed=replayed)
        read.append(lag.may_be_read(2.0))
    assert read == [False, False, True, True]


def test_a_doubted_standby_is_read_after_the_next_look() -> None:
    lag = make_lag()
    lag.note(at_s=0.0, written=500, replayed=500)
    lag.doubt()
    assert not lag.may_be_read(0.0)
    lag.note(at_s=1.0, written=500, replayed=500)
    assert lag.may_be_read(1.0)


def test_another_primary_begins_another_history() -> None:
    lag = make_lag()
    lag.note(at_s=0.0, written=900, replayed=900)
    lag.note(at_s=1.0, written=950, replayed=900)
    lag.note(at_s=2.0, written=920, replayed=900)
    assert (lag.seconds, lag.may_be_read(2.0)) == (None, False)
    lag.note(at_s=3.0, written=930, replayed=920)
    assert (lag.seconds, lag.may_be_read(3.0)) == (1.0, True)


def test_a_standby_that_never_catches_up_is_remembered_within_bounds_and_never_taken_for_younger() -> None:
    lag = make_lag()
    lag.note(at_s=0.0, written=1, replayed=1)
    count = MOST_MOMENTS * 2
    for second in range(1, count):
        lag.note(at_s=float(second), written=1 + second, replayed=1)
    assert lag.seconds == count - 1
    lag.note(at_s=float(count), written=1 + count, replayed=1 + 10)  # of a moment that was forgotten
    assert lag.seconds == count
    lag.note(at_s=count + 1.0, written=1 + count, replayed=count)
    assert lag.seconds == 2.0
