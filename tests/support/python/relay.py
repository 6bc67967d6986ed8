"""A relay between two unix sockets that can fall silent, as a network does: open connections stay open and
carry nothing, new ones are accepted or wait, and nobody is told. Or that breaks connections at their COMMIT."""

import contextlib
import re
import selectors
import socket
import threading


class Relay:
    def __init__(self, path, target):
        self.path, self.target = path, str(target)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(str(path))
        self._listener.listen(256)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._listener, selectors.EVENT_READ, None)
        self._flows = threading.Event()
        self._flows.set()
        self._ended = False
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def cut(self):
        self._flows.clear()

    def join(self):
        self._flows.set()

    def _run(self):
        while not self._ended:
            ready = self._selector.select(timeout=0.1)
            self._flows.wait()
            for key, _ in ready:
                if key.data is None:
                    self._accept()
                else:
                    self._carry(key.fileobj, key.data)

    def _accept(self):
        near, _ = self._listener.accept()
        far = socket.socket(socket.AF_UNIX)
        try:
            far.connect(self.target)
        except OSError:
            near.close()
            return
        self._selector.register(near, selectors.EVENT_READ, far)
        self._selector.register(far, selectors.EVENT_READ, near)

    def _carry(self, source, sink):
        if source.fileno() < 0:
            return  # its other half ended in this round
        try:
            chunk = source.recv(65536)
            if chunk and self._let_through(source, sink, chunk):
                return None
        except OSError:
            pass
        for end in (source, sink):
            with contextlib.suppress(KeyError, ValueError):
                self._selector.unregister(end)
            end.close()

    def _let_through(self, source, sink, chunk):
        """False: the connection ends."""
        sink.sendall(chunk)
        return True

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._ended = True
        self._flows.set()
        self._thread.join(5)
        self._listener.close()
        self._selector.close()


class CommitCutter(Relay):
    """Breaks a connection at the first COMMIT behind a statement that holds cut-N; once for each number N.

    `sends(N)`: whether that COMMIT still goes to the database, or is lost as well. `told(N)` is called when it is
    done. In both cases nothing comes back.
    """

    MARK = re.compile(rb"cut-(\d{6})")
    COMMIT = b"\x03COMMIT"  # a query, as the protocol writes it

    def __init__(self, path, target, sends, told):
        self.done = set()
        self._sends, self._told = sends, told
        self._marked = {}  # connection -> the number in its transaction
        super().__init__(path, target)

    def _let_through(self, source, sink, chunk):
        for mark in self.MARK.findall(chunk):
            if int(mark) not in self.done:
                self._marked[source] = int(mark)
        if source not in self._marked or not chunk.endswith(self.COMMIT):
            return super()._let_through(source, sink, chunk)
        number = self._marked.pop(source)
        self.done.add(number)
        if self._sends(number):
            sink.sendall(chunk)
        self._told(number)
        return False
