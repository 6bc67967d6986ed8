#include "db/local_process.hpp"

#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <sstream>

#include "db/error.hpp"

namespace whitebrick::db {
namespace fs = std::filesystem;
namespace {

// Descriptors and attributes for posix_spawn, released together.
struct SpawnPlan {
  explicit SpawnPlan(const fs::path& log) {
    ::posix_spawn_file_actions_init(&files);
    ::posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    ::posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, log.c_str(), O_WRONLY | O_CREAT | O_APPEND,
                                       0600);
    ::posix_spawn_file_actions_adddup2(&files, STDOUT_FILENO, STDERR_FILENO);
    // Listening sockets of the starter must not live on in the database.
    ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
    ::posix_spawn_file_actions_addchdir_np(&files, "/");
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes,
                               POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnPlan() {
    ::posix_spawn_file_actions_destroy(&files);
    ::posix_spawnattr_destroy(&attributes);
  }
  SpawnPlan(const SpawnPlan&) = delete;
  SpawnPlan& operator=(const SpawnPlan&) = delete;

  posix_spawn_file_actions_t files;
  posix_spawnattr_t attributes;
};

std::string content(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

std::string find_program(const std::string& name) {
  if (name.find('/') != std::string::npos) return name;
  const char* path = std::getenv("PATH");
  std::istringstream folders(std::string(path ? path : "") + ":/usr/sbin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    const fs::path candidate = fs::path(folder) / name;
    if (!folder.empty() && ::access(candidate.c_str(), X_OK) == 0) return candidate.string();
  }
  throw Error(
      0, "'" + name + "' was not found: install the package mariadb-server-core, or configure a database");
}

pid_t start_detached(const std::vector<std::string>& command, const fs::path& log) {
  std::vector<char*> arguments;
  for (const auto& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const SpawnPlan plan(log);
  pid_t pid = 0;
  const int problem =
      ::posix_spawn(&pid, command.front().c_str(), &plan.files, &plan.attributes, arguments.data(), environ);
  if (problem != 0) throw Error(0, "cannot run " + command.front() + ": " + std::strerror(problem));
  // The kernel lets the caller go on before the new command line can be read; whoever
  // looks there (alive) would take the process for another one.
  while (content(fs::path("/proc") / std::to_string(pid) / "cmdline").empty()) {
    siginfo_t ended{};
    if (::waitid(P_PID, static_cast<id_t>(pid), &ended, WEXITED | WNOHANG | WNOWAIT) != 0 ||
        ended.si_pid != 0)
      break;
    ::sched_yield();
  }
  return pid;
}

int run_and_wait(const std::vector<std::string>& command, const fs::path& log) {
  const pid_t pid = start_detached(command, log);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0) {
    if (errno != EINTR) throw Error(0, "lost sight of " + command.front() + ": " + std::strerror(errno));
  }
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

bool alive(pid_t pid, const std::string& argument) {
  ::waitpid(pid, nullptr, WNOHANG);  // our own child is gone only after this
  const fs::path process = fs::path("/proc") / std::to_string(pid);
  const std::string status = content(process / "stat");
  const auto name_end = status.rfind(')');
  if (name_end == std::string::npos || name_end + 2 >= status.size()) return false;
  if (const char state = status[name_end + 2]; state == 'Z' || state == 'X') return false;
  const std::string command = content(process / "cmdline");  // words end with NUL
  return command.find(argument + '\0') != std::string::npos;
}

std::optional<pid_t> running_pid(const fs::path& pid_file, const std::string& argument) {
  const auto pid = static_cast<pid_t>(std::atoi(content(pid_file).c_str()));
  if (pid > 0 && alive(pid, argument)) return pid;
  for (const auto& entry : fs::directory_iterator("/proc", fs::directory_options::skip_permission_denied)) {
    const auto candidate = static_cast<pid_t>(std::atoi(entry.path().filename().c_str()));
    if (candidate > 0 && alive(candidate, argument)) return candidate;
  }
  return std::nullopt;
}

}  // namespace whitebrick::db
