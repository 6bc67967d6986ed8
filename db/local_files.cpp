#include "db/local_files.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cstring>
#include <fstream>

#include "db/error.hpp"

namespace whitebrick::db {
namespace fs = std::filesystem;

LocalFiles::LocalFiles(const fs::path& directory)
    : directory_(fs::weakly_canonical(fs::absolute(directory))) {}

void LocalFiles::prepare() const {
  constexpr std::size_t kLongestSocketPath = 107;  // sockaddr_un
  if (socket().size() > kLongestSocketPath) {
    throw Error(
        0,
        "the path of the private database's socket is longer than 107 bytes; use a shorter data directory: " +
            socket());
  }
  std::error_code problem;
  fs::create_directories(directory_, problem);
  if (!problem) fs::permissions(directory_, fs::perms::owner_all, problem);
  for (const auto& part : {data(), temporary()}) {
    if (!problem) fs::create_directory(part, problem);
  }
  if (problem)
    throw Error(0, "cannot use " + directory_.string() + " as data directory: " + problem.message());
}

FileLock::FileLock(const fs::path& file)
    : descriptor_(::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)) {
  if (descriptor_ < 0) throw Error(0, "cannot open " + file.string() + ": " + std::strerror(errno));
  while (::flock(descriptor_, LOCK_EX) != 0) {
    if (errno == EINTR) continue;
    const int code = errno;
    ::close(descriptor_);
    throw Error(0, "cannot lock " + file.string() + ": " + std::strerror(code));
  }
}

FileLock::~FileLock() { ::close(descriptor_); }

std::string last_error_line(const fs::path& log) {
  std::ifstream in(log);
  std::string line, found;
  while (std::getline(in, line)) {
    if (line.find("[ERROR]") != std::string::npos) found = line;
  }
  return found.empty() ? "see " + log.string() : found;
}

}  // namespace whitebrick::db
