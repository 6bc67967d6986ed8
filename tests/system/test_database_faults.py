"""The database dies, stops, hangs or is cut off: calls end in time with a fault to repeat, nothing that was
acknowledged is lost, and everything comes back by itself."""

import contextlib
import os
import signal
import threading
import time

from cast import fresh
from checker import Checker
from load import Publishers, Pullers
from pool import wait_for
from relay import Relay
from soap import Soap, SoapFault

LIMIT = 2.0  # seconds
EVENTS = 2000


def test_killed_under_load_no_acknowledged_event_is_lost(own_pool, own_cast):
    event = "load.database"
    publisher = own_cast.service(declare=[event])
    subscribers = {f"receiver {n}": own_cast.service(subscribe={"all": [event]}) for n in (1, 2)}
    checker = Checker(subscribers)
    pullers = Pullers(checker, {name: (s.retrying(), "all") for name, s in subscribers.items()})
    # Two that repeat, two that do not: theirs end unknown, and must come or not, but whole.
    publishers = Publishers([publisher.retrying(), publisher.retrying(), publisher.soap(), publisher.soap()],
                            checker, event)
    back = []
    for number in (1, 2, 3):
        wait_for(lambda: checker.count("ok") >= number * EVENTS / 4 or publishers.errors, "load", 60)
        os.kill(own_pool.database_pid, signal.SIGKILL)
        before, started = checker.count("ok"), time.monotonic()
        own_pool.start_database()
        wait_for(lambda: checker.count("ok") > before + 40 or publishers.errors, "publishing again", 30)
        back.append(time.monotonic() - started)
    wait_for(lambda: checker.count("ok") >= EVENTS or publishers.errors, "all events", 60)
    publishers.stop()
    wait_for(lambda: checker.has_all() or pullers.errors, "every event at every receiver", 30)
    pullers.stop()
    verdict = checker.verdict()
    print(f"\ndatabase killed 3 times: {verdict}; publishing again after {[f'{s:.1f} s' for s in back]}")
    assert publishers.unknown, "the kills were not felt"
    assert verdict.clean, verdict


def _calls(cast):
    """One caller for each kind of operation: query, mutation, poll, and one that needs no token."""
    event = "load.outage"
    service = cast.service(declare=[event], subscribe={"all": [event]})
    user = cast.user()
    with user.soap() as soap:
        soap.call("coordination", "ConnectTerminal", requestId=fresh("r"), terminalId="phone")
    return {
        "query": lambda url: Soap(url, user.token).call("coordination", "GetConnectability",
                                                        contact=[user.numbers["work"]]),
        "mutation": lambda url: Soap(url, service.token).call(
            "events", "PublishEvents", requestId=fresh("r"), event=[{"type": event, "content": "x"}]),
        "poll": lambda url: Soap(url, service.token).call("events", "PullEvents", subscription="all", waitSeconds=0),
        "login": lambda url: Soap(url).call("identity", "Login", accountName=user.account, password="wrong password"),
    }


def _all_fail_in_time(pool, calls, rounds=3):
    """Every call, to each replica and through the balancer, several at a time. Answers the slowest's seconds."""
    seconds, wrong = [], []

    def run(what, url):
        for _ in range(rounds):
            started = time.monotonic()
            try:
                calls[what](url)
                wrong.append(f"{what} was answered")
            except SoapFault as fault:
                if not (fault.retryable and not fault.sender and fault.code in ("UNAVAILABLE", "BUSY")):
                    wrong.append(f"{what}: {fault}")
            except Exception as error:
                wrong.append(f"{what}: {error!r}")
            seconds.append(time.monotonic() - started)

    urls = [pool.url, *(r.url for r in pool.replicas)]
    threads = [threading.Thread(target=run, args=(what, url)) for what in calls for url in urls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong
    assert max(seconds) < LIMIT
    return max(seconds)


def _all_work(calls, pool):
    def work():
        try:
            for replica in pool.replicas:
                for what in ("query", "mutation", "poll"):
                    calls[what](replica.url)
            return True
        except SoapFault as fault:
            assert fault.retryable
            return False
    return work


@contextlib.contextmanager
def _parked_poll(pool, cast):
    """A poll that is parked before the outage; it must still be there, and answer, behind it."""
    event = fresh("load.parked").replace("-", "_")
    service = cast.service(declare=[event], subscribe={"all": [event]})
    answers = []

    def poll():
        answer = service.soap(pool.replicas[0]).call("events", "PullEvents", subscription="all", waitSeconds=50)
        answers.append([e["content"] for e in answer.all("event")])

    thread = threading.Thread(target=poll, daemon=True)
    thread.start()
    wait_for(lambda: pool.replicas[0].metrics()["whitebrick_parked_polls"] > 0, "parked poll", 5)
    yield
    assert thread.is_alive(), "the outage ended a parked poll"
    service.retrying().call("events", "PublishEvents", event=[{"type": event, "content": "after"}])
    thread.join(10)
    assert answers == [["after"]]


def _outage(pool, cast, begin, end, what):
    calls = _calls(cast)
    assert _all_work(calls, pool)()
    with _parked_poll(pool, cast):
        begin()
        try:
            slowest = _all_fail_in_time(pool, calls)
            assert pool.servers_up() == {r.name for r in pool.replicas}, "replicas stay in the balancer"
        finally:
            end()
        started = time.monotonic()
        wait_for(_all_work(calls, pool), "service again", 20)
        back = time.monotonic() - started
    print(f"\n{what}: slowest call {slowest:.2f} s, everything back {back:.1f} s after the database")


def test_stopped(own_pool, own_cast):
    _outage(own_pool, own_cast, lambda: own_pool.run("database", "stop"), own_pool.start_database, "database stopped")


def test_hung(own_pool, own_cast):
    pid = own_pool.database_pid
    _outage(own_pool, own_cast, lambda: os.kill(pid, signal.SIGSTOP), lambda: os.kill(pid, signal.SIGCONT),
            "database hung")


def test_cut_off(own_pool, own_cast):
    """The replicas reach the database through a relay that falls silent: no answer, no refusal."""
    with Relay(own_pool.folder / "relay.sock", own_pool.database_socket) as relay:
        for replica in own_pool.replicas:
            replica.stop()
        own_pool.settings += [f"--database.socket={relay.path}", "--database.user=root"]
        own_pool.start_replicas()
        wait_for(lambda: len(own_pool.servers_up()) == 2, "both replicas in the balancer", 10)
        try:
            _outage(own_pool, own_cast, relay.cut, relay.join, "database cut off")
        finally:
            del own_pool.settings[-2:]
            for replica in own_pool.replicas:
                replica.stop()
