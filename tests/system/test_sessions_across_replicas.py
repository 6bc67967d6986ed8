"""Replicas hold no session: what was opened on one is seen and closed on the other."""

import pytest
from cast import fresh
from pool import wait_for
from soap import Soap, SoapFault


def _ids(answer, element, field):
    return [node[field] for node in answer.all(element)]


def test_a_token_of_one_replica_is_good_on_the_other_and_ends_on_both(pool, cast):
    a, b = pool.replicas
    user = cast.user()
    with user.soap(a) as on_a, user.soap(b) as on_b:
        assert on_a.call("coordination", "ListAccessSessions").all("accessSession") == []
        renewed = Soap(b.url, on_b.call("identity", "RenewToken")["token"])
        assert renewed.call("identity", "Logout", requestId=fresh("r"))["ended"] == "true"

        def refused():
            try:
                Soap(a.url, renewed.token).call("coordination", "ListAccessSessions")
            except SoapFault as fault:
                return fault.code == "AUTHENTICATION_FAILED"
            return False

        wait_for(refused, "end of the token on the other replica", 2)


def test_an_access_session_opened_on_a_is_seen_and_ended_on_b(pool, cast):
    a, b = pool.replicas
    user = cast.user(profiles=("work", "home"))
    with user.soap(a) as on_a, user.soap(b) as on_b:
        opened = on_a.call("coordination", "ConnectTerminal", requestId=fresh("r"), terminalId="phone")
        ids = _ids(opened, "accessSession", "accessSessionId")
        assert len(ids) == 2, "one access session for each profile"
        seen = on_b.call("coordination", "ListAccessSessions")
        assert sorted(_ids(seen, "accessSession", "accessSessionId")) == sorted(ids)

        closed = on_b.call("coordination", "DeactivateProfile", requestId=fresh("r"), accessSessionId=ids[0])
        assert closed["alreadyEnded"] == "false"
        again = on_a.call("coordination", "DeactivateProfile", requestId=fresh("r"), accessSessionId=ids[0])
        assert again["alreadyEnded"] == "true"

        ended = on_b.call("coordination", "DisconnectTerminal", requestId=fresh("r"), terminalId="phone")
        assert (ended["alreadyEnded"], ended["endedAccessSessions"]) == ("false", "1")
        assert on_a.call("coordination", "ListAccessSessions").all("accessSession") == []


def test_a_service_session_opened_on_a_is_seen_and_closed_on_b_by_user_and_by_service(pool, cast):
    a, b = pool.replicas
    service = cast.service()
    user = cast.user(services=[service])
    with user.soap(a) as on_a, user.soap(b) as on_b, service.soap(b) as provider:
        access = on_a.call("coordination", "ConnectTerminal", requestId=fresh("r"), terminalId="phone")
        access_id = _ids(access, "accessSession", "accessSessionId")[0]

        for closer in (on_b, provider):
            opened = on_a.call("coordination", "OpenServiceSession", requestId=fresh("r"),
                               accessSessionId=access_id, service=service.ref)["serviceSession"]
            session_id = opened["serviceSessionId"]
            for reader in (on_b, provider):
                seen = reader.call("coordination", "ListServiceSessions")
                assert _ids(seen, "serviceSession", "serviceSessionId") == [session_id]
            done = closer.call("coordination", "CloseServiceSession", requestId=fresh("r"),
                               serviceSessionId=session_id)
            assert done["alreadyEnded"] == "false"
            assert on_a.call("coordination", "ListServiceSessions").all("serviceSession") == []


def test_disconnecting_on_b_ends_the_service_sessions_opened_on_a(pool, cast):
    a, b = pool.replicas
    service = cast.service()
    user = cast.user(services=[service])
    with user.soap(a) as on_a, user.soap(b) as on_b:
        access = on_a.call("coordination", "ConnectTerminal", requestId=fresh("r"), terminalId="phone")
        on_a.call("coordination", "OpenServiceSession", requestId=fresh("r"),
                  accessSessionId=_ids(access, "accessSession", "accessSessionId")[0], service=service.ref)
        ended = on_b.call("coordination", "DisconnectTerminal", requestId=fresh("r"), terminalId="phone")
        assert (ended["endedAccessSessions"], ended["endedServiceSessions"]) == ("1", "1")
        with service.soap(a) as provider:
            assert provider.call("coordination", "ListServiceSessions").all("serviceSession") == []


def test_a_mutation_repeated_on_the_other_replica_is_done_once(pool, cast):
    a, b = pool.replicas
    user = cast.user()
    request_id = fresh("r")
    with user.soap(a) as on_a, user.soap(b) as on_b:
        first = on_a.call("coordination", "ConnectTerminal", requestId=request_id, terminalId="phone")
        second = on_b.call("coordination", "ConnectTerminal", requestId=request_id, terminalId="phone")
        assert first["terminalSessionId"] == second["terminalSessionId"]
        assert _ids(first, "accessSession", "accessSessionId") == _ids(second, "accessSession", "accessSessionId")
        with pytest.raises(SoapFault) as other_body:
            on_b.call("coordination", "ConnectTerminal", requestId=request_id, terminalId="other")
        assert (other_body.value.code, other_body.value.sender) == ("REQUEST_ID_REUSED", True)
