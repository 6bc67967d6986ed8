"""The connection to the database breaks when COMMIT has just been sent: nobody knows what became of it. The client
repeats on another replica with its requestId, and there is exactly one event."""

import socket
import threading
import time
from collections import Counter

import pytest
from cast import fresh
from pool import wait_for
from relay import CommitCutter
from soap import RetryingSoap, Soap, http_post, request
from tables import query

ROUNDS = 1000
LOST = 100  # rounds more in which the COMMIT itself is lost on the way
LANES = 8


class Client:
    """Publishes event number N on the first replica. Even ones wait for what it says and ask the second one
    nevertheless; odd ones leave as soon as the connection breaks, while the first replica is still at it."""

    def __init__(self, service, first, second):
        self.service, self.first = service, first
        self.patient = Soap(first.url, service.token)
        self.second = RetryingSoap(second.url, service.token)
        self.seen = Counter()
        self.cuts = {}  # N -> set when its connection broke

    def publish(self, number, event):
        cut = self.cuts[number] = threading.Event()
        arguments = {"requestId": fresh("r"), "event": [{"type": event, "content": f"cut-{number:06d}"}]}
        answers = []
        if number % 2 == 0:
            answers.append(self._wait(arguments))
            assert cut.is_set()
        else:
            self._leave(arguments, cut)
        again = self.second.call("events", "PublishEvents", **arguments)
        answers.append(again.all("published")[0]["eventId"])
        ids = {int(i) for i in answers if i}
        assert len(ids) == 1, f"two answers to one request: {answers}"
        return ids.pop()

    def _wait(self, arguments):
        try:
            answer = self.patient.call("events", "PublishEvents", **arguments)
            self.seen["answered by the first replica itself"] += 1
            return answer.all("published")[0]["eventId"]
        except Exception as error:
            assert RetryingSoap.may_repeat(error), error
            self.seen["refused by the first replica"] += 1
            return None

    def _leave(self, arguments, cut):
        with socket.create_connection(("127.0.0.1", self.first.port)) as s:
            s.sendall(http_post("/events", request("events", "PublishEvents", **arguments), self.service.token))
            assert cut.wait(10), "the connection did not break"
        self.seen["left by the client"] += 1


@pytest.fixture
def cut_pool(own_pool):
    """Its first replica reaches the database through `own_pool.cutter`."""
    first = own_pool.replicas[0]
    own_pool.told = lambda number: None
    cutter = CommitCutter(own_pool.folder / "cut.sock", own_pool.database_socket, lambda number: number < ROUNDS,
                          lambda number: own_pool.told(number))
    with cutter:
        own_pool.cutter = cutter
        first.stop()
        own_pool.settings += [f"--database.socket={cutter.path}", "--database.user=root"]
        first.start()
        del own_pool.settings[-2:]
        yield own_pool
        first.stop()


def test_a_repeated_request_publishes_once(cut_pool, own_cast):
    event = "load.cut"
    service = own_cast.service(declare=[event])
    subscriber = own_cast.service(subscribe={"all": [event]})
    wait_for(lambda: len(cut_pool.servers_up()) == 2, "both replicas in the balancer", 10)
    clients = [Client(service, *cut_pool.replicas) for _ in range(LANES)]
    cut_pool.told = lambda number: clients[number % LANES].cuts[number].set()
    said, errors = {}, []

    def lane(which):
        try:
            for number in range(which, ROUNDS + LOST, LANES):
                said[f"cut-{number:06d}"] = clients[which].publish(number, event)
        except Exception as error:
            errors.append(error)

    started = time.monotonic()
    threads = [threading.Thread(target=lane, args=(n,), daemon=True) for n in range(LANES)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(150)
    took = time.monotonic() - started
    seen = sum((c.seen for c in clients), Counter())
    print(f"\n{len(cut_pool.cutter.done)} connections broken at COMMIT in {took:.0f} s: {dict(seen)}")
    assert not errors, errors
    assert cut_pool.cutter.done == set(range(ROUNDS + LOST))

    stored = query(cut_pool, "SELECT content, COUNT(*), MAX(id) FROM event WHERE type = %s GROUP BY content", event)
    found = {(c.decode() if isinstance(c, bytes) else c): (count, number) for c, count, number in stored}
    assert found == {content: (1, number) for content, number in said.items()}, "one event each, the one answered"
    came = {}
    with subscriber.soap() as soap:
        token = None
        while True:
            answer = soap.call("events", "PullEvents", subscription="all", maxEvents=1000, waitSeconds=0, ackToken=token)
            token = answer.get("leaseToken")
            for e in answer.all("event"):
                if e["transmitter"]["kind"] == "SERVICE":
                    assert came.setdefault(e["content"], int(e["eventId"])) == int(e["eventId"]), "it came twice"
            if not token:
                break
    assert came == said
    assert seen["answered by the first replica itself"] > 0, "a replica finds out by itself"
