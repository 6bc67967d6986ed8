"""zeep, unmodified, loads every WSDL from the running pool and calls every operation: successes and faults, over the
SOAP 1.1 and the SOAP 1.2 port. The last test fails for an operation that has not been called in both ways.
"""

import datetime
import re
import uuid
from collections import defaultdict
from pathlib import Path
from types import SimpleNamespace

import pytest
import requests
import zeep
from lxml import etree
from requests.auth import HTTPBasicAuth
from zeep.wsse.username import UsernameToken

COMMON = "{urn:whitebrick:common:1}"
MODULES = ("identity", "directory", "events", "profiles", "availability", "coordination")
PASSWORD = "correct horse battery"

# (SOAP version, operation) -> {"success", "fault"}
called = defaultdict(set)


class Contract:
    """The WSDLs as served, over one port of each."""

    def __init__(self, url, soap):
        self.url, self.soap = url, soap
        self.clients = {m: zeep.Client(f"{url}/{m}?wsdl", transport=zeep.Transport(operation_timeout=60)) for m in MODULES}

    def operations(self):
        return {name: module for module, client in self.clients.items() for name in self.port(module).binding._operations}

    def port(self, module):
        name = module.capitalize() + ("12" if self.soap == "1.2" else "")
        return self.clients[module].wsdl.services[module.capitalize() + "Service"].ports[name]


class Party:
    """Somebody who calls: by a token, HTTP Basic, a SOAP header, or as nobody."""

    def __init__(self, contract, auth=None, wsse=None, header=None):
        self.contract, self.header = contract, header
        self.services = {}
        for module in MODULES:
            session = requests.Session()
            session.auth = auth
            client = zeep.Client(f"{contract.url}/{module}?wsdl", wsse=wsse,
                                 transport=zeep.Transport(session=session, operation_timeout=60))
            self.services[module] = (client, client.bind(module.capitalize() + "Service", contract.port(module).name))
        self.module_of = contract.operations()

    def _call(self, operation, arguments):
        _, service = self.services[self.module_of[operation]]
        headers = []
        if self.header:
            headers = [etree.Element(COMMON + "Token")]  # zeep makes no header of a simple type
            headers[0].text = self.header
        return getattr(service, operation)(**arguments, _soapheaders=headers)

    def __getattr__(self, operation):
        """The answer of a call that must succeed."""
        def call(**arguments):
            answer = self._call(operation, arguments)
            called[self.contract.soap, operation].add("success")
            return answer
        return call

    def refused(self, operation, code, field=None, **arguments):
        """The typed detail of a call that must fail, decoded by zeep."""
        with pytest.raises(zeep.exceptions.Fault) as raised:
            self._call(operation, arguments)
        fault = raised.value
        assert fault.detail is not None, f"{operation}: a fault without detail: {fault}"
        client, _ = self.services[self.module_of[operation]]
        element = fault.detail.find(COMMON + "ServiceFault")
        assert element is not None, f"{operation}: no ServiceFault in the detail"
        detail = client.wsdl.types.deserialize(element)
        assert (detail.code, detail.field) == (code, field), f"{operation}: {detail}"
        assert detail.message and detail.correlationId
        assert detail.retryable is False
        assert fault.code.rpartition(":")[2] == ("Sender" if self.contract.soap == "1.2" else "Client")
        called[self.contract.soap, operation].add("fault")
        return detail


def bearer(token):
    def sign(request):
        request.headers["Authorization"] = f"Bearer {token}"
        return request
    return sign


@pytest.fixture(scope="module", params=["1.1", "1.2"])
def world(request, pool):
    """Accounts and parties of one run, named so that runs do not meet."""
    contract = Contract(pool.url, request.param)
    tag = uuid.uuid4().hex[:8]
    w = SimpleNamespace(contract=contract, tag=tag, pool=pool)
    w.name = lambda base: f"{base}-{tag}"
    w.nobody = Party(contract)
    w.admin = w.login = None

    def log_in(account, password=PASSWORD):
        answer = w.nobody.Login(accountName=account, password=password)
        return Party(contract, auth=bearer(answer.token))
    w.log_in = log_in
    w.admin = log_in(pool.admin, pool.admin_password)
    # One number for each profile of each run.
    base = 100000000 + uuid.uuid4().int % 800000000
    w.number = lambda i: f"+336{(base + i) % 100000000:08d}"
    for user, profile, i in (("alice", "work", 1), ("bob", "work", 2)):
        assert w.admin.PutUser(userId=w.name(user), displayName=user.capitalize()).created
        w.admin.PutProfile(userId=w.name(user), profileId=profile, contactNumber=w.number(i))
        w.admin.CreateAccount(accountName=w.name(user), password=PASSWORD, role="USER", userId=w.name(user))
    for service in ("mail", "calls"):
        w.admin.CreateAccount(accountName=w.name(service), password=PASSWORD, role="SERVICE")
    w.alice, w.bob, w.mail, w.calls = (log_in(w.name(n)) for n in ("alice", "bob", "mail", "calls"))
    for user in (w.alice, w.bob):
        user.PutTerminal(terminalId="phone", kind="MOBILE")
    w.mail_ref = {"name": w.name("mail"), "provider": "acme"}
    w.mail.RegisterService(**w.mail_ref, action=["read"], **{"class": "messaging"})
    w.mail.ConnectService(declare=[{"type": "mail.came", "description": "A message came."}])
    return w


def test_contract_is_self_contained(pool):
    """Every import is relative and served; every port has the address that was asked."""
    for module in MODULES:
        text = requests.get(f"{pool.url}/{module}?wsdl", timeout=10).text
        root = etree.fromstring(text.encode())
        places = [e.get("schemaLocation") for e in root.iter("{http://www.w3.org/2001/XMLSchema}import")]
        assert places and all(p in ("common.xsd", "events.xsd") for p in places)
        for place in places:
            etree.fromstring(requests.get(f"{pool.url}/{place}", timeout=10).content)
        addresses = [e.get("location") for e in root.iter("{*}address")]
        assert addresses == [f"{pool.url}/{module}"] * 2


def test_identity(world):
    w = world
    w.nobody.refused("Login", "AUTHENTICATION_FAILED", accountName=w.name("nobody"), password="wrong password")
    answer = w.nobody.Login(accountName=w.name("alice"), password=PASSWORD)
    assert (answer.role, answer.userId) == ("USER", w.name("alice"))
    assert answer.expiresAt > datetime.datetime.now(datetime.timezone.utc)

    alice = Party(w.contract, auth=bearer(answer.token))
    renewed = alice.RenewToken()
    assert alice.RenewToken().token != renewed.token  # once more, as if the answer had been lost
    alice = Party(w.contract, auth=bearer(renewed.token))
    assert alice.Logout() is True
    alice.refused("Logout", "AUTHENTICATION_FAILED")

    with_password = Party(w.contract, auth=HTTPBasicAuth(w.name("mail"), PASSWORD))
    with_password.refused("RenewToken", "INVALID_ARGUMENT")
    assert with_password.Logout() is False

    w.admin.refused("CreateAccount", "ALREADY_EXISTS", "accountName", accountName=w.name("alice"), password=PASSWORD,
                    role="SERVICE")
    w.alice.refused("CreateAccount", "FORBIDDEN", accountName=w.name("x"), password=PASSWORD, role="SERVICE")
    assert w.admin.CreateAccount(accountName=w.name("spare"), password=PASSWORD, role="SERVICE") == w.name("spare")
    assert w.admin.SetPassword(accountName=w.name("spare"), password="another long one") is True
    w.log_in(w.name("spare"), "another long one")
    w.admin.refused("SetPassword", "NOT_FOUND", "accountName", accountName=w.name("nobody"), password=PASSWORD)

    found = w.admin.ResolveContactNumber(number=w.number(1))
    assert (found.userId, found.profileId) == (w.name("alice"), "work")
    w.admin.refused("ResolveContactNumber", "NOT_FOUND", "number", number=w.number(99))


def test_credentials_of_every_kind(world):
    """A token in the SOAP header and a WS-Security UsernameToken, as zeep sends them."""
    w = world
    token = w.nobody.Login(accountName=w.name("bob"), password=PASSWORD).token
    assert len(Party(w.contract, header=token).ListProfiles().profile) == 1
    by_wsse = Party(w.contract, wsse=UsernameToken(w.name("bob"), PASSWORD))
    assert len(by_wsse.ListProfiles().profile) == 1
    Party(w.contract, wsse=UsernameToken(w.name("bob"), "wrong password")).refused("ListProfiles", "AUTHENTICATION_FAILED")
    w.nobody.refused("ListProfiles", "AUTHENTICATION_REQUIRED")


def test_directory(world):
    w = world
    calls = {"name": w.name("calls"), "provider": "bell"}
    w.calls.refused("ConnectService", "NOT_REGISTERED")
    w.calls.refused("RegisterService", "ALREADY_EXISTS", "name", **w.mail_ref)
    version = w.calls.RegisterService(**calls, description="Telephony", endpoint="http://calls.example.org/")
    w.calls.refused("RegisterService", "STALE_VERSION", "ifVersion", **calls, ifVersion=version + 1)
    connected = w.calls.ConnectService(
        leaseSeconds=120, declare=[{"type": "call.rang"}],
        subscribe=[{"name": "mails", "type": ["mail.*"], "transmitter": w.mail_ref}])
    assert connected.leaseSeconds == 120
    assert [(s.name, s.available) for s in connected.subscription] == [("mails", True)]

    service = w.alice.GetService(**calls)
    assert (service.connected, service.cause, service.event) == (True, "CONNECTED", ["call.rang"])
    assert service.since.utcoffset() == datetime.timedelta(0)
    w.alice.refused("GetService", "NOT_FOUND", "name", name=w.name("none"), provider="bell")
    found = w.alice.FindServices(provider="bell", name=w.name("calls"), connectedOnly=True)
    assert [s.name for s in found.service] == [w.name("calls")]
    w.alice.refused("FindServices", "INVALID_ARGUMENT", "name", name="not a name")

    w.alice.refused("DisconnectService", "FORBIDDEN")
    assert w.calls.DisconnectService() is True
    w.alice.refused("DeregisterService", "FORBIDDEN")
    assert w.calls.DeregisterService() is True
    assert w.calls.DeregisterService() is False


def test_events(world):
    w = world
    spare = w.name("listener")
    w.admin.CreateAccount(accountName=spare, password=PASSWORD, role="SERVICE")
    listener = w.log_in(spare)
    listener.RegisterService(name=spare, provider="acme")
    listener.ConnectService()

    assert w.mail.DeclareEvents(declare=[{"type": "mail.read"}, {"type": "mail.kept"}]) == 2
    w.mail.refused("DeclareEvents", "EVENT_TYPE_RESERVED", "type", declare=[{"type": "contact.state"}])
    assert w.mail.WithdrawEvents(type=["mail.kept"]) == 1
    w.mail.refused("WithdrawEvents", "INVALID_ARGUMENT", "type", type=["Not An Event"])

    subscription = listener.Subscribe(name="mails", type=["mail.*"], transmitter=w.mail_ref)
    assert (subscription.name, subscription.available) == ("mails", True)
    listener.refused("Subscribe", "INVALID_ARGUMENT", "type", name="mails", type=["*.mail"])

    content = "<mail from='é & ü'>1 < 2</mail>"
    published = w.mail.PublishEvents(requestId=uuid.uuid4().hex, event=[
        {"type": "mail.came", "content": content}, {"type": "mail.read", "content": ""}])
    assert [p.recipients for p in published] == [1, 1]
    w.mail.refused("PublishEvents", "EVENT_NOT_DECLARED", "type", event=[{"type": "mail.lost", "content": "x"}])

    batch = listener.PullEvents(subscription="mails", maxEvents=10, waitSeconds=0)
    assert [(e.type, e.content or "") for e in batch.event] == [("mail.came", content), ("mail.read", "")]
    assert [e.eventId for e in batch.event] == [p.eventId for p in published]
    assert batch.event[0].transmitter.service.name == w.name("mail")
    assert batch.event[0].publishedAt.utcoffset() == datetime.timedelta(0)
    listener.refused("PullEvents", "NOT_FOUND", "subscription", subscription="none", waitSeconds=0)
    first, second = (e.eventId for e in batch.event)
    acknowledged = listener.AckEvents(subscription="mails", ackToken=batch.leaseToken, ackEventId=[first])
    assert (acknowledged.acknowledged, acknowledged.lost or []) == (1, [])
    listener.refused("AckEvents", "NOT_FOUND", "subscription", subscription="none", ackToken=batch.leaseToken)
    # The rest with the next pull.
    rest = listener.PullEvents(subscription="mails", waitSeconds=0, ackToken=batch.leaseToken)
    assert (rest.acknowledged, rest.event or []) == (1, [])

    log = w.mail.GetEventLog(type="mail.*", maxEvents=1)
    assert [e.eventId for e in log.entry] == [first]
    log = w.mail.GetEventLog(type="mail.*", afterEventId=log.lastEventId)
    assert [e.eventId for e in log.entry] == [second]
    w.mail.refused("GetEventLog", "INVALID_ARGUMENT", "maxEvents", maxEvents=0)
    deliveries = w.mail.GetDeliveries(eventId=first)
    assert [(d.recipient, d.notified, d.outcome) for d in deliveries.delivery] == [(f"{spare}/acme", True, "ACKNOWLEDGED")]
    w.alice.refused("GetDeliveries", "NOT_FOUND", "eventId", eventId=first)

    # An answer that the publisher waits for.
    question = w.mail.PublishEvents(event=[{"type": "mail.read", "content": "?", "responseWithinSeconds": 60}])[0].eventId
    asked = listener.PullEvents(subscription="mails", waitSeconds=0)
    assert [e.eventId for e in asked.event] == [question] and asked.event[0].respondBefore
    told = listener.RespondToEvent(eventId=question, content=content)
    listener.refused("RespondToEvent", "ALREADY_EXISTS", "eventId", eventId=question, content="again")
    response = w.mail.PullEvents(subscription="responses", waitSeconds=0).event[0]
    assert (response.eventId, response.type) == (told, "event.response")
    listener.AckEvents(subscription="mails", ackToken=asked.leaseToken)
    listener.refused("Subscribe", "INVALID_ARGUMENT", "endpoint", name="mails", type=["mail.*"],
                     push={"endpoint": "https://169.254.169.254/latest"})

    # The queue's other operations.
    assert listener.RenewSubscription(name="mails", lifetimeSeconds=3600) > datetime.datetime.now(datetime.timezone.utc)
    listener.refused("RenewSubscription", "NOT_FOUND", "name", name="none")
    listed = listener.ListSubscriptions()
    assert [(s.name, s.type, s.state, s.lifetimeSeconds) for s in listed.subscription] == [
        ("mails", ["mail.*"], "ACTIVE", 3600)]
    assert listed.more is None
    assert not listener.ListSubscriptions(afterName="mails").subscription
    w.nobody.refused("ListSubscriptions", "AUTHENTICATION_REQUIRED")
    sought = listener.SeekSubscription(subscription="mails", fromEventId=first)
    assert (sought.redelivered, sought.nextEventId) == (3, None)
    listener.refused("SeekSubscription", "INVALID_ARGUMENT", "fromEventId", subscription="mails")
    batch = listener.PullEvents(subscription="mails", waitSeconds=0, consumer="one")
    assert [(e.eventId, e.replay, e.sequence) for e in batch.event] == [
        (first, True, 4), (second, True, 5), (question, True, 6)]
    assert listener.ExtendLease(subscription="mails", leaseToken=batch.leaseToken, leaseSeconds=60).extended == 3
    status = listener.GetSubscription(subscription="mails")
    assert (status.depth, status.leased, status.dead, [c.name for c in status.consumer]) == (3, 3, 0, ["one"])
    listener.refused("GetSubscription", "NOT_FOUND", "subscription", subscription="none")
    assert listener.ReleaseEvents(subscription="mails", leaseToken=batch.leaseToken).released == 3
    listener.refused("ReleaseEvents", "INVALID_ARGUMENT", "leaseToken", subscription="mails", leaseToken="none")
    listener.refused("ExtendLease", "LEASE_LOST", "leaseToken", subscription="mails", leaseToken=batch.leaseToken,
                     leaseSeconds=60)
    assert not listener.GetDeadEvents(subscription="mails")
    listener.refused("GetDeadEvents", "NOT_FOUND", "subscription", subscription="none")
    assert listener.RequeueEvents(subscription="mails", eventId=[first]).notRequeued == [first]
    listener.refused("RequeueEvents", "NOT_FOUND", "subscription", subscription="none")

    assert listener.Unsubscribe(name="mails") is True
    assert listener.Unsubscribe(name="mails") is False
    listener.refused("Unsubscribe", "INVALID_ARGUMENT", "name", name="not a name")


def test_profiles(world):
    w = world
    carol = w.name("carol")
    version = w.admin.PutUser(userId=carol, displayName="Carol Ã").version
    w.admin.refused("PutUser", "STALE_VERSION", "ifVersion", userId=carol, ifVersion=version + 1)
    assert w.admin.PutUser(userId=carol, displayName="Carol", ifVersion=version).version > version

    tablet = {"terminalId": "tablet", "kind": "WEB", "capability": ["screen", "sound"], "application": ["browser"]}
    assert w.alice.PutTerminal(**tablet).created is True
    assert w.alice.PutTerminal(**tablet).created is False
    w.alice.refused("PutTerminal", "FORBIDDEN", "userId", userId=w.name("bob"), **tablet)

    put = w.alice.PutProfile(profileId="home", displayName="At home", policy="OPEN", defaultState="NOT_AVAILABLE")
    assert (put.created, put.contactNumber) == (True, None)
    w.alice.refused("PutProfile", "FORBIDDEN", "contactNumber", profileId="home", contactNumber=w.number(50))

    contacts = {"wanted": [w.number(2), "sip:nobody@example.org"], "authorised": [w.number(2)], "refused": []}
    version = w.alice.SetContactLists(profileId="work", **contacts)
    w.alice.refused("SetContactLists", "STALE_VERSION", "ifVersion", profileId="work", ifVersion=version + 1, **contacts)
    w.alice.SubscribeToService(profileId="work", service=w.mail_ref, parameter=[{"name": "folder", "value": "inbox"}])
    w.alice.refused("SubscribeToService", "NOT_FOUND", "service", profileId="work",
                    service={"name": w.name("none"), "provider": "acme"})

    profile = w.alice.GetProfile(profileId="work")
    assert profile.wanted == [f"tel:{w.number(2)}", "sip:nobody@example.org"]
    assert profile.contactNumber == f"tel:{w.number(1)}"
    assert (profile.policy, profile.defaultState) == ("ASK", "AVAILABLE")
    assert [(s.service.name, s.parameter[0].value) for s in profile.service] == [(w.name("mail"), "inbox")]
    w.alice.refused("GetProfile", "NOT_FOUND", "profileId", profileId="none")
    assert {p.profileId for p in w.alice.ListProfiles().profile} == {"home", "work"}
    w.alice.refused("ListProfiles", "FORBIDDEN", "userId", userId=w.name("bob"))

    user = w.alice.GetUser()
    assert (user.displayName, user.profileId, user.terminalId) == ("Alice", ["home", "work"], ["phone", "tablet"])
    w.admin.refused("GetUser", "NOT_FOUND", "userId", userId=w.name("nobody"))
    terminals = {t.terminalId: t for t in w.alice.ListTerminals()}
    assert (terminals["tablet"].kind, terminals["tablet"].capability) == ("WEB", ["screen", "sound"])
    w.alice.refused("ListTerminals", "FORBIDDEN", "userId", userId=w.name("bob"))
    assert w.alice.UnsubscribeFromService(profileId="work", service=w.mail_ref) is True
    assert w.alice.UnsubscribeFromService(profileId="work", service=w.mail_ref) is False
    w.alice.refused("UnsubscribeFromService", "NOT_FOUND", "profileId", profileId="none", service=w.mail_ref)
    w.alice.refused("DeleteTerminal", "STALE_VERSION", "ifVersion", terminalId="tablet", ifVersion=99)
    assert w.alice.DeleteTerminal(terminalId="tablet") is True
    w.alice.refused("DeleteProfile", "STALE_VERSION", "ifVersion", profileId="home", ifVersion=99)
    assert w.alice.DeleteProfile(profileId="home") is True
    assert w.alice.DeleteProfile(profileId="home") is False


def calendar_rules(w):
    utc = datetime.timezone.utc
    w.alice.PutMode(profileId="work", modeId="weekly", state="NOT_AVAILABLE")
    weekly = {"timeZone": "Europe/Paris", "start": "2027-03-22T09:00", "end": "2027-03-22T10:00",
              "recurrence": "FREQ=WEEKLY", "except": ["2027-04-05T09:00"]}
    put = w.alice.PutRules(profileId="work", modeId="weekly", rule=[weekly])
    w.alice.refused("PutRules", "STALE_VERSION", "ifVersion", profileId="work", modeId="weekly", rule=[weekly],
                    ifVersion=put.version + 1)
    spring = {"from": datetime.datetime(2027, 3, 22, tzinfo=utc), "to": datetime.datetime(2027, 4, 12, 23, tzinfo=utc)}
    planned = w.alice.PreviewCalendar(profileId="work", **spring)
    assert [p["from"].hour for p in planned] == [8, 7, 7]
    w.alice.refused("PreviewCalendar", "INVALID_ARGUMENT", "to", profileId="work", **{"from": spring["to"], "to": spring["from"]})
    exported = w.alice.ExportCalendar(profileId="work")
    w.alice.refused("ExportCalendar", "NOT_FOUND", "profileId", profileId="none")
    imported = w.alice.ImportCalendar(profileId="work", calendar=exported)
    assert (imported.modeId, imported.rules, imported.skipped) == (["weekly"], 1, 0)
    assert w.alice.ExportCalendar(profileId="work") == exported
    w.alice.refused("ImportCalendar", "INVALID_ARGUMENT", "calendar", profileId="work", calendar="none")
    w.alice.ActivateMode(profileId="work", level="NOT_AVAILABLE")
    assert w.alice.ResumeRules(profileId="work") == 1
    w.alice.refused("ResumeRules", "NOT_FOUND", "profileId", profileId="none")
    assert w.alice.DeleteMode(profileId="work", modeId="weekly") is True
    w.alice.refused("DeleteMode", "NOT_FOUND", "modeId", profileId="work", modeId="weekly")


def test_availability(world):
    w = world
    meeting = {"profileId": "work", "modeId": "meeting", "activity": "In a meeting"}
    put = w.alice.PutMode(**meeting, state="NOT_AVAILABLE", priority=5)
    assert put.created is True
    w.alice.refused("PutMode", "INVALID_ARGUMENT", "transferTo", **meeting, state="TRANSFER")
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(hours=1)
    activated = w.alice.ActivateMode(profileId="work", modeId="meeting", until=until)
    assert activated.until == until
    w.alice.refused("ActivateMode", "NOT_FOUND", "modeId", profileId="work", modeId="none")
    modes = w.alice.ListModes(profileId="work")
    assert [(m.modeId, m.state, m.active, m.until) for m in modes.mode] == [("meeting", "NOT_AVAILABLE", True, until)]
    w.alice.refused("ListModes", "NOT_FOUND", "profileId", profileId="none")

    seen = w.alice.GetAvailability(contact=w.number(1))
    assert (seen.state, seen.authorisationRequired) == ("NOT_AVAILABLE", False)
    w.alice.refused("GetAvailability", "INVALID_ARGUMENT", "contact", contact="not a number")
    w.alice.ActivateMode(profileId="work", modeId="meeting", active=False)
    calendar_rules(w)

    # Bob asks alice, who hears of it on her phone and answers.
    w.alice.SetContactLists(profileId="work", wanted=[], authorised=[], refused=[])
    assert w.bob.GetAvailability(contact=w.number(1)).authorisationRequired is True
    w.alice.ConnectTerminal(terminalId="phone", activate=["work"])
    w.alice.Subscribe(name="phone", type=["authorisation.*"])
    assert w.bob.RequestAuthorisation(profileId="work", contact=w.number(1), message="Hello") == "PENDING"
    w.bob.refused("RequestAuthorisation", "NOT_FOUND", "profileId", profileId="none", contact=w.number(1))
    batch = w.alice.PullEvents(subscription="phone", waitSeconds=20)
    asked = [e for e in batch.event if e.type == "authorisation.asked"]
    assert len(asked) == 1
    # The content is an element of events.xsd, which zeep knows from the WSDL.
    client, _ = w.alice.services["events"]
    request = client.wsdl.types.deserialize(etree.fromstring(asked[0].content))
    assert (request.contact, request.message) == (f"tel:{w.number(2)}", "Hello")
    w.bob.refused("AnswerAuthorisation", "NOT_FOUND", "authorisationId", authorisationId=request.authorisationId, grant=True)
    assert w.alice.AnswerAuthorisation(authorisationId=request.authorisationId, grant=True, until=until) is True
    assert w.bob.GetAvailability(contact=w.number(1)).authorisationRequired is False
    w.alice.PullEvents(subscription="phone", waitSeconds=0, ackToken=batch.leaseToken)
    w.alice.DisconnectTerminal(terminalId="phone")

    given = w.alice.ListAuthorisations().given[0]
    assert (given.contact, given.status, given.until) == (f"tel:{w.number(2)}", "GRANTED", until)
    asked = w.bob.ListAuthorisations().asked
    assert [(a.contact, a.status) for a in asked] == [(f"tel:{w.number(1)}", "GRANTED")]
    w.bob.refused("ListAuthorisations", "FORBIDDEN", "userId", userId=w.name("alice"))
    why = w.alice.ExplainAvailability(profileId="work", asker=w.number(2))
    assert (why.standing, why.authorisationId, why.nextChange) == ("KNOWN", given.authorisationId, until)
    w.bob.refused("ExplainAvailability", "FORBIDDEN", "userId", userId=w.name("alice"), profileId="work")
    compiled = w.alice.GetFilter(profileId="work")
    assert [s.setId for s in compiled.set] == ["granted"]
    assert [c.action for c in compiled.entry[-1].call] == ["NOTIFY"] * 4
    w.alice.refused("GetFilter", "NOT_FOUND", "profileId", profileId="none")
    w.bob.refused("RevokeAuthorisation", "NOT_FOUND", "authorisationId", authorisationId=given.authorisationId)
    assert w.alice.RevokeAuthorisation(authorisationId=given.authorisationId) is True
    assert w.bob.GetAvailability(contact=w.number(1)).authorisationRequired is True


def share_context(w, session):
    """Function 23: alice and the mail service share values, bob sees nothing."""
    opened = w.alice.OpenContext(activity="trip")
    assert opened.created is True
    context = opened.context.contextId
    assert w.mail.OpenContext(serviceSessionId=session, activity="trip").context.contextId == context
    w.mail.refused("OpenContext", "INVALID_ARGUMENT", "serviceSessionId", activity="trip")
    lock = w.mail.LockContext(contextId=context, leaseSeconds=30)
    w.mail.refused("LockContext", "LEASE_LOST", "fencingToken", contextId=context, leaseSeconds=30,
                   fencingToken=lock.fencingToken + 1)
    put = {"contextId": context, "key": "seat", "value": "1A"}
    version = w.mail.PutContext(**put, fencingToken=lock.fencingToken)
    w.mail.LockContext(contextId=context, leaseSeconds=0, fencingToken=lock.fencingToken)
    w.mail.refused("PutContext", "STALE_VERSION", "ifVersion", **put, ifVersion=version + 1)
    assert [(e.key, e.value, e.version) for e in w.alice.GetContext(contextId=context).entry] == [("seat", "1A", version)]
    w.bob.refused("GetContext", "NOT_FOUND", "contextId", contextId=context)
    w.bob.refused("CloseContext", "NOT_FOUND", "contextId", contextId=context)
    assert w.alice.CloseContext(contextId=context) is False


def test_coordination(world):
    w = world
    w.alice.SetContactLists(profileId="work", wanted=[w.number(2)], authorised=[], refused=[])
    w.bob.SetContactLists(profileId="work", wanted=[], authorised=[w.number(1)], refused=[])
    w.alice.SubscribeToService(profileId="work", service=w.mail_ref)
    connected = w.alice.ConnectTerminal(terminalId="phone", activate=["work"], leaseSeconds=120)
    assert connected.leaseSeconds == 120
    assert [(s.profileId, s.terminalId, s.via) for s in connected.accessSession] == [("work", "phone", None)]
    assert [(c.contact, c.state) for c in connected.contactState] == [(f"tel:{w.number(2)}", "NOT_CONNECTABLE")]
    w.alice.refused("ConnectTerminal", "NOT_FOUND", "terminalId", terminalId="none")
    w.bob.ConnectTerminal(terminalId="phone", activate=["work"])

    states = w.alice.GetConnectability(contact=[w.number(2), w.number(1), w.number(98)])
    assert [s.state for s in states] == ["CONNECTABLE", "CONNECTABLE", "UNKNOWN"]
    assert [s.contact for s in states] == [w.number(2), w.number(1), w.number(98)]
    w.alice.refused("GetConnectability", "INVALID_ARGUMENT", "contact", contact=["not a number"])

    access = connected.accessSession[0].accessSessionId
    session = w.alice.OpenServiceSession(accessSessionId=access, service=w.mail_ref)
    assert (session.accessSessionId, session.service.name) == (access, w.name("mail"))
    w.bob.refused("OpenServiceSession", "NOT_FOUND", "accessSessionId", accessSessionId=access, service=w.mail_ref)
    assert [s.serviceSessionId for s in w.mail.ListServiceSessions().serviceSession] == [session.serviceSessionId]
    w.alice.refused("ListServiceSessions", "FORBIDDEN", "userId", userId=w.name("bob"))
    w.bob.refused("CloseServiceSession", "NOT_FOUND", "serviceSessionId", serviceSessionId=session.serviceSessionId)
    changed = w.mail.ModifyServiceSession(serviceSessionId=session.serviceSessionId,
                                          parameter=[{"name": "folder", "value": "inbox"}])
    assert [(p.name, p.value) for p in changed.parameter] == [("folder", "inbox")]
    w.bob.refused("ModifyServiceSession", "NOT_FOUND", "serviceSessionId", serviceSessionId=session.serviceSessionId)
    share_context(w, session.serviceSessionId)
    assert w.alice.CloseServiceSession(serviceSessionId=session.serviceSessionId) is False
    assert w.alice.CloseServiceSession(serviceSessionId=session.serviceSessionId) is True

    all_states = w.alice.GetContactStates(profileId="work", waitSeconds=0)
    assert all_states.complete and [c.contact for c in all_states.contactState] == [f"tel:{w.number(2)}"]
    delta = w.alice.GetContactStates(profileId="work", sinceVersion=all_states.version, waitSeconds=1)
    assert (delta.complete, delta.contactState or []) == (False, [])
    w.alice.refused("GetContactStates", "NOT_FOUND", "profileId", profileId="none")
    why = w.bob.ExplainConnectability(profileId="work", asker=w.number(1))
    assert (why.state, why.decidedBy, why.right) == ("CONNECTABLE", "SESSION", "AUTHORISED_LIST")
    w.bob.refused("ExplainConnectability", "FORBIDDEN", "userId", userId=w.name("alice"), profileId="work")
    assert w.alice.ModifyAccessSession(accessSessionId=access, callTerminal=True).accessSession.callTerminal is True
    w.bob.refused("ModifyAccessSession", "NOT_FOUND", "accessSessionId", accessSessionId=access, callTerminal=True)

    w.alice.PutProfile(profileId="evening", displayName="Evening")
    activated = w.alice.ActivateProfile(terminalId="phone", profileId="evening")
    assert activated.accessSession.profileId == "evening"
    w.alice.refused("ActivateProfile", "NOT_FOUND", "profileId", terminalId="phone", profileId="none")
    assert {s.profileId for s in w.alice.ListAccessSessions().accessSession} == {"work", "evening"}
    w.alice.refused("ListAccessSessions", "FORBIDDEN", "userId", userId=w.name("bob"))
    ended = w.alice.DeactivateProfile(accessSessionId=activated.accessSession.accessSessionId)
    assert (ended.alreadyEnded, ended.endedServiceSessions) == (False, 0)
    w.bob.refused("DeactivateProfile", "NOT_FOUND", "accessSessionId", accessSessionId=access)

    w.alice.OpenServiceSession(accessSessionId=access, service=w.mail_ref)
    ended = w.alice.DisconnectTerminal(terminalId="phone")
    assert (ended.alreadyEnded, ended.endedAccessSessions, ended.endedServiceSessions) == (False, 1, 1)
    assert w.alice.DisconnectTerminal(terminalId="phone").alreadyEnded is True
    w.alice.refused("DisconnectTerminal", "NOT_FOUND", "terminalId", terminalId="none")


# A service acts in the name of the user of its session.
def act_for_alice(w):
    w.alice.SubscribeToService(profileId="work", service=w.mail_ref)
    access = w.alice.ConnectTerminal(terminalId="phone", activate=["work"]).accessSession[0].accessSessionId
    session = w.alice.OpenServiceSession(accessSessionId=access, service=w.mail_ref).serviceSessionId
    call = {"callId": w.name("for-alice"), "profileId": "work", "contact": w.number(2), "type": "VOICE_IMMEDIATE"}
    w.mail.refused("PlaceCall", "INVALID_ARGUMENT", "serviceSessionId", **call)
    assert w.mail.PlaceCall(**call, serviceSessionId=session).decision == "ACCEPT"
    w.mail.ReportCall(callId=call["callId"], state="ENDED")
    asked = w.mail.RequestAuthorisation(profileId="work", contact=w.number(2), serviceSessionId=session)
    assert asked == "PENDING"
    w.alice.DisconnectTerminal(terminalId="phone")
    w.mail.refused("PlaceCall", "SESSION_ENDED", "serviceSessionId", **call, serviceSessionId=session)


def test_calls(world):
    w = world
    w.bob.PutProfile(profileId="work", policy="OPEN")
    w.bob.SubscribeToService(profileId="work", service=w.mail_ref)
    w.bob.ConnectTerminal(terminalId="phone", activate=["work"])
    bob = f"tel:{w.number(2)}"
    question = {"callId": w.name("call"), "calledNumber": w.number(2), "callerNumber": w.number(1),
                "type": "VOICE_IMMEDIATE", "history": [w.number(97)]}
    decided = w.mail.DecideCall(**question)
    assert (decided.decision, decided.reason, decided.terminalId) == ("ACCEPT", "AVAILABLE", ["phone"])
    assert decided.ringSeconds > 0 and decided.trace and decided.history == [f"tel:{w.number(97)}"]
    assert w.mail.DecideCall(**question).decidedAt == decided.decidedAt
    w.mail.refused("DecideCall", "INVALID_ARGUMENT", "calledNumber", **{**question, "calledNumber": "nobody"})
    assert w.bob.ChooseTerminal(callId=question["callId"], terminalId="phone").taken is True
    w.alice.refused("ChooseTerminal", "NOT_FOUND", "callId", callId=question["callId"], terminalId="phone")
    assert w.mail.ReportCall(callId=question["callId"], state="ESTABLISHED").state == "ESTABLISHED"
    w.bob.refused("ReportCall", "WRONG_STATE", "state", callId=question["callId"], state="RINGING")
    assert w.mail.ReportCall(callId=question["callId"], state="ENDED").lost is False

    placed = {"callId": w.name("placed"), "profileId": "work", "contact": w.number(2)}
    assert w.alice.PlaceCall(**placed, type="WRITTEN_IMMEDIATE").decision == "ACCEPT"
    w.alice.refused("PlaceCall", "TYPE_NOT_OFFERED", "type", callId=w.name("none"), profileId="work",
                    contact=w.number(96), type="VOICE_IMMEDIATE")
    w.alice.ReportCall(callId=placed["callId"], state="ENDED")
    act_for_alice(w)
    w.bob.DisconnectTerminal(terminalId="phone")
    forwarded = w.mail.DecideCall(**{**question, "callId": w.name("later")})
    assert (forwarded.decision, forwarded.reason) == ("FORWARD", "NOT_CONNECTED")
    assert forwarded.target.messaging.name == w.mail_ref["name"]

    assert w.alice.WatchContact(profileId="work", contact=w.number(2), once=True) == "NOT_CONNECTABLE"
    w.alice.refused("WatchContact", "NOT_FOUND", "profileId", profileId="none", contact=bob)


def test_urgent_messages(world):
    w = world
    w.alice.refused("SendUrgent", "FORBIDDEN", "contact", contact=w.number(2), text="Come home")
    assert w.bob.AllowUrgent(profileId="work", contact=w.number(1), kind=["VOICE", "WRITTEN"], ratePerHour=100) is True
    w.bob.refused("AllowUrgent", "FORBIDDEN", "userId", userId=w.name("alice"), profileId="work", contact=w.number(1))
    allowed = {p.contact: (p.kind, p.ratePerHour) for p in w.bob.ListUrgentPermissions(profileId="work")}
    assert allowed[f"tel:{w.number(1)}"] == (["VOICE", "WRITTEN"], 100)
    w.bob.refused("ListUrgentPermissions", "FORBIDDEN", "userId", userId=w.name("alice"))
    written = w.alice.SendUrgent(contact=w.number(2), text="Come home")
    speech = bytes(range(256)) * 3000
    spoken = w.alice.SendUrgent(contact=w.number(2), voice=speech, voiceType="audio/ogg")
    assert w.bob.GetUrgent(urgentId=written).text == "Come home"
    heard = w.bob.GetUrgent(urgentId=spoken)
    assert (heard.voice, heard.voiceType, heard.sender) == (speech, "audio/ogg", f"tel:{w.number(1)}")
    w.alice.refused("GetUrgent", "NOT_FOUND", "urgentId", urgentId=spoken)
    assert w.bob.AcknowledgeUrgent(urgentId=spoken) is True
    w.alice.refused("AcknowledgeUrgent", "NOT_FOUND", "urgentId", urgentId=written)


@pytest.mark.parametrize("soap", ["1.1", "1.2"])
def test_every_operation_was_called_both_ways(pool, soap):
    operations = Contract(pool.url, soap).operations()
    table = Path(__file__).resolve().parents[2] / "server/operations.def"
    assert sorted(operations) == sorted(re.findall(r"^OPERATION\(\w+, (\w+)", table.read_text(), re.M))
    missing = {name: {"success", "fault"} - called[soap, name] for name in operations}
    assert not {name: ways for name, ways in missing.items() if ways}
