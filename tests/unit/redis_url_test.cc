#include "core/redis/redis_url.h"

#include "tests/support/catch.h"

namespace deskwire::redis {
namespace {

TEST_CASE("a Redis url names host, port, database and login", "[redis][url]") {
  const auto endpoint = parse_redis_url("redis://worker:p%40ss%3A%2F@redis.example:6380/3");
  REQUIRE(endpoint);
  CHECK(endpoint->host == "redis.example");
  CHECK(endpoint->port == 6380);
  CHECK(endpoint->user == "worker");
  CHECK(endpoint->password == "p@ss:/");
  CHECK(endpoint->database == 3);
  CHECK(endpoint->socket_path.empty());
}

TEST_CASE("a Redis url leaves out what has a default", "[redis][url]") {
  const auto endpoint = parse_redis_url("redis://localhost");
  REQUIRE(endpoint);
  CHECK(endpoint->port == 6379);
  CHECK(endpoint->database == 0);
  CHECK(endpoint->user.empty());
  CHECK(endpoint->password.empty());
  CHECK(parse_redis_url("redis://localhost/").value().database == 0);
  CHECK(parse_redis_url("redis://:secret@localhost").value().password == "secret");
}

TEST_CASE("a Redis url may carry an IPv6 address", "[redis][url]") {
  const auto endpoint = parse_redis_url("redis://[::1]:7000/1");
  REQUIRE(endpoint);
  CHECK(endpoint->host == "::1");
  CHECK(endpoint->port == 7000);
  CHECK(endpoint->display() == "redis://[::1]:7000/1");
}

TEST_CASE("a Unix socket url names path, database and login", "[redis][url]") {
  const auto endpoint = parse_redis_url("unix://:secret@/run/redis%20one/r.sock?db=2");
  REQUIRE(endpoint);
  CHECK(endpoint->socket_path == "/run/redis one/r.sock");
  CHECK(endpoint->password == "secret");
  CHECK(endpoint->database == 2);
  CHECK(endpoint->host.empty());
  CHECK(parse_redis_url("unix:///r.sock").value().socket_path == "/r.sock");
}

TEST_CASE("a sentinel url names sentinels, master, database and the master's login",
          "[redis][url][sentinel]") {
  const auto endpoint =
      parse_redis_url("redis+sentinel://worker:p%40ss@s1:26380,s2,[::1]:7/main/3");
  REQUIRE(endpoint);
  REQUIRE(endpoint->sentinels.size() == 3);
  CHECK(endpoint->sentinels[0].display() == "s1:26380");
  CHECK(endpoint->sentinels[1].display() == "s2:26379");
  CHECK(endpoint->sentinels[2].display() == "[::1]:7");
  CHECK(endpoint->master_name == "main");
  CHECK(endpoint->database == 3);
  CHECK(endpoint->user == "worker");
  CHECK(endpoint->password == "p@ss");
  CHECK(endpoint->host.empty());
  CHECK(endpoint->display() == "redis+sentinel://s1:26380,s2:26379,[::1]:7/main/3");
  CHECK(parse_redis_url("redis+sentinel://s/my%20master/").value().master_name == "my master");
}

TEST_CASE("an endpoint is displayed without its login", "[redis][url]") {
  CHECK(parse_redis_url("redis://u:secret@h/2").value().display() == "redis://h:6379/2");
  CHECK(parse_redis_url("unix://u:secret@/r.sock").value().display() == "unix:///r.sock");
}

TEST_CASE("what is no Redis url is refused without repeating it", "[redis][url]") {
  const std::string url = GENERATE(
      as<std::string>{}, "", "redis", "http://secret", "redis://", "redis://:secret@",
      "redis://secret@host", "redis://host:0", "redis://host:65536", "redis://host:secret",
      "redis://host:", "redis://host/secret", "redis://host/-1", "redis://[::1", "redis://[::1]x",
      "redis://h%00st", "redis://h%2", "redis://u:%zz@h", "unix://", "unix://relative/secret",
      "unix:///r.sock?secret=1", "unix:///r.sock?db=secret", "unix:///r.sock?db=1&x=secret",
      "unix:///" + std::string(108, 's'), "redis+sentinel://", "redis+sentinel://host",
      "redis+sentinel://host/", "redis+sentinel:///secret", "redis+sentinel://host,/secret",
      "redis+sentinel://,host/secret", "redis+sentinel://host:0/secret",
      "redis+sentinel://host/secret/x", "redis+sentinel://host/secret/1/2",
      "redis+sentinel://h%zz/secret", "redis+sentinel://secret@host/main",
      "redis+sentinel://a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a,a/secret");
  CAPTURE(url);
  const auto endpoint = parse_redis_url(url);
  REQUIRE_FALSE(endpoint);
  CHECK(endpoint.error().code == ErrorCode::kInvalid);
  CHECK(endpoint.error().message.find("secret") == std::string::npos);
}

TEST_CASE("a TLS url is understood and refused by name", "[redis][url]") {
  const auto endpoint = parse_redis_url("rediss://host");
  REQUIRE_FALSE(endpoint);
  CHECK(endpoint.error().code == ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace deskwire::redis
