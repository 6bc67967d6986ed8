"""A thousand SOAP callers in one thread: asyncio, and no more HTTP than answers of a replica and of HAProxy need."""

import asyncio
import re
import time
import urllib.parse
import uuid

from soap import EXEMPT, HttpError, RetryingSoap, http_post, read_answer, request

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)


class _Wire(asyncio.Protocol):
    """One keep-alive connection; one exchange at a time."""

    def __init__(self):
        self._came, self._answer = bytearray(), None
        self.open = True

    def connection_made(self, transport):
        self._transport = transport

    def send(self, message):
        self._came.clear()
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        return self._answer

    def data_received(self, chunk):
        self._came += chunk
        head, found, body = self._came.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if found else None
        if length and len(body) >= int(length[1]):
            self._finish(head, body)

    def _finish(self, head, body):
        if self._answer is not None and not self._answer.done():
            self._answer.set_result((int(head.split(b" ", 2)[1]), bytes(body)))

    def connection_lost(self, error):
        self.open = False
        head, found, body = self._came.partition(b"\r\n\r\n")
        if found and not _LENGTH.search(head):
            self._finish(head, body)  # its end is the end of the connection
        elif self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionError("the connection ended before the answer"))

    def close(self):
        self._transport.abort()


class Caller:
    """One party on a connection of its own. It repeats as the documentation asks clients to; `repeated` counts."""

    patience = 40
    repeated = 0

    def __init__(self, url, token=None, timeout=60):
        where = urllib.parse.urlsplit(url)
        self.host, self.port, self.token, self.timeout = where.hostname, where.port, token, timeout
        self._wire = None

    async def once(self, module, operation, **arguments):
        if self._wire is None or not self._wire.open:
            _, self._wire = await asyncio.get_running_loop().create_connection(_Wire, self.host, self.port)
        message = http_post("/" + module, request(module, operation, **arguments), self.token)
        try:
            async with asyncio.timeout(self.timeout):
                return read_answer(*await self._wire.send(message))
        except (OSError, HttpError, TimeoutError, asyncio.CancelledError):
            self.close()  # what is still to come would be taken for another answer
            raise

    async def call(self, module, operation, **arguments):
        if operation not in EXEMPT and not operation.startswith(("Get", "List")) and "requestId" not in arguments:
            arguments = {"requestId": uuid.uuid4().hex, **arguments}
        end, pause = None, 0.02  # patience begins with the first failure: a poll may have waited long before
        while True:
            try:
                return await self.once(module, operation, **arguments)
            except Exception as error:
                end = end or time.monotonic() + self.patience
                if not RetryingSoap.may_repeat(error) or time.monotonic() > end:
                    raise
            self.repeated += 1
            await asyncio.sleep(pause)
            pause = min(2 * pause, 0.5)

    def another(self):
        """The same party on another connection."""
        return Caller(f"http://{self.host}:{self.port}", self.token, self.timeout)

    async def login(self, account, password):
        answer = await self.call("identity", "Login", accountName=account, password=password)
        caller = self.another()
        caller.token = answer["token"]
        return caller

    def close(self):
        if self._wire is not None:
            self._wire.close()
            self._wire = None


async def gather_limited(limit, coroutines):
    """Runs all of them, at most `limit` at a time; the first error ends it."""
    gate = asyncio.Semaphore(limit)

    async def run(coroutine):
        async with gate:
            return await coroutine

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(run(c)) for c in coroutines]
    return [t.result() for t in tasks]
