"""kill -9 of a replica loses nothing, whatever it was doing at that moment."""

import os
import signal
import socket
import threading

from cast import fresh
from checker import Checker
from load import Publishers, Pullers
from pool import wait_for
from soap import RetryingSoap, http_post, request
from tables import commits_held, commits_waiting, query

EVENTS = 6000
KILLS = 4


def _backlog(pool):
    return query(pool, "SELECT COUNT(*) FROM delivery d JOIN subscription s ON s.id = d.subscription_id"
                       " WHERE s.owner_kind = 1")[0][0]


def _holder_of_polls(pool):
    """The replica in which most polls are parked."""
    def parked():
        alive = [r for r in pool.replicas if r.process.pid]
        most = max(alive, key=lambda r: r.metrics()["whitebrick_parked_polls"])
        return most if most.metrics()["whitebrick_parked_polls"] > 0 else None
    return wait_for(parked, "replica with parked polls", 20)


def test_under_load_every_event_arrives(own_pool, own_cast):
    event = "load.killed"
    publisher = own_cast.service(declare=[event, "load.idle"])
    subscribers = {f"receiver {n}": own_cast.service(subscribe={"all": [event], "idle": ["load.idle"]}) for n in (1, 2)}
    checker = Checker(subscribers)
    pullers = Pullers(checker, {name: (s.retrying(), "all") for name, s in subscribers.items()})
    # Polls that stay parked while the others are answered all the time.
    idle = Pullers(Checker(subscribers), {name: (s.retrying(), "idle") for name, s in subscribers.items()}, wait=20)
    publishers = Publishers([publisher.retrying() for _ in range(4)], checker, event)
    killed = []
    for number in range(1, KILLS + 1):
        wait_for(lambda: checker.count("ok") >= number * EVENTS / (KILLS + 1) or publishers.errors, "load", 60)
        victim = _holder_of_polls(own_pool)
        victim.kill()
        killed.append(victim.name)
        wait_for(lambda: own_pool.servers_up() == {r.name for r in own_pool.replicas} - {victim.name},
                 "balancer without the dead replica", 10)
        victim.start()
        wait_for(lambda: len(own_pool.servers_up()) == 2, "both replicas in the balancer", 10)
    wait_for(lambda: checker.count("ok") >= EVENTS or publishers.errors, "all events", 60)
    publishers.stop()
    wait_for(lambda: checker.has_all() or pullers.errors, "every event at every receiver", 30)
    pullers.stop()
    idle.stop_with(lambda: publisher.retrying().call("events", "PublishEvents",
                                                     event=[{"type": "load.idle", "content": "the end"}]))
    verdict = checker.verdict()
    print(f"\nkilled {killed}: {verdict}; retries of publishers {publishers.retries}, of pullers "
          f"{pullers.retries + idle.retries}")
    assert verdict.ok >= 5000 and verdict.clean, verdict
    assert publishers.retries + pullers.retries > 0, "the kills were not felt"
    assert _backlog(own_pool) == 0, "the queue is empty at the end"


def _publish_many(cast, pool, event, count, size):
    publisher = cast.service(declare=[event])
    soap = RetryingSoap(pool.url, publisher.token)
    contents = [f"{n:05d}" + "<" * (size - 5) for n in range(count)]
    for i in range(0, count, 15):
        soap.call("events", "PublishEvents", event=[{"type": event, "content": c} for c in contents[i:i + 15]])
    return contents


def test_while_it_writes_an_answer_the_batch_comes_again(own_pool, own_cast):
    """The client reads nothing, so that the replica stands in the middle of a large answer when it dies: 1 MiB of
    content, and each letter of it written as four, more than the system takes from the replica beforehand."""
    a, b = own_pool.replicas
    subscriber = own_cast.service(subscribe={"all": ["load.large"]})
    contents = _publish_many(own_cast, own_pool, "load.large", count=64, size=16000)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        s.connect(("127.0.0.1", a.port))
        s.sendall(http_post("/events", request("events", "PullEvents", subscription="all", maxEvents=1000,
                                               waitSeconds=0, leaseSeconds=5), subscriber.token))
        part = s.recv(1000)
        assert part.startswith(b"HTTP/1.1 200"), part
        a.kill()
        try:
            while chunk := s.recv(65536):
                part += chunk
        except ConnectionResetError:
            pass
    assert not part.rstrip().endswith(b"Envelope>") and len(part) < 64 * 16000 * 4, "the answer was complete: nothing was shown"

    received, token = {}, None
    with subscriber.soap(b) as soap:
        def all_came():
            nonlocal token
            answer = soap.call("events", "PullEvents", subscription="all", maxEvents=200, waitSeconds=5, ackToken=token)
            token = answer.get("leaseToken")
            received.update((e["content"], int(e["attempts"])) for e in answer.all("event")
                            if e["type"] == "load.large")
            return len(received) >= len(contents) and not token
        wait_for(all_came, "the whole batch again", 30)
    assert sorted(received) == contents
    assert set(received.values()) == {2}, "each was leased to the answer that was cut, and once more"
    assert _backlog(own_pool) == 0


def _at_its_commit(pool, replica, soap, *call, **arguments):
    """Runs the call on `replica` and kills that between the COMMIT and the reply."""
    outcome = []

    def run():
        try:
            outcome.append(soap.call(*call, **arguments))
        except Exception as error:
            outcome.append(error)

    thread = threading.Thread(target=run, daemon=True)
    with commits_held(pool):
        thread.start()
        # The jobs of the replicas commit too, but change a row or two only.
        wait_for(lambda: commits_waiting(pool, rows=4), "transaction before its COMMIT", 1.8)
        os.kill(replica.process.pid, signal.SIGSTOP)
    wait_for(lambda: not commits_waiting(pool, rows=4), "COMMIT in the database", 5)
    replica.kill()
    thread.join(30)
    assert isinstance(outcome[0], OSError), f"the reply came through: {outcome}"


def test_between_commit_and_reply_of_a_publish_it_is_there_once(own_pool, own_cast):
    a, b = own_pool.replicas
    event = "load.unanswered"
    publisher = own_cast.service(declare=[event])
    subscriber = own_cast.service(subscribe={"all": [event]})
    request_id = fresh("r")
    message = {"requestId": request_id, "event": [{"type": event, "content": "once"}]}
    with publisher.soap(a) as soap:
        _at_its_commit(own_pool, a, soap, "events", "PublishEvents", **message)
    stored = query(own_pool, "SELECT id FROM event WHERE type = %s", event)
    assert len(stored) == 1, "it was committed, and not answered"
    with publisher.soap(b) as soap:
        repeated = soap.call("events", "PublishEvents", **message)
    assert int(repeated.all("published")[0]["eventId"]) == stored[0][0], "the retry gets the answer that was lost"
    with subscriber.soap(b) as soap:
        came = soap.call("events", "PullEvents", subscription="all", waitSeconds=5).all("event")
        assert [(int(e["eventId"]), e["content"]) for e in came] == [(stored[0][0], "once")]
    assert query(own_pool, "SELECT COUNT(*) FROM event WHERE type = %s", event)[0][0] == 1


def test_between_commit_and_reply_of_a_pull_the_events_come_again(own_pool, own_cast):
    a, b = own_pool.replicas
    event = "load.leased"
    publisher = own_cast.service(declare=[event])
    subscriber = own_cast.service(subscribe={"all": [event]})
    with publisher.soap(b) as soap:
        soap.call("events", "PublishEvents", event=[{"type": event, "content": str(n)} for n in range(20)])
    with subscriber.soap(a) as soap:
        _at_its_commit(own_pool, a, soap, "events", "PullEvents", subscription="all", waitSeconds=0, leaseSeconds=5)
    leased = query(own_pool, "SELECT COUNT(*) FROM delivery WHERE token IS NOT NULL")[0][0]
    assert leased == 20, "the lease was committed, and not answered"
    with subscriber.soap(b) as soap:
        answer = soap.call("events", "PullEvents", subscription="all", waitSeconds=10)
        assert [(e["content"], e["attempts"]) for e in answer.all("event")] == [(str(n), "2") for n in range(20)]
        soap.call("events", "AckEvents", subscription="all", ackToken=answer["leaseToken"])
    assert _backlog(own_pool) == 0
