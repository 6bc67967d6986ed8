import java.net.URL;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;
import javax.xml.ws.BindingProvider;
import javax.xml.ws.handler.MessageContext;
import javax.xml.ws.soap.SOAPFaultException;
import whitebrick.availability._1.*;
import whitebrick.common._1.CommunicationType;
import whitebrick.common._1.EventDeclaration;
import whitebrick.common._1.ServiceRef;
import whitebrick.common._1.SubscriptionRequest;
import whitebrick.coordination._1.*;
import whitebrick.directory._1.*;
import whitebrick.events._1.*;
import whitebrick.identity._1.*;
import whitebrick.profiles._1.*;

// JAX-WS with what wsimport makes of the WSDLs as served: Client VERSION NAME=VALUE... Prints what it got as JSON.
public class Client {
  static final Map<String, String> facts = new TreeMap<>();
  static boolean twelve;

  static URL wsdl(String module) throws Exception {
    return new URL(facts.get("url") + "/" + module + "?wsdl");
  }

  /** The port of the version wanted, for the owner of the token. */
  static <Port> Port port(Port eleven, Port withTwelve, String token) {
    Port port = twelve ? withTwelve : eleven;
    if (token != null) {
      ((BindingProvider) port).getRequestContext().put(MessageContext.HTTP_REQUEST_HEADERS,
          Map.of("Authorization", List.of("Bearer " + token)));
    }
    return port;
  }

  static String login(String account) throws Exception {
    IdentityService service = new IdentityService(wsdl("identity"));
    Login login = new Login();
    login.setAccountName(facts.get(account));
    login.setPassword(facts.get("password"));
    return port(service.getIdentity(), service.getIdentity12(), null).login(login).getToken();
  }

  static Coordination coordination(String token) throws Exception {
    CoordinationService service = new CoordinationService(wsdl("coordination"));
    return port(service.getCoordination(), service.getCoordination12(), token);
  }

  static String json(Object value) {
    if (value instanceof Map<?, ?> map) {
      return map.entrySet().stream().map(e -> json(e.getKey()) + ":" + json(e.getValue()))
          .collect(Collectors.joining(",", "{", "}"));
    }
    if (value instanceof Collection<?> list) {
      return list.stream().map(Client::json).collect(Collectors.joining(",", "[", "]"));
    }
    if (value instanceof Number || value instanceof Boolean) {
      return value.toString();
    }
    return "\"" + value.toString().replace("\\", "\\\\").replace("\"", "\\\"").replace("\n", "\\n") + "\"";
  }

  static <T> List<Object> each(List<T> list, Function<T, Object> what) {
    return list.stream().map(what).collect(Collectors.toCollection(ArrayList::new));
  }

  public static void main(String[] arguments) throws Exception {
    twelve = arguments[0].equals("1.2");
    for (int i = 1; i < arguments.length; ++i) {
      String[] parts = arguments[i].split("=", 2);
      facts.put(parts[0], parts[1]);
    }
    String alice = login("alice"), bob = login("bob"), mail = login("mail");
    Map<String, Object> got = new TreeMap<>();

    DirectoryService directories = new DirectoryService(wsdl("directory"));
    Directory directory = port(directories.getDirectory(), directories.getDirectory12(), mail);
    RegisterService register = new RegisterService();
    register.setName(facts.get("mail"));
    register.setProvider("acme");
    register.setClazz("messaging");
    register.getAction().add("read");
    directory.registerService(register);
    ConnectService connect = new ConnectService();
    EventDeclaration declaration = new EventDeclaration();
    declaration.setType("letter.came");
    connect.getDeclare().add(declaration);
    SubscriptionRequest subscription = new SubscriptionRequest();
    subscription.setName("all");
    subscription.getType().add("letter.*");
    connect.getSubscribe().add(subscription);
    directory.connectService(connect);
    GetService get = new GetService();
    get.setName(facts.get("mail"));
    get.setProvider("acme");
    got.put("connected", directory.getService(get).getService().isConnected());

    ProfilesService profileServices = new ProfilesService(wsdl("profiles"));
    Profiles profiles = port(profileServices.getProfiles(), profileServices.getProfiles12(), alice);
    ServiceRef service = new ServiceRef();
    service.setName(facts.get("mail"));
    service.setProvider("acme");
    SubscribeToService use = new SubscribeToService();
    use.setProfileId("work");
    use.setService(service);
    profiles.subscribeToService(use);
    SetContactLists lists = new SetContactLists();
    lists.setProfileId("work");
    lists.getWanted().add(facts.get("bobNumber"));
    profiles.setContactLists(lists);
    GetProfile profile = new GetProfile();
    profile.setProfileId("work");
    got.put("wanted", profiles.getProfile(profile).getProfile().getWanted());

    AvailabilityService availabilities = new AvailabilityService(wsdl("availability"));
    Availability availability = port(availabilities.getAvailability(), availabilities.getAvailability12(), bob);
    PutMode mode = new PutMode();
    mode.setProfileId("work");
    mode.setModeId("away");
    mode.setState(ModeState.TRANSFER);
    mode.setTransferTo("+33199999999");
    availability.putMode(mode);
    ActivateMode activate = new ActivateMode();
    activate.setProfileId("work");
    activate.setModeId("away");
    availability.activateMode(activate);

    Coordination coordination = coordination(alice);
    ConnectTerminal terminal = new ConnectTerminal();
    terminal.setTerminalId("phone");
    got.put("snapshot", each(coordination.connectTerminal(terminal).getContactState(),
        c -> List.of(c.getContact(), c.getState())));
    GetConnectability question = new GetConnectability();
    question.getContact().addAll(List.of(facts.get("bobNumber"), facts.get("aliceNumber")));
    got.put("states", each(coordination.getConnectability(question).getContactState(), c -> c.getState()));
    DecideCall call = new DecideCall();
    call.setCallId(UUID.randomUUID().toString());
    call.setCalledNumber(facts.get("aliceNumber"));
    call.setCallerNumber(facts.get("bobNumber"));
    call.setType(CommunicationType.VOICE_IMMEDIATE);
    call.setDryRun(true);
    DecideCallResponse decided = coordination(mail).decideCall(call);
    got.put("decision", List.of(decided.getDecision(), decided.getReason(), decided.getTerminalId()));

    EventsService eventServices = new EventsService(wsdl("events"));
    Events events = port(eventServices.getEvents(), eventServices.getEvents12(), mail);
    PublishEvents publish = new PublishEvents();
    publish.setRequestId(UUID.randomUUID().toString());
    NewEvent event = new NewEvent();
    event.setType("letter.came");
    event.setContent(facts.get("content"));
    publish.getEvent().add(event);
    events.publishEvents(publish);
    PullEvents pull = new PullEvents();
    pull.setSubscription("all");
    pull.setWaitSeconds(5);
    PullEventsResponse batch = events.pullEvents(pull);
    got.put("events", each(batch.getEvent(), e -> List.of(e.getType(), e.getContent(), e.getSequence())));
    AckEvents acknowledge = new AckEvents();
    acknowledge.setSubscription("all");
    acknowledge.setAckToken(batch.getLeaseToken());
    got.put("acknowledged", events.ackEvents(acknowledge).getAcknowledged());

    try {
      GetConnectability wrong = new GetConnectability();
      wrong.getContact().add("call me");
      coordination.getConnectability(wrong);
    } catch (whitebrick.coordination._1.ServiceFault fault) {
      // A declared exception has no SOAP code; the typed detail says all.
      var detail = fault.getFaultInfo();
      got.put("fault", List.of(twelve ? "Sender" : "Client", detail.getCode(), detail.getField(), detail.isRetryable(),
          !detail.getCorrelationId().isEmpty()));
    }
    System.out.println(json(got));
  }
}
