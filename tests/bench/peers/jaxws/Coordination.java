package jaxws;

import com.zaxxer.hikari.HikariConfig;
import com.zaxxer.hikari.HikariDataSource;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.Executors;
import javax.annotation.Resource;
import javax.jws.WebMethod;
import javax.jws.WebParam;
import javax.jws.WebResult;
import javax.jws.WebService;
import javax.jws.soap.SOAPBinding;
import javax.xml.bind.annotation.XmlElement;
import javax.xml.bind.annotation.XmlRootElement;
import javax.xml.ws.Endpoint;
import javax.xml.ws.WebServiceContext;
import javax.xml.ws.WebServiceException;
import javax.xml.ws.handler.MessageContext;

/**
 * GetConnectability as a Java team would write it first: an annotated class, the JAX-WS reference implementation on
 * the JDK's HTTP server, a HikariCP pool, Connector/J with prepared statements of the server. The same query and
 * rules as gsoap_db.cpp. Nothing is authenticated: the asker's user id is read from the bearer token.
 * usage: jaxws.Coordination PORT THREADS SOCKET SCHEMA five|two
 */
@WebService(serviceName = "Coordination", targetNamespace = Coordination.OURS)
@SOAPBinding(parameterStyle = SOAPBinding.ParameterStyle.BARE)
public class Coordination {
  static final String OURS = "urn:whitebrick:coordination:1";
  static final String COMMON = "urn:whitebrick:common:1";
  private static final String TOKEN = "Bearer bench-user-";

  private static final int AVAILABLE = 1, TRANSFER = 3, MODE_UNKNOWN = 4;
  private static final int OPEN = 1, ASK = 2;
  private static final int WIDEST = 1 << 20;
  private static final int ASKERS = 5;

  private static final String FIVE = """
      SELECT p.contact_number, p.policy, p.default_state, p.user_id = ? AS himself,
        EXISTS(SELECT 1 FROM contact_list l WHERE l.profile_id = p.id AND l.kind = 3
                 AND l.number IN (SELECT contact_number FROM profile WHERE user_id = ?)) AS refused,
        EXISTS(SELECT 1 FROM contact_list l WHERE l.profile_id = p.id AND l.kind = 2
                 AND l.number IN (SELECT contact_number FROM profile WHERE user_id = ?))
        OR EXISTS(SELECT 1 FROM authorisation g WHERE g.owner_profile_id = p.id AND g.asker_user_id = ? AND g.state = 2
                    AND (g.until_at IS NULL OR g.until_at > UTC_TIMESTAMP(6))) AS authorised,
        EXISTS(SELECT 1 FROM access_session s WHERE s.profile_id = p.id) AS connected,
        COALESCE(m.state, a.state) AS state, COALESCE(NULLIF(m.contacts, 0), 1048576) AS contacts,
        COALESCE(m.priority, 0) AS priority, UNIX_TIMESTAMP(a.activated_at) AS activated_at
      FROM profile p
      LEFT JOIN (mode_activation a LEFT JOIN mode m ON m.id = a.mode_id)
        ON a.profile_id = p.id AND (a.until_at IS NULL OR a.until_at > UTC_TIMESTAMP(6))
        AND (a.mode_id = 0 OR m.contacts = 0 OR EXISTS(SELECT 1 FROM mode_contact c WHERE c.mode_id = m.id
          AND c.number IN (SELECT contact_number FROM profile WHERE user_id = ?)))
      WHERE p.contact_number IN (""";
  private static final String TWO = """
      SELECT p.contact_number, s.id IS NOT NULL AS connected
      FROM profile p LEFT JOIN access_session s ON s.profile_id = p.id WHERE p.contact_number IN (""";

  @XmlRootElement(name = "GetConnectability", namespace = OURS)
  public static class Request {
    @XmlElement(namespace = OURS)
    public List<String> contact;
  }

  public static class ContactState {
    @XmlElement(namespace = COMMON)
    public String contact;
    @XmlElement(namespace = COMMON)
    public String state;
  }

  @XmlRootElement(name = "GetConnectabilityResponse", namespace = OURS)
  public static class Response {
    @XmlElement(namespace = OURS)
    public List<ContactState> contactState = new ArrayList<>();
  }

  private static final class Contact {
    boolean himself, refused, authorised, connected;
    int policy, mode;
    int narrowness, priority;
    double activatedAt;

    boolean outranks(int narrow, int prior, double activated) {
      if (narrow != narrowness) return narrowness > narrow;
      if (prior != priority) return priority > prior;
      return activatedAt >= activated;
    }

    String state() {
      if (!himself) {
        if (refused || mode == MODE_UNKNOWN) return "UNKNOWN";
        if (!authorised && policy == ASK) return "AUTHORISATION_REQUIRED";
        if (!authorised && policy != OPEN) return "UNKNOWN";
      }
      if (mode == TRANSFER) return "IN_TRANSFER";
      boolean available = mode == AVAILABLE || (himself && mode == MODE_UNKNOWN);
      return connected && available ? "CONNECTABLE" : "NOT_CONNECTABLE";
    }
  }

  @Resource private WebServiceContext context;
  private final HikariDataSource database;
  private final boolean five;
  private final Map<Integer, String> statements = new ConcurrentHashMap<>();

  private Coordination(HikariDataSource database, boolean five) {
    this.database = database;
    this.five = five;
  }

  @WebMethod(operationName = "GetConnectability", action = "")
  @WebResult(name = "GetConnectabilityResponse", targetNamespace = OURS)
  public Response getConnectability(
      @WebParam(name = "GetConnectability", targetNamespace = OURS) Request request) {
    Response response = new Response();
    Map<String, Contact> contacts = new HashMap<>();
    try (Connection connection = database.getConnection();
        PreparedStatement statement = connection.prepareStatement(statement(request.contact.size()))) {
      int at = 0;
      long asker = five ? asker() : 0;
      for (int i = 0; five && i < ASKERS; ++i) statement.setLong(++at, asker);
      for (String number : request.contact) statement.setString(++at, number);
      try (ResultSet rows = statement.executeQuery()) {
        while (rows.next()) add(contacts.computeIfAbsent(rows.getString(1), k -> new Contact()), rows);
      }
    } catch (SQLException e) {
      throw new WebServiceException(e);
    }
    for (String number : request.contact) {
      ContactState state = new ContactState();
      state.contact = number;
      Contact found = contacts.get(number);
      state.state = found == null ? "UNKNOWN" : found.state();
      response.contactState.add(state);
    }
    return response;
  }

  private String statement(int numbers) {
    return statements.computeIfAbsent(
        numbers, n -> (five ? FIVE : TWO) + String.join(",", Collections.nCopies(n, "?")) + ")");
  }

  private void add(Contact contact, ResultSet row) throws SQLException {
    if (!five) {
      contact.himself = true;
      contact.mode = AVAILABLE;
      contact.connected |= row.getBoolean(2);
      return;
    }
    contact.policy = row.getInt(2);
    contact.himself = row.getBoolean(4);
    contact.refused = row.getBoolean(5);
    contact.authorised = row.getBoolean(6);
    contact.connected = row.getBoolean(7);
    int state = row.getInt(8);
    if (row.wasNull()) {
      contact.mode = row.getInt(3);
      return;
    }
    int narrow = WIDEST - row.getInt(9), priority = row.getInt(10);
    double activated = row.getDouble(11);
    if (contact.mode != 0 && contact.outranks(narrow, priority, activated)) return;
    contact.mode = state;
    contact.narrowness = narrow;
    contact.priority = priority;
    contact.activatedAt = activated;
  }

  private long asker() {
    @SuppressWarnings("unchecked")
    var headers = (Map<String, List<String>>) context.getMessageContext().get(MessageContext.HTTP_REQUEST_HEADERS);
    String token = headers.get("Authorization").get(0);
    return Long.parseLong(token, TOKEN.length(), token.indexOf('-', TOKEN.length()), 10);
  }

  public static void main(String[] arguments) {
    int threads = Integer.parseInt(arguments[1]);
    HikariConfig config = new HikariConfig();
    config.setJdbcUrl("jdbc:mariadb://localhost/" + arguments[3] + "?localSocket=" + arguments[2]
        + "&useServerPrepStmts=true&cachePrepStmts=true&prepStmtCacheSqlLimit=8192");
    config.setUsername("root");
    config.setPassword("");
    config.setMaximumPoolSize(threads);
    Coordination service = new Coordination(new HikariDataSource(config), arguments[4].equals("five"));
    Endpoint endpoint = Endpoint.create(service);
    endpoint.setExecutor(Executors.newFixedThreadPool(threads));
    endpoint.publish("http://127.0.0.1:" + arguments[0] + "/coordination");
  }
}
