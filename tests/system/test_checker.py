"""The checker that the other tests rest on finds what it is there to find."""

from checker import Checker
from leases import Leases


def _all_well():
    checker = Checker(("a", "b"))
    number = 0
    for _ in range(100):
        batch = checker.attempt(10)
        for content in batch:
            number += 1
            checker.received(content, number, "a")
            checker.received(content, number, "b")
        checker.ended(batch, "ok")
    return checker


def test_all_well_is_clean():
    verdict = _all_well().verdict()
    assert verdict.clean and verdict.ok == 1000 and verdict.received == 2000


def test_a_lost_event_is_found():
    checker = _all_well()
    planted = checker.attempt(1)
    checker.ended(planted, "ok")
    checker.received(planted[0], 2000, "a")  # but not by b
    verdict = checker.verdict()
    assert not verdict.clean and verdict.lost == [f"b: {planted[0]}"]
    assert not checker.has_all()


def test_an_unanswered_publish_may_be_missing_or_come():
    checker = _all_well()
    missing, there = checker.attempt(2)
    checker.received(there, 2001, "a")
    checker.received(there, 2001, "b")
    verdict = checker.verdict()
    assert verdict.clean and verdict.info == 2


def test_a_refused_or_unknown_event_that_comes_is_a_ghost():
    checker = _all_well()
    refused = checker.attempt(1)
    checker.ended(refused, "fail")
    checker.received(refused[0], 3000, "a")
    checker.received("never-attempted", 3001, "b")
    assert checker.verdict().ghost == [f"a: {refused[0]}", "b: never-attempted"]


def test_a_retry_that_published_twice_is_found_and_a_redelivery_is_counted():
    checker = _all_well()
    batch = checker.attempt(1)
    checker.ended(batch, "ok")
    for receiver in ("a", "b"):
        checker.received(batch[0], 4000, receiver)
    checker.received(batch[0], 4000, "b")  # redelivered
    assert checker.verdict().clean and checker.verdict().again == 1
    checker.received(batch[0], 4001, "a")  # another event with the same content
    assert checker.verdict().twice == [f"a: {batch[0]} as [4000, 4001]"]


def test_what_came_after_its_acknowledgement_is_found():
    checker = _all_well()
    batch = checker.attempt(1)
    checker.ended(batch, "ok")
    for receiver in ("a", "b"):
        checker.received(batch[0], 5000, receiver)
        checker.acknowledged([5000], receiver)
    assert checker.verdict().clean
    checker.received(batch[0], 5000, "b")
    assert checker.verdict().late == [f"b: {batch[0]}"] and not checker.verdict().clean


def test_what_comes_again_is_explained_by_a_fault_only():
    checker = _all_well()
    batch = checker.attempt(3)
    checker.ended(batch, "ok")
    for number, content in enumerate(batch):
        for receiver in ("a", "b"):
            checker.received(content, 6000 + number, receiver, at=10.0)
    windows = [(20.0, 30.0), (60.0, 70.0)]
    checker.received(batch[0], 6000, "a", at=29.9)
    checker.received(batch[1], 6001, "b", at=60.0)
    assert checker.again_outside(windows) == []
    checker.received(batch[2], 6002, "b", at=30.1)  # between two faults
    assert checker.again_outside(windows) == [f"b: {batch[2]} at 30.1"]
    assert checker.verdict().clean and checker.verdict().again == 3


def test_two_holders_at_a_time_are_found():
    leases = Leases()
    leases.pulled("a", [1, 2, 3], sent=0, came=1, seconds=5)
    for hold in leases.pulled("a", [4], sent=0, came=1, seconds=5):
        hold.ended(2)  # given back
    leases.pulled("b", [1, 4], sent=4, came=5.1, seconds=5)
    assert leases.overlaps() == []
    leases.pulled("b", [2], sent=4, came=4.9, seconds=5)
    assert leases.overlaps() == ["event 2: b got it 0.100 s too early"]


def test_what_was_acknowledged_twice_or_never_or_came_after_is_found():
    leases = Leases()
    leases.pulled("a", [1, 2, 3], sent=0, came=1, seconds=5)
    leases.accepted([1, 2], 2)
    leases.pulled("b", [1], sent=1.5, came=2.5, seconds=5)  # on its way at that time: nothing certain
    assert leases.not_accepted_once() == ["event 3: 0 times"] and leases.after_acceptance() == []
    leases.accepted([2, 3], 3)
    assert leases.not_accepted_once() == ["event 2: 2 times"]
    leases.pulled("b", [1], sent=2.1, came=2.2, seconds=5)
    assert leases.after_acceptance() == ["event 1: b"]
