#include "publishers/client_address.h"

#include "core/net/address_range.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

std::string address(const net::Headers& headers, const std::vector<std::string>& proxies,
                    const std::string& peer = "127.0.0.1") {
  config::Gateway settings;
  settings.trusted_proxies = proxies;
  net::HttpRequest request;
  request.peer_address = peer;
  request.headers = headers;
  return client_address(request, settings);
}

bool in_range(std::string_view range, std::string_view text) {
  const auto parsed = net::AddressRange::parse(range);
  REQUIRE(parsed);
  return parsed->contains(*net::parse_ip_address(text));
}

}  // namespace

TEST_CASE("forwarded addresses count behind trusted proxies only", "[access]") {
  const std::vector<std::string> proxies = {"127.0.0.1", "10.0.0.1"};
  CHECK(address({{"X-Forwarded-For", "9.9.9.9"}}, {}) == "127.0.0.1");
  CHECK(address({{"X-Forwarded-For", "9.9.9.9"}}, proxies, "8.8.8.8") == "8.8.8.8");
  CHECK(address({}, proxies) == "127.0.0.1");
}

TEST_CASE("the rightmost address that is not a trusted proxy is the client's", "[access]") {
  const std::vector<std::string> proxies = {"127.0.0.1", "10.0.0.0/8"};
  CHECK(address({{"X-Forwarded-For", "1.1.1.1, 9.9.9.9, 10.0.0.1"}}, proxies) == "9.9.9.9");
  CHECK(address({{"x-forwarded-for", "1.1.1.1,9.9.9.9\t,10.200.0.1 "}}, proxies) == "9.9.9.9");
  // Everyone in the list is a proxy of ours: the outermost one asks for itself.
  CHECK(address({{"X-Forwarded-For", "10.0.0.3, 10.0.0.2"}}, proxies) == "10.0.0.3");
}

TEST_CASE("a header that the client added itself changes nothing", "[access]") {
  // Some proxies append a header line of their own instead of extending the client's.
  CHECK(address({{"X-Forwarded-For", "1.2.3.4"}, {"Other", "x"}, {"X-Forwarded-For", "9.9.9.9"}},
                {"127.0.0.1"}) == "9.9.9.9");
  CHECK(address({{"X-Forwarded-For", "1.2.3.4, unknown"}}, {"127.0.0.1"}) == "127.0.0.1");
  CHECK(address({{"X-Forwarded-For", ", ,"}}, {"127.0.0.1"}) == "127.0.0.1");
}

TEST_CASE("one client has one address however it is written", "[access]") {
  const std::vector<std::string> proxies = {"::1", "127.0.0.1", "fd00::/8"};
  CHECK(address({}, {}, "::ffff:192.0.2.7") == "192.0.2.7");
  CHECK(address({{"X-Forwarded-For", "192.0.2.7:4711"}}, proxies) == "192.0.2.7");
  CHECK(address({{"X-Forwarded-For", "[2001:DB8:0::1]:4711"}}, proxies, "::1") == "2001:db8::1");
  CHECK(address({{"X-Forwarded-For", "2001:db8::1, fdab::2"}}, proxies, "::ffff:127.0.0.1") ==
        "2001:db8::1");
}

TEST_CASE("ranges of addresses end at any bit", "[access]") {
  CHECK(in_range("10.0.0.0/8", "10.255.255.255"));
  CHECK_FALSE(in_range("10.0.0.0/8", "11.0.0.0"));
  CHECK(in_range("192.168.4.0/22", "192.168.7.255"));
  CHECK_FALSE(in_range("192.168.4.0/22", "192.168.8.0"));
  CHECK(in_range("0.0.0.0/0", "203.0.113.9"));
  CHECK_FALSE(in_range("0.0.0.0/0", "2001:db8::1"));
  CHECK(in_range("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(in_range("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(in_range("192.0.2.7", "::ffff:192.0.2.7"));
  for (const char* wrong : {"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x",
                            "fd00::/129", "example.com", "10.0.0", "1.2.3.4.5", "/8"}) {
    CHECK_FALSE(net::AddressRange::parse(wrong));
  }
}
