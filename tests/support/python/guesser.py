"""Guesses passwords on many connections at once, each in another name and from another address, so that no throttle
ends it: guesser.py PORT CONNECTIONS. A process of its own, so that it takes no time of the test that measures. Runs
until it is killed."""

import heapq
import selectors
import socket
import sys
import time

from soap import http_post, request

PAUSE = 0.1  # seconds from an answer to the next guess of that connection


def _guess(number):
    return http_post("/identity", request("identity", "Login", accountName=f"nobody-{number}",
                                          password="wrong password"),
                     extra=[f"X-Forwarded-For: 10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"])


def run(port, connections):
    selector, due, number = selectors.DefaultSelector(), [], 0
    for n in range(connections):
        selector.register(socket.create_connection(("127.0.0.1", port)), selectors.EVENT_READ)
    for key in selector.get_map().values():
        heapq.heappush(due, (time.monotonic(), key.fd, key.fileobj))
    while True:
        while due and due[0][0] <= time.monotonic():
            number += 1
            heapq.heappop(due)[2].sendall(_guess(number))
        for key, _ in selector.select(timeout=max(due[0][0] - time.monotonic(), 0) if due else 1):
            answer = key.fileobj.recv(65536)
            if not answer:
                raise SystemExit("the server closed a connection")
            if answer.rstrip().endswith(b"Envelope>"):
                heapq.heappush(due, (time.monotonic() + PAUSE, key.fd, key.fileobj))


if __name__ == "__main__":
    run(int(sys.argv[1]), int(sys.argv[2]))
