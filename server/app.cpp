// The only list of modules: builds them, wires them, and names what runs in the background.

#include "server/app.hpp"

#include "modules/availability/availability.hpp"
#include "modules/availability/availability_endpoint.hpp"
#include "modules/coordination/coordination.hpp"
#include "modules/coordination/coordination_endpoint.hpp"
#include "modules/coordination/readiness.hpp"
#include "modules/directory/directory.hpp"
#include "modules/directory/directory_endpoint.hpp"
#include "modules/events/component.hpp"
#include "modules/events/events.hpp"
#include "modules/events/events_endpoint.hpp"
#include "modules/events/pull_batches.hpp"
#include "modules/events/push_senders.hpp"
#include "modules/events/readiness.hpp"
#include "modules/identity/identity.hpp"
#include "modules/identity/identity_endpoint.hpp"
#include "modules/profiles/profiles.hpp"
#include "modules/profiles/profiles_endpoint.hpp"
#include "server/admin_page.hpp"
#include "server/jobs.hpp"
#include "server/log.hpp"
#include "server/operation.hpp"
#include "server/peers.hpp"
#include "server/pulse.hpp"
#include "server/requests.hpp"
#include "server/router.hpp"
#include "server/soap_engine.hpp"

namespace whitebrick {
namespace {

using namespace std::chrono_literals;

std::string replica_name(const Config& config) {
  if (!config.replica.empty()) return config.replica;
  return config.http.address + ":" + std::to_string(config.http.port);
}

}  // namespace

struct App::State {
  State(const Config& c, db::Options database)
      : config(c),
        pool(std::move(database)),
        peers({.name = replica_name(c), .address = c.http.address}, pool, registry),
        egress(std::make_shared<const events::EgressRules>(c.push_allow, c.push_ports, c.push_http)),
        events(peers, egress),
        pulls_together(events, peers),
        pulls(pool, registry, pulls_together),
        profiles(events),
        directory({.lease = c.service_lease}, events),
        identity({.token_lifetime = c.token_lifetime,
                  .argon2_memory_kib = c.argon2_memory_kib,
                  .waiting_passwords = static_cast<std::size_t>(c.http.workers) / 4},
                 pool, profiles, events),
        availability(profiles, events),
        coordination({.terminal_lease = c.terminal_lease}, identity, directory, profiles, availability,
                     events, peers),
        guards{pool, identity, {&directory, &coordination}, metrics},
        engine(c.http.workers, guards),
        router(engine, c.public_url),
        workers(pool, registry, events),
        pushes(pool, registry, peers, events, egress,
               {.senders = c.push_senders, .certificates = c.push_certificates.string(), .limits = {}}),
        jobs(pool),
        http(
            c.http, registry, [this](int w, const HttpRequest& r, Poll& p) { return router.serve(w, r, p); },
            Router::fault_page),
        admin(c.admin_address, c.admin_port, metrics) {
    engine.add("identity", [this](struct soap* s, Guard& g) { return identity::dispatch(s, g, identity); });
    engine.add("directory",
               [this](struct soap* s, Guard& g) { return directory::dispatch(s, g, directory, profiles); });
    engine.add("events", [this](struct soap* s, Guard& g) { return events::dispatch(s, g, events, pulls); });
    engine.add("profiles", [this](struct soap* s, Guard& g) { return profiles::dispatch(s, g, profiles); });
    engine.add("availability", [this](struct soap* s, Guard& g) {
      return availability::dispatch(s, g, availability, profiles);
    });
    engine.add("coordination", [this](struct soap* s, Guard& g) {
      return coordination::dispatch(s, g, coordination, profiles);
    });
    peers.add(queues);
    peers.add(contact_states);
    coordination.subscribe(workers);
    add_jobs();
    add_metrics();
  }

  void add_jobs() {
    const auto ttl = std::max(config.terminal_lease, config.service_lease);
    jobs.every_here("pulse", kPulsePeriod,
                    [this, ttl](db::Pool& p) { return beat(p, replica_name(config), ttl), false; });
    jobs.every("directory.expire", 1s, [this](db::Pool& p) { return directory.expire(p); });
    jobs.every("coordination.expire", 1s, [this](db::Pool& p) { return coordination.expire(p); });
    jobs.every("coordination.end_void", 5s, [this](db::Pool& p) { return coordination.end_void(p); });
    jobs.every("coordination.expire_calls", 1s, [this](db::Pool& p) { return coordination.expire_calls(p); });
    jobs.every("coordination.repeat_urgent", 1s,
               [this](db::Pool& p) { return coordination.repeat_urgent(p); });
    jobs.every("coordination.check_contact_alerts", 5s,
               [this](db::Pool& p) { return coordination.check_contact_alerts(p); });
    jobs.every("coordination.sweep", 1s, [this](db::Pool& p) { return coordination.sweep(p); });
    jobs.every("availability.expire", 1s, [this](db::Pool& p) { return availability.expire(p); });
    jobs.every("availability.forget_ended", 5s, [this](db::Pool& p) { return availability.forget_ended(p); });
    jobs.every("availability.rules", 1s, [this](db::Pool& p) { return availability.follow_rules(p); });
    jobs.every("events.settle", 1s, [this](db::Pool& p) { return events.settle(p); });
    jobs.every("events.sweep_waiting", 1s, [this](db::Pool& p) { return events.sweep_waiting(p); });
    jobs.every("events.expire", 60s, [this](db::Pool& p) { return events.expire(p), false; });
    jobs.every("events.expire_subscriptions", 10s,
               [this](db::Pool& p) { return events.expire_subscriptions(p); });
    jobs.every("events.forget_old", 600s,
               [this](db::Pool& p) { return events.forget_old(p, config.event_retention_days); });
    jobs.every("identity.expire_tokens", 60s, [this](db::Pool& p) { return identity.expire_tokens(p); });
    jobs.every("server.forget_requests", 60s, [](db::Pool& p) { return forget_requests(p); });
  }

  void add_metrics() {
    metrics.gauge("whitebrick_parked_polls", "long polls waiting",
                  [this] { return double(http.counts().parked); });
    metrics.gauge("whitebrick_connections", "open client connections",
                  [this] { return double(http.counts().connections); });
    metrics.gauge("whitebrick_queued_requests", "requests waiting for a worker",
                  [this] { return double(http.counts().queued); });
    metrics.counter("whitebrick_http_requests_total", "requests read",
                    [this] { return double(http.counts().requests); });
    metrics.counter("whitebrick_shed_total", "requests refused by overload",
                    [this] { return double(http.counts().shed); });
    metrics.counter("whitebrick_timed_out_total", "requests answered by the time limit",
                    [this] { return double(http.counts().timed_out); });
    metrics.counter("whitebrick_hung_up_total", "clients that vanished while parked",
                    [this] { return double(http.counts().hung_up); });
    metrics.gauge("whitebrick_database_connections", "open", [this] { return double(pool.counts().open); });
    metrics.gauge("whitebrick_database_connections_in_use", "leased",
                  [this] { return double(pool.counts().in_use); });
    metrics.gauge("whitebrick_database_reachable", "1 or 0",
                  [this] { return pool.counts().reachable ? 1.0 : 0.0; });
    metrics.counter("whitebrick_expiry_failures_total",
                    "rows that a job of directory or coordination could not end",
                    [this] { return double(directory.expiry_failures() + coordination.expiry_failures()); });
    metrics.counter("whitebrick_compile_failures_total",
                    "calendar rules that a job could not compile further",
                    [this] { return double(availability.compile_failures()); });
    metrics.counter("whitebrick_database_statements_total", "statements run",
                    [this] { return double(pool.counts().statements); });
  }

  const Config config;
  WaitRegistry registry;
  Metrics metrics;
  db::Pool pool;
  Peers peers;
  std::shared_ptr<const events::EgressRules> egress;
  events::Events events;
  events::PullTogether pulls_together;
  events::PullBatches pulls;
  events::QueueReadiness queues;
  profiles::Profiles profiles;
  directory::Directory directory;
  identity::Identity identity;
  availability::Availability availability;
  coordination::Coordination coordination;
  coordination::StatesReadiness contact_states;
  GuardServices guards;
  SoapEngine engine;
  Router router;
  events::ComponentWorkers workers;
  events::PushSenders pushes;
  Jobs jobs;
  HttpServer http;
  AdminPage admin;
};

App::App(const Config& config, db::Options database)
    : state_(std::make_unique<State>(config, std::move(database))) {}
App::~App() = default;

void App::start() {
  state_->availability.start(state_->pool);
  state_->peers.start();
  state_->workers.start();
  state_->pulls.start();
  state_->pushes.start();
  state_->jobs.start();
  state_->http.start();
  state_->admin.start();
  state_->admin.set_ready(true);
}

void App::drain() {
  state_->admin.set_ready(false);
  state_->http.drain();
}

void App::stop(std::chrono::milliseconds grace) {
  state_->http.stop(grace);
  state_->pulls.stop();
  state_->jobs.stop();
  state_->pushes.stop();
  state_->workers.stop();
  state_->peers.stop();
  state_->admin.stop();
}

std::uint16_t App::port() const { return state_->http.port(); }
std::uint16_t App::admin_port() const { return state_->admin.port(); }

HttpResponse App::answer(const HttpRequest& request) {
  Poll poll(state_->registry, [] {});
  for (;;) {
    if (RunResult result = state_->router.serve(0, request, poll)) return std::move(*result);
    poll.next_run(true);
  }
}

namespace {
class NobodyWaits final : public Wake {
 public:
  void wake(const std::vector<WaitKey>&) noexcept override {}
};
}  // namespace

std::string create_admin(const Config& config, db::Pool& pool, const std::string& name,
                         std::optional<std::string> password) {
  NobodyWaits wake;
  events::Events events(wake);
  profiles::Profiles profiles(events);
  identity::Identity identity({.token_lifetime = config.token_lifetime,
                               .argon2_memory_kib = config.argon2_memory_kib,
                               .waiting_passwords = 0},
                              pool, profiles, events);
  const std::string chosen = password ? *password : identity::generate_password();
  pool.in_transaction([&](db::Session& db) {
    if (identity.is_admin(db, name)) {
      identity.set_password(db, name, chosen);
    } else {
      identity.create_account(db,
                              {.name = name, .password = chosen, .role = Role::kAdmin, .user = std::nullopt});
    }
  });
  return chosen;
}

}  // namespace whitebrick
