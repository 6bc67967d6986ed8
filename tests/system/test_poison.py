"""One event of a thousand always fails: after ten times it is dead, kept and may be requeued; the others come as soon
as ever."""

import statistics
import time

from cast import fresh

EVENTS = 1000  # and one more, that fails
WITHIN = 1.10


class Stream:
    """Publishes one event after the other on one replica and pulls it from the other."""

    def __init__(self, cast, pool, event):
        self.event = event
        publisher, subscriber = cast.service(declare=[event]), cast.service(subscribe={"all": [event]})
        self.publish_on, self.pull_from = publisher.soap(pool.replicas[0]), subscriber.soap(pool.replicas[1])
        self.acknowledge = {}
        self.seconds, self.pulls = [], []  # of each event
        self.poisoned = []  # (attempt, how many came with it)

    def call(self, operation, **arguments):
        return self.pull_from.call("events", operation, subscription="all", **arguments)

    def publish(self, content):
        self.publish_on.call("events", "PublishEvents", requestId=fresh("r"),
                             event=[{"type": self.event, "content": content}])

    def pull(self):
        """Contents of what came; the poison is given back at once, the rest acknowledged by the next pull."""
        answer = self.call("PullEvents", waitSeconds=5, **self.acknowledge)
        token, events = answer.get("leaseToken"), answer.all("event")
        poison = [e for e in events if e["content"] == "poison"]
        others = [e for e in events if e not in poison]
        for event in poison:
            self.poisoned.append((int(event["attempts"]), len(others)))
            self.call("ReleaseEvents", leaseToken=token, eventId=[event["eventId"]])
        self.acknowledge = {"ackToken": token, "ackEventId": [e["eventId"] for e in others]} if others else {}
        assert all(e["attempts"] == "1" for e in others), "it was handed out again because of the poison"
        return [e["content"] for e in others if e["transmitter"]["kind"] == "SERVICE"]

    def warm_up(self):
        self.publish("the first")
        while self.pull() != ["the first"]:
            pass  # the type has a transmitter: the server's own event

    def send(self, content):
        started, asked = time.monotonic(), 1
        self.publish(content)
        while not (came := self.pull()):
            asked += 1
        self.seconds.append(time.monotonic() - started)
        self.pulls.append(asked)
        assert came == [content]

    def p99(self):
        return sorted(self.seconds)[len(self.seconds) * 99 // 100]

    def numbers(self):
        state = self.call("GetSubscription")
        return {name: int(state[name]) for name in ("depth", "leased", "dead")}


def test_it_dies_after_ten_times_and_delays_nobody(pool, cast):
    clean, poisoned = (Stream(cast, pool, event) for event in ("load.clean", "load.poisoned"))
    for stream in (clean, poisoned):
        stream.warm_up()
    for number in range(EVENTS):  # in turn, so that both meet the same machine
        if number == EVENTS // 2:
            poisoned.publish("poison")
        for stream in (clean, poisoned) if number % 2 else (poisoned, clean):
            stream.send(str(number))
    ratio = statistics.median(poisoned.seconds) / statistics.median(clean.seconds)
    print(f"\nbeside one of {EVENTS} that fails: p50 {1000 * statistics.median(poisoned.seconds):.1f} ms, "
          f"{ratio:.2f} of that without; p99 {1000 * poisoned.p99():.1f} ms, {poisoned.p99() / clean.p99():.2f} of that "
          f"without; pulls for {EVENTS} events {sum(poisoned.pulls)}")
    assert [attempt for attempt, _ in poisoned.poisoned] == list(range(1, 11)), "it is handed out ten times"
    assert {others for attempt, others in poisoned.poisoned if attempt > 2} == {0}, "at last alone"
    # What a busy machine does to the p99 of a few seconds is more than 10 %: the pulls that an event takes are exact.
    assert sorted(poisoned.pulls)[EVENTS * 99 // 100] == sorted(clean.pulls)[EVENTS * 99 // 100] == 1
    assert sum(poisoned.pulls) <= EVENTS + 10 and sum(clean.pulls) == EVENTS
    assert ratio <= WITHIN

    poisoned.call("AckEvents", **poisoned.acknowledge)
    dead = [d["event"] for d in poisoned.call("GetDeadEvents").all("dead")]
    assert [(d["content"], d["attempts"]) for d in dead] == [("poison", "10")]
    assert poisoned.numbers() == {"depth": 0, "leased": 0, "dead": 1}
    assert poisoned.call("RequeueEvents")["requeued"] == "1"
    answer = poisoned.call("PullEvents", waitSeconds=5)
    assert [(e["eventId"], e["attempts"]) for e in answer.all("event")] == [(dead[0]["eventId"], "1")]
    poisoned.call("AckEvents", ackToken=answer["leaseToken"])
    assert poisoned.numbers() == {"depth": 0, "leased": 0, "dead": 0}
