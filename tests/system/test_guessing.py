"""Whoever guesses passwords gets no turn that belongs to those who have logged in."""

import statistics
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cast import cast_of
from pool import wait_for

GUESSERS = 60
CALLS = 400
FACTOR = 10  # p99 under guessing to p99 in peace; what hashes takes processor time, too
AT_MOST = 0.5  # seconds
GUESSER = Path(__file__).resolve().parents[1] / "support/python/guesser.py"


@pytest.fixture
def alone(make_pool):
    """One replica: its source is throttled behind this test."""
    pool = make_pool(replicas=1)
    yield pool
    make_pool.end(pool)


def _p99(soap):
    took = []
    for _ in range(CALLS):
        started = time.monotonic()
        soap.call("coordination", "ListAccessSessions")
        took.append(time.monotonic() - started)
    return statistics.quantiles(took, n=100)[98]


def test_sixty_guessers_do_not_stop_a_user_with_a_token(alone):
    user, replica = cast_of(alone).user(), alone.replicas[0]
    with user.soap(replica) as soap:
        _p99(soap)  # everything has got its first size
        peace = _p99(soap)
        guesser = subprocess.Popen([sys.executable, str(GUESSER), str(replica.port), str(GUESSERS)])
        try:
            before = replica.metrics()["whitebrick_http_requests_total"]
            wait_for(lambda: replica.metrics()["whitebrick_http_requests_total"] >= before + GUESSERS, "guesses", 20)
            under_fire = _p99(soap)
            guesses = replica.metrics()["whitebrick_http_requests_total"] - before - CALLS
            assert guesser.poll() is None, "the guesser ended"
        finally:
            guesser.kill()
            guesser.wait()
    print(f"\np99 of a query: {1000 * peace:.1f} ms in peace, {1000 * under_fire:.1f} ms while {guesses:.0f} passwords "
          f"were guessed")
    assert under_fire <= min(AT_MOST, max(FACTOR * peace, 0.1))
