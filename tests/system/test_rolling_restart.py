"""Replicas are restarted one by one, and no client sees it."""

import threading
import time

from checker import Checker
from load import Publishers, Pullers
from pool import status_of, wait_for
from soap import Soap


def test_under_load_no_request_fails(own_pool, own_cast):
    event = "load.rolling"
    publisher = own_cast.service(declare=[event, "load.idle"])
    subscribers = {f"receiver {n}": own_cast.service(subscribe={"all": [event], "idle": ["load.idle"]}) for n in (1, 2)}
    checker = Checker(subscribers)
    # None of them repeats a call: any failure ends the load, and the test.
    pullers = Pullers(checker, {name: (s.soap(), "all") for name, s in subscribers.items()})
    idle = Pullers(Checker(subscribers), {name: (s.soap(), "idle") for name, s in subscribers.items()}, wait=30)
    publishers = Publishers([publisher.soap() for _ in range(4)], checker, event)
    watched = Checks(own_pool)

    def failed():
        return publishers.errors + publishers.unknown + pullers.errors + idle.errors + watched.errors

    for replica in own_pool.replicas:
        count = checker.count("ok")
        wait_for(lambda: checker.count("ok") >= count + 500 or failed(), "load before the restart", 30)
        old = replica.process.pid
        replica.stop()
        replica.start()
        wait_for(lambda: len(own_pool.servers_up()) == 2, "both replicas in the balancer", 10)
        assert replica.process.pid != old
    publishers.stop()
    wait_for(lambda: checker.has_all() or failed(), "every event at every receiver", 30)
    pullers.stop()
    idle.stop_with(lambda: publisher.soap().call("events", "PublishEvents",
                                                 event=[{"type": "load.idle", "content": "the end"}]))
    watched.stop()
    verdict = checker.verdict()
    print(f"\nrolling restart: {verdict}; slowest publish {1000 * max(publishers.seconds):.0f} ms, "
          f"{watched.count} short connections")
    assert publishers.unknown == []
    assert verdict.clean and verdict.info == 0 and verdict.again == 0


class Checks:
    """Callers that make a new connection for each call, as PHP does."""

    def __init__(self, pool):
        self.pool, self.count, self.errors = pool, 0, []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            while not self._stopping.is_set():
                assert status_of(self.pool.url + "/live") == 200
                self.count += 1
        except BaseException as error:  # told by stop()
            self.errors.append(error)

    def stop(self):
        self._stopping.set()
        self._thread.join(10)
        assert not self.errors, self.errors


def test_a_draining_replica_says_so_and_answers_its_parked_polls(own_pool, own_cast):
    a, b = own_pool.replicas
    subscriber = own_cast.service(subscribe={"all": ["load.never"]})
    answers = []

    def poll():
        started = time.monotonic()
        answer = Soap(a.url, subscriber.token).call("events", "PullEvents", subscription="all", waitSeconds=40)
        answers.append((answer.all("event"), time.monotonic() - started))

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    wait_for(lambda: a.metrics()["whitebrick_parked_polls"] == 1, "parked poll", 5)
    assert status_of(a.admin_url + "/ready") == 200

    stopping = threading.Thread(target=a.stop, daemon=True)
    stopping.start()
    wait_for(lambda: status_of(a.admin_url + "/ready") == 404, "drain notice", 2)
    assert status_of(a.admin_url + "/live") == 200, "it lives while it drains"
    thread.join(10)
    assert answers[0][0] == [] and answers[0][1] < 10, "answered at once, with no event, and without a fault"
    with subscriber.soap(a) as late:  # one that comes now is still served, but not parked
        started = time.monotonic()
        assert late.call("events", "PullEvents", subscription="all", waitSeconds=30).all("event") == []
        assert time.monotonic() - started < 1
    wait_for(lambda: own_pool.servers_up() == {b.name}, "balancer without it", 5)
    stopping.join(20)
    assert a.process.pid is None and a.process.child.returncode == 0
