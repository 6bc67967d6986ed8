// The same server behind TLS.

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cstdio>
#include <filesystem>

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "tests/unit/server/http_fixture.hpp"

namespace whitebrick {
namespace {

namespace ssl = boost::asio::ssl;
namespace fs = std::filesystem;

class TlsClient {
 public:
  explicit TlsClient(std::uint16_t port, ssl::context& tls) : stream_(context_, tls) {
    stream_.next_layer().connect({boost::asio::ip::address_v4::loopback(), port});
    const timeval patience{10, 0};
    setsockopt(stream_.next_layer().native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  boost::system::error_code shake_hands() {
    boost::system::error_code error;
    stream_.handshake(ssl::stream_base::client, error);
    return error;
  }
  void post(const std::string& path, const std::string& body) {
    boost::asio::write(stream_,
                       boost::asio::buffer("POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " +
                                           std::to_string(body.size()) + "\r\n\r\n" + body));
  }
  // Reads until `text` came; false when the connection ended before.
  bool saw(const std::string& text) {
    while (in_.find(text) == std::string::npos) {
      char bytes[4096];
      boost::system::error_code error;
      in_.append(bytes, stream_.read_some(boost::asio::buffer(bytes), error));
      if (error) return false;
    }
    in_.erase(0, in_.find(text) + text.size());
    return true;
  }
  boost::asio::ip::tcp::socket& socket() { return stream_.next_layer(); }

 private:
  boost::asio::io_context context_;
  ssl::stream<boost::asio::ip::tcp::socket> stream_;
  std::string in_;
};

class HttpTlsTest : public HttpTest {
 protected:
  HttpTlsTest() {
    std::string pattern = (fs::temp_directory_path() / "whitebrick-tls-XXXXXX").string();
    folder_ = mkdtemp(pattern.data());
    settings_.tls_certificate = folder_ / "chain.pem";
    settings_.tls_key = folder_ / "key.pem";
    write_certificate();
  }
  ~HttpTlsTest() override { fs::remove_all(folder_); }

  void write_certificate() {
    EVP_PKEY* const key = EVP_EC_gen("P-256");
    X509* const certificate = X509_new();
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), 0);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_ASC,
                               reinterpret_cast<const unsigned char*>("localhost"), -1, -1, 0);
    X509_set_issuer_name(certificate, X509_get_subject_name(certificate));
    X509_sign(certificate, key, EVP_sha256());
    std::FILE* file = std::fopen(settings_.tls_certificate.c_str(), "w");
    PEM_write_X509(file, certificate);
    std::fclose(file);
    file = std::fopen(settings_.tls_key.c_str(), "w");
    PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr);
    std::fclose(file);
    X509_free(certificate);
    EVP_PKEY_free(key);
  }

  void serve_poll() {
    serve([this](int, const HttpRequest& request, Poll& poll) -> RunResult {
      if (ready_) return text("ready " + request.body + (request.tls ? " tls" : " open") + ".");
      if (poll.first_run()) {
        poll.set_wait(std::chrono::seconds(60));
        poll.watch("k:1");
      }
      if (poll.last_run()) return text("nothing.");
      return std::nullopt;
    });
  }

  fs::path folder_;
  std::atomic<bool> ready_ = false;
  ssl::context client_tls_{ssl::context::tls_client};
};

TEST_F(HttpTlsTest, ServesParksAndWakes) {
  serve_poll();
  TlsClient c(server_->port(), client_tls_);
  ASSERT_FALSE(c.shake_hands());
  for (int round = 0; round < 3; ++round) {
    ready_ = false;
    c.post("/a", "one");
    await_parked(1);
    c.post("/a", "two");  // before the first is answered
    ready_ = true;
    registry_.wake("k:1");
    EXPECT_TRUE(c.saw("ready one tls."));
    EXPECT_TRUE(c.saw("ready two tls."));
  }
  ready_ = true;
  c.post("/events", std::string(1024 * 1024, 'b'));
  EXPECT_TRUE(c.saw("bbb tls."));
}

TEST_F(HttpTlsTest, NoticesAClientThatHangsUp) {
  serve_poll();
  TlsClient a(server_->port(), client_tls_);
  ASSERT_FALSE(a.shake_hands());
  a.post("/a", "x");
  await_parked(1);
  a.socket().close();
  await_parked(0);
  EXPECT_EQ(server_->counts().hung_up, 1U);
}

TEST_F(HttpTlsTest, DrainsAndStopsWithPollsParked) {
  serve_poll();
  TlsClient c(server_->port(), client_tls_);
  ASSERT_FALSE(c.shake_hands());
  c.post("/a", "x");
  await_parked(1);
  server_->drain();
  EXPECT_TRUE(c.saw("nothing."));
  EXPECT_FALSE(c.saw("anything more"));
  TlsClient d(server_->port(), client_tls_);
  ASSERT_FALSE(d.shake_hands());
  server_->stop(std::chrono::seconds(5));
  EXPECT_FALSE(d.saw("anything"));
  EXPECT_EQ(server_->counts().connections, 0U);
}

TEST_F(HttpTlsTest, RefusesOldTlsAndPlainHttp) {
  serve_poll();
  SSL_CTX_set_max_proto_version(client_tls_.native_handle(), TLS1_1_VERSION);
  SSL_CTX_set_cipher_list(client_tls_.native_handle(), "ALL:@SECLEVEL=0");
  TlsClient old(server_->port(), client_tls_);
  EXPECT_TRUE(old.shake_hands());
  auto plain = client();
  plain.post("/a");
  EXPECT_EQ(plain.reply().status, 0);
  await([&] { return server_->counts().connections == 0; });
}

TEST_F(HttpTlsTest, NamesTheFileItCannotUse) {
  settings_.tls_key = folder_ / "missing.pem";
  HttpServer server(settings_, registry_, nullptr, nullptr);
  try {
    server.start();
    FAIL() << "started without a key";
  } catch (const std::runtime_error& error) {
    EXPECT_NE(std::string(error.what()).find("missing.pem"), std::string::npos);
  }
}

}  // namespace
}  // namespace whitebrick
