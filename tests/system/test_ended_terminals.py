"""A terminal whose session has ended is told so, however it ended, and whatever waited for it."""

import threading
import time

import pytest
from cast import fresh
from pool import wait_for
from soap import SoapFault
from tables import query


def _connect(soap, **more):
    return soap.call("coordination", "ConnectTerminal", requestId=fresh("r"), terminalId="phone", **more)


def _sessions_in_table(pool, access_session_id):
    return query(pool, "SELECT COUNT(*) FROM access_session WHERE public_id = UNHEX(%s)", access_session_id)[0][0]


def _pull(soap, wait=0):
    with pytest.raises(SoapFault) as refused:
        soap.call("events", "PullEvents", subscription="phone", waitSeconds=wait)
    return refused.value


def test_after_a_lost_lease_the_next_pull_says_not_connected(pool, cast):
    user = cast.user()
    with user.soap() as soap:
        access = _connect(soap, leaseSeconds=1).all("accessSession")[0]["accessSessionId"]
        wait_for(lambda: _sessions_in_table(pool, access) == 0, "end of the session", 15)
        fault = _pull(soap)
    assert (fault.code, fault.sender, fault.retryable) == ("NOT_CONNECTED", True, False)


def test_a_disconnected_terminal_is_told_on_the_poll_it_has_parked(pool, cast):
    a, b = pool.replicas
    user = cast.user()
    told = []

    def poll():
        with user.soap(b) as parked:
            told.append((_pull(parked, wait=40), time.monotonic()))

    with user.soap(a) as soap:
        _connect(soap)
        with user.soap(b) as first:  # what the connection itself brought
            token = first.call("events", "PullEvents", subscription="phone", waitSeconds=0).get("leaseToken")
            if token:
                first.call("events", "AckEvents", requestId=fresh("r"), subscription="phone", ackToken=token)
        before = b.metrics()["whitebrick_parked_polls"]
        thread = threading.Thread(target=poll, daemon=True)
        thread.start()
        wait_for(lambda: b.metrics()["whitebrick_parked_polls"] > before, "parked poll", 5)
        soap.call("coordination", "DisconnectTerminal", requestId=fresh("r"), terminalId="phone")
        ended = time.monotonic()
        thread.join(10)
        assert told, "the parked poll goes on"
        assert _pull(soap).code == "NOT_CONNECTED", "and so does every later one"
    fault, at = told[0]
    print(f"\nthe parked poll of an ended terminal was answered after {1000 * (at - ended):.0f} ms")
    assert fault.code == "NOT_CONNECTED" and at - ended < 2.5
