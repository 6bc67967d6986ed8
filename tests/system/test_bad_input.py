"""Bad input gets its own clear answer, costs next to nothing, and changes no row."""

import base64
import http.client
import socket

import pytest
from bad_requests import Bad, bad_arguments, bad_callers, bad_http, bad_xml, content_type
from cast import cast_of, fresh
from processes import cpu_seconds
from soap import HttpError, Soap, SoapFault, body_of, envelope, read_answer
from tables import contents

TIMES = 10
CPU = 0.05  # seconds of the replica for one request


@pytest.fixture(scope="module")
def target(make_pool):
    """One quiet replica, with somebody who asks and somebody else who owns."""
    pool = make_pool(replicas=1)
    cast = cast_of(pool)
    service = cast.service(subscribe={"all": ["load.bad"]}, lease=3600)
    owner_service = cast.service(declare=["load.owned"], subscribe={"others": ["load.bad"]}, lease=3600)
    user, owner = cast.user(), cast.user(terminals=("phone", "others"), services=[owner_service])
    with owner.soap() as soap:
        opened = soap.call("coordination", "ConnectTerminal", requestId=fresh("r"), terminalId="phone",
                           leaseSeconds=3600)
        access = opened.all("accessSession")[0]["accessSessionId"]
        session = soap.call("coordination", "OpenServiceSession", requestId=fresh("r"), accessSessionId=access,
                            service=owner_service.ref)["serviceSession"]["serviceSessionId"]
    with owner_service.soap() as soap:
        event = soap.call("events", "PublishEvents", requestId=fresh("r"),
                          event=[{"type": "load.owned", "content": "mine"}]).all("published")[0]["eventId"]
    pool.replica = pool.replicas[0]
    pool.tokens = {"service": service.token, "user": user.token}
    pool.names = {"{other}": owner.account, "{access}": access, "{session}": session, "{event}": event}
    yield pool
    make_pool.end(pool)


def _message(pool, bad, version):
    body = bad.body
    for name, value in pool.names.items():
        body = body.replace(name.encode(), value.encode())
    headers = {"Host": "test", "Content-Type": content_type(version), "Content-Length": str(len(body))}
    if bad.caller:
        headers["Authorization"] = f"Bearer {pool.tokens[bad.caller]}"
    headers.update(bad.headers)
    if "Transfer-Encoding" in headers:
        del headers["Content-Length"]
    lines = [f"POST {bad.path} HTTP/1.1"] + [f"{k}: {v}" for k, v in headers.items() if v is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def _exchange(port, message):
    """Status and text; the server may answer, and close, before it has read everything."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as s:
        try:
            s.sendall(message)
        except (BrokenPipeError, ConnectionResetError):
            pass
        answer = http.client.HTTPResponse(s)
        answer.begin()
        return answer.status, answer.read()


def _check(bad, version, status, text):
    if bad.status:
        assert status == bad.status, text
        return f"HTTP {status}"
    try:
        answer = read_answer(status, text)
    except HttpError as error:
        pytest.fail(f"no typed fault: {error}")
    except SoapFault as fault:
        assert fault.sender and not fault.retryable, fault
        assert status == (400 if fault.soap_code == "Sender" else 500)
        if bad.code:
            assert fault.code == bad.code, fault
        else:  # several are right: it is refused, and says nothing of what there is
            assert fault.code in ("NOT_FOUND", "FORBIDDEN", "LIMIT_EXCEEDED", "INVALID_ARGUMENT"), fault
        if bad.field:
            assert fault.field == bad.field, fault
        assert fault.message and fault.correlation_id
        return str(fault)
    pytest.fail(f"it was answered: {answer.name}")


def _cases():
    for version in (1, 2):
        for group in (bad_xml, bad_arguments, bad_callers, bad_http):
            for bad in group(version):
                yield pytest.param(version, bad, id=f"soap 1.{version}: {bad.name}")


def _one_good_call(pool):
    """What the first call of anybody leaves (leases, remembered tokens) is there before the bad ones."""
    for token in pool.tokens.values():
        with Soap(pool.replica.url, token) as soap:
            soap.call("directory", "FindServices")


@pytest.mark.parametrize("version, bad", _cases())
def test_it_is_refused_cheaply_and_changes_nothing(target, version, bad):
    message, pid = _message(target, bad, version), target.replica.process.pid
    _one_good_call(target)
    before, said, cpu = contents(target), [], []
    for _ in range(TIMES):
        started = cpu_seconds(pid)
        said.append(_check(bad, version, *_exchange(target.replica.port, message)))
        cpu.append(cpu_seconds(pid) - started)
    print(f"\n{1000 * max(cpu):5.1f} ms at most  {len(message):8d} bytes  {said[0][:120]}")
    assert len({text.partition(":")[0] for text in said}) == 1
    assert contents(target) == before
    assert max(cpu) <= CPU


@pytest.mark.parametrize("version", (1, 2))
def test_a_wrong_password_is_refused_however_it_is_shown(target, version):
    """What it costs is the hash, which is bounded elsewhere."""
    nobody = fresh("nobody")
    security = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
    shown = (f'<s:Security xmlns:s="{security}"><s:UsernameToken><s:Username>{nobody}</s:Username>'
             f"<s:Password>wrong password</s:Password></s:UsernameToken></s:Security>")
    query = body_of("directory", "FindServices", {})
    login = body_of("identity", "Login", {"accountName": nobody, "password": "wrong password"})
    basic = base64.b64encode(f"{nobody}:wrong password".encode()).decode()
    before = contents(target, but={"login_failure"})
    for bad in (Bad("Basic", "/directory", envelope(query, version), "AUTHENTICATION_FAILED", caller=None,
                    headers={"Authorization": "Basic " + basic}),
                Bad("UsernameToken", "/directory", envelope(query, version, shown), "AUTHENTICATION_FAILED",
                    caller=None),
                Bad("Login", "/identity", envelope(login, version), "AUTHENTICATION_FAILED", caller=None)):
        _check(bad, version, *_exchange(target.replica.port, _message(target, bad, version)))
    assert contents(target, but={"login_failure"}) == before


@pytest.mark.parametrize("version", (1, 2))
def test_through_the_balancer_it_is_refused_the_same(target, version):
    """HAProxy has limits of its own; none of them may turn a clear answer into another one."""
    for bad in bad_xml(version) + bad_arguments(version) + bad_callers(version):
        if "\x80" in bad.headers.get("Authorization", ""):
            continue  # the balancer itself refuses this header
        _check(bad, version, *_exchange(target.front_port, _message(target, bad, version)))
    after = target.replica.metrics()
    assert after["whitebrick_shed_total"] == 0 and after["whitebrick_timed_out_total"] == 0
