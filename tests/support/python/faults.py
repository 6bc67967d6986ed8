"""Kills of replicas and of the database at random times of a seed, each followed by the restart that a supervisor
does, and the windows of time that they explain."""

import os
import random
import signal
import threading
import time
from dataclasses import dataclass

from pool import wait_for

# How late a parked poll learns of an event whose lease ended (the sweep), and a client is back on its connection.
SLACK = 3


@dataclass
class Fault:
    what: str  # "database" or the name of a replica
    begin: float
    back: float  # everything answers again

    def window(self, lease):
        """What was leased until the last moment of the fault may come again when that lease is over."""
        return self.begin, self.back + lease + SLACK


def plan(seconds, count, names, seed):
    """`count` kills, replicas and the database in turn: [(seconds from the start, who)]. One in each part of the
    time, at its beginning, so that there is quiet time behind each."""
    dice = random.Random(seed)
    part = seconds / count
    return [(part * (number + dice.uniform(0.02, 0.25)), "database" if number % 2 else dice.choice(sorted(names)))
            for number in range(count)]


class Faults:
    """Carries out a plan while the test goes on; join() raises what went wrong."""

    def __init__(self, pool, kills):
        self.pool, self.kills = pool, kills
        self.done, self.error = [], None
        self.started = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        try:
            for after, what in self.kills:
                if self._over.wait(max(0, self.started + after - time.monotonic())):
                    return
                begin = time.monotonic()
                self._kill(what)
                self.done.append(Fault(what, begin, time.monotonic()))
        except Exception as error:  # told to the test by join()
            self.error = error

    def _kill(self, what):
        pool = self.pool
        if what == "database":
            os.kill(pool.database_pid, signal.SIGKILL)
            pool.start_database()
        else:
            replica = next(r for r in pool.replicas if r.name == what)
            replica.kill()
            replica.start()
        wait_for(lambda: len(pool.servers_up()) == len(pool.replicas), "all replicas in the balancer", 30)

    def join(self, seconds):
        self._thread.join(seconds)
        self._over.set()
        if self.error:
            raise self.error
        assert not self._thread.is_alive(), "the faults do not end"

    def windows(self, lease):
        return [fault.window(lease) for fault in self.done]
