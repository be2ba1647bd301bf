#include "core/net/host_list.h"

#include "tests/support/catch.h"

using deskwire::net::HostList;

TEST_CASE("without a list only loopback names and the listen address are allowed", "[net][host]") {
  const HostList hosts({}, "192.0.2.7");
  CHECK(hosts.allows("localhost"));
  CHECK(hosts.allows("LocalHost:8080"));
  CHECK(hosts.allows("localhost.:8080"));
  CHECK(hosts.allows("127.0.0.1:1"));
  CHECK(hosts.allows("[::1]:8080"));
  CHECK(hosts.allows("192.0.2.7"));
  CHECK_FALSE(hosts.allows("rebound.example"));
  CHECK_FALSE(hosts.allows("localhost.example"));
  CHECK_FALSE(hosts.allows(""));
}

TEST_CASE("a list of hosts replaces the default names", "[net][host]") {
  const HostList hosts({"Desk.Example", "::1"}, "127.0.0.1");
  CHECK(hosts.allows("desk.example"));
  CHECK(hosts.allows("DESK.EXAMPLE:443"));
  CHECK(hosts.allows("[::1]"));
  CHECK_FALSE(hosts.allows("127.0.0.1"));
}

TEST_CASE("a host with something else than a port behind it is not allowed", "[net][host]") {
  const HostList hosts({}, "127.0.0.1");
  CHECK_FALSE(hosts.allows("localhost:80@evil.example"));
  CHECK_FALSE(hosts.allows("localhost:x"));
  CHECK_FALSE(hosts.allows("[::1"));
  CHECK_FALSE(hosts.allows("[::1]x"));
  CHECK_FALSE(hosts.allows("localhost, evil.example"));
}
