"""Who takes part in a test: accounts, users, profiles, terminals and services, made through SOAP.

Every name is new, so that tests do not know of each other.
"""

import itertools
import os
from dataclasses import dataclass

from soap import RetryingSoap, Soap

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


def fresh(word):
    return f"{word}-{os.getpid()}-{next(_numbers)}"


def fresh_number():
    """An E.164 number of nobody else."""
    return f"+3316{os.getpid() % 1000:03d}{next(_numbers):04d}"


@dataclass
class Service:
    account: str
    name: str
    provider: str
    token: str
    pool: object

    @property
    def ref(self):
        return {"name": self.name, "provider": self.provider}

    def soap(self, replica=None):
        """A caller through the balancer, or to one replica."""
        return Soap((replica or self.pool).url, self.token)

    def retrying(self):
        return RetryingSoap(self.pool.url, self.token)


@dataclass
class User:
    account: str
    token: str
    numbers: dict  # profile -> contact number
    terminals: list
    pool: object

    def soap(self, replica=None):
        return Soap((replica or self.pool).url, self.token)

    def retrying(self):
        return RetryingSoap(self.pool.url, self.token)


class Cast:
    def __init__(self, pool, admin):
        self.pool, self.admin = pool, admin

    def service(self, declare=(), subscribe=None, lease=None, connect=True):
        """Registered and, unless told otherwise, connected. `subscribe`: {name: [patterns]}."""
        account = fresh("service")
        self.admin.call("identity", "CreateAccount", requestId=fresh("r"), accountName=account, password=PASSWORD,
                        role="SERVICE")
        with Soap(self.pool.url) as anybody:
            token = anybody.login(account, PASSWORD).token
        service = Service(account, account, "provider", token, self.pool)
        with service.soap() as soap:
            soap.call("directory", "RegisterService", requestId=fresh("r"), **service.ref, action=["use"])
            if connect:
                soap.call("directory", "ConnectService", requestId=fresh("r"), leaseSeconds=lease,
                          declare=[{"type": t} for t in declare],
                          subscribe=[{"name": n, "type": p} for n, p in (subscribe or {}).items()])
        return service

    def user(self, profiles=("work",), terminals=("phone",), policy="OPEN", services=()):
        account = fresh("user")
        call = self.admin.call
        call("profiles", "PutUser", requestId=fresh("r"), userId=account, displayName=account.title())
        numbers = {}
        for profile in profiles:
            numbers[profile] = fresh_number()
            call("profiles", "PutProfile", requestId=fresh("r"), userId=account, profileId=profile,
                 contactNumber=numbers[profile], policy=policy)
            for service in services:
                call("profiles", "SubscribeToService", requestId=fresh("r"), userId=account, profileId=profile,
                     service=service.ref)
        for terminal in terminals:
            call("profiles", "PutTerminal", requestId=fresh("r"), userId=account, terminalId=terminal, kind="MOBILE")
        call("identity", "CreateAccount", requestId=fresh("r"), accountName=account, password=PASSWORD, role="USER",
             userId=account)
        with Soap(self.pool.url) as anybody:
            token = anybody.login(account, PASSWORD).token
        return User(account, token, numbers, list(terminals), self.pool)

    def watches(self, watcher, contact, profile="work"):
        """`contact` is in the watcher's list of wanted contacts."""
        self.admin.call("profiles", "SetContactLists", requestId=fresh("r"), userId=watcher.account,
                        profileId=profile, wanted=[contact.numbers["work"]])


def cast_of(pool):
    """The cast of a pool, with its first administrator."""
    password = pool.create_admin("root")
    return Cast(pool, RetryingSoap(pool.url).login("root", password))
