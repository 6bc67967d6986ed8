#include <thread>

#include "tests/unit/server/http_fixture.hpp"

namespace whitebrick {
namespace {

const std::string kGet = "GET /x HTTP/1.1\r\nHost: h\r\n";

TEST_F(HttpTest, ServesSeveralRequestsOnOneConnection) {
  serve_echo();
  auto c = client();
  c.post("/directory", "hello");
  Reply reply = c.reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "POST /directory 5");
  EXPECT_TRUE(reply.has("Content-Type: text/xml; charset=utf-8"));
  EXPECT_FALSE(reply.has("Connection: close"));
  EXPECT_NE(reply.head.find("X-Correlation-Id: "), std::string::npos);
  EXPECT_NE(reply.head.find(" GMT\r\n"), std::string::npos);
  c.send("GET /a%20b?wsdl HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_EQ(c.reply().body, "GET /a b 0");
  c.send("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n");
  reply = c.reply(true);
  EXPECT_EQ(reply.status, 200);
  EXPECT_TRUE(reply.has("Content-Length: 8"));
  c.post("/b", "x", "Connection: close\r\n");
  reply = c.reply();
  EXPECT_EQ(reply.body, "POST /b 1");
  EXPECT_TRUE(reply.has("Connection: close"));
  EXPECT_TRUE(c.ended());
  EXPECT_EQ(server_->counts().requests, 4U);
}

TEST_F(HttpTest, TakesARequestInAnyPieces) {
  serve_echo();
  auto c = client();
  const std::string request =
      "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n0a\r\n0123456789\r\n0\r\n\r\n";
  for (const char byte : request) c.send(std::string_view(&byte, 1));
  EXPECT_EQ(c.reply().body, "POST /p 13");
  c.send("\r\n" + request + request + kGet + "\r\n");  // pipelined, after a line end too many
  EXPECT_EQ(c.reply().body, "POST /p 13");
  EXPECT_EQ(c.reply().body, "POST /p 13");
  EXPECT_EQ(c.reply().body, "GET /x 0");
}

TEST_F(HttpTest, TellsTheClientToContinue) {
  serve_echo();
  auto c = client();
  c.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(c.reply().status, 100);
  c.send("hello");
  EXPECT_EQ(c.reply().body, "POST /p 5");
  // Not when the body is there already, nor before a refusal.
  c.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello");
  EXPECT_EQ(c.reply().body, "POST /p 5");
  c.send("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 999999999\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(c.reply().status, 413);
}

TEST_F(HttpTest, KeepsConnectionsOfHttp10OnlyWhenAsked) {
  serve_echo();
  auto c = client();
  c.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  EXPECT_TRUE(c.reply().has("Connection: keep-alive"));
  c.send("GET / HTTP/1.0\r\n\r\n");
  EXPECT_EQ(c.reply().status, 200);
  EXPECT_TRUE(c.ended());
}

TEST_F(HttpTest, KeepsItsLimits) {
  serve_echo();
  const auto status = [&](const std::string& bytes) {
    auto c = client();
    c.send(bytes);
    return c.reply().status;
  };
  const auto with_headers = [](int count) {
    std::string head = "GET /x HTTP/1.1\r\nHost: h\r\n";
    for (int i = 1; i < count; ++i) head += "X-" + std::to_string(i) + ": v\r\n";
    return head + "\r\n";
  };
  EXPECT_EQ(status(with_headers(64)), 200);
  EXPECT_EQ(status(with_headers(65)), 431);
  EXPECT_EQ(status(kGet + "X: " + std::string(8000, 'v') + "\r\n\r\n"), 200);
  EXPECT_EQ(status(kGet + "X: " + std::string(9000, 'v') + "\r\n\r\n"), 431);
  EXPECT_EQ(status(kGet + "X: " + std::string(9000, 'v')), 431);
  const std::string line = "X: " + std::string(6000, 'v') + "\r\n";
  EXPECT_EQ(status(kGet + line + line + line + "\r\n"), 431);

  const auto body = [](const std::string& path, std::size_t size) {
    return "POST " + path + " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n" +
           std::string(size, 'b');
  };
  EXPECT_EQ(status(body("/directory", 256 * 1024)), 200);
  EXPECT_EQ(status(body("/directory", 256 * 1024 + 1)), 413);
  EXPECT_EQ(status(body("/events", 1024 * 1024)), 200);
  EXPECT_EQ(status(body("/events", 1024 * 1024 + 1)), 413);
  EXPECT_EQ(status(body("/eventsx", 1024 * 1024)), 413);
  std::string chunks = "POST /directory HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 5; ++i) chunks += "10000\r\n" + std::string(65536, 'b') + "\r\n";
  EXPECT_EQ(status(chunks), 413);
}

TEST_F(HttpTest, RefusesWhatItDoesNotServe) {
  serve_echo();
  const auto status = [&](const std::string& bytes) {
    auto c = client();
    c.send(bytes);
    const int answered = c.reply().status;
    EXPECT_TRUE(c.ended()) << bytes;
    return answered;
  };
  EXPECT_EQ(status("DELETE /x HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
  EXPECT_EQ(status("BREW /x HTTP/1.1\r\nHost: h\r\n\r\n"), 405);
  EXPECT_EQ(status("POST /x HTTP/1.1\r\nHost: h\r\n\r\n"), 411);
  EXPECT_EQ(status("POST /x HTTP/1.1\r\nHost: h\r\nContent-Encoding: gzip\r\nContent-Length: 1\r\n\r\nx"),
            415);
  EXPECT_EQ(status("POST /x HTTP/1.1\r\nHost: h\r\nExpect: tea\r\nContent-Length: 1\r\n\r\nx"), 417);
  EXPECT_EQ(server_->counts().requests, 0U);
}

TEST_F(HttpTest, RefusesWhatTwoReadersCouldReadDifferently) {
  serve_echo();
  const std::string post = "POST /x HTTP/1.1\r\nHost: h\r\n";
  const std::string next = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
  for (const std::string& bytes : {
           post + "Content-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
           post + "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
           post + "Content-Length: 3, 3\r\n\r\nabc",
           post + "Content-Length: -1\r\n\r\n",
           post + "Content-Length: +3\r\n\r\nabc",
           post + "Content-Length: 0x3\r\n\r\nabc",
           post + "Content-Length: 3 3\r\n\r\nabc",
           post + "Content-Length: \r\n\r\n",
           post + "Content-Length: 99999999999999999999\r\n\r\n",
           post + "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc",
           post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: \x0b"
                  "chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n",
           post + "X: a\r\n folded\r\nContent-Length: 0\r\n\r\n",
           post + "X: a\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "X: a\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + std::string("X: a\0b\r\nContent-Length: 0\r\n\r\n", 30),
           post + " Content-Length: 3\r\n\r\nabc",
           post + "Content-Length : 3\r\n\r\nabc",
           post + "no colon\r\nContent-Length: 3\r\n\r\nabc",
           std::string("POST /x HTTP/1.1\nHost: h\nContent-Length: 0\n\n"),
           std::string("POST /x HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           post + "Transfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n3\nabc\n0\n\n",
           post + "Transfer-Encoding: chunked\r\n\r\n-3\r\nabc\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n0x3\r\nabc\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nabc\r\n0\r\n\r\n",
           std::string("GET http://h/x HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("GET x HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("GET /%zz HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("GET /%00 HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("GET /%4 HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("GET /x HTTP/1.1\r\n\r\n"),
           std::string("GET /x HTTP/1.1\r\nHost: h\r\nHost: i\r\n\r\n"),
           std::string("GET /x HTTP/2.0\r\nHost: h\r\n\r\n"),
           std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
           std::string("GET  /x HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("GET /x\r\nHost: h\r\n\r\n"),
           std::string("\x16\x03\x01\x02\x00\r\n\r\n", 9),
       }) {
    auto c = client();
    c.send(bytes + next);
    const Reply reply = c.reply();
    EXPECT_TRUE(reply.status == 400 || (reply.status == 413 && bytes.find("ffff") != std::string::npos))
        << reply.status << "\n"
        << bytes;
    EXPECT_TRUE(reply.has("Connection: close")) << bytes;
    EXPECT_TRUE(c.ended()) << "something was served behind\n" << bytes;
  }
  EXPECT_EQ(server_->counts().requests, 0U);
}

TEST_F(HttpTest, TakesNoHeadersFromAChunkedBodysTrailer) {
  serve([](int, const HttpRequest& request, Poll&) { return text(request.header("authorization")); });
  auto c = client();
  c.send(
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\nAuthorization: "
      "x\r\n\r\n");
  const Reply reply = c.reply();
  EXPECT_EQ(reply.status, 200);
  EXPECT_EQ(reply.body, "");
}

TEST_F(HttpTest, EndsSlowClients) {
  settings_.receive_within = std::chrono::seconds(1);
  settings_.idle_timeout = std::chrono::seconds(2);
  serve_echo();
  auto slow_head = client();
  slow_head.send("POST /x HTTP/1.1\r\nHo");
  auto slow_body = client();
  slow_body.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab");
  auto idle = client();
  EXPECT_EQ(slow_head.reply().status, 408);
  EXPECT_TRUE(slow_head.ended());
  EXPECT_EQ(slow_body.reply().status, 408);
  EXPECT_TRUE(slow_body.ended());
  idle.post("/x");
  EXPECT_EQ(idle.reply().status, 200);
  EXPECT_TRUE(idle.ended());
  await([&] { return server_->counts().connections == 0; });
}

TEST_F(HttpTest, BelievesOnlyTrustedProxies) {
  const auto describe = [](int, const HttpRequest& r, Poll&) {
    return text(r.peer + (r.tls ? " tls" : " open") + (r.private_channel ? " private " : " public ") +
                r.correlation_id);
  };
  const std::string forwarded =
      "X-Forwarded-For: 6.6.6.6, 192.0.2.7, 127.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Correlation-Id: "
      "abc-1\r\n";
  serve(describe);
  auto c = client();
  c.post("/x", "", forwarded);
  const Reply reply = c.reply();
  EXPECT_EQ(reply.body, "192.0.2.7 tls private abc-1");
  EXPECT_TRUE(reply.has("X-Correlation-Id: abc-1"));
  c.post("/x", "", "X-Correlation-Id: a b\r\nX-Forwarded-For: nonsense\r\n");
  const std::string made = c.reply().body;
  EXPECT_EQ(made.substr(0, 23), "127.0.0.1 open private ");
  EXPECT_EQ(made.size(), 23U + 32U);

  settings_.trusted_proxies = {"192.0.2.1"};
  serve(describe);
  auto d = client();
  d.post("/x", "", forwarded);
  EXPECT_EQ(d.reply().body.substr(0, 23), "127.0.0.1 open private ");
}

TEST_F(HttpTest, LetsConfiguredOriginsIn) {
  settings_.cors_origins = {"https://portal.example"};
  serve_echo();
  auto c = client();
  const std::string asks = "Access-Control-Request-Method: POST\r\n\r\n";
  c.send("OPTIONS /events HTTP/1.1\r\nHost: h\r\nOrigin: https://portal.example\r\n" + asks);
  Reply reply = c.reply();
  EXPECT_EQ(reply.status, 204);
  EXPECT_TRUE(reply.has("Access-Control-Allow-Origin: https://portal.example"));
  EXPECT_TRUE(reply.has("Access-Control-Allow-Headers: Authorization, Content-Type, SOAPAction"));
  c.post("/events", "", "Origin: https://portal.example\r\n");
  EXPECT_TRUE(c.reply().has("Access-Control-Allow-Origin: https://portal.example"));
  c.send("OPTIONS /events HTTP/1.1\r\nHost: h\r\nOrigin: https://evil.example\r\n" + asks);
  reply = c.reply();
  EXPECT_EQ(reply.status, 204);
  EXPECT_EQ(reply.head.find("Access-Control-"), std::string::npos);
  c.post("/events");
  EXPECT_EQ(c.reply().head.find("Access-Control-"), std::string::npos);
}

TEST_F(HttpTest, ShedsWhatItCannotQueue) {
  settings_.worker_queue = 1;
  Gate gate;
  serve([&](int, const HttpRequest&, Poll&) {
    gate.pass();
    return text("done");
  });
  auto a = client();
  auto b = client();
  a.post("/x");
  b.post("/x");
  gate.await(2);
  auto waiting = client();
  waiting.post("/x");
  await([&] { return server_->counts().queued == 1; });
  auto shed = client();
  shed.post("/x");
  const Reply reply = shed.reply();
  EXPECT_EQ(reply.status, 503);
  EXPECT_TRUE(reply.has("Retry-After: 1"));
  EXPECT_EQ(reply.body, "BUSY");
  EXPECT_EQ(server_->counts().shed, 1U);
  gate.open();
  EXPECT_EQ(a.reply().body, "done");
  EXPECT_EQ(b.reply().body, "done");
  EXPECT_EQ(waiting.reply().body, "done");
  shed.post("/x");
  EXPECT_EQ(shed.reply().body, "done");
}

TEST_F(HttpTest, AnswersInTimeAndDropsTheLateAnswer) {
  settings_.answer_within = std::chrono::milliseconds(100);
  Gate gate;
  serve([&](int, const HttpRequest& request, Poll&) {
    if (request.path == "/slow") gate.pass();
    return text(request.path);
  });
  auto c = client();
  c.post("/slow");
  const Reply reply = c.reply();
  EXPECT_EQ(reply.status, 500);
  EXPECT_EQ(reply.body, "UNAVAILABLE");
  c.post("/next");
  EXPECT_EQ(c.reply().body, "/next");
  gate.open();
  c.post("/third");
  EXPECT_EQ(c.reply().body, "/third");
  EXPECT_EQ(server_->counts().timed_out, 1U);
}

TEST_F(HttpTest, ADefectInARunIsAnInternalFault) {
  serve([](int, const HttpRequest&, Poll&) -> RunResult { throw std::runtime_error("planted"); });
  auto c = client();
  c.post("/x");
  EXPECT_EQ(c.reply().body, "INTERNAL");
}

TEST_F(HttpTest, GivesEachWorkerOneRunAtATime) {
  settings_.workers = 4;
  std::atomic<int> inside[4] = {};
  std::atomic<bool> shared = false;
  serve([&](int worker, const HttpRequest&, Poll&) {
    if (inside[worker]++ != 0) shared = true;
    std::this_thread::yield();
    --inside[worker];
    return text("ok");
  });
  std::vector<std::thread> callers;
  std::atomic<int> served = 0;
  for (int t = 0; t < 8; ++t) {
    callers.emplace_back([&] {
      RawClient c(server_->port());
      for (int i = 0; i < 100; ++i) {
        c.post("/x", "body");
        if (c.reply().status == 200) ++served;
      }
    });
  }
  for (auto& caller : callers) caller.join();
  EXPECT_EQ(served, 800);
  EXPECT_FALSE(shared);
}

TEST_F(HttpTest, TurnsAwayConnectionsBeyondItsNumber) {
  settings_.max_connections = 1;
  serve_echo();
  auto first = client();
  first.post("/x");
  EXPECT_EQ(first.reply().status, 200);
  auto second = client();
  EXPECT_EQ(second.reply().status, 503);
}

TEST_F(HttpTest, SaysWhenItsAddressIsTaken) {
  serve_echo();
  settings_.port = server_->port();
  HttpServer second(settings_, registry_, nullptr, nullptr);
  EXPECT_THROW(second.start(), std::runtime_error);
}

TEST_F(HttpTest, StopLetsRunningRequestsEnd) {
  Gate gate;
  serve([&](int, const HttpRequest&, Poll&) {
    gate.pass();
    return text("done");
  });
  auto idle = client();
  auto busy = client();
  busy.post("/x");
  gate.await(1);
  std::thread stopping([&] { server_->stop(std::chrono::seconds(10)); });
  EXPECT_TRUE(idle.ended());
  gate.open();
  const Reply reply = busy.reply();
  EXPECT_EQ(reply.body, "done");
  EXPECT_TRUE(reply.has("Connection: close"));
  busy.close();
  stopping.join();
  EXPECT_EQ(server_->counts().connections, 0U);
  EXPECT_THROW(client(), boost::system::system_error);
}

}  // namespace
}  // namespace whitebrick
