"""What `deploy/up` shows: the pool comes up, and services and terminals use it. See deploy/up."""

import json
import sys
import threading
import time
import xml.etree.ElementTree as ET
from pathlib import Path

from pool import Pool, random_password, wait_for
from soap_party import Contract, Party

ROOT = Path(__file__).resolve().parents[1]
FOLDER = ROOT / "run/pool"
CATALOGUE = "{urn:whitebrick:catalogue:1}"
ALICE, BOB = "tel:+33100000001", "tel:+33100000002"


def step(text):
    print(f"\n== {text}", flush=True)


def say(text):
    print(f"   {text}", flush=True)


class Parked:
    """A PullEvents that waits in another thread; answer() gives its events, seconds when it came."""

    def __init__(self, party, **arguments):
        self.events, self.error, self.at = [], None, None

        def run():
            try:
                self.events = party.PullEvents(**arguments).event
            except Exception as e:  # shown by answer()
                self.error = e
            self.at = time.monotonic()

        self.thread = threading.Thread(target=run)
        self.thread.start()

    def answer(self):
        self.thread.join(60)
        if self.error:
            raise self.error
        return self.events


def accounts(pool, contract):
    """The demo's accounts, made once; their passwords lie in run/pool/demo.json."""
    store = FOLDER / "demo.json"
    if store.exists():
        return json.loads(store.read_text())
    passwords = {name: random_password() for name in ("acme-mail", "bell-crm", "alice", "bob")}
    passwords["admin"] = pool.create_admin("admin")
    admin = Party(contract, "admin").log_in(passwords["admin"])
    for user, number in (("alice", ALICE), ("bob", BOB)):
        admin.PutUser(userId=user, displayName=user.capitalize())
        admin.PutProfile(userId=user, profileId="work", contactNumber=number, policy="ASK")
        admin.PutTerminal(userId=user, terminalId="phone", kind="MOBILE")
        admin.CreateAccount(accountName=user, password=passwords[user], role="USER", userId=user)
    for service in ("acme-mail", "bell-crm"):
        admin.CreateAccount(accountName=service, password=passwords[service], role="SERVICE")
    store.touch(mode=0o600)
    store.write_text(json.dumps(passwords, indent=1))
    return passwords


def connect(contract, passwords):
    mail = Party(contract, "acme-mail").log_in(passwords["acme-mail"])
    mail.RegisterService(name="mail", provider="acme", action=["read", "send"], **{"class": "messaging"})
    mail.ConnectService(declare=[{"type": "message.new", "description": "a message has come"}])
    say("service mail of acme is registered and connected; it transmits message.new")
    crm = Party(contract, "bell-crm").log_in(passwords["bell-crm"])
    crm.RegisterService(name="crm", provider="bell", action=["track"])
    crm.ConnectService(subscribe=[{"name": "messages", "type": ["message.*"]}])
    say("service crm of bell is registered and connected; it subscribes to message.*")

    alice = Party(contract, "alice").log_in(passwords["alice"])
    bob = Party(contract, "bob").log_in(passwords["bob"])
    alice.SetContactLists(profileId="work", wanted=[BOB], authorised=[BOB], refused=[])
    bob.SetContactLists(profileId="work", wanted=[ALICE], authorised=[ALICE], refused=[])
    alice.PutMode(profileId="work", modeId="meeting", activity="in a meeting", state="NOT_AVAILABLE")
    for user in (alice, bob):
        answer = user.ConnectTerminal(terminalId="phone", activate=["work"])
        for contact in answer.contactState:
            say(f"{user.name}'s phone is connected; it sees {contact.contact} as {contact.state}")
    return mail, crm, alice, bob


def state_in(event):
    return ET.fromstring(event.content).findtext(f"{CATALOGUE}state") if event.type == "contact.state" else None


def scenario(mail, crm, alice, bob, during_poll=lambda: None):
    """One mode change that a parked terminal is told, one event that a service is told."""
    drain(bob, "phone")
    parked = Parked(bob, subscription="phone", waitSeconds=20)
    say(f"bob's phone waits in a long poll ({bob.at})")
    during_poll()
    changed = time.monotonic()
    meeting = alice.ListModes(profileId="work").mode[0].active
    alice.ActivateMode(profileId="work", modeId="meeting", active=not meeting)
    wanted = "CONNECTABLE" if meeting else "NOT_CONNECTABLE"
    say(f"alice {'ends' if meeting else 'begins'} her meeting ({alice.at})")
    states = [s for s in map(state_in, parked.answer()) if s]
    while not states or states[-1] != wanted:
        states += [s for s in map(state_in, bob.PullEvents(subscription="phone", waitSeconds=20).event) if s]
        if time.monotonic() > changed + 30:
            raise SystemExit(f"   bob was told {states}, not {wanted}")
    say(f"bob's phone is told after {1000 * (time.monotonic() - changed):.0f} ms: alice is {states[-1]}")

    hello = {"type": "message.new", "content": "<message from='dave'>Hello, CRM</message>"}
    published = mail.PublishEvents(event=[hello])[0]
    event_id = published.eventId
    say(f"mail publishes event {event_id} for {published.recipients} recipient(s)")
    batch = crm.PullEvents(subscription="messages", waitSeconds=5)
    say(f"crm pulls {[e.eventId for e in batch.event]}: {batch.event[-1].content}")
    crm.AckEvents(subscription="messages", ackToken=batch.leaseToken)
    for delivery in mail.GetDeliveries(eventId=event_id).delivery:
        say(f"the log says: {delivery.recipient} notified={delivery.notified} ({delivery.outcome})")


def drain(party, subscription):
    """Takes and acknowledges what is there already."""
    batch = party.PullEvents(subscription=subscription, waitSeconds=0)
    while batch.event:
        batch = party.PullEvents(subscription=subscription, waitSeconds=0, ackToken=batch.leaseToken)


def holder_of_a_poll(pool):
    return next((r for r in pool.replicas if r.metrics()["whitebrick_parked_polls"] > 0), None)


def main():
    demo_only = "--demo-only" in sys.argv
    step("Pool: private MariaDB, two replicas, HAProxy")
    pool = Pool(FOLDER, ROOT / "build/release/server/whitebrick", replicas=2, preferred_port=8080)
    try:
        pool.start()
        a, b = pool.replicas
        say(f"balancer {pool.url}; replicas {a.url} and {b.url}")

        step("Accounts (made once, with random passwords)")
        contract = Contract(pool.url)
        passwords = accounts(pool, contract)
        say(", ".join(passwords))

        step("Two services and two users connect")
        mail, crm, alice, bob = connect(contract, passwords)

        step("Alice changes her mode on one replica, Bob's phone waits on the other")
        scenario(mail, crm, alice.at_replica(a.url), bob.at_replica(b.url))

        step("The replica that holds Bob's poll is killed with -9; everything again, through the balancer")
        parties = [Party(p.contract, p.name, p.token) for p in (mail, crm, alice, bob)]
        killed = []

        def kill():
            killed.append(wait_for(lambda: holder_of_a_poll(pool), "parked poll"))
            pid = killed[0].process.pid
            killed[0].kill()
            say(f"replica {killed[0].name} (pid {pid}) is dead")

        scenario(*parties, during_poll=kill)
        say(f"no visible failure; the clients repeated {sum(p.retries for p in parties)} call(s)")
        killed[0].start()
        say(f"replica {killed[0].name} is back")
    finally:
        if demo_only:
            pool.stop()
    if demo_only:
        step("The demo is over and the pool is down")
        return
    step("The pool is up")
    say(f"SOAP        {pool.url}/<module>   WSDL: {pool.url}/events?wsdl and so on")
    say(f"metrics     {a.admin_url}/metrics and {b.admin_url}/metrics")
    for name, password in passwords.items():
        say(f"account     {name:10} {password}")
    say("stop it     deploy/down   (deploy/down --forget: with its data)")


if __name__ == "__main__":
    main()
