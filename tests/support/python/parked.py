"""Thousands of requests from one thread: raw keep-alive sockets and a selector."""

import selectors
import socket
import time


class Connections:
    def __init__(self, port, count):
        self.selector = selectors.DefaultSelector()
        self.sockets = []
        for _ in range(count):
            s = socket.create_connection(("127.0.0.1", port), timeout=10)
            s.setblocking(False)
            self.sockets.append(s)

    def send(self, messages, first=0):
        """One message each, from connection `first` on; they are far smaller than a socket's buffer."""
        for s, message in zip(self.sockets[first:], messages):
            sent = s.send(message)
            assert sent == len(message)

    def answers(self, seconds):
        """What came on each connection, once every one has got a whole answer."""
        texts = {s: b"" for s in self.sockets}
        missing = set(self.sockets)
        for s in self.sockets:
            self.selector.register(s, selectors.EVENT_READ)
        end = time.monotonic() + seconds
        while missing and time.monotonic() < end:
            for key, _ in self.selector.select(timeout=0.5):
                chunk = key.fileobj.recv(65536)
                texts[key.fileobj] += chunk
                if not chunk or texts[key.fileobj].rstrip().endswith(b"Envelope>"):
                    missing.discard(key.fileobj)
        for s in self.sockets:
            self.selector.unregister(s)
        assert not missing, f"{len(missing)} connections have no answer"
        return [texts[s] for s in self.sockets]

    def close(self):
        for s in self.sockets:
            s.close()
        self.selector.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
