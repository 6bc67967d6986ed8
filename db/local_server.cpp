#include "db/local_server.hpp"

#include <signal.h>
#include <unistd.h>

#include <fstream>
#include <thread>

#include "db/connection.hpp"
#include "db/local_files.hpp"
#include "db/local_process.hpp"

namespace whitebrick::db {
namespace fs = std::filesystem;
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kLookAgain = std::chrono::milliseconds(20);

Options root_options(const LocalFiles& files, const std::string& schema) {
  Options options;
  options.socket = files.socket();
  options.user = "root";
  options.schema = schema;
  return options;
}

bool answers(const LocalFiles& files) {
  try {
    Connection probe(root_options(files, ""));
    return true;
  } catch (const Unavailable&) {
    return false;
  }
}

std::vector<std::string> initialisation(const fs::path& data, const LocalFiles& files) {
  std::vector<std::string> command = {
      find_program("mariadb-install-db"), "--no-defaults", "--datadir=" + data.string(),
      // In a shared one, two initialisations at once clash over their temporary tables.
      "--tmpdir=" + files.temporary().string(), "--auth-root-authentication-method=normal", "--skip-test-db",
      "--skip-name-resolve"};
  // Without it mariadbd refuses to run as root. The invoking user keeps the files:
  // any other could not reach a private directory.
  if (::geteuid() == 0) command.push_back("--user=root");
  return command;
}

std::vector<std::string> server_command(const LocalServer::Settings& settings, const LocalFiles& files) {
  std::vector<std::string> command = {
      find_program(settings.program),
      "--no-defaults",
      files.data_argument(),
      "--socket=" + files.socket(),
      "--pid-file=" + files.pid_file().string(),
      "--log-error=" + files.log().string(),
      "--tmpdir=" + files.temporary().string(),
      "--skip-networking",
      "--skip-name-resolve",
      "--skip-log-bin",
      "--local-infile=0",
      "--innodb-flush-log-at-trx-commit=1",
      "--innodb-doublewrite=ON",
      "--innodb-autoinc-lock-mode=2",
      "--innodb-print-all-deadlocks=ON",
      "--innodb-buffer-pool-size=" + std::to_string(settings.buffer_pool_mib) + "M",
      "--character-set-server=utf8mb4",
      "--collation-server=utf8mb4_bin",
      "--sql-mode=STRICT_TRANS_TABLES,ONLY_FULL_GROUP_BY,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION",
      "--max-connections=400",
      "--max-prepared-stmt-count=200000",
      "--performance-schema=OFF",
  };
  if (::geteuid() == 0) command.push_back("--user=root");
  return command;
}

// Into a folder of its own, so that an interrupted initialisation leaves nothing half-made.
void initialise(const LocalFiles& files) {
  if (fs::exists(files.data() / "mysql")) return;
  if (!fs::is_empty(files.data())) {
    throw Error(0, files.data().string() + " is not empty and holds no database; use another data directory");
  }
  const fs::path fresh = files.directory() / "data.new";
  fs::remove_all(fresh);
  fs::create_directory(fresh);
  const int status = run_and_wait(initialisation(fresh, files), files.log());
  if (status != 0) {
    throw Error(0, "mariadb-install-db failed (" + std::to_string(status) + "), see " + files.log().string());
  }
  fs::remove(files.data());
  fs::rename(fresh, files.data());
}

// False when it has ended instead.
bool comes_to_answer(const LocalServer::Settings& settings, const LocalFiles& files, pid_t pid) {
  const auto deadline = Clock::now() + settings.start_timeout;
  while (!answers(files)) {
    if (!alive(pid, files.data_argument())) return false;
    if (Clock::now() > deadline) {
      throw Error(0, "the private database did not answer in time, see " + files.log().string());
    }
    std::this_thread::sleep_for(kLookAgain);
  }
  return true;
}

void end(const LocalFiles& files, pid_t pid) {
  constexpr auto kPatience = std::chrono::seconds(60);
  ::kill(pid, SIGTERM);
  const auto deadline = Clock::now() + kPatience;
  while (alive(pid, files.data_argument())) {
    if (Clock::now() > deadline)
      throw Error(0, "the private database (pid " + std::to_string(pid) + ") does not end");
    std::this_thread::sleep_for(kLookAgain);
  }
}

}  // namespace

struct LocalServer::State {
  LocalFiles files;
  pid_t pid = 0;
  bool started_here = false;
};

LocalServer LocalServer::start_or_attach(const Settings& settings) {
  auto state = std::make_unique<State>(State{LocalFiles(settings.data_directory)});
  const LocalFiles& files = state->files;
  files.prepare();
  const FileLock starting(files.lock());
  const auto running = running_pid(files.pid_file(), files.data_argument());
  // One that was just killed can still be seen for a moment; it does not count.
  if (running && comes_to_answer(settings, files, *running)) {
    state->pid = *running;
  } else {
    initialise(files);
    // Left by a server that was killed; a new one's must not be mistaken for it.
    fs::remove(files.pid_file());
    fs::remove(files.socket());
    state->pid = start_detached(server_command(settings, files), files.log());
    // The server writes the same, but only once it is up; until then the next starter looks here.
    std::ofstream(files.pid_file()) << state->pid << '\n';
    state->started_here = true;
    if (!comes_to_answer(settings, files, state->pid)) {
      throw Error(0, "the private database ended while starting (is another process using " +
                         files.data().string() + "?): " + last_error_line(files.log()));
    }
  }
  return LocalServer(std::move(state));
}

LocalServer::LocalServer(std::unique_ptr<State> state) : state_(std::move(state)) {}
LocalServer::LocalServer(LocalServer&&) noexcept = default;
LocalServer::~LocalServer() = default;

Options LocalServer::options(const std::string& schema) const { return root_options(state_->files, schema); }
bool LocalServer::started_here() const { return state_->started_here; }
pid_t LocalServer::pid() const { return state_->pid; }
void LocalServer::stop() { end(state_->files, state_->pid); }

bool stop_local_server(const fs::path& data_directory) {
  const LocalFiles files(data_directory);
  if (!fs::exists(files.directory())) return false;
  const FileLock starting(files.lock());
  const auto running = running_pid(files.pid_file(), files.data_argument());
  if (!running) return false;
  end(files, *running);
  return true;
}

}  // namespace whitebrick::db
