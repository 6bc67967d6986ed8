#pragma once
// The files of a private database: <directory>/{data,tmp,mariadb.sock,mariadb.pid,mariadb.log,lock}.

#include <filesystem>
#include <string>

namespace whitebrick::db {

class LocalFiles {
 public:
  explicit LocalFiles(const std::filesystem::path& directory);

  // Creates the directories (mode 0700); throws Error when the socket's path is too long.
  void prepare() const;

  const std::filesystem::path& directory() const { return directory_; }
  std::filesystem::path data() const { return directory_ / "data"; }
  std::filesystem::path temporary() const { return directory_ / "tmp"; }
  std::filesystem::path pid_file() const { return directory_ / "mariadb.pid"; }
  std::filesystem::path log() const { return directory_ / "mariadb.log"; }
  std::filesystem::path lock() const { return directory_ / "lock"; }
  std::string socket() const { return (directory_ / "mariadb.sock").string(); }
  // By this argument a running server is recognised as the one of this directory.
  std::string data_argument() const { return "--datadir=" + data().string(); }

 private:
  std::filesystem::path directory_;
};

// Held by whoever starts or stops the server; waits for the other.
class FileLock {
 public:
  explicit FileLock(const std::filesystem::path& file);
  ~FileLock();
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  int descriptor_;
};

// For the message of a failed start: the last line of the log that names an error.
std::string last_error_line(const std::filesystem::path& log);

}  // namespace whitebrick::db
