"""A party of the demo: a SOAP client made from the served WSDL by zeep, nothing else.

It retries as documented in wsdl/README.md: on a broken connection, 503, or a fault that says retryable, the same
request with the same requestId, through the balancer to whichever replica answers.
"""

import time
import uuid

import requests
import zeep
from zeep.exceptions import Fault, TransportError

RETRY_FOR_SECONDS = 15


class Contract:
    """The six WSDLs, loaded once."""

    MODULES = ("identity", "directory", "events", "profiles", "availability", "coordination")

    def __init__(self, url):
        self.url = url
        self.clients = {m: zeep.Client(f"{url}/{m}?wsdl", transport=zeep.Transport(operation_timeout=60))
                        for m in self.MODULES}
        self.module_of = {operation: module for module, client in self.clients.items()
                          for operation in client.service._binding._operations}


def detail(fault):
    """The typed ServiceFault of a zeep Fault as {name: text}."""
    found = fault.detail.find("{urn:whitebrick:common:1}ServiceFault") if fault.detail is not None else None
    return {} if found is None else {e.tag.split("}")[1]: e.text for e in found}


class Party:
    """`party.PublishEvents(event=[...])` calls the operation of that name, wherever it is."""

    def __init__(self, contract, name, token=None, at=None):
        self.contract, self.name, self.token = contract, name, token
        self.at = at or contract.url  # the balancer, or one replica
        self.retries = 0

    def at_replica(self, url):
        return Party(self.contract, self.name, self.token, url)

    def log_in(self, password):
        self.token = self.Login(accountName=self.name, password=password).token
        return self

    def __getattr__(self, operation):
        module = self.contract.module_of[operation]
        client = self.contract.clients[module]
        service = client.create_service(f"{{urn:whitebrick:{module}:1}}{module.capitalize()}", f"{self.at}/{module}")
        headers = {"Authorization": f"Bearer {self.token}"} if self.token and operation != "Login" else {}
        request = client.get_element(f"{{urn:whitebrick:{module}:1}}{operation}")
        repeatable = any(name == "requestId" for name, _ in request.type.elements)

        def call(**arguments):
            if repeatable:
                arguments.setdefault("requestId", str(uuid.uuid4()))
            end = time.monotonic() + RETRY_FOR_SECONDS
            while True:
                try:
                    with client.settings(extra_http_headers=headers):
                        return service[operation](**arguments)
                except Fault as fault:
                    if detail(fault).get("retryable") != "true" or time.monotonic() > end:
                        raise
                except (requests.ConnectionError, TransportError):
                    if time.monotonic() > end:
                        raise
                self.retries += 1
                time.sleep(0.1)

        return call
