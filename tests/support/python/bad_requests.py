"""Requests that must be refused, each with what must come back.

A Bad has a name, what it needs (`path`, `body`, `headers`), and the answer: a fault code and, where one element
is to blame, its name; or an HTTP status alone. names in braces are filled in by the test.
"""

import dataclasses
import gzip

from soap import COMMON, CONTENT_TYPE, ENVELOPE, body_of, envelope, module_namespace


@dataclasses.dataclass
class Bad:
    name: str
    path: str
    body: bytes
    code: str = None
    field: str = None
    status: int = None
    caller: str = "service"  # whose token is shown; None: nobody's
    headers: dict = dataclasses.field(default_factory=dict)


def _wrapped(version, inside):
    return envelope(inside, version)


def bad_xml(version):
    """What is no message."""
    space = ENVELOPE[version]
    start = f'<e:Envelope xmlns:e="{space}">'.encode()
    good = body_of("events", "PullEvents", {"subscription": "all", "waitSeconds": 0})
    end = f"<e:Body>{good}</e:Body></e:Envelope>".encode()
    whole = start + end
    lol = b'<!DOCTYPE l [<!ENTITY a "lol">' + b"".join(
        b'<!ENTITY %c "%s">' % (c, b"&%c;" % (c - 1) * 10) for c in range(ord("b"), ord("k"))) + b"]>"

    def bad(name, body, code="MALFORMED_REQUEST", **more):
        return Bad(name, "/events", body, code, **more)

    flood = b" ".join(b'a%d="1"' % n for n in range(75_000))
    spaces = b" ".join(b'xmlns:n%d="u:%d"' % (n, n) for n in range(30_000))
    deep = b"<x>" * 100_000 + b"</x>" * 100_000
    wide = b"<x/>" * 200_000
    return [
        bad("empty", b""),
        bad("no XML", b"hello"),
        bad("cut off", whole[:-20]),
        bad("wrong nesting", whole.replace(b"</e:Body>", b"</e:Bodi>")),
        bad("undeclared prefix", whole.replace(b"<m:subscription>", b"<q:subscription>")),
        bad("undeclared entity", whole.replace(b">all<", b">&nbsp;<")),
        bad("bad UTF-8", whole.replace(b">all<", b">\xc3\x28<")),
        bad("a NUL", whole.replace(b">all<", b">a\0l<")),
        bad("UTF-16", whole.decode().encode("utf-16")),
        bad("another encoding", b'<?xml version="1.0" encoding="ISO-8859-1"?>' + whole),
        bad("DTD", b"<!DOCTYPE e>" + whole),
        bad("external entity", b'<!DOCTYPE e [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
            + whole.replace(b">all<", b">&x;<")),
        bad("billion laughs", lol + whole.replace(b">all<", b">&j;<")),
        bad("processing instruction", start + b"<?php echo 1 ?>" + end),
        bad("no envelope", good.encode()),
        bad("another envelope", whole.replace(space.encode(), b"urn:x")),
        bad("no Body", start + b"</e:Envelope>"),
        bad("empty Body", start + b"<e:Body/></e:Envelope>"),
        bad("two operations", start + f"<e:Body>{good}{good}</e:Body></e:Envelope>".encode()),
        bad("attribute flood", start + b"<e:Body><m:PullEvents " + flood + b"/></e:Body></e:Envelope>",
            "LIMIT_EXCEEDED"),
        bad("xmlns flood", start + b"<e:Body><m:PullEvents " + spaces + b"/></e:Body></e:Envelope>", "LIMIT_EXCEEDED"),
        bad("deep nesting", start + b"<e:Body>" + deep + b"</e:Body></e:Envelope>", "LIMIT_EXCEEDED"),
        bad("too many elements", start + b"<e:Body><m:x xmlns:m='urn:x'>" + wide + b"</m:x></e:Body></e:Envelope>",
            "LIMIT_EXCEEDED"),
        bad("a long name", start + b"<e:Body><" + b"n" * 100_000 + b"/></e:Body></e:Envelope>", "LIMIT_EXCEEDED"),
        bad("a long text", whole.replace(b">all<", b">" + b"t" * 300_000 + b"<"), "LIMIT_EXCEEDED"),
        bad("a header that must be understood",
            start + f'<e:Header><x:y xmlns:x="urn:x" e:mustUnderstand="1"/></e:Header>'.encode() + end),
    ]


def bad_arguments(version):
    """Messages that do not match the schema or a documented limit."""
    events = f'xmlns:m="{module_namespace("events")}" xmlns:c="{COMMON}"'

    def bad(name, module, operation, code="INVALID_ARGUMENT", field=None, caller="service", **arguments):
        return Bad(name, "/" + module, _wrapped(version, body_of(module, operation, arguments)), code, field,
                   caller=caller)

    def raw(name, inside, code="INVALID_ARGUMENT", field=None):
        return Bad(name, "/events", _wrapped(version, inside), code, field)

    return [
        bad("unknown operation", "events", "DropEverything", "UNKNOWN_OPERATION"),
        bad("operation of another module", "identity", "PullEvents", "UNKNOWN_OPERATION"),
        raw("operation of another namespace", '<m:PullEvents xmlns:m="urn:x"/>', "UNKNOWN_OPERATION"),
        bad("unknown element", "events", "PullEvents", field="colour", colour="red"),
        raw("element of another namespace", f'<m:PullEvents {events}><c:subscription>all</c:subscription></m:PullEvents>',
            field="subscription"),
        bad("missing element", "events", "AckEvents", subscription="all"),
        bad("element twice", "events", "PullEvents", subscription=["all", "all"]),
        bad("a word for a number", "events", "PullEvents", field="waitSeconds", waitSeconds="soon"),
        bad("a number out of its type", "events", "PullEvents", field="waitSeconds", waitSeconds=2 ** 40),
        bad("a number out of range", "events", "PullEvents", field="waitSeconds", waitSeconds=51),
        bad("a negative number", "events", "PullEvents", field="maxEvents", maxEvents=-1),
        bad("a word for a truth", "directory", "FindServices", field="connectedOnly", connectedOnly="perhaps"),
        bad("a word for a time", "events", "GetEventLog", field="since", since="yesterday"),
        bad("not of the enumeration", "profiles", "PutTerminal", field="kind", caller="user", terminalId="t",
            kind="ABACUS"),
        bad("an identifier with a slash", "profiles", "PutTerminal", field="terminalId", caller="user",
            terminalId="a/b", kind="WEB"),
        bad("an identifier too long", "profiles", "PutTerminal", field="terminalId", caller="user",
            terminalId="t" * 65, kind="WEB"),
        bad("a label too long", "profiles", "PutTerminal", field="displayName", caller="user", terminalId="t",
            kind="WEB", displayName="n" * 257),
        bad("a requestId too long", "directory", "DisconnectService", field="requestId", requestId="r" * 65),
        bad("too many items", "coordination", "GetConnectability", code=None, caller="user",
            contact=["+33100000001"] * 1001),
        bad("no contact number", "coordination", "GetConnectability", field="contact", caller="user",
            contact=["call me"]),
        bad("no event type", "events", "PublishEvents", field="type", event=[{"type": "Shouting", "content": ""}]),
        bad("a reserved event type", "events", "DeclareEvents", "EVENT_TYPE_RESERVED",
            declare=[{"type": "contact.state"}]),
        bad("an event that was not declared", "events", "PublishEvents", "EVENT_NOT_DECLARED",
            event=[{"type": "not.declared", "content": ""}]),
        bad("a wrong lease token", "events", "AckEvents", field="ackToken", subscription="all", ackToken="mine"),
    ]


def bad_callers(version):
    """Wrong credentials, wrong roles, and what belongs to somebody else."""
    pull = _wrapped(version, body_of("events", "PullEvents", {"waitSeconds": 0}))

    def bad(name, module, operation, code, field=None, caller="service", headers=None, **arguments):
        return Bad(name, "/" + module, _wrapped(version, body_of(module, operation, arguments)), code, field,
                   caller=caller, headers=headers or {})

    return [
        Bad("no credentials", "/events", pull, "AUTHENTICATION_REQUIRED", caller=None),
        Bad("a wrong token", "/events", pull, "AUTHENTICATION_FAILED", caller=None,
            headers={"Authorization": "Bearer " + "0" * 64}),
        Bad("no token at all", "/events", pull, "AUTHENTICATION_FAILED", caller=None,
            headers={"Authorization": "Bearer \x80\xff"}),
        bad("a wrong role", "identity", "CreateAccount", "FORBIDDEN", accountName="me", password="12345678",
            role="ADMIN"),
        bad("a user who publishes", "events", "PublishEvents", "FORBIDDEN", caller="user",
            event=[{"type": "load.x", "content": ""}]),
        bad("profile of somebody else", "profiles", "GetProfile", None, caller="user", userId="{other}",
            profileId="work"),
        bad("lists of somebody else", "profiles", "SetContactLists", None, caller="user", userId="{other}",
            profileId="work"),
        bad("mode of somebody else", "availability", "PutMode", None, caller="user", userId="{other}",
            profileId="work", modeId="m", state="UNKNOWN"),
        bad("terminal of somebody else", "coordination", "ConnectTerminal", "NOT_FOUND", "terminalId", caller="user",
            terminalId="others"),
        bad("queue of somebody else", "events", "PullEvents", "NOT_FOUND", subscription="others", waitSeconds=0),
        bad("subscription of somebody else", "events", "AckEvents", "NOT_FOUND", subscription="others",
            ackToken="00"),
        bad("access session of somebody else", "coordination", "DeactivateProfile", "NOT_FOUND", "accessSessionId",
            caller="user", accessSessionId="{access}"),
        bad("service session of somebody else", "coordination", "CloseServiceSession", "NOT_FOUND",
            "serviceSessionId", caller="user", serviceSessionId="{session}"),
        bad("service session in somebody else's access session", "coordination", "OpenServiceSession", "NOT_FOUND",
            "accessSessionId", caller="user", accessSessionId="{access}", service={"name": "s", "provider": "p"}),
        bad("deliveries of somebody else's event", "events", "GetDeliveries", "NOT_FOUND", eventId="{event}"),
        bad("a contact number for oneself", "profiles", "PutProfile", "FORBIDDEN", caller="user", profileId="work",
            contactNumber="+33199999999"),
    ]


def bad_http(version):
    """What HTTP alone refuses."""
    pull = _wrapped(version, body_of("events", "PullEvents", {"waitSeconds": 0}))
    return [
        Bad("wrong content type", "/events", pull, status=415, headers={"Content-Type": "application/json"}),
        Bad("no content type", "/events", pull, status=415, headers={"Content-Type": None}),
        Bad("gzip", "/events", gzip.compress(pull), status=415, headers={"Content-Encoding": "gzip"}),
        Bad("gzip as transfer", "/events", gzip.compress(pull), status=400, headers={"Transfer-Encoding": "gzip"}),
        Bad("too large", "/identity", b" " * (256 * 1024) + pull, status=413),
        Bad("too large for events", "/events", b" " * (1024 * 1024) + pull, status=413),
        Bad("no such path", "/nothing", pull, status=404),
        Bad("a long header", "/events", pull, status=431, headers={"X-Long": "h" * 20_000}),
        Bad("many headers", "/events", pull, status=431, headers={f"X-{n}": "1" for n in range(80)}),
    ]


def content_type(version):
    return CONTENT_TYPE[version]
