"""What pullers certainly held, and when: a lease begins before its answer comes, and it was given after the pull was
sent, so from the answer until `leaseSeconds` after the sending nobody else may get the event."""

import threading
from collections import Counter, defaultdict
from dataclasses import dataclass

TOLERANCE = 0.01  # seconds: the database's clock may be slewed


@dataclass
class Hold:
    puller: str
    sent: float
    came: float
    until: float  # certainly held; less when it was given back or acknowledged before

    def ended(self, at):
        self.until = min(self.until, at)


class Leases:
    """Thread-safe."""

    def __init__(self):
        self._lock = threading.Lock()
        self._holds = defaultdict(list)  # event id -> in the order of the answers
        self._accepted = defaultdict(list)  # event id -> when it was answered that its acknowledgement counts

    def pulled(self, puller, event_ids, sent, came, seconds):
        """Holds that their owner may change until he has told accepted()."""
        with self._lock:
            holds = [Hold(puller, sent, came, sent + seconds) for _ in event_ids]
            for event_id, hold in zip(event_ids, holds):
                self._holds[event_id].append(hold)
            return holds

    def accepted(self, event_ids, at):
        with self._lock:
            for event_id in event_ids:
                self._accepted[event_id].append(at)

    def accepted_count(self):
        with self._lock:
            return len(self._accepted)

    def overlaps(self):
        found = []
        for event_id, holds in self._holds.items():
            free = float("-inf")
            for hold in sorted(holds, key=lambda h: h.came):
                if hold.came < free - TOLERANCE:
                    found.append(f"event {event_id}: {hold.puller} got it {free - hold.came:.3f} s too early")
                free = max(free, hold.until)
        return found

    def after_acceptance(self):
        """Handed out to a pull that was sent when its acknowledgement had been answered."""
        return [f"event {event_id}: {hold.puller}" for event_id, holds in self._holds.items() for hold in holds
                if any(hold.sent > at for at in self._accepted[event_id])]

    def not_accepted_once(self):
        return [f"event {event_id}: {len(self._accepted[event_id])} times" for event_id in self._holds
                if len(self._accepted[event_id]) != 1]

    def deliveries(self):
        """How many events were handed out once, twice, ..."""
        return dict(sorted(Counter(len(holds) for holds in self._holds.values()).items()))
