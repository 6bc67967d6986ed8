"""Replicas are killed in the middle of delivering events to thousands of subscriptions: each has each event once."""

import random
import time

from cast import fresh
from checker import Checker
from load import Pullers
from pool import wait_for
from tables import commits_held, query, rows_before_commit

SERVICES, EACH = 5, 500  # subscriptions: more than one transaction delivers to
ROUNDS, EVENTS = 6, 8
PIECE = 500  # rows: the last one is that small


def _subscribers(cast, event):
    names = [f"s{n}" for n in range(EACH)]
    services = [cast.service() for _ in range(SERVICES)]
    for service in services:
        with service.soap() as soap:
            for n in range(0, EACH, 250):
                soap.call("directory", "ConnectService", requestId=fresh("r"), leaseSeconds=600,
                          subscribe=[{"name": name, "type": event} for name in names[n:n + 250]])
    return services


def _left(pool):
    return query(pool, "SELECT COUNT(*) FROM fanout")[0][0]


def _in_the_middle(pool):
    return query(pool, "SELECT COUNT(*) FROM fanout WHERE position > 0")[0][0]


def _kill_before_its_commit(pool):
    """A piece stands complete before its COMMIT when whoever delivers it dies; it takes effect all the same."""
    with commits_held(pool):
        wait_for(lambda: any(n >= PIECE for n in rows_before_commit(pool)), "a piece before its COMMIT", 10)
        for replica in pool.replicas:
            replica.kill()
    return "both at a COMMIT"


def _kill_one(pool, dice):
    wait_for(lambda: _in_the_middle(pool), "a position", 10)
    victim = dice.choice(pool.replicas)
    victim.kill()
    return victim.name


def test_killed_in_the_middle_every_subscription_has_every_event_once(own_pool, own_cast):
    seed = random.SystemRandom().randrange(10 ** 6)
    dice, event = random.Random(seed), "load.wide"
    publisher = own_cast.service(declare=[event])
    services = _subscribers(own_cast, event)
    # The first, one in the middle, the last: they acknowledge while the others' deliveries are still made.
    readers = {"first": (services[0].retrying(), "s0"), "middle": (services[2].retrying(), f"s{EACH // 2}"),
               "last": (services[-1].retrying(), f"s{EACH - 1}")}
    checker = Checker(readers)
    pullers = Pullers(checker, readers, wait=1)
    killed, left, soap, started = [], [], publisher.retrying(), time.monotonic()
    for number in range(ROUNDS):
        batch = checker.attempt(EVENTS)
        soap.call("events", "PublishEvents", event=[{"type": event, "content": c} for c in batch])
        checker.ended(batch, "ok")
        killed.append(_kill_one(own_pool, dice) if number % 2 else _kill_before_its_commit(own_pool))
        left.append(_left(own_pool))
        for replica in own_pool.replicas:
            replica.start()
    wait_for(lambda: _left(own_pool) == 0, "end of the fan-out", 60)
    wait_for(lambda: checker.has_all() or pullers.errors, "every event at the readers", 30)
    pullers.stop()
    verdict, total, all_events = checker.verdict(), SERVICES * EACH, ROUNDS * EVENTS
    print(f"\nseed {seed}: killed {killed}, {left} events left then, while {all_events} events went to {total} subscriptions, "
          f"{time.monotonic() - started:.0f} s; readers: {verdict}")
    assert verdict.clean, verdict
    assert all(left[::2]), "everything was delivered before the kill"
    made = query(own_pool, "SELECT event_id, COUNT(*), COUNT(DISTINCT subscription_id) FROM"
                           " (SELECT d.event_id, d.subscription_id FROM delivery d JOIN event e ON e.id = d.event_id"
                           "   WHERE e.type = %s UNION ALL SELECT h.event_id, h.subscription_id FROM delivery_history h"
                           "   JOIN event e ON e.id = h.event_id WHERE e.type = %s) made GROUP BY event_id", event, event)
    assert {row[1:] for row in made} == {(total, total)} and len(made) == all_events
