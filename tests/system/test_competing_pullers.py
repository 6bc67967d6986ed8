"""Nine consumers compete for one subscription on both replicas; some forget what they pulled, give it back, keep it
longer or come too late: no event is ever leased to two of them, and each is acknowledged once."""

import random
import time
from collections import Counter

from checker import Checker
from leases import Leases
from load import Publishers, Threads
from pool import wait_for

PULLERS = 9
LEASE = 5  # seconds
UNRULY_SECONDS = 11  # two leases and some: what is forgotten comes again and is forgotten again


class Puller:
    def __init__(self, name, soap, leases, checker, dice, unruly, seen):
        self.name, self.soap, self.leases, self.checker, self.dice = name, soap, leases, checker, dice
        self.unruly, self.seen = unruly, seen
        self.kept = []  # (when to acknowledge, token, ids, holds)

    def _call(self, operation, **arguments):
        return self.soap.call("events", operation, subscription="all", **arguments)

    def turn(self):
        """One pull, and what this puller does with it. False: nothing came."""
        sent = time.monotonic()
        answer = self._call("PullEvents", maxEvents=self.dice.randint(1, 20), waitSeconds=1, leaseSeconds=LEASE,
                            consumer=self.name)
        came = time.monotonic()
        events, token = answer.all("event"), answer.get("leaseToken")
        if events:
            ids = [int(e["eventId"]) for e in events]
            for event in events:
                if event["transmitter"]["kind"] == "SERVICE":
                    self.checker.received(event["content"], int(event["eventId"]))
            self._deal_with(token, ids, self.leases.pulled(self.name, ids, sent, came, LEASE))
        for one in [k for k in self.kept if k[0] <= time.monotonic() or not self.unruly()]:
            self.kept.remove(one)
            self._acknowledge(*one[1:])
        return bool(events)

    def _deal_with(self, token, ids, holds):
        does = self.dice.choices(("acknowledges", "forgets", "gives back", "keeps longer", "comes too late"),
                                 (60, 15, 10, 8, 7))[0] if self.unruly() else "acknowledges"
        self.seen[does] += 1
        if does == "acknowledges":
            self._acknowledge(token, ids, holds)
        elif does == "gives back":
            for hold in holds:
                hold.ended(time.monotonic())
            self._call("ReleaseEvents", leaseToken=token, delaySeconds=self.dice.randint(0, 1))
        elif does == "keeps longer":
            sent = time.monotonic()
            lost = {int(i) for i in self._call("ExtendLease", leaseToken=token, leaseSeconds=LEASE).all("lost")}
            for event_id, hold in zip(ids, holds):
                if event_id not in lost:
                    hold.until = sent + LEASE
            self._keep(sent + LEASE - 1, token, ids, holds)
        elif does == "comes too late":
            self._keep(time.monotonic() + LEASE + 0.5, token, ids, holds)

    def _keep(self, until, token, ids, holds):
        # One by one: of what somebody else has acknowledged meanwhile nothing is said but that it is done.
        self.kept += [(until, token, [event_id], [hold]) for event_id, hold in zip(ids, holds)]

    def _acknowledge(self, token, ids, holds):
        for hold in holds:
            hold.ended(time.monotonic())
        answer = self._call("AckEvents", ackToken=token, ackEventId=ids)
        lost, accepted = {int(i) for i in answer.all("lost")}, int(answer["acknowledged"])
        assert accepted == len(ids) - len(lost) or len(ids) == 1
        self.seen["too late for an event"] += len(ids) - accepted
        if accepted:
            self.leases.accepted(set(ids) - lost, time.monotonic())


def test_no_event_is_leased_to_two_at_a_time(pool, cast):
    seed, event = random.SystemRandom().randrange(10 ** 6), "load.contested"
    publisher, subscriber = cast.service(declare=[event]), cast.service(subscribe={"all": [event]})
    checker, leases, seen = Checker(), Leases(), Counter()
    started = time.monotonic()

    def unruly():
        return time.monotonic() < started + UNRULY_SECONDS

    pullers = Threads()
    publishers = Publishers([publisher.retrying(), publisher.retrying()], checker, event, ahead=400)

    def pull(number):
        puller = Puller(f"puller-{number}", subscriber.soap(pool.replicas[number % 2]), leases, checker,
                        random.Random(f"{seed} {number}"), unruly, seen)
        while puller.turn() or puller.kept or not pullers.stopping.is_set():
            pass

    for number in range(PULLERS):
        pullers.run(pull, number)
    wait_for(lambda: not unruly() or publishers.errors or pullers.errors, "the unruly time", 2 * UNRULY_SECONDS)
    publishers.stop()
    wait_for(lambda: leases.accepted_count() >= checker.count("ok") or pullers.errors, "every acknowledgement", 60)
    pullers.stop()

    verdict = checker.verdict()
    print(f"\nseed {seed}: {PULLERS} pullers, {time.monotonic() - started:.0f} s, {verdict}; {dict(seen)}; "
          f"events by how often they were handed out: {leases.deliveries()}")
    assert leases.overlaps() == []
    assert leases.after_acceptance() == []
    assert leases.not_accepted_once() == []
    assert verdict.clean and verdict.ok > 1000
    assert min(seen[w] for w in ("forgets", "gives back", "keeps longer", "comes too late")) > 0
    assert seen["too late for an event"] > 0, "nobody came too late"
    with subscriber.soap() as soap:
        state = soap.call("events", "GetSubscription", subscription="all")
    assert (state["depth"], state["leased"], state["dead"]) == ("0", "0", "0")
    assert len(state.all("consumer")) == PULLERS
