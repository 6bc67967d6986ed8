"""Thousands of parked polls cost little, are all answered, and one whose client vanished is noticed."""

import socket
import time

import pytest
from cast import fresh
from parked import Connections
from pool import wait_for
from processes import resident_kib
from soap import http_post, request

POLLS = 2000
AT_ONCE = 200  # more than http.worker_queue at once would be shed
KIB_EACH = 32
QUERIES_A_SECOND = 60
QUIET_SECONDS = 8


def _parked(replica):
    return replica.metrics()["whitebrick_parked_polls"]


def _pull(token, subscription, wait):
    return http_post("/events", request("events", "PullEvents", subscription=subscription, waitSeconds=wait), token)


@pytest.fixture
def crowd(own_cast):
    """One service with a subscription for each poll, as a portal has terminals."""
    event = fresh("load.crowd").replace("-", "_")
    names = [f"s{n}" for n in range(POLLS)]
    service = own_cast.service(declare=[event])
    with service.soap() as soap:
        for n in range(0, POLLS, 250):
            soap.call("directory", "ConnectService", requestId=fresh("r"), leaseSeconds=600, declare=[{"type": event}],
                      subscribe=[{"name": name, "type": event} for name in names[n:n + 250]])
    return service, event, names


def test_two_thousand_on_one_replica(own_pool, crowd):
    replica, other = own_pool.replicas
    service, event, names = crowd
    # A new process: its heap holds no room that earlier requests left.
    replica.stop()
    replica.start()
    # Threads, statements and the heap get their first size before.
    with Connections(replica.port, AT_ONCE) as connections:
        connections.send([_pull(service.token, name, 0) for name in names[:AT_ONCE]])
        assert all(b"200 OK" in a for a in connections.answers(20))
    before = resident_kib(replica.process.pid)
    with Connections(replica.port, POLLS) as connections:
        sent, there = time.monotonic(), _parked(replica)
        for n in range(0, POLLS, AT_ONCE):
            connections.send([_pull(service.token, name, 50) for name in names[n:n + AT_ONCE]], first=n)
            wait_for(lambda: _parked(replica) >= there + n + AT_ONCE, "every poll parked", 10)
        each = (resident_kib(replica.process.pid) - before) / POLLS

        # Nothing happens: what is asked of the database now is the price of waiting.
        first, started = replica.metrics()["whitebrick_database_statements_total"], time.monotonic()
        wait_for(lambda: time.monotonic() > started + QUIET_SECONDS, "quiet interval", 2 * QUIET_SECONDS)
        seconds = time.monotonic() - started
        queries = (replica.metrics()["whitebrick_database_statements_total"] - first) / seconds
        assert _parked(replica) >= POLLS, "all of them are still there"

        with service.soap(other) as soap:
            soap.call("events", "PublishEvents", requestId=fresh("r"), event=[{"type": event, "content": "all"}])
        published = time.monotonic()
        answers = connections.answers(30)
        woken = time.monotonic() - published
    print(f"\n{POLLS} parked polls: {each:.1f} KiB each, {queries:.1f} queries/s, parked within "
          f"{published - sent - seconds:.1f} s, all answered {woken:.1f} s after one event for all")
    assert all(b"200 OK" in a and b">all<" in a for a in answers)
    assert each <= KIB_EACH
    assert queries <= QUERIES_A_SECOND


def test_a_client_that_vanishes_behind_the_balancer_is_noticed(pool, cast):
    service = cast.service(subscribe={"all": ["load.vanished"]})

    def total(metric):
        return sum(r.metrics()[metric] for r in pool.replicas)

    for farewell in ("closes", "resets"):
        parked, hung_up = total("whitebrick_parked_polls"), total("whitebrick_hung_up_total")
        client = socket.create_connection(("127.0.0.1", pool.front_port))
        client.sendall(_pull(service.token, "all", 50))
        wait_for(lambda: total("whitebrick_parked_polls") == parked + 1, "parked poll", 5)
        if farewell == "resets":
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        gone = time.monotonic()
        client.close()
        wait_for(lambda: total("whitebrick_parked_polls") == parked, "end of the parked poll", 5)
        print(f"\na client that {farewell}: noticed after {time.monotonic() - gone:.2f} s")
        assert total("whitebrick_hung_up_total") == hung_up + 1
