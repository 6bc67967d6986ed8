"""Load with bookkeeping: publishers and pullers that keep a Checker."""

import http.client
import threading
import time

from soap import HttpError, SoapFault


class Threads:
    """Threads that end when told to; what one of them raised is raised by stop()."""

    def __init__(self):
        self.stopping = threading.Event()
        self.errors = []
        self._threads = []

    def run(self, work, *arguments):
        def guarded():
            try:
                work(*arguments)
            except Exception as error:  # told to the test by stop()
                self.errors.append(error)
                self.stopping.set()

        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def stop(self, seconds=90):
        self.stopping.set()
        for thread in self._threads:
            thread.join(seconds)
            assert not thread.is_alive(), "a thread of the load does not end"
        if self.errors:
            raise self.errors[0]


class Publishers(Threads):
    """`soaps`: one caller each. Every call's seconds are kept. `ahead`: how many events the slowest receiver may be
    behind before publishers wait for it."""

    def __init__(self, soaps, checker, event_type, batch=10, ahead=None):
        super().__init__()
        self.checker, self.event_type, self.batch, self.ahead = checker, event_type, batch, ahead
        self.soaps = list(soaps)
        self.seconds = []
        self.unknown = []
        for soap in self.soaps:
            self.run(self._publish, soap)

    def _publish(self, soap):
        while not self.stopping.is_set():
            if self.ahead is not None and self.checker.behind() > self.ahead:
                self.stopping.wait(0.01)
                continue
            contents = self.checker.attempt(self.batch)
            started = time.monotonic()
            try:
                soap.call("events", "PublishEvents",
                          event=[{"type": self.event_type, "content": c} for c in contents])
                self.checker.ended(contents, "ok")
            except SoapFault as fault:
                self.checker.ended(contents, "info" if fault.retryable else "fail")
                self._failed(fault)
                if not fault.retryable:
                    raise
            except (OSError, HttpError, http.client.HTTPException) as error:
                self._failed(error)
            self.seconds.append(time.monotonic() - started)

    def _failed(self, error):
        self.unknown.append(error)
        self.stopping.wait(0.05)

    @property
    def retries(self):
        return sum(getattr(s, "retries", 0) for s in self.soaps)


class Pullers(Threads):
    """One for each {receiver: (soap, subscription)}, or {(receiver, consumer): ...} where several consumers share the
    subscription; acknowledges a batch with the next pull."""

    def __init__(self, checker, receivers, wait=5, lease=5, most=50):
        super().__init__()
        self.checker, self.wait, self.lease, self.most = checker, wait, lease, most
        self.soaps = [soap for soap, _ in receivers.values()]
        for name, (soap, subscription) in receivers.items():
            receiver, consumer = name if isinstance(name, tuple) else (name, None)
            self.run(self._pull, receiver, consumer, soap, subscription)

    def _pull(self, name, consumer, soap, subscription):
        token, leased = None, []
        while not self.stopping.is_set() or token:
            wait = 0 if self.stopping.is_set() else self.wait
            answer = soap.call("events", "PullEvents", subscription=subscription, maxEvents=self.most,
                               waitSeconds=wait, leaseSeconds=self.lease, ackToken=token, consumer=consumer)
            self.checker.acknowledged(set(leased) - {int(i) for i in answer.all("lost")}, name)
            token, leased = answer.get("leaseToken"), []
            for event in answer.all("event"):
                leased.append(int(event["eventId"]))
                if event["transmitter"]["kind"] != "SERVICE":
                    continue  # the server's own: the type has a transmitter again
                self.checker.received(event["content"], leased[-1], name)

    @property
    def retries(self):
        return sum(getattr(s, "retries", 0) for s in self.soaps)

    def stop_with(self, publish):
        """As stop(); `publish` wakes the polls that are parked."""
        self.stopping.set()
        publish()
        self.stop()
