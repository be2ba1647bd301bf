#include "core/redis/key_watcher.h"

#include <chrono>
#include <optional>
#include <utility>

#include "core/redis/command.h"
#include "core/redis/connection.h"
#include "core/redis/connection_thread.h"
#include "core/redis/reply_error.h"

namespace deskwire::redis {
namespace {

constexpr const char* kTopic = "__redis__:invalidate";

}  // namespace

/// DESIGN. In RESP2 invalidation messages go to a connection in Pub/Sub mode. It may be the one
/// that asked for them: it redirects to itself, then subscribes. From then on it only listens, and
/// pings so that a half-open connection is noticed.
class KeyWatcher::Impl {
 public:
  Impl(Client::Options options, std::vector<std::string> prefixes,
       std::function<void(std::vector<std::string>)> on_keys)
      : options_(std::move(options)),
        prefixes_(std::move(prefixes)),
        on_keys_(std::move(on_keys)),
        thread_(options_, "keys", [this](Connection& connection) { return serve(connection); }) {}

  void start() { thread_.start(); }
  void stop() { thread_.stop(); }

 private:
  Error serve(Connection& connection) {
    if (auto begun = begin(connection); !begun) return std::move(begun.error());
    on_keys_({});
    for (;;) {
      auto reply = next(connection, options_.request_timeout * 2);
      if (!reply) return std::move(reply.error());
      if (!reply->has_value()) {
        // Silence: is anybody there still?
        auto pong = ask(connection, {"PING"});
        if (!pong) return std::move(pong.error());
        reply = std::move(*pong);
      }
      take(**reply);
    }
  }

  Status begin(Connection& connection) {
    const auto id = ask(connection, {"CLIENT", "ID"});
    if (!id) return fail(id.error());
    Command track{"CLIENT", "TRACKING", "ON", "REDIRECT", id->as_string(), "BCAST"};
    for (const std::string& prefix : prefixes_) {
      track.emplace_back("PREFIX");
      track.push_back(prefix);
    }
    if (const auto tracks = ask(connection, track); !tracks) return fail(tracks.error());
    if (const auto heard = ask(connection, {"SUBSCRIBE", kTopic}); !heard) {
      return fail(heard.error());
    }
    return {};
  }

  /// The keys of an invalidation message. One without keys says that everything was flushed.
  void take(const Reply& reply) {
    if (reply.at(0).text != "message" || reply.at(1).text != kTopic) return;
    std::vector<std::string> keys;
    for (const Reply& key : reply.at(2).items) keys.push_back(key.text);
    if (!keys.empty()) on_keys_(std::move(keys));
  }

  Result<Reply> ask(Connection& connection, const Command& command) {
    std::string bytes;
    append_command(bytes, command);
    std::string_view unsent = bytes;
    const auto deadline = std::chrono::steady_clock::now() + options_.request_timeout;
    while (!unsent.empty()) {
      if (auto sent = connection.send(unsent); !sent) return fail(std::move(sent.error()));
      if (unsent.empty()) break;
      if (thread_.stopping()) return fail(ErrorCode::kCancelled, "the watcher is stopped");
      if (std::chrono::steady_clock::now() >= deadline) break;
      connection.wait(true, deadline);
    }
    auto reply = next(connection, options_.request_timeout);
    if (!reply) return fail(std::move(reply.error()));
    if (!reply->has_value()) {
      return fail(ErrorCode::kTimeout, "redis " + command.front() + ": no answer");
    }
    if ((*reply)->kind == Reply::Kind::kError) {
      return fail(error_of_reply(command.front(), (*reply)->text));
    }
    return std::move(**reply);
  }

  /// nullopt: nothing came in time.
  Result<std::optional<Reply>> next(Connection& connection, Milliseconds patience) {
    const auto deadline = std::chrono::steady_clock::now() + patience;
    for (;;) {
      auto reply = connection.next_reply();
      if (!reply || reply->has_value()) return reply;
      if (thread_.stopping()) return fail(ErrorCode::kCancelled, "the watcher is stopped");
      if (!connection.wait(false, deadline)) {
        if (std::chrono::steady_clock::now() >= deadline) return std::optional<Reply>();
        continue;
      }
      if (auto received = connection.receive(); !received) return fail(std::move(received.error()));
    }
  }

  const Client::Options options_;
  const std::vector<std::string> prefixes_;
  const std::function<void(std::vector<std::string>)> on_keys_;
  ConnectionThread thread_;  ///< Last: it uses all of the above.
};

KeyWatcher::KeyWatcher(Client::Options options, std::vector<std::string> prefixes,
                       std::function<void(std::vector<std::string>)> on_keys)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(prefixes), std::move(on_keys))) {}
KeyWatcher::~KeyWatcher() { stop(); }
void KeyWatcher::start() { impl_->start(); }
void KeyWatcher::stop() { impl_->stop(); }

}  // namespace deskwire::redis
