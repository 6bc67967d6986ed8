"""For a minute replicas and the database are killed in turn, at random times, under load; then the books of the
clients, who share no code with the server, are compared.

    pytest tests/system/test_chaos.py --chaos-seconds 3600 --chaos-seed 42 -s
"""

import random
import time

import pytest
from checker import Checker
from faults import Faults, plan
from load import Publishers, Pullers
from pool import wait_for
from soap import FailoverSoap
from tables import query

LEASE = 5  # seconds
EVENTS = 50_000
BATCH = 20
FAULT_EVERY = 15  # seconds


@pytest.fixture
def seconds(request):
    return request.config.getoption("--chaos-seconds")


@pytest.fixture
def seed(request):
    given = request.config.getoption("--chaos-seed")
    return given if given is not None else random.SystemRandom().randrange(10 ** 6)


def test_no_acknowledged_event_is_lost(own_pool, own_cast, seconds, seed):
    event = "load.chaos"
    count = max(2, round(seconds / FAULT_EVERY))
    kills = plan(seconds, count, [r.name for r in own_pool.replicas], seed)
    print(f"\nseed {seed}: " + ", ".join(f"{what} at {at:.1f} s" for at, what in kills))
    publisher = own_cast.service(declare=[event])
    services = {name: own_cast.service(subscribe={"all": [event]}) for name in ("one", "two", "shared")}
    checker = Checker(services)
    pulling = {name: (services[name].retrying(), "all") for name in ("one", "two")}
    for consumer in ("x", "y"):
        pulling["shared", consumer] = (services["shared"].retrying(), "all")
    pullers = Pullers(checker, pulling, wait=5, lease=LEASE, most=100)
    a, b = (r.url for r in own_pool.replicas)
    publishers = Publishers([FailoverSoap([a, b], publisher.token), FailoverSoap([b, a], publisher.token),
                             publisher.retrying()], checker, event, batch=BATCH, ahead=3000)

    started = time.monotonic()
    faults = Faults(own_pool, kills)
    faults.join(seconds + 60 * count)
    # On a slow machine the last ones come later; no fault is there to hide anything.
    wait_for(lambda: publishers.errors or pullers.errors
             or (time.monotonic() > started + seconds and checker.count("ok") >= EVENTS * seconds / 60),
             "enough events", 5 * seconds)
    publishers.stop()
    took = time.monotonic() - started
    wait_for(lambda: checker.has_all() or pullers.errors, "every event at every receiver", 60)
    rest = time.monotonic() - started - took
    pullers.stop()

    verdict, windows = checker.verdict(), faults.windows(LEASE)
    covered = sum(end - begin for begin, end in windows) / took
    print(f"{took:.0f} s, {verdict.ok / took:.0f} events/s: {verdict}; all had come {rest:.1f} s later; {len(faults.done)} kills, back after "
          + ", ".join(f"{f.what} {f.back - f.begin:.1f} s" for f in faults.done)
          + f"; {100 * covered:.0f} % of the time explained by them; retries of publishers {publishers.retries}, of "
          f"pullers {pullers.retries}")
    assert verdict.clean, f"seed {seed}: {verdict}\n{verdict.lost[:5]} {verdict.ghost[:5]} {verdict.twice[:5]} {verdict.late[:5]}"
    assert verdict.ok >= EVENTS * seconds / 60 and len(faults.done) == count
    assert checker.again_outside(windows) == [], f"seed {seed}"
    assert covered < 0.9, "there was no quiet time to compare with"
    assert publishers.retries and pullers.retries, "the kills were not felt"
    for name, service in services.items():
        with service.soap() as soap:
            state = soap.call("events", "GetSubscription", subscription="all")
            dead = soap.call("events", "GetDeadEvents", subscription="all").all("dead")
        assert (state["depth"], state["leased"], state["dead"], dead) == ("0", "0", "0", []), name


def test_what_is_done_behind_the_servers_back_is_found(pool, cast):
    """The same books, with a lost, a forged and a repeated event planted in the tables."""
    event = "load.planted"
    publisher, service = cast.service(declare=[event]), cast.service(subscribe={"all": [event]})
    checker = Checker(["one"])
    batch = checker.attempt(3)
    with publisher.soap() as soap:
        answer = soap.call("events", "PublishEvents", event=[{"type": event, "content": c} for c in batch])
    checker.ended(batch, "ok")
    lost, forged, repeated = (int(p["eventId"]) for p in answer.all("published"))
    queue, subscription = query(pool, "SELECT queue_id, subscription_id FROM delivery WHERE event_id = %s", repeated)[0]
    query(pool, "DELETE FROM delivery WHERE event_id = %s", lost)
    query(pool, "UPDATE event SET content = 'forged' WHERE id = %s", forged)
    pullers = Pullers(checker, {"one": (service.retrying(), "all")}, wait=0)
    history = "SELECT COUNT(*) FROM delivery_history WHERE event_id = %s"
    wait_for(lambda: query(pool, history, repeated)[0][0] or pullers.errors, "the acknowledgement", 10)
    assert not pullers.errors and checker.again_outside([]) == []
    query(pool, "INSERT INTO delivery (queue_id, event_id, subscription_id, visible_at)"
                " VALUES (%s, %s, %s, UTC_TIMESTAMP(6))", queue, repeated, subscription)
    wait_for(lambda: checker.again_outside([]) or pullers.errors, "the repetition", 10)
    pullers.stop()
    verdict = checker.verdict()
    assert verdict.lost == [f"one: {batch[0]}", f"one: {batch[1]}"] and verdict.ghost == ["one: forged"]
    assert verdict.late == [f"one: {batch[2]}"] and len(checker.again_outside([])) == 1
