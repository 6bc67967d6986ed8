"""What watchers must have been told about contacts: a model of K1-K5 for these tests and a judge of what came.

It knows nothing of the server but its contract. A person's truth is a row of situations; a watcher sees each as one
state; situations that look alike to him are no change for him.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Situation:
    """Of one person: what holds for everybody, whether "some" is on, whether his terminal is connected."""
    level: str = "AVAILABLE"  # or NOT_AVAILABLE, TRANSFER, UNKNOWN
    some: bool = False        # NOT_AVAILABLE for those on the mode's list only: narrower, so it wins for them
    connected: bool = True

    def seen(self, refused, on_list):
        if refused:
            return "UNKNOWN"
        level = "NOT_AVAILABLE" if self.some and on_list else self.level
        if level == "UNKNOWN":
            return "UNKNOWN"
        if level == "TRANSFER":
            return "IN_TRANSFER"
        return "CONNECTABLE" if level == "AVAILABLE" and self.connected else "NOT_CONNECTABLE"


@dataclass
class History:
    """The situations of one person in order. `awaited`: everybody who stayed connected knew that one before the next
    began; what came between awaited ones may be told as one change."""
    situations: list = field(default_factory=lambda: [Situation(connected=False)])
    awaited: set = field(default_factory=lambda: {0})
    done: int = 0  # the last that is known to be in force

    @property
    def last(self):
        return self.situations[-1]

    @property
    def begun(self):
        return len(self.situations) - 1

    def begin(self, situation):
        self.situations.append(situation)

    def end(self):
        self.done = self.begun

    def everybody_knows(self):
        self.awaited.add(self.begun)

    @property
    def in_a_row(self):
        """How many changes were not awaited."""
        return len(self.situations) - len(self.awaited)

    def states(self, refused, on_list):
        return [s.seen(refused, on_list) for s in self.situations]


def fault_of_steady(told, states, awaited, first, last):
    """For a watcher who stayed connected: `told` is what he was told in order, the snapshot at his connection first;
    that shows one of the situations from `first` to `last`. Answers what is wrong, or None. Nobody stays at a state
    while an awaited one that differs passes."""
    repeated = next((i for i in range(1, len(told)) if told[i] == told[i - 1]), None)
    if repeated is not None:
        return f"told {told[repeated]} twice in a row"
    at = {p for p in range(first, last + 1) if told[:1] == [states[p]]}
    if not at:
        return f"a snapshot that was not true: {told[:1]}"
    for number, state in enumerate(told[1:], 1):
        reached = set()
        for start in at:
            for place in range(start + 1, len(states)):
                if states[place] == state:
                    reached.add(place)
                if place in awaited and states[place] != states[start]:
                    break  # he would have missed this one
        if not reached:
            return f"no. {number}, {state}, is out of order, or one before it was missed"
        at = reached
    complete = any(all(states[p] == states[start] for p in awaited if p > start) for start in at)
    return None if complete else "the last one was missed"


def fault_of_visit(told, states, first, last):
    """For one connection of a watcher who comes and goes. Its snapshot is one of the situations from `first` to
    `last`; then changes in their order, each once, and perhaps not the latest."""
    if any(a == b for a, b in zip(told, told[1:])):
        return "told a state twice in a row"
    place = next((p for p in range(first, last + 1) if told[:1] == [states[p]]), None)
    if place is None:
        return f"a snapshot that was not true: {told[:1]}"
    for state in told[1:]:
        place = next((p for p in range(place + 1, len(states)) if states[p] == state), None)
        if place is None:
            return f"{state} is out of order"
    return None
