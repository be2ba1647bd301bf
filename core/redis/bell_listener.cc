#include <algorithm>
#include <utility>
#include <vector>

#include "core/redis/command.h"
#include "core/redis/connection.h"
#include "core/redis/connection_thread.h"
#include "core/redis/redis_subscriber.h"
#include "core/redis/reply_error.h"

namespace deskwire::redis {

class BellListener::Impl {
 public:
  Impl(Client::Options options, const std::vector<std::string>& keys,
       std::function<void(std::string_view key)> on_ring)
      : options_(std::move(options)),
        // Whole seconds, as old servers want them; 0 would mean for ever.
        keep_alive_(std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(
                                                          options_.request_timeout * 2))),
        on_ring_(std::move(on_ring)),
        thread_(options_, "bell", [this](Connection& connection) { return serve(connection); }) {
    std::vector<std::string> command = {"BLPOP"};
    command.insert(command.end(), keys.begin(), keys.end());
    command.push_back(std::to_string(keep_alive_.count()));
    append_command(listen_, command);
  }

  void start() { thread_.start(); }
  void stop() { thread_.stop(); }

 private:
  Error serve(Connection& connection) {
    on_ring_("");
    std::string_view unsent = listen_;
    auto deadline = next_deadline();
    for (;;) {
      if (thread_.stopping()) return Error{ErrorCode::kCancelled, "the listener is stopped"};
      if (auto sent = connection.send(unsent); !sent) return std::move(sent.error());
      if (!connection.wait(!unsent.empty(), deadline)) {
        if (std::chrono::steady_clock::now() < deadline) continue;
        return Error{ErrorCode::kTimeout, "redis BLPOP: no answer"};
      }
      if (auto received = connection.receive(); !received) return std::move(received.error());
      auto reply = connection.next_reply();
      if (!reply) return std::move(reply.error());
      if (!reply->has_value()) continue;
      const Reply& value = **reply;
      if (value.kind == Reply::Kind::kError) return error_of_reply("BLPOP", value.text);
      // Listen on before the owner is told: the next token need not wait for its work.
      unsent = listen_;
      deadline = next_deadline();
      if (auto sent = connection.send(unsent); !sent) return std::move(sent.error());
      if (value.is_array()) on_ring_(value.at(0).text);
    }
  }

  /// BLPOP answers within its own timeout; whoever does not is gone.
  MonotonicTime next_deadline() const {
    return std::chrono::steady_clock::now() + keep_alive_ + options_.request_timeout;
  }

  const Client::Options options_;
  const std::chrono::seconds keep_alive_;
  const std::function<void(std::string_view key)> on_ring_;
  std::string listen_;       ///< The encoded BLPOP.
  ConnectionThread thread_;  ///< Last: it uses all of the above.
};

BellListener::BellListener(Client::Options options, const std::vector<std::string>& keys,
                           std::function<void(std::string_view key)> on_ring)
    : impl_(std::make_unique<Impl>(std::move(options), keys, std::move(on_ring))) {}
BellListener::~BellListener() { stop(); }
void BellListener::start() { impl_->start(); }
void BellListener::stop() { impl_->stop(); }

}  // namespace deskwire::redis
