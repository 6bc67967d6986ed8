"""A small SOAP client for tests: exact control of what is sent, and fast. Standard library only.

    soap = Soap("http://127.0.0.1:8080", token=...)
    answer = soap.call("events", "PullEvents", subscription="calls", waitSeconds=5)
    for event in answer.all("event"): event["content"]

Arguments are written in the order given, which must be the order of the WSDL. A dict is an element
with children, a list an element that occurs several times.
"""

import base64
import http.client
import select
import time
import urllib.parse
import uuid
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

ENVELOPE = {1: "http://schemas.xmlsoap.org/soap/envelope/", 2: "http://www.w3.org/2003/05/soap-envelope"}
CONTENT_TYPE = {1: "text/xml; charset=utf-8", 2: "application/soap+xml; charset=utf-8"}
COMMON = "urn:whitebrick:common:1"
# Elements whose children belong to the module; those of every other element with children to common.xsd.
OWN_TYPES = {"event", "parameter", "push"}


class SoapFault(Exception):
    """The typed fault of the server."""

    def __init__(self, detail, soap_code, status):
        self.code = detail["code"]
        self.message = detail["message"]
        self.field = detail.get("field")
        self.retryable = detail["retryable"] == "true"
        self.retry_after = detail.get("retryAfterSeconds")
        self.correlation_id = detail["correlationId"]
        self.soap_code = soap_code  # Client, Server, MustUnderstand ...; Sender, Receiver in SOAP 1.2
        self.sender = soap_code not in ("Server", "Receiver")
        self.status = status
        super().__init__(f"{self.code}({self.field or ''}): {self.message}")


class HttpError(Exception):
    """An answer that is no SOAP."""

    def __init__(self, status, text):
        self.status, self.text = status, text
        super().__init__(f"HTTP {status}: {text[:200]}")


class Node:
    """An element of an answer: ["name"] is the text of a child (or a Node when it has children)."""

    def __init__(self, element):
        self.element = element
        self.name = element.tag.rpartition("}")[2]

    @staticmethod
    def _value(element):
        return Node(element) if len(element) else (element.text or "")

    def all(self, name):
        return [self._value(e) for e in self.element if e.tag.rpartition("}")[2] == name]

    def get(self, name, default=None):
        return next(iter(self.all(name)), default)

    def __getitem__(self, name):
        value = self.get(name)
        if value is None:
            raise KeyError(f"{self.name} has no {name}")
        return value

    def __contains__(self, name):
        return self.get(name) is not None


def module_namespace(module):
    return f"urn:whitebrick:{module}:1"


def _text(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    return escape(str(value))


def _elements(prefix, name, value):
    if value is None:
        return ""
    if isinstance(value, (list, tuple)):
        return "".join(_elements(prefix, name, v) for v in value)
    if isinstance(value, dict):
        inside = prefix if name in OWN_TYPES else "c"
        return f"<{prefix}:{name}>" + "".join(_elements(inside, k, v) for k, v in value.items()) + f"</{prefix}:{name}>"
    return f"<{prefix}:{name}>{_text(value)}</{prefix}:{name}>"


def body_of(module, operation, arguments):
    inside = "".join(_elements("m", k, v) for k, v in arguments.items())
    return (f'<m:{operation} xmlns:m="{module_namespace(module)}" xmlns:c="{COMMON}">{inside}</m:{operation}>')


def envelope(body, version=1, header=""):
    head = f"<e:Header>{header}</e:Header>" if header else ""
    return (f'<?xml version="1.0" encoding="UTF-8"?><e:Envelope xmlns:e="{ENVELOPE[version]}">'
            f"{head}<e:Body>{body}</e:Body></e:Envelope>").encode()


def request(module, operation, version=1, **arguments):
    """The whole message, as bytes."""
    return envelope(body_of(module, operation, arguments), version)


def http_post(path, message, token=None, version=1, extra=()):
    """The whole HTTP request, as bytes, for a socket of one's own."""
    lines = [f"POST {path} HTTP/1.1", "Host: test", f"Content-Type: {CONTENT_TYPE[version]}",
             f"Content-Length: {len(message)}", *([f"Authorization: Bearer {token}"] if token else []), *extra]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + message


def read_answer(status, text):
    """The child of Body; raises what it says is wrong."""
    try:
        root = ET.fromstring(text)
    except ET.ParseError:
        raise HttpError(status, text.decode(errors="replace")) from None
    space, _, local = root.tag[1:].partition("}")
    if local != "Envelope" or space not in ENVELOPE.values():
        raise HttpError(status, text.decode(errors="replace"))
    content = root.find(f"{{{space}}}Body")[0]
    if content.tag != f"{{{space}}}Fault":
        return Node(content)
    detail = next(content.iter(f"{{{COMMON}}}ServiceFault"), None)
    if detail is None:
        raise HttpError(status, text.decode(errors="replace"))
    code = content.findtext("faultcode") or content.findtext(f"{{{space}}}Code/{{{space}}}Value")
    raise SoapFault(Node(detail), code.rpartition(":")[2], status)


class Soap:
    """One caller on one keep-alive connection. Not for several threads: see another()."""

    def __init__(self, url, token=None, basic=None, version=1, timeout=60):
        self.url, self.token, self.basic, self.version, self.timeout = url, token, basic, version, timeout
        where = urllib.parse.urlsplit(url)
        self._connection = http.client.HTTPConnection(where.hostname, where.port, timeout=timeout)

    def another(self, url=None):
        """The same caller on a connection of its own, to the same address or another one."""
        return type(self)(url or self.url, self.token, self.basic, self.version, self.timeout)

    def _headers(self):
        headers = {"Content-Type": CONTENT_TYPE[self.version]}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        elif self.basic:
            headers["Authorization"] = "Basic " + base64.b64encode(":".join(self.basic).encode()).decode()
        return headers

    def post(self, path, message, headers=None):
        """Status and body of the answer."""
        sock = self._connection.sock
        if sock is not None and select.select([sock], [], [], 0)[0]:
            self._connection.close()  # the other side has ended the idle connection
        try:
            self._connection.request("POST", path, message, headers or self._headers())
            answer = self._connection.getresponse()
            return answer.status, answer.read()
        except Exception:
            self._connection.close()
            raise

    def call(self, module, operation, **arguments):
        return read_answer(*self.post("/" + module, request(module, operation, self.version, **arguments)))

    def login(self, account, password):
        """The same address with the account's token."""
        answer = self.call("identity", "Login", accountName=account, password=password)
        return type(self)(self.url, answer["token"], None, self.version, self.timeout)

    def close(self):
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


# No requestId: they store no answer.
EXEMPT = {"Login", "RenewToken", "PullEvents"}


class RetryingSoap(Soap):
    """Repeats a call as the documentation asks clients to: the same requestId, after a broken connection, a
    502/503/504 of the balancer, or a retryable fault, for at most `patience` seconds."""

    patience = 40
    retries = 0

    @staticmethod
    def may_repeat(error):
        if isinstance(error, SoapFault):
            return error.retryable
        if isinstance(error, HttpError):
            return error.status in (502, 503, 504)
        return isinstance(error, (OSError, http.client.HTTPException))

    def call(self, module, operation, **arguments):
        reads = operation.startswith(("Get", "List", "Find", "Resolve"))
        if operation not in EXEMPT and not reads and "requestId" not in arguments:
            arguments = {"requestId": uuid.uuid4().hex, **arguments}
        end, pause = None, 0.01  # patience begins with the first failure: a poll may have waited long before
        while True:
            try:
                return super().call(module, operation, **arguments)
            except Exception as error:
                end = end or time.monotonic() + self.patience
                if not self.may_repeat(error) or time.monotonic() > end:
                    raise
            self.retries += 1
            self.before_retry()
            time.sleep(pause)
            pause = min(2 * pause, 0.3)

    def before_retry(self):
        """For those that go elsewhere."""


class FailoverSoap(RetryingSoap):
    """Knows several addresses, and repeats a call at the next one, as a client without a balancer does."""

    def __init__(self, urls, token):
        super().__init__(urls[0], token)
        self._others = [self._connection, *(Soap(url)._connection for url in urls[1:])]

    def before_retry(self):
        self._connection.close()
        self._others.append(self._others.pop(0))
        self._connection = self._others[0]
