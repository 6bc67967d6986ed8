"""The truth as the clients know it: what was published, how that ended, and what came.

Every event has a content of its own. A publish ends `ok` (answered), `info` (nobody knows) or `fail`
(refused: it must not exist). From that:
    lost   answered ok, never received
    ghost  received, but never attempted, or refused
    twice  one content under two event ids: a retry that published again
    again  received more than once under one id: allowed, at least once is the promise
"""

import itertools
import threading
from collections import defaultdict
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
    again: int = 0

    @property
    def clean(self):
        return not (self.lost or self.ghost or self.twice)

    def __str__(self):
        return (f"attempted {self.attempted}, ok {self.ok}, info {self.info}, received {self.received}, "
                f"lost {len(self.lost)}, ghost {len(self.ghost)}, twice {len(self.twice)}, again {self.again}")


class Checker:
    """Thread-safe. One for all publishers; receivers are told apart by name, and each must get everything."""

    def __init__(self, receivers=("only",)):
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._state = {}  # content -> "info", "ok" or "fail"
        self._received = {name: defaultdict(list) for name in receivers}  # content -> event ids, in order

    def attempt(self, count):
        """Contents of a new batch; until told otherwise nobody knows how it ended."""
        with self._lock:
            batch = [f"event-{next(self._numbers):07d}" for _ in range(count)]
            self._state.update(dict.fromkeys(batch, "info"))
            return batch

    def ended(self, batch, state):
        assert state in ("ok", "info", "fail")
        with self._lock:
            self._state.update(dict.fromkeys(batch, state))

    def received(self, content, event_id, receiver="only"):
        with self._lock:
            self._received[receiver][content].append(event_id)

    def count(self, state):
        with self._lock:
            return sum(s == state for s in self._state.values())

    def has_all(self):
        """Whether every receiver has everything that was answered."""
        with self._lock:
            return all(c in came for came in self._received.values() for c, s in self._state.items() if s == "ok")

    def verdict(self):
        with self._lock:
            ok = {c for c, s in self._state.items() if s == "ok"}
            possible = {c for c, s in self._state.items() if s != "fail"}
            result = Verdict(len(self._state), len(ok), sum(s == "info" for s in self._state.values()), 0)
            for name, came in self._received.items():
                result.received += len(came)
                result.lost += [f"{name}: {c}" for c in sorted(ok - came.keys())]
                result.ghost += [f"{name}: {c}" for c in sorted(came.keys() - possible)]
                result.twice += [f"{name}: {c} as {sorted(set(ids))}" for c, ids in came.items() if len(set(ids)) > 1]
                result.again += sum(len(ids) - len(set(ids)) for ids in came.values())
            return result
