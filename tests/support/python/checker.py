"""The truth as the clients know it: what was published, how that ended, and what came.

Every event has a content of its own. A publish ends `ok` (answered), `info` (nobody knows) or `fail`
(refused: it must not exist). From that:
    lost   answered ok, never received
    ghost  received, but never attempted, or refused
    twice  one content under two event ids: a retry that published again
    again  received more than once under one id: allowed, at least once is the promise, but only where something
           failed: see again_outside
    late   received after the server had answered its acknowledgement
"""

import itertools
import threading
import time
from collections import Counter, defaultdict
from dataclasses import dataclass, field


@dataclass
class Verdict:
    attempted: int
    ok: int
    info: int
    received: int
    lost: list = field(default_factory=list)
    ghost: list = field(default_factory=list)
    twice: list = field(default_factory=list)
    late: list = field(default_factory=list)
    again: int = 0

    @property
    def clean(self):
        return not (self.lost or self.ghost or self.twice or self.late)

    def __str__(self):
        return (f"attempted {self.attempted}, ok {self.ok}, info {self.info}, received {self.received}, "
                f"lost {len(self.lost)}, ghost {len(self.ghost)}, twice {len(self.twice)}, late {len(self.late)}, "
                f"again {self.again}")


class Checker:
    """Thread-safe. One for all publishers; receivers are told apart by name, and each must get everything. Several
    consumers that share a subscription are one receiver."""

    def __init__(self, receivers=("only",)):
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._state = {}  # content -> "info", "ok" or "fail"
        self._counts = Counter()  # state -> how many
        self._received = {name: defaultdict(list) for name in receivers}  # content -> event ids, in order
        self._acknowledged = {name: set() for name in receivers}  # event ids
        self._late = []
        self._again = []  # (when, receiver, content)

    def attempt(self, count):
        """Contents of a new batch; until told otherwise nobody knows how it ended."""
        with self._lock:
            batch = [f"event-{next(self._numbers):07d}" for _ in range(count)]
            self._state.update(dict.fromkeys(batch, "info"))
            self._counts["info"] += count
            return batch

    def ended(self, batch, state):
        assert state in ("ok", "info", "fail")
        with self._lock:
            for content in batch:
                self._counts[self._state[content]] -= 1
                self._counts[state] += 1
                self._state[content] = state

    def received(self, content, event_id, receiver="only", at=None):
        with self._lock:
            before = self._received[receiver][content]
            if event_id in before:
                self._again.append((time.monotonic() if at is None else at, receiver, content))
            if event_id in self._acknowledged[receiver]:
                self._late.append(f"{receiver}: {content}")
            before.append(event_id)

    def acknowledged(self, event_ids, receiver="only"):
        """The server has answered that it took them."""
        with self._lock:
            self._acknowledged[receiver].update(event_ids)

    def count(self, state):
        with self._lock:
            return self._counts[state]

    def behind(self):
        """How many answered events the slowest receiver has not got yet; about."""
        with self._lock:
            return self._counts["ok"] - min(len(came) for came in self._received.values())

    def has_all(self):
        """Whether every receiver has everything that was answered."""
        with self._lock:
            if any(len(came) < self._counts["ok"] for came in self._received.values()):
                return False
            return all(c in came for came in self._received.values() for c, s in self._state.items() if s == "ok")

    def again_outside(self, windows):
        """What came again at a time that none of `windows` (pairs of times) explains."""
        with self._lock:
            return [f"{receiver}: {content} at {at:.1f}" for at, receiver, content in self._again
                    if not any(begin <= at <= end for begin, end in windows)]

    def verdict(self):
        with self._lock:
            ok = {c for c, s in self._state.items() if s == "ok"}
            possible = {c for c, s in self._state.items() if s != "fail"}
            result = Verdict(len(self._state), len(ok), self._counts["info"], 0, late=list(self._late),
                             again=len(self._again))
            for name, came in self._received.items():
                result.received += len(came)
                result.lost += [f"{name}: {c}" for c in sorted(ok - came.keys())]
                result.ghost += [f"{name}: {c}" for c in sorted(came.keys() - possible)]
                result.twice += [f"{name}: {c} as {sorted(set(ids))}" for c, ids in came.items() if len(set(ids)) > 1]
            return result
