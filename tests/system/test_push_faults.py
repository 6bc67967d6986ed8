"""Endpoints that are down, slow, rude, elsewhere or somebody else: nothing is lost, nobody hammers them, and no
connection is ever made to an address that is not allowed."""

import hashlib
import hmac
import itertools
import threading
import time

import pytest
from cast import cast_of, fresh
from endpoint import FAULT, Authority, Endpoint, Forbidden, reply
from names import Names
from pool import wait_for
from soap import SoapFault
from tables import query

EVENT = "mail.pushed"
OPENS = 5  # failures in a row
SECRET = "a secret of sixteen and more"


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    one = Names(tmp_path_factory.mktemp("names"))
    yield one
    one.close()


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@pytest.fixture(scope="module")
def push_pool(make_pool, names, authority):
    """May push to 127.0.0.1 and nowhere else; names of example.com are what the test says."""
    pool = make_pool(settings=["--events.push_allow=127.0.0.1", "--events.push_http=true", "--events.push_ports=*",
                               f"--events.push_certificates={authority.certificate}"])
    for replica in pool.replicas:
        replica.kill()
        replica.start(env=names.environment)
    wait_for(lambda: len(pool.servers_up()) == 2, "both replicas in the balancer", 10)
    yield pool
    make_pool.end(pool)


@pytest.fixture(scope="module")
def push_cast(push_pool):
    return cast_of(push_pool)


@pytest.fixture
def close():
    """What the test opened."""
    opened = []
    yield lambda one: opened.append(one) or one
    for one in opened:
        one.close()


class Case:
    """A subscriber with one pushed subscription to a type of its own publisher."""

    def __init__(self, pool, cast, event, url, most=1):
        self.pool, self.service = pool, cast.service()
        with self.service.soap() as soap:
            soap.call("events", "Subscribe", requestId=fresh("r"), name="inbox", type=[event],
                      push={"endpoint": url, "secret": SECRET, "maxEvents": most})

    def reconnect(self):
        with self.service.soap() as soap:
            soap.call("directory", "ConnectService", requestId=fresh("r"))

    def waiting(self):
        with self.service.soap() as soap:
            state = soap.call("events", "GetSubscription", subscription="inbox")
        assert state["dead"] == "0"
        return int(state["depth"])

    def breaker(self):
        """(failures in a row, seconds until the next try)."""
        return query(self.pool, "SELECT p.failures, TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), p.next_at) / 1e6"
                                " FROM push_endpoint p JOIN service s ON s.account_id = p.service_id WHERE s.name = %s",
                     self.service.name)[0]

    def is_open(self):
        failures, seconds = self.breaker()
        return failures >= OPENS and seconds > 10


def _publish(soap, event, contents):
    """What became of each push so far: {subscriber: [outcomes]}."""
    answer = soap.call("events", "PublishEvents", requestId=fresh("r"),
                       event=[{"type": event, "content": c} for c in contents])
    outcomes = {}
    for published in answer.all("published"):
        for pushed in published.all("pushed"):
            outcomes.setdefault(pushed["subscriber"]["name"], []).append(pushed["outcome"])
    return outcomes


def _redirects(to):
    codes = itertools.cycle((301, 302, 303, 307, 308))
    return lambda request: reply(request, next(codes), Location=to.url)


def _many_headers(request):
    reply(request, 200, **{f"X-{n}": "x" * 4000 for n in range(30)})


def _raw(text):
    def behaviour(request):
        request.wfile.write(text)
        request.close_connection = True
    return behaviour


def test_misbehaving_endpoints_delay_nobody_and_lose_nothing(push_pool, push_cast, close):
    forbidden, healed = close(Forbidden()), threading.Event()
    ways = {
        "well-behaved": None,
        "down": None,
        "slow": lambda request: healed.wait(60),
        "fault": lambda request: reply(request, 500, FAULT),
        "status 500": lambda request: reply(request, 500, b"broken"),
        "redirects": _redirects(forbidden),
        "long answer": lambda request: reply(request, 200, b" " * 70_000),
        "long headers": _many_headers,
        "no HTTP": _raw(b"220 mail.example.com ESMTP\r\n"),
        "hangs up": _raw(b""),
        "half an answer": _raw(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n<"),
    }
    endpoints = {name: close(Endpoint(way, listening=name != "down")) for name, way in ways.items()}
    publisher = push_cast.service(declare=[EVENT])
    cases = {name: Case(push_pool, push_cast, EVENT, one.url()) for name, one in endpoints.items()}
    contents = [f"event {n}" for n in range(20)]
    rude = [name for name in ways if name not in ("well-behaved", "slow")]
    well = endpoints["well-behaved"]
    with publisher.soap() as soap:
        started, outcomes = time.monotonic(), {}
        for n in range(0, len(contents), 5):
            outcomes = _publish(soap, EVENT, contents[n:n + 5])
            wait_for(lambda: len(well.accepted) >= n + 5, "the well-behaved one's events", 5)
        seconds = (time.monotonic() - started) / 4
    assert well.accepted == contents
    wait_for(lambda: all(cases[name].is_open() for name in rude), "open breakers", 40)
    opened = time.monotonic() - started
    tries = {name: endpoints[name].calls for name in rude}
    wait_for(lambda: cases["slow"].breaker()[0] >= 1, "a failure of the slow one", 20)
    for name in rude:
        failures, calls = cases[name].breaker()[0], endpoints[name].calls
        # A probe about every half minute: the first may have come by now.
        assert failures <= OPENS + 1 and calls == (0 if name == "down" else failures), (name, failures, calls)
        assert endpoints[name].accepted == [] and cases[name].waiting() == len(contents)
        assert set(outcomes[cases[name].service.name]) <= {"FAILED", "PENDING"}, name

    for name, endpoint in endpoints.items():
        endpoint.behaviour = None
    endpoints["down"].listen()
    healed.set()
    began = time.monotonic()
    for number, name in enumerate(rude + ["slow"]):
        if number % 2:
            cases[name].reconnect()  # tries at once
        else:  # as if the half minute until the next probe were over
            query(push_pool, "UPDATE push_endpoint p JOIN service s ON s.account_id = p.service_id"
                             " SET p.next_at = UTC_TIMESTAMP(6) WHERE s.name = %s", cases[name].service.name)
    drained = {}

    def all_drained():
        for name, case in cases.items():
            if name not in drained and case.waiting() == 0:
                drained[name] = round(time.monotonic() - began, 1)
        return len(drained) == len(cases)

    wait_for(all_drained, "the end of every queue", 40)
    print(f"\n{len(rude)} misbehaving endpoints: breakers open after {opened:.0f} s and {tries} calls, all delivered "
          f"so many seconds after they behaved: {drained}; publishing 5 events took {seconds:.2f} s")
    # The slow one's call of before has its five seconds to end, and refused events have pauses of their own.
    assert max(drained[name] for name in rude if name != "fault") < 10, "nobody waited for the next probe"
    for name, endpoint in endpoints.items():
        if name == "fault":  # each refused event comes when its own pause is over
            assert sorted(endpoint.accepted) == sorted(contents)
        elif name == "slow":  # it has taken what it did not answer in time: that may come twice
            assert list(dict.fromkeys(endpoint.accepted)) == contents
        else:
            assert endpoint.accepted == contents, name
        assert cases[name].breaker()[0] == 0
    assert well.calls == len(contents)
    assert forbidden.came() == []


def test_no_connection_to_a_forbidden_address(push_pool, push_cast, names, close):
    event = "mail.guarded"
    endpoint = close(Endpoint())
    forbidden = [close(Forbidden("127.0.0.2", endpoint.port)), close(Forbidden("::1", endpoint.port))]
    publisher, subscriber = push_cast.service(declare=[event]), push_cast.service()
    with subscriber.soap() as soap:
        for url in (f"http://127.0.0.2:{endpoint.port}/", f"http://[::1]:{endpoint.port}/",
                    f"http://[::ffff:127.0.0.2]:{endpoint.port}/", f"http://127.2:{endpoint.port}/",
                    f"http://0x7f000002:{endpoint.port}/", f"http://localhost:{endpoint.port}/",
                    f"http://127.0.0.1@127.0.0.2:{endpoint.port}/", "file:///etc/passwd", "ftp://127.0.0.1/x"):
            with pytest.raises(SoapFault) as refused:
                soap.call("events", "Subscribe", requestId=fresh("r"), name="inbox", type=[event],
                          push={"endpoint": url})
            assert (refused.value.code, refused.value.field) == ("INVALID_ARGUMENT", "endpoint"), url

    allowed = ["127.0.0.1"]
    ways = {
        "public": [allowed],
        "forbidden": [["127.0.0.2"]],
        "mixed": [["127.0.0.1", "127.0.0.2"]],
        "mixed-6": [["::1", "127.0.0.1"]],
        "mapped": [["::ffff:127.0.0.2"]],
        "metadata": [["169.254.169.254"]],
        "unknown": [[]],
        # The first answer is checked; were the name looked up again to connect, it would be elsewhere.
        "rebound": [allowed, ["127.0.0.2"]],
        "flapping": [allowed, ["127.0.0.2"], allowed, ["::1"], allowed, ["127.0.0.2"], allowed],
    }
    cases = {}
    for name, answers in ways.items():
        names.set(f"{name}.example.com", *answers)
        cases[name] = Case(push_pool, push_cast, event, endpoint.url(f"{name}.example.com"))

    def delivered(name):
        return sum(headers["Host"].startswith(f"{name}.") for headers, _ in endpoint.requests)

    with publisher.soap() as soap:
        for content in ("a", "b", "c"):
            _publish(soap, event, [content])
    # What is refused is looked up again and again; two tries show it.
    refused = [n for n in ways if n not in ("public", "flapping")]
    wait_for(lambda: all(cases[n].breaker()[0] >= 2 for n in refused), "refusals", 20)
    wait_for(lambda: cases["public"].waiting() == 0 and cases["flapping"].waiting() == 0, "what is allowed", 30)
    tries = {n: names.asked[f"{n}.example.com"] for n in ways}
    print(f"\nlook-ups {tries}, calls " + str({n: delivered(n) for n in ways}))
    assert [who for one in forbidden for who in one.came()] == []
    assert {n: delivered(n) for n in ways} == {**dict.fromkeys(ways, 0), "public": 3, "flapping": 3, "rebound": 1}
    assert tries["public"] == 3, "one look-up for each call"
    assert tries["flapping"] > 3, "some of its look-ups were refused"
    assert cases["rebound"].waiting() == 2
    assert all(cases[n].waiting() == 3 for n in refused if n != "rebound"), "nothing is lost"

    for name in refused:
        names.set(f"{name}.example.com", allowed)
        cases[name].reconnect()
    wait_for(lambda: all(c.waiting() == 0 for c in cases.values()), "everything, now that it is allowed", 20)
    assert {delivered(n) for n in ways} == {3}
    assert [who for one in forbidden for who in one.came()] == []


def test_https_only_to_whom_the_authority_vouches_for(push_pool, push_cast, names, authority, tmp_path, close):
    event, good = "mail.secured", "secure.example.com"
    certificates = {
        "secure": authority.issue(good),
        "other-authority": Authority(tmp_path, "theirs").issue("other-authority.example.com"),
        "other-name": authority.issue("somebody.example.com"),
        "expired": authority.issue("expired.example.com", days=-1),
    }
    endpoints = {name: close(Endpoint(tls=tls)) for name, tls in certificates.items()}
    cases, publisher = {}, push_cast.service(declare=[event])
    for name, endpoint in endpoints.items():
        names.set(f"{name}.example.com", ["127.0.0.1"])
        cases[name] = Case(push_pool, push_cast, event, endpoint.url(f"{name}.example.com", "https"), most=10)
    contents = ["x", "y", "z"]
    with publisher.soap() as soap:
        outcomes = _publish(soap, event, contents)
    assert outcomes[cases["secure"].service.name] == ["DELIVERED"] * 3
    refused = [n for n in endpoints if n != "secure"]
    wait_for(lambda: all(cases[n].breaker()[0] >= 1 for n in refused), "refusals", 20)
    assert endpoints["secure"].accepted == contents
    for name in refused:
        assert endpoints[name].calls == 0 and cases[name].waiting() == 3, name
    for headers, body in endpoints["secure"].requests:
        seconds, _, digest = headers["X-Whitebrick-Signature"].removeprefix("t=").partition(",sha256=")
        signed = hmac.new(SECRET.encode(), seconds.encode() + b"." + body, hashlib.sha256).hexdigest()
        assert digest == signed and abs(time.time() - int(seconds)) < 60

    for name in refused:  # the certificate is renewed
        endpoints[name].tls.load_cert_chain(*authority.issue(f"{name}.example.com", days=3))
        cases[name].reconnect()
    wait_for(lambda: all(endpoints[n].accepted == contents for n in refused), "delivery to everybody", 20)
    print(f"\nhttps: 3 events to one trusted endpoint, {len(refused)} not trusted ones got theirs later")
