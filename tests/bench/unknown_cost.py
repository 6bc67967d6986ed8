"""Does the time of an answer tell a hidden person from nobody? Calls about both, shuffled, on one connection.

The distance of two samples is that of Kolmogorov and Smirnov: the largest difference of their distributions,
which is what the best guess from one answer's time gains over tossing a coin. Noise is measured beside it: the
same distance between the halves of the calls about nobody.
"""

import random
import socket
import statistics
import time

from connectability import user_token
from rounds import line
from soap_call import envelope

ASKER = 9990
ROUNDS = 12  # of shuffled calls about all people and numbers
PEOPLE = [n for n in range(1, 9900) if n % 5 == 4 and n % 20 not in (7, 13)]  # whose policy is CLOSED
NUMBERS = 300


def numbers_of(kind, count, generator):
    if kind == "hidden":
        return [f"tel:+331{n:08d}" for n in generator.sample(PEOPLE, count)]
    return [f"tel:+33177{n:06d}" for n in generator.sample(range(1_000_000), count)]


class Connection:
    """Keep-alive, messages made beforehand, so that little but the server is in the time."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    @staticmethod
    def message(module, body):
        text = envelope(module, body).encode()
        return (f"POST /{module} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: text/xml; charset=utf-8\r\n"
                f"Authorization: Bearer {user_token(ASKER)}\r\nContent-Length: {len(text)}\r\n\r\n").encode() + text

    def call(self, message):
        """Microseconds, and the answer's body."""
        begun = time.perf_counter_ns()
        self.socket.sendall(message)
        answer = b""
        while True:
            answer += self.socket.recv(65536)
            head, _, body = answer.partition(b"\r\n\r\n")
            if body and len(body) >= int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0]):
                assert head.startswith(b"HTTP/1.1 200"), answer.decode()
                return (time.perf_counter_ns() - begun) / 1000, body


def distance(a, b):
    a, b = sorted(a), sorted(b)
    i = j = 0
    most = 0.0
    while i < len(a) and j < len(b):
        value = min(a[i], b[j])
        while i < len(a) and a[i] <= value:
            i += 1
        while j < len(b) and b[j] <= value:
            j += 1
        most = max(most, abs(i / len(a) - j / len(b)))
    return most


def percentile(values, part):
    return sorted(values)[int(part * (len(values) - 1))]


def compare(port, module, body_of, rounds, generator):
    """Lines of the table. Half of the numbers of nobody are the noise's."""
    connection = Connection(port)
    calls = []
    for kind, count in (("hidden", NUMBERS), ("missing", NUMBERS), ("missing too", NUMBERS)):
        calls += [(kind, number, Connection.message(module, body_of(number)))
                  for number in numbers_of(kind, count, generator)]
    times = {kind: [] for kind, _, _ in calls}
    answers = set()
    for number_of_round in range(rounds + 1):
        generator.shuffle(calls)
        for kind, number, message in calls:
            took, answer = connection.call(message)
            if number_of_round > 0 or rounds == 0:  # statements and caches are warm
                times[kind].append(took)
            answers.add(answer.replace(number.encode(), b""))
    assert len(answers) == 1, f"the answers differ: {answers}"
    hidden, missing, control = (times[kind] for kind in ("hidden", "missing", "missing too"))
    noise = 1.95 * (2 / len(hidden)) ** 0.5  # exceeded by chance once in a thousand times
    medians = statistics.median(hidden) - statistics.median(missing)
    yield line("p50, us", f"{percentile(hidden, 0.5):,.0f}", "", "missing", f"{percentile(missing, 0.5):,.0f}",
               f"{percentile(hidden, 0.5) / percentile(missing, 0.5):.3f}")
    yield line("p99, us", f"{percentile(hidden, 0.99):,.0f}", "", "missing", f"{percentile(missing, 0.99):,.0f}",
               f"{percentile(hidden, 0.99) / percentile(missing, 0.99):.3f}")
    yield line("difference of the medians, us", f"{medians:+.1f}", "", "missing, missing too",
               f"{statistics.median(control) - statistics.median(missing):+.1f}")
    found = distance(hidden, missing)
    yield line("distance of the distributions", f"{found:.3f}", f"<= {max(0.1, noise):.2f}", "missing, missing too",
               f"{distance(missing, control):.3f}")


def measure(bench):
    """Sections of the table: (title, lines)."""
    generator = random.Random(4)
    for title, module, body, rounds in (
            ("GetConnectability of one contact", "coordination",
             "<m:GetConnectability><m:contact>{}</m:contact></m:GetConnectability>", ROUNDS),
            ("RequestAuthorisation, asked again", "availability",
             "<m:RequestAuthorisation><m:profileId>main</m:profileId><m:contact>{}</m:contact></m:RequestAuthorisation>", 4),
            ("RequestAuthorisation, asked for the first time", "availability",
             "<m:RequestAuthorisation><m:profileId>main</m:profileId><m:contact>{}</m:contact></m:RequestAuthorisation>", 0)):
        yield (f"{title}: somebody who hides (under `ours`) and nobody; the answers are the same",
               list(compare(bench.replica.port, module, body.format, rounds, generator)))
