"""Events are pushed to a real endpoint, while the publisher waits or later, whatever dies meanwhile."""

import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from cast import cast_of, fresh
from pool import wait_for


class Subscriber:
    """Implements notify.wsdl; remembers the events in the order in which they came."""

    def __init__(self):
        self.came, self.open = [], threading.Event()
        self.open.set()
        outer = self

        class Notify(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                text = self.rfile.read(int(self.headers["Content-Length"])).decode()
                outer.open.wait(20)
                outer.came += zip(map(int, re.findall("<eventId>(\\d+)<", text)), re.findall("<content>([^<]*)<", text))
                self.send_response(202)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Notify)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}/notify"

    def close(self):
        self.open.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def subscriber():
    one = Subscriber()
    yield one
    one.close()


@pytest.fixture
def push_pool(make_pool):
    pool = make_pool(settings=["--events.push_allow=127.0.0.1", "--events.push_http=true", "--events.push_ports=*"])
    yield pool
    make_pool.end(pool)


def _services(pool, subscriber, most=1):
    cast = cast_of(pool)
    sender, receiver = cast.service(declare=["mail.received"]), cast.service()
    with receiver.soap() as soap:
        soap.call("events", "Subscribe", requestId=fresh("r"), name="inbox", type=["mail.*"],
                  push={"endpoint": subscriber.url, "maxEvents": most})
    return sender, receiver


def test_the_publisher_waits_for_the_outcome_but_not_for_long(push_pool, subscriber):
    sender, receiver = _services(push_pool, subscriber)
    with sender.soap() as soap:
        def publish(content):
            began = time.monotonic()
            answer = soap.call("events", "PublishEvents", requestId=fresh("r"),
                               event=[{"type": "mail.received", "content": content}])
            return answer.all("published")[0]["pushed"], time.monotonic() - began

        pushed, _ = publish("a")
        assert (pushed["subscriber"]["name"], pushed["subscription"], pushed["outcome"]) == (
            receiver.name, "inbox", "DELIVERED")
        assert [c for _, c in subscriber.came] == ["a"]
        subscriber.open.clear()
        pushed, took = publish("b")
        assert pushed["outcome"] == "PENDING" and took < 1.5
        subscriber.open.set()
        wait_for(lambda: [c for _, c in subscriber.came] == ["a", "b"], "the slow answer", 5)

        with receiver.soap() as other:
            other.call("directory", "DisconnectService", requestId=fresh("r"))
            pushed, took = publish("c")
            assert pushed["outcome"] == "PENDING" and took < 0.5
            other.call("directory", "ConnectService", requestId=fresh("r"))
        wait_for(lambda: [c for _, c in subscriber.came] == ["a", "b", "c"], "the event that waited", 5)


def test_nothing_is_lost_when_a_replica_is_killed(push_pool, subscriber):
    sender, _ = _services(push_pool, subscriber, most=20)
    total = 3000
    with sender.retrying() as soap:
        for first in range(0, total, 100):
            soap.call("events", "PublishEvents", requestId=fresh("r"), event=[
                {"type": "mail.received", "content": str(i)} for i in range(first, first + 100)])
            if first == 1000:
                push_pool.replicas[0].kill()
            if first == 2000:
                push_pool.replicas[0].start()
    wait_for(lambda: len({c for _, c in subscriber.came}) == total, "all events", 40)
    ids = {}
    for event_id, content in subscriber.came:
        assert ids.setdefault(event_id, content) == content
    assert len(ids) == total, "an event was stored twice"
    # Those that the dead replica had in hand come again, no others.
    assert len(subscriber.came) - total <= 200
