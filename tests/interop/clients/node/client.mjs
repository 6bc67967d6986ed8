// The package `soap` with the WSDLs as served: client.mjs FACTS VERSION. Prints what it got as JSON.
import soap from "soap";
import { randomUUID } from "node:crypto";

const facts = JSON.parse(process.argv[2]);
const twelve = process.argv[3] === "1.2";

// The operations of a module as functions that answer the message.
async function client(module, token) {
  const made = await soap.createClientAsync(`${facts.url}/${module}?wsdl`, { forceSoap12Headers: twelve });
  if (token) made.setSecurity(new soap.BearerSecurity(token));
  const name = module[0].toUpperCase() + module.slice(1);
  const port = made[`${name}Service`][twelve ? `${name}12` : name];
  return new Proxy({}, {
    get: (_, operation) => operation !== "then" && ((args) => new Promise((done, failed) =>
      port[operation](args, (error, answer) => (error ? failed(error) : done(answer))))),
  });
}

const list = (value) => (value === undefined || value === null ? [] : [].concat(value));
const identity = await client("identity");
const login = async (account) => (await identity.Login({ accountName: account, password: facts.password })).token;
const [alice, bob, mail] = [await login(facts.alice), await login(facts.bob), await login(facts.mail)];
const service = { name: facts.mail, provider: "acme" };
const got = {};

const directory = await client("directory", mail);
await directory.RegisterService({ ...service, action: ["read"], class: "messaging" });
await directory.ConnectService({ declare: [{ type: "letter.came" }], subscribe: [{ name: "all", type: ["letter.*"] }] });
got.connected = (await directory.GetService(service)).service.connected;

const profiles = await client("profiles", alice);
await profiles.SubscribeToService({ profileId: "work", service });
await profiles.SetContactLists({ profileId: "work", wanted: [facts.bobNumber] });
got.wanted = list((await profiles.GetProfile({ profileId: "work" })).profile.wanted);

const availability = await client("availability", bob);
await availability.PutMode({ profileId: "work", modeId: "away", state: "TRANSFER", transferTo: "+33199999999" });
await availability.ActivateMode({ profileId: "work", modeId: "away" });

const coordination = await client("coordination", alice);
const terminal = await coordination.ConnectTerminal({ terminalId: "phone" });
got.snapshot = list(terminal.contactState).map((c) => [c.contact, c.state]);
const states = await coordination.GetConnectability({ contact: [facts.bobNumber, facts.aliceNumber] });
got.states = list(states.contactState).map((c) => c.state);
const decided = await (await client("coordination", mail)).DecideCall({ callId: randomUUID(),
  calledNumber: facts.aliceNumber, callerNumber: facts.bobNumber, type: "VOICE_IMMEDIATE", dryRun: true });
got.decision = [decided.decision, decided.reason, list(decided.terminalId)];

const events = await client("events", mail);
await events.PublishEvents({ requestId: randomUUID(), event: [{ type: "letter.came", content: facts.content }] });
const batch = await events.PullEvents({ subscription: "all", waitSeconds: 5 });
got.events = list(batch.event).map((e) => [e.type, e.content, Number(e.sequence)]);
got.acknowledged = (await events.AckEvents({ subscription: "all", ackToken: batch.leaseToken })).acknowledged;

try {
  await coordination.GetConnectability({ contact: ["call me"] });
} catch (error) {
  const fault = error.root.Envelope.Body.Fault;
  const detail = (fault.detail ?? fault.Detail).ServiceFault;
  got.fault = [fault.faultcode ?? fault.Code.Value, detail.code, detail.field, detail.retryable === "true",
    detail.correlationId.length > 0];
}
console.log(JSON.stringify(got));
