"""People who watch each other, each with a terminal: what happens to them, what is true of them, and who was told."""

import asyncio
import contextlib
import dataclasses
import random
import secrets
import time
from dataclasses import dataclass, field

from cast import PASSWORD, fresh
from many_callers import Caller, gather_limited
from tables import connect
from told_states import History, fault_of_steady, fault_of_visit
from watchers import Portal, StatesTerminal, Terminal, Visitor

VISITORS = 0.1  # of the terminals: they come and go
ASKERS = 0.2    # ask for the states; all others pull events
PORTAL = 0.15   # are behind a portal
KNOWN, KNOWN_TO = 10, 100  # so many people are watched by so many
REFUSED = 0.05  # of those who watch: they see UNKNOWN for ever
CLERKS = 24     # connect at the same time
FIRST_ACCOUNT = 1000  # beyond those made by SOAP
TOLD_WITHIN = 45
LEVELS = ("AVAILABLE", "NOT_AVAILABLE", "TRANSFER", "UNKNOWN")
NO_CONNECTION = {"AVAILABLE", "NOT_AVAILABLE"}  # look alike of a person who is not connected


@dataclass(eq=False)
class Person:
    number: str
    name: str
    token: str
    caller: Caller = None
    terminal: Terminal = None
    wanted: list = field(default_factory=list)   # people
    watchers: list = field(default_factory=list)
    refused: set = field(default_factory=set)    # names of watchers
    on_list: set = field(default_factory=set)    # names of watchers that the mode "some" is for
    history: History = field(default_factory=History)
    began_with: list = field(default_factory=list)  # for each connection: {contact: (first, last)} of its snapshot
    news: asyncio.Event = field(default_factory=asyncio.Event)
    expected: dict = field(default_factory=dict)  # of a change that is measured: watcher's name -> what he will see
    began: float = 0

    @property
    def comes_and_goes(self):
        return isinstance(self.terminal, Visitor)

    def states_for(self, watcher):
        return self.history.states(watcher.name in self.refused, watcher.name in self.on_list)

    def state_for(self, watcher, situation=None):
        return (situation or self.history.last).seen(watcher.name in self.refused, watcher.name in self.on_list)


class World:
    def __init__(self, url, terminals, seed):
        self.url, self.random = url, random.Random(seed)
        self.people = [Person(f"tel:+3316{n:07d}", f"user{n}", secrets.token_urlsafe(32)) for n in range(terminals)]
        self.behind_portal = self.people[terminals - int(PORTAL * terminals):]
        self.by_number = {p.number: p for p in self.people}
        self.portal, self._parked = None, {}
        self.changes, self.delays = 0, []
        self._draw_lists()

    @property
    def repeated(self):
        """Calls that terminals and the portal made again."""
        return sum(p.caller.repeated for p in self.people) + self.portal.caller.repeated

    @property
    def queues(self):
        return [p.terminal.queue for p in self.people] + [self.portal.queue]

    def _draw_lists(self):
        known = self.random.sample(self.people, KNOWN)
        for person in self.people:
            person.wanted = [p for p in self.random.sample(self.people, self.random.randint(8, 16))
                             if p is not person and p not in known]
        for person in known:
            for watcher in self.random.sample(self.people, min(KNOWN_TO, len(self.people))):
                if watcher is not person:
                    watcher.wanted.append(person)
        for person in self.people:
            for contact in person.wanted:
                contact.watchers.append(person)
        for person in self.people:
            person.refused = {w.name for w in person.watchers if self.random.random() < REFUSED}
            person.on_list = {w.name for w in person.watchers if self.random.random() < 0.5}

    def store(self, pool):
        """Written straight into the tables, as tests/bench/seed.sql does: by SOAP it would take minutes and be no
        different. What is under test begins with ConnectTerminal."""
        ids = {p.name: n for n, p in enumerate(self.people, 1)}
        numbers = {p.name: p.number for p in self.people}
        now, later = "UTC_TIMESTAMP(6)", "UTC_TIMESTAMP(6) + INTERVAL 1 DAY"
        with connect(pool) as db, db.cursor() as cursor:
            cursor.execute("START TRANSACTION")

            def insert(into, values, rows):
                cursor.executemany(f"INSERT INTO {into} VALUES ({values})", rows)

            insert("user (id, name, created_at)", f"%s, %s, {now}", [(n, name) for name, n in ids.items()])
            insert("profile (id, user_id, name, contact_number, policy, default_state)", "%s, %s, 'main', %s, 1, 1",
                   [(n, n, numbers[name]) for name, n in ids.items()])
            insert("terminal (user_id, name, kind)", "%s, 'phone', 2", [(n,) for n in ids.values()])
            insert("contact_list (profile_id, kind, number, position)", "%s, 1, %s, %s",
                   [(ids[p.name], c.number, n) for p in self.people for n, c in enumerate(p.wanted)])
            insert("contact_list (profile_id, kind, number, position)", "%s, 3, %s, %s",
                   [(ids[p.name], numbers[w], n) for p in self.people for n, w in enumerate(sorted(p.refused))])
            insert("mode (id, profile_id, name, state, transfer_to, contacts)",
                   "%s, %s, 'away', 3, 'tel:+33199999999', 0", [(2 * n, n) for n in ids.values()])
            insert("mode (id, profile_id, name, state, contacts)", "%s, %s, 'some', 2, %s",
                   [(2 * ids[p.name] + 1, ids[p.name], len(p.on_list)) for p in self.people if p.on_list])
            insert("mode_contact (mode_id, number)", "%s, %s",
                   [(2 * ids[p.name] + 1, numbers[w]) for p in self.people for w in p.on_list])
            first = FIRST_ACCOUNT
            insert("account (id, name, role, user_id, password_hash, created_at)", f"%s, %s, 2, %s, '!', {now}",
                   [(first + n, name, n) for name, n in ids.items()])
            insert("token (hash, account_id, account_version, created_at, expires_at)",
                   f"UNHEX(SHA2(%s, 256)), %s, 1, {now}, {later}",
                   [(p.token, first + ids[p.name]) for p in self.people])
            cursor.execute("COMMIT")

    async def create(self, admin_password):
        """The portal; the terminals' callers."""
        admin = await Caller(self.url).login("root", admin_password)
        account = fresh("portal")
        await admin.call("identity", "CreateAccount", accountName=account, password=PASSWORD, role="SERVICE")
        admin.close()
        service = await Caller(self.url).login(account, PASSWORD)
        await service.call("directory", "RegisterService", name=account, provider="portals", action=["use"])
        await service.call("directory", "ConnectService", leaseSeconds=600)
        self.portal = Portal(service)
        for person in self.people:
            person.caller = Caller(self.url, person.token)

    async def connect(self):
        """All at once, so that most are told of most of their contacts."""
        visitors, askers = VISITORS * len(self.people), (VISITORS + ASKERS) * len(self.people)
        for n, person in enumerate(self.people):
            kind = Visitor if n < visitors else StatesTerminal if n < askers else Terminal
            person.terminal = kind(person.name, person.caller, self._hear)
        everybody = self.random.sample(self.people, len(self.people))
        await gather_limited(CLERKS, [self._come(p) for p in everybody])
        for person in everybody:
            await self.all_told(person)

    async def _come(self, person):
        situation = dataclasses.replace(person.history.last, connected=True)
        if person in self.behind_portal:
            await self._happens(person, situation, self.portal.connect(person.terminal, person.caller.token))
            if self.portal not in self._parked:
                self._park(self.portal)
        else:
            await self._happens(person, situation, person.terminal.connect())
            if not person.comes_and_goes:
                self._park(person.terminal)

    def _park(self, poller):
        self._parked[poller] = asyncio.create_task(poller.pull())

    async def _happens(self, person, situation, call):
        """A change of a person, by a call that may be repeated until it is answered."""
        first = {p.number: p.history.done for p in person.wanted}
        person.history.begin(situation)
        await call
        person.history.end()
        if situation.connected and len(person.terminal.visits) > len(person.began_with):
            person.began_with.append({p.number: (first[p.number], p.history.begun) for p in person.wanted})
        self.changes += 1

    # What happens.

    async def change(self, person, clerk, rng):
        """One change; returns when all who stay connected know. `clerk` lends a connection."""
        situation, call = self._draw(person, clerk, rng)
        person.began = time.monotonic()
        person.expected = {w.name: person.state_for(w, situation) for w in person.watchers
                           if person.state_for(w) != person.state_for(w, situation)}
        await self._happens(person, situation, call)
        await self.all_told(person)
        person.expected = {}

    def _draw(self, person, clerk, rng):
        now = person.history.last
        if person.comes_and_goes and rng.random() < 0.5:
            turned = dataclasses.replace(now, connected=not now.connected)
            return turned, (person.terminal.disconnect() if now.connected else person.terminal.connect())
        if person.on_list and rng.random() < 0.3:
            return (dataclasses.replace(now, some=not now.some),
                    self._mode(person, clerk, modeId="some", active=not now.some))
        return self._level(person, clerk, rng.choice([v for v in LEVELS if v != now.level]))

    def _mode(self, person, clerk, **wanted):
        clerk.token = person.caller.token
        return clerk.call("availability", "ActivateMode", profileId="main", **wanted)

    def _level(self, person, clerk, level):
        wanted = {"modeId": "away"} if level == "TRANSFER" else {"level": level}
        return dataclasses.replace(person.history.last, level=level), self._mode(person, clerk, **wanted)

    async def change_in_a_row(self, person, clerk, rng):
        """Two or three changes, one right after the other. The last one looks like none before it, so that whoever
        sees it knows the last."""
        passed = [person.history.last.level]
        for _ in range(rng.randint(1, 2)):
            passed.append(rng.choice([v for v in LEVELS if v != passed[-1]]))
        alike = set(passed)
        if not person.history.last.connected and alike & NO_CONNECTION:
            alike |= NO_CONNECTION
        last = sorted(set(LEVELS) - alike)
        for level in [*passed[1:], rng.choice(last)] if last else passed[1:2]:
            await self._happens(person, *self._level(person, clerk, level))
        await self.all_told(person)

    def _hear(self, terminal, contact, state, when):
        person = self.by_number[contact]
        if person.expected.get(terminal.user) == state:
            del person.expected[terminal.user]
            self.delays.append(when - person.began)
        person.news.set()

    def _ignorant(self, person, visitors):
        """Connected watchers who do not know the truth; `visitors`: also of those."""
        return [w.name for w in person.watchers
                if w.terminal.connected and (visitors or not w.comes_and_goes)
                and w.terminal.told.get(person.number, [None])[-1] != person.state_for(w)]

    async def all_told(self, person, visitors=False):
        end = time.monotonic() + TOLD_WITHIN
        while ignorant := self._ignorant(person, visitors):
            for poll in self._parked.values():
                if poll.done():
                    poll.result()
                    raise AssertionError("a poll came to its end")
            assert time.monotonic() < end, (
                f"after {TOLD_WITHIN} s {ignorant} have not been told that {person.name} is {person.history.last}")
            person.news.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(1):
                    await person.news.wait()
        if not visitors:
            person.history.everybody_knows()

    # The end.

    async def settle(self):
        """Everybody is connected and told, and what was on its way when a replica died has come again."""
        await gather_limited(CLERKS, [self._come(p) for p in self.people if not p.history.last.connected])
        for person in self.people:
            await self.all_told(person, visitors=True)
        end = time.monotonic() + TOLD_WITHIN
        while any(q.gap for q in self.queues) and time.monotonic() < end:
            await asyncio.sleep(0.1)

    async def disagreements(self):
        """What the server answers, now that nothing happens, other than what should be true."""
        wrong = []

        async def ask(person):
            with contextlib.closing(person.caller.another()) as caller:
                answer = await caller.call("coordination", "GetContactStates", profileId="main", waitSeconds=0)
            states = {c["contact"]: c["state"] for c in answer.all("contactState")}
            wrong.extend(f"{person.name} sees {c.name} as {states.get(c.number)}, not {c.state_for(person)}"
                         for c in person.wanted if states.get(c.number) != c.state_for(person))

        await gather_limited(CLERKS, [ask(p) for p in self.people])
        return wrong

    def faults(self):
        """What was told wrongly, as text."""
        found = []
        for watcher in self.people:
            terminal = watcher.terminal
            found += [f"{watcher.name}'s queue: {w}" for w in terminal.queue.wrong]
            for contact in watcher.wanted:
                states, history = contact.states_for(watcher), contact.history
                for told, began_with in zip(terminal.visits, watcher.began_with, strict=True):
                    window = began_with[contact.number]
                    came = told.get(contact.number, [])
                    fault = (fault_of_visit(came, states, *window) if watcher.comes_and_goes else
                             fault_of_steady(came, states, history.awaited, *window))
                    if fault:
                        found.append(f"{type(terminal).__name__} {watcher.name} of {contact.name}: {fault}; {came} of "
                                     f"{states}")
                if isinstance(terminal, StatesTerminal) and terminal.repeats[contact.number] and not history.in_a_row:
                    found.append(f"{watcher.name} was told of {contact.name} what he knew")
        for queue in self.queues:
            found += [f"a gap: {queue.gap}"] if queue.gap else []
        return found + [f"the portal's queue: {w}" for w in self.portal.queue.wrong]

    async def end(self):
        for poll in self._parked.values():
            poll.cancel()
        await asyncio.gather(*self._parked.values(), return_exceptions=True)
        for person in self.people:
            if person.comes_and_goes:
                await person.terminal.end_poll()
