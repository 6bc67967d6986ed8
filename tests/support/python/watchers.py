"""Terminals that watch contacts, each parked in a poll of its own or behind a portal, and what each was told."""

import asyncio
import contextlib
import time
import xml.etree.ElementTree as ET
from collections import Counter

CATALOGUE = "{urn:whitebrick:catalogue:1}"
PULL = {"waitSeconds": 20, "leaseSeconds": 5, "maxEvents": 500}  # a lost answer comes again after 5 s


class Sequence:
    """Puts what one queue hands out in the order of its numbers, each once: an answer that was lost on its way comes
    again behind later ones."""

    def __init__(self):
        self.last, self._early, self.again, self.wrong = 0, {}, 0, []

    def take(self, events):
        ready = []
        for event in events:
            number = int(event["sequence"])
            if number <= self.last or number in self._early:
                self.again += 1
                if int(event["attempts"]) < 2:
                    self.wrong.append(f"number {number} was given twice")
            else:
                self._early[number] = event
        while event := self._early.pop(self.last + 1, None):
            self.last += 1
            ready.append(event)
        return ready

    @property
    def gap(self):
        return f"after {self.last} comes {min(self._early)}" if self._early else None


class Terminal:
    """Of a user with one profile. `told[contact]` is what he was told since he connected, in order. `on_told` hears of
    each: (terminal, contact, state, time)."""

    def __init__(self, user, caller, on_told):
        self.user, self.caller, self._on_told = user, caller, on_told
        self.told, self.visits = {}, []  # visits: one `told` for each connection, this one included
        self.queue = Sequence()
        self.connected = False
        self._early = []  # of a portal's: they may overtake the answer with the snapshot

    def snapshot(self, states):
        self.connected, self.told = True, {}
        self.visits.append(self.told)
        for state in states:
            self.hear(state["contact"], state["state"])
        while self._early:
            self.hear_event(self._early.pop(0))

    def hear(self, contact, state):
        self.told.setdefault(contact, []).append(state)
        self._on_told(self, contact, state, time.monotonic())

    def hear_event(self, event):
        if event["type"] != "contact.state":
            return
        if not self.connected:
            self._early.append(event)
        else:
            if event.get("coalesced"):
                self.queue.wrong.append("coalesced without an overflow")
            content = ET.fromstring(event["content"])
            self.hear(content.findtext(CATALOGUE + "contact"), content.findtext(CATALOGUE + "state"))

    async def connect(self):
        answer = await self.caller.call("coordination", "ConnectTerminal", terminalId="phone")
        self.snapshot(answer.all("contactState"))

    async def pull(self):
        """Parked for ever; an acknowledgement rides on the next poll."""
        token = None
        while True:
            answer = await self.caller.call("events", "PullEvents", subscription="phone", **PULL, ackToken=token)
            token = answer.get("leaseToken")
            for event in self.queue.take(answer.all("event")):
                self.hear_event(event)


class StatesTerminal(Terminal):
    """Asks for the states themselves, as changes since a version: several changes of a contact between two answers
    are one, which may lead back to what he knew (`repeats`)."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.repeats = Counter()

    async def pull(self):
        version = None
        while True:
            answer = await self.caller.call("coordination", "GetContactStates", profileId="main",
                                            sinceVersion=version, waitSeconds=20)
            came, complete = int(answer["version"]), answer["complete"] == "true"
            changes = answer.all("contactState")
            if version is not None and complete:
                self.queue.wrong.append("everything again without a reason")
            if version is not None and changes and came <= version:
                self.queue.wrong.append(f"{len(changes)} changes from version {version} to {came}")
            for change in changes:
                contact, state = change["contact"], change["state"]
                if self.told.get(contact, [None])[-1] != state:
                    self.hear(contact, state)
                elif version is not None:
                    self.repeats[contact] += 1
            version = came


class Visitor(Terminal):
    """Comes and goes. What was numbered for an earlier connection may never come, and of a contact what is older
    than what he knows is no news."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self._desk, self._polling, self._newest = self.caller.another(), None, {}

    async def connect(self):
        answer = await self._desk.call("coordination", "ConnectTerminal", terminalId="phone")
        self.snapshot(answer.all("contactState"))
        self._polling = asyncio.create_task(self.pull())

    async def disconnect(self):
        self.connected = False
        await self.end_poll()
        answer = await self._desk.call("coordination", "DisconnectTerminal", terminalId="phone")
        assert answer["alreadyEnded"] == "false"

    async def end_poll(self):
        """Raises what ended it, if anything did."""
        if self._polling is not None:
            self._polling.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._polling

    async def pull(self):
        token = None
        while True:
            answer = await self.caller.call("events", "PullEvents", subscription="phone", **PULL,
                                            ackToken=token)
            token = answer.get("leaseToken")
            for event in answer.all("event"):
                if event["type"] != "contact.state":
                    continue
                number, content = int(event["sequence"]), ET.fromstring(event["content"])
                contact = content.findtext(CATALOGUE + "contact")
                if number > self._newest.get(contact, 0):
                    self._newest[contact] = number
                    self.hear_event(event)


class Portal:
    """A service that connects terminals of many users and pulls for all of them."""

    def __init__(self, caller):
        self.caller, self._desk, self._turn = caller, caller.another(), asyncio.Lock()
        self.terminals, self.queue = {}, Sequence()

    async def connect(self, terminal, user_token):
        self.terminals[terminal.user] = terminal
        async with self._turn:
            answer = await self._desk.call("coordination", "ConnectTerminal", userToken=user_token, terminalId="phone")
        terminal.snapshot(answer.all("contactState"))

    async def pull(self):
        token = None
        while True:
            answer = await self.caller.call("events", "PullEvents", subscription="terminals", **PULL, ackToken=token)
            token = answer.get("leaseToken")
            for event in self.queue.take(answer.all("event")):
                self.terminals[event["userId"]].hear_event(event)
