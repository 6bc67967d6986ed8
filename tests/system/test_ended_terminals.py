"""A terminal whose session has ended is told so, however it ended, and whatever waited for it."""

import threading
import time

import pytest
from cast import fresh
from pool import wait_for
from soap import SoapFault
from tables import commits_held, query, rows_before_commit

BACKLOG = 20_000
PIECE = 5_000  # rows that one transaction may write


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


def test_a_portal_whose_user_logs_out_loses_his_terminals(pool, cast):
    portal, user = cast.service(), cast.user(services=[])
    with portal.soap() as soap, user.soap() as token:
        opened = _connect(soap, userToken=token.token)
        access = opened.all("accessSession")[0]["accessSessionId"]
        assert _sessions_in_table(pool, access) == 1
        token.call("identity", "Logout", requestId=fresh("r"))
        wait_for(lambda: _sessions_in_table(pool, access) == 0, "end of the session of the portal", 15)


def test_a_terminal_with_twenty_thousand_events_waiting_disconnects_at_once(own_pool, own_cast):
    event = "load.backlog"
    service = own_cast.service(declare=[event])
    users = [own_cast.user(services=[service]) for _ in range(2)]
    for user in users:
        with user.soap() as soap:
            _connect(soap, leaseSeconds=600)
    targets = [{"userId": user.account, "profileId": "work"} for user in users]
    with service.soap() as soap:
        for _ in range(BACKLOG // 500):
            soap.call("events", "PublishEvents", requestId=fresh("r"),
                      event=[{"type": event, "content": "x", "profile": targets}] * 500)

    def waiting():
        return query(own_pool, "SELECT COUNT(*) FROM delivery d JOIN event e ON e.id = d.event_id WHERE e.type = %s",
                     event)[0][0]

    assert waiting() == 2 * BACKLOG
    with users[0].soap() as soap:
        started = time.monotonic()
        soap.call("coordination", "DisconnectTerminal", requestId=fresh("r"), terminalId="phone")
        took = time.monotonic() - started
    wait_for(lambda: waiting() <= BACKLOG, "end of the first backlog", 30)

    # The second one's transaction is seen at its COMMIT: it is a piece, not the whole.
    retrying = users[1].retrying()
    call = threading.Thread(target=lambda: retrying.call("coordination", "DisconnectTerminal", terminalId="phone"))
    with commits_held(own_pool):
        call.start()
        rows = wait_for(lambda: max((n for n in rows_before_commit(own_pool) if n >= 100), default=0),
                        "the transaction at its end", 10)
    call.join(20)
    print(f"\na terminal with {BACKLOG} events waiting disconnected in {1000 * took:.0f} ms, {rows} rows at once")
    assert took < 1
    assert rows <= PIECE
    wait_for(lambda: waiting() == 0, "end of the second backlog", 30)
