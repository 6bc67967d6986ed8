"""Sessions live by leases on the database clock: the silent ones end once, a dead replica or database ends none."""

import os
import re
import signal
import time
from collections import Counter

from cast import cast_of, fresh
from pool import wait_for
from soap import RetryingSoap, SoapFault


def _ended(cast):
    """session.ended in the log: how often for each session, access and service sessions alike."""
    counts, after = Counter(), None
    while True:
        page = cast.admin.call("events", "GetEventLog", afterEventId=after, type="session.ended", maxEvents=1000)
        for entry in page.all("entry"):
            ids = re.findall(r"<(serviceSessionId|accessSessionId)>(\w+)<", entry["content"])
            counts[dict(ids).get("serviceSessionId") or dict(ids)["accessSessionId"]] += 1
        if page["more"] != "true":  # a page may hold nothing and not be the last
            return counts
        after = page["lastEventId"]


def _connect(user, lease, replica=None):
    with user.soap(replica) if replica else user.retrying() as soap:
        answer = soap.call("coordination", "ConnectTerminal", requestId=fresh("r"), terminalId="phone",
                           leaseSeconds=lease)
    return [s["accessSessionId"] for s in answer.all("accessSession")]


def test_a_silent_terminal_ends_once_with_all_that_hangs_on_it(pool, cast):
    service = cast.service()
    users = [cast.user(profiles=("work", "home"), services=[service]) for _ in range(3)]
    expected = []
    for user in users:
        access_ids = _connect(user, lease=1)
        with user.soap() as soap:
            opened = soap.call("coordination", "OpenServiceSession", requestId=fresh("r"),
                               accessSessionId=access_ids[0], service=service.ref)
        expected += access_ids + [opened["serviceSession"]["serviceSessionId"]]

    wait_for(lambda: set(expected) <= _ended(cast).keys(), "end of every session", 15)
    # One that ends after all of those: the job has run since, on whatever replica.
    last = _connect(cast.user(), lease=1)
    wait_for(lambda: set(last) <= _ended(cast).keys(), "end of a later session", 15)
    counts = _ended(cast)
    assert [counts[i] for i in expected + last] == [1] * len(expected + last)
    for user in users:
        with user.soap() as soap:
            assert soap.call("coordination", "ListAccessSessions").all("accessSession") == []


def test_a_parked_poll_keeps_its_terminal_alive(pool, cast):
    user = cast.user()
    ids = _connect(user, lease=3)
    started = time.monotonic()
    with user.soap() as soap:
        while time.monotonic() - started < 8:  # more than two leases and the grace
            soap.call("events", "PullEvents", subscription="phone", waitSeconds=50)
        sessions = soap.call("coordination", "ListAccessSessions").all("accessSession")
    assert [s["accessSessionId"] for s in sessions] == ids
    assert not set(ids) & _ended(cast).keys()


def test_a_dead_replica_ends_nothing(own_pool, own_cast):
    a, b = own_pool.replicas
    user = own_cast.user()
    ids = _connect(user, lease=5, replica=a)
    a.kill()
    started = time.monotonic()
    soap = RetryingSoap(own_pool.url, user.token)
    while time.monotonic() - started < 8:
        soap.call("events", "PullEvents", subscription="phone", waitSeconds=2)
    sessions = soap.call("coordination", "ListAccessSessions").all("accessSession")
    assert [s["accessSessionId"] for s in sessions] == ids
    assert _ended(own_cast) == {}


def test_an_outage_of_the_database_longer_than_the_lease_ends_nothing(make_pool):
    # After an outage everybody gets a whole lease to come back: the settings say how long that is.
    pool = make_pool(settings=["--terminal_lease=5", "--service_lease=5"])
    cast = cast_of(pool)
    user, silent = cast.user(), cast.user()
    ids = _connect(user, lease=5)
    lost = 0
    os.kill(pool.database_pid, signal.SIGSTOP)
    stopped = time.monotonic()
    try:
        with user.soap() as soap:
            while time.monotonic() - stopped < 12:
                try:
                    soap.call("coordination", "ListAccessSessions")
                except SoapFault as fault:
                    assert fault.retryable and not fault.sender
                    lost += 1
    finally:
        os.kill(pool.database_pid, signal.SIGCONT)
    assert lost > 0

    def is_connected():
        sessions = user.retrying().call("coordination", "ListAccessSessions").all("accessSession")
        return [s["accessSessionId"] for s in sessions] == ids

    assert is_connected(), "the terminal is back within its lease"
    # The job runs again: it ends a terminal that is silent from now on, and only that one.
    other = _connect(silent, lease=1)
    wait_for(lambda: is_connected() and set(other) <= _ended(cast).keys(), "end of the silent terminal", 30)
    assert dict(_ended(cast)) == dict.fromkeys(other, 1)
    make_pool.end(pool)
