#include "config/load.h"
#include "tests/support/catch.h"

using namespace deskwire;

namespace {

struct Case {
  const char* text;
  const char* message;
};

std::string mistakes(std::string_view text) {
  const auto parsed = config::parse(text, "/nonexistent");
  if (parsed) return "(accepted)";
  CHECK(parsed.error().code == ErrorCode::kInvalid);
  return parsed.error().message;
}

}  // namespace

TEST_CASE("each mistake in a value is named with its path and what is expected", "[config]") {
  const Case cases[] = {
      {R"([])", "config: is a list, expected an object"},
      {R"({"data_dir": 1})", "config data_dir: is the number 1, expected a string"},
      {R"({"data_dir": ""})", "config data_dir: is empty"},
      {R"({"data_dir": "a\u0000b"})", "config data_dir: contains a zero byte"},
      {R"({"receiver": {"max_body_bytes": -1}})",
       "config receiver.max_body_bytes: -1 is out of range 1..67108864"},
      {R"({"receiver": {"max_body_bytes": 18446744073709551615}})",
       "config receiver.max_body_bytes: 18446744073709551615 is out of range 1..67108864"},
      {R"({"receiver": {"max_body_bytes": "4 MiB"}})",
       "config receiver.max_body_bytes: is a string, expected a whole number"},
      {R"({"receiver": {"head_timeout_ms": 1.5}})",
       "config receiver.head_timeout_ms: is the number 1.5, expected a whole number"},
      {R"({"receiver": []})", "config receiver: is a list, expected an object"},
      {R"({"receiver": {"hosts": "a"}})",
       "config receiver.hosts: is a string, expected a list of strings"},
      {R"({"receiver": {"hosts": [3]}})",
       "config receiver.hosts[0]: is the number 3, expected a string"},
      {R"({"receiver": {"hosts": ["https://a.example"]}})",
       "config receiver.hosts[0]: \"https://a.example\" is not a host name; write it without "
       "scheme and port"},
      {R"({"receiver": {"threads": {"min": 0}}})",
       "config receiver.threads.min: 0 is out of range 1..64"},
      {R"({"receiver": {"listen": "8080"}})",
       "config receiver.listen: \"8080\" is not an address; write \"host:port\" or "
       "\"[ipv6]:port\""},
      {R"({"redis": {"shards": 32}})", "config redis.shards: 32 is out of range 16..16"},
      {R"({"gateway": {"origins": ["example.com"]}})",
       "config gateway.origins[0]: \"example.com\" is not an origin; write https://host[:port] "
       "without a path, or \"*\""},
      {R"({"gateway": {"keys": [{"kid": "a", "secret": "short"}]}})",
       "config gateway.keys[0].secret: has 5 bytes, at least 32 are needed; try `openssl rand "
       "-base64 32`"},
      {R"({"gateway": {"server_keys": [{"secret": "x", "capability": {"a:*": ["publsh"]}}]}})",
       "config gateway.server_keys[0].capability.a:*[0]: \"publsh\" is not one of subscribe, "
       "publish, presence, history, sla; did you mean \"publish\"?"},
      {R"({"gateway": {"server_keys": [{"secret": "x", "capability": {"a*": ["publish"]}}]}})",
       "config gateway.server_keys[0].capability: \"a*\" is no channel pattern: channel: * stands "
       "for "
       "one whole segment only"},
      {R"({"gateway": {"issuers": [{"keys": [{"secret": "0123456789abcdef0123456789abcdef"}]}]}})",
       "config gateway.issuers[0].name: is missing; any short name will do, such as \"shop\""},
      {R"({"gateway": {"issuers": [{"name": "a"}]}})",
       "config gateway.issuers[0].keys: is missing, and so is jwks; one of them says what to "
       "verify "
       "with"},
      {R"({"gateway": {"issuers": [{"name": "a", "keys": [{"algorithm": "RS256"}]}]}})",
       "config gateway.issuers[0].keys[0].public_key: is missing; RS256 needs it"},
      {R"({"gateway": {"issuers": [{"name": "a",
           "keys": [{"algorithm": "ES256", "public_key": "nonsense"}]}]}})",
       "config gateway.issuers[0].keys[0].public_key: is no PEM text of a public key or a "
       "certificate"},
      {R"({"gateway": {"issuers": [{"name": "a", "keys": [{
           "secret": "-----BEGIN PUBLIC KEY----- 0123456789"}]}]}})",
       "config gateway.issuers[0].keys[0].secret: is a PEM text; HS256 wants a shared secret"},
      {R"({"gateway": {"issuers": [{"name": "a", "jwks": "{}"}]}})",
       "config gateway.issuers[0].jwks: is no JWKS; expected {\"keys\": [...]}"},
      {R"({"gateway": {"issuers": [{"name": "a", "jwks": "{\"keys\":[{\"kty\":\"oct\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}",
           "rights": {"url": "http://a.example/r"}}]}})",
       "config gateway.issuers[0].rights.secret: is missing; your service checks the signature "
       "with "
       "it"},
      {R"({"gateway": {"tls": {"cert_file": "a.pem"}}})",
       "config gateway.tls.key_file: is missing; TLS needs the certificate chain and its key"},
      {R"({"log": {"level": "inof"}})",
       "config log.level: \"inof\" is not one of debug, info, warn, error; did you mean "
       "\"info\"?"},
      {R"({"sources": {}})", "config sources: is an object, expected a list"},
      {R"({"sources": [{"name": "Support"}]})",
       "config sources[0].name: \"Support\" is not 1..64 characters of a-z, 0-9, '_', '-'"},
      {R"({"sources": [{"name": "a", "type": "chatwot"}]})",
       "config sources[0].type: \"chatwot\" is not one of chatwoot, generic, sandbox, zendesk, "
       "intercom, front, helpscout, zammad, freshdesk; did you mean \"chatwoot\"?"},
      {R"({"sources": [{"name": "a", "scheme": "slak"}]})",
       "config sources[0].scheme: \"slak\" is not one of ably, chatwoot, freshchat, "
       "front-application, front-rule, github, github-sha1, helpscout, hubspot-v3, intercom, "
       "slack, "
       "standard-webhooks, zammad, zendesk; did you mean \"slack\"?"},
      {R"({"sources": [{"name": "a", "auth_header": "X Token"}]})",
       "config sources[0].auth_header: \"X Token\" is not a header's name; use 1..64 letters, "
       "digits, '-' and '_'"},
      {R"({"sources": [{"name": "a", "account_id": true}]})",
       "config sources[0].account_id: is true, expected a string or a whole number"},
      {R"({"sources": [{"name": "a", "base_url": "chatwoot.example.com"}]})",
       "config sources[0].base_url: \"chatwoot.example.com\" does not begin with http:// or "
       "https://"},
      {R"({"sources": [{"name": "a", "base_url": "https://a.example/?x=1"}]})",
       "config sources[0].base_url: \"https://a.example/?x=1\" has more than a path; leave out "
       "'?', '#' and spaces"},
      {R"({"sources": [{"name": "a", "hand_off_unknown_outcome": "no"}]})",
       "config sources[0].hand_off_unknown_outcome: is a string, expected true or false"},
      {R"({"replies": {"responder": "openai", "openai": {"url": "http://a.example"}}})",
       "config replies.openai.model: is missing; responder openai needs it"},
      {R"({"replies": {"chain": ["opanai"]}})",
       "config replies.chain[0]: \"opanai\" is not one of template, openai, http; did you mean "
       "\"openai\"?"},
      {R"({"replies": {"rules": [{"pattern": "(a", "reply": "x"}]}})",
       "config replies.rules[0].pattern: \"(a\" is no RE2 expression: missing ): (a; its syntax is "
       "that of Perl without look-around and back-references"},
      {R"({"replies": {"rules": [{"from": "9:00", "to": "12:00", "reply": "x"}]}})",
       "config replies.rules[0].from: \"9:00\" is not a time of day; write for example \"09:00\""},
      {R"({"replies": {"openai": {"temperature": 3}}})",
       "config replies.openai.temperature: 3 is out of range 0.0..2.0"},
      {R"({"replies": {"openai": {"headers": {"X Y": "1"}}}})",
       "config replies.openai.headers: \"X Y\" is not a header's name; use 1..64 letters, digits, "
       "'-' "
       "and '_'"},
      {R"({"replies": {"rollout": [{"source": "shop", "percent": 10}]}})",
       "config replies.rollout[0].source: \"shop\" is not the name of a source"},
  };
  for (const Case& c : cases) CHECK(mistakes(c.text) == c.message);
}

TEST_CASE("an unknown key names the nearest known one", "[config]") {
  CHECK(mistakes(R"({"recever": {}})") ==
        "config recever: unknown key; did you mean \"receiver\"?");
  CHECK(mistakes(R"({"receiver": {"max_body_byte": 1}})") ==
        "config receiver.max_body_byte: unknown key; did you mean \"max_body_bytes\"?");
  CHECK(mistakes(R"({"sources": [{"name": "a", "secret": "x"}]})") ==
        "config sources[0].secret: unknown key; did you mean \"secrets\"?");
  CHECK(mistakes(R"({"log": {"colour": true}})") ==
        "config log.colour: unknown key; known here: level, format");
}

TEST_CASE("Redis settings that cannot work together are refused", "[config]") {
  const Case cases[] = {
      {R"({"redis": {"url": "redis://host", "sentinel_password": "s"}})",
       "config redis.sentinel_password: is set, but redis.url names no sentinels; write "
       "redis+sentinel://host,host/name"},
      {R"({"redis": {"url": "redis+sentinel://host/main", "sentinel_user": "u"}})",
       "config redis.sentinel_user: has no password; set redis.sentinel_password"},
      {R"({"redis": {"wait_replicas": 1}})",
       "config redis.wait_replicas: needs replicas, and the embedded Redis has none; name yours in "
       "redis.url"},
      {R"({"redis": {"url": "redis://host", "wait_replicas": 1, "wait_timeout_ms": 2000}})",
       "config redis.wait_timeout_ms: is not below redis.request_timeout_ms (2000); lower it or "
       "raise the other"},
      {R"({"redis": {"wait_replicas": 17}})",
       "config redis.wait_replicas: 17 is out of range 0..16"},
  };
  for (const Case& c : cases) CHECK(mistakes(c.text) == c.message);
  CHECK(config::parse(R"({"redis": {"url": "redis+sentinel://:hunter2@one,two:26380/main/1",
                                    "sentinel_user": "u", "sentinel_password": "p",
                                    "wait_replicas": 1}})",
                      "."));
}

TEST_CASE("a repeated key is refused", "[config]") {
  CHECK(mistakes(R"({"log": {"level": "info", "level": "warn"}})").find("level") !=
        std::string::npos);
}

TEST_CASE("what is not JSON is refused", "[config]") {
  for (const char* text : {"", "{", "{]", "{'a': 1}", "{\"a\": 1,}", "\xff", "{} {}"}) {
    INFO(text);
    CHECK(mistakes(text).starts_with("config: "));
  }
  CHECK(mistakes("{\n  \"log\": {},\n  \"data_dir\": oops\n}") ==
        "config: json: not JSON at line 3, column 15");
  CHECK(config::parse(std::string(100000, '['), ".").error().code == ErrorCode::kTooLarge);
}

TEST_CASE("all mistakes are reported together, one a line", "[config]") {
  CHECK(mistakes(R"({
    "data_dir": 1,
    "receiver": {"lisen": "127.0.0.1:1", "max_body_bytes": 0},
    "sources": [{"name": "a", "type": "chatwoot", "secrets": ["x"], "base_url": "http://c",
                 "bot_token": "t"},
                {"name": "a", "type": "generic", "secrets": ["x"]}],
    "jobs": {"backoff": {"base_ms": 20, "cap_ms": 10}}
  })") ==
        "config data_dir: is the number 1, expected a string\n"
        "config receiver.max_body_bytes: 0 is out of range 1..67108864\n"
        "config receiver.lisen: unknown key; did you mean \"listen\"?\n"
        "config sources[1].name: \"a\" is already the name of sources[0]\n"
        "config sources[1].namespace: is empty, as it is for sources[0]; only one source may go "
        "without, set it for example to \"a\"\n"
        "config jobs.backoff.base_ms: 20 is above jobs.backoff.cap_ms (10); lower it or raise the "
        "other");
}

TEST_CASE("the list of mistakes has an end", "[config]") {
  std::string text = "{";
  for (int i = 0; i < 1000; ++i) text += "\"zz" + std::to_string(i) + "\": 0,";
  text.back() = '}';
  const std::string found = mistakes(text);
  CHECK(found.ends_with("config: and 950 more mistakes"));
  CHECK(found.size() < 10000);
}

TEST_CASE("a source needs what its type cannot do without", "[config]") {
  CHECK(mistakes(R"({"sources": [{"name": "a", "type": "chatwoot"}]})") ==
        "config sources[0].secrets: is missing; list the secret of each webhook that posts to "
        "this source\n"
        "config sources[0].base_url: is missing; write the address of Chatwoot, such as "
        "https://app.chatwoot.com\n"
        "config sources[0].bot_token: is missing; replies are posted with the access token of an "
        "agent bot");
  CHECK(mistakes(R"({"sources": [{"name": "a", "type": "generic"}]})") ==
        "config sources[0].secrets: is missing; list the secret of each webhook that posts to "
        "this source");
  CHECK(mistakes(R"({"sources": [{"type": "sandbox"}]})") ==
        "config sources[0].name: is missing; it becomes the end of the webhook's URL, "
        "/webhooks/<name>");
}

TEST_CASE("a helpdesk's API is given whole, or not at all, or not possible", "[config]") {
  const auto with = [](const std::string& rest) {
    return mistakes(R"({"sources": [{"name": "a", "secrets": ["s"], )" + rest + "}]}");
  };
  for (const char* type : {"zendesk", "zammad"}) {
    const std::string begin = std::string("\"type\": \"") + type + "\"";
    CHECK(with(begin) == "(accepted)");
    CHECK(with(begin + R"(, "base_url": "https://desk.example.com", "bot_token": "t")") ==
          "(accepted)");
    CHECK(with(begin + R"(, "base_url": "https://desk.example.com")")
              .starts_with("config sources[0].bot_token: is missing while base_url is set"));
    CHECK(with(begin + R"(, "bot_token": "t")")
              .starts_with("config sources[0].base_url: is missing while bot_token is set"));
  }
  for (const char* type : {"intercom", "front", "helpscout", "freshdesk"}) {
    const std::string begin = std::string("\"type\": \"") + type + "\"";
    CHECK(with(begin) == "(accepted)");
    CHECK(with(begin + R"(, "base_url": "https://desk.example.com")")
              .starts_with("config sources[0].base_url: is of no use"));
    CHECK(with(begin + R"(, "bot_token": "t")")
              .starts_with("config sources[0].bot_token: is of no use"));
  }
  CHECK(with(R"("type": "generic", "scheme": "slack", "auth": "basic")")
            .starts_with("config sources[0].scheme: is of no use while auth is not"));
}

TEST_CASE("a secret is a string, a variable or a file, and is never repeated", "[config]") {
  CHECK(mistakes(R"({"admin": {"key": {"env": "DESKWIRE_SURELY_NOT_SET"}}})") ==
        "config admin.key: environment variable DESKWIRE_SURELY_NOT_SET is not set");
  CHECK(mistakes(R"({"admin": {"key": {"file": "key.txt"}}})") ==
        "config admin.key: /nonexistent/key.txt: No such file or directory");
  CHECK(mistakes(R"({"admin": {"key": {"fiel": "hunter2"}}})") ==
        R"(config admin.key: write a string, {"env": "NAME"} or {"file": "PATH"})");
  CHECK(
      mistakes(R"({"admin": {"key": 4711}})") ==
      R"(config admin.key: is not a secret; write a string, {"env": "NAME"} or {"file": "PATH"})");
  CHECK(mistakes(R"({"redis": {"url": "http://user:hunter2@redis"}})").find("hunter2") ==
        std::string::npos);
  CHECK(mistakes(R"({"redis": {"url": "rediss://user:hunter2@redis"}})").find("TLS") !=
        std::string::npos);
  CHECK(mistakes(R"({"sources": [{"name": "a", "base_url": "http://u:hunter2@host"}]})")
            .find("hunter2") == std::string::npos);
}

TEST_CASE("a sandbox never listens beyond loopback", "[config]") {
  for (const std::string door : {"receiver", "gateway"}) {
    CHECK(mistakes("{\"" + door + "\": {\"listen\": \"0.0.0.0:9000\"}}") ==
          "config " + door +
              ".listen: \"0.0.0.0:9000\" is open to others while there is a source of type "
              "sandbox; use 127.0.0.1, or remove the sandbox source");
  }
  CHECK(mistakes(R"({"admin": {"listen": "[::]:9000", "key": "k"}})")
            .starts_with("config admin.listen: \"[::]:9000\" is open to others"));
}

TEST_CASE("an admin door beyond loopback needs a key", "[config]") {
  CHECK(mistakes(R"({"sources": [], "admin": {"listen": "0.0.0.0:8082"}})") ==
        "config admin.key: is missing while admin.listen is \"0.0.0.0:8082\"; set a key, or "
        "listen on 127.0.0.1");
  CHECK(mistakes(R"({"sources": [], "admin": {"listen": "0.0.0.0:8082", "key": "k"}})") ==
        "(accepted)");
}

TEST_CASE("two doors cannot share an address", "[config]") {
  CHECK(mistakes(R"({"gateway": {"listen": "127.0.0.1:8080"}})") ==
        "config gateway.listen: \"127.0.0.1:8080\" is taken by receiver.listen");
  CHECK(mistakes(R"({"gateway": {"listen": "127.0.0.1:0"}, "admin": {"listen": "127.0.0.1:0"}})") ==
        "(accepted)");
}
