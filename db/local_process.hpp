#pragma once
// Processes of the private database: started free of the starter's terminal,
// descriptors and signals, and recognised again by others.

#include <sys/types.h>

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace whitebrick::db {

// Full path of a program from PATH, /usr/sbin or /usr/bin; throws Error naming the package.
std::string find_program(const std::string& name);

// Output goes to the end of `log`. Answers the exit status (128 + signal when killed).
int run_and_wait(const std::vector<std::string>& command, const std::filesystem::path& log);

// In a session of its own, so that it outlives its starter.
pid_t start_detached(const std::vector<std::string>& command, const std::filesystem::path& log);

// Is `pid` a process that runs (no zombie) and has `argument` on its command line?
bool alive(pid_t pid, const std::string& argument);

// The process that is alive in this sense: the one named in the file, else (the file
// is lost or stale) any of this machine.
std::optional<pid_t> running_pid(const std::filesystem::path& pid_file, const std::string& argument);

}  // namespace whitebrick::db
