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
  Impl(Client::Options options, std::vector<std::string> keys,
       std::function<void(std::string_view key)> on_ring, std::function<void()> wait_until_wanted)
      : options_(std::move(options)),
        // Whole seconds, as old servers want them; 0 would mean for ever.
        keep_alive_(std::max(std::chrono::seconds(1), std::chrono::ceil<std::chrono::seconds>(
                                                          options_.request_timeout * 2))),
        on_ring_(std::move(on_ring)),
        wait_until_wanted_(std::move(wait_until_wanted)),
        keys_(std::move(keys)),
        thread_(options_, "bell", [this](Connection& connection) { return serve(connection); }) {}

  void start() { thread_.start(); }
  void stop() { thread_.stop(); }

 private:
  Error serve(Connection& connection) {
    on_ring_("");
    for (;;) {
      if (wait_until_wanted_) wait_until_wanted_();
      auto rung = wait_for_token(connection);
      if (!rung) return std::move(rung.error());
      if (rung->empty()) continue;
      // BLPOP takes the first bell of its list that has a token: the others come first next time.
      const auto key = std::find(keys_.begin(), keys_.end(), *rung);
      if (key != keys_.end()) std::rotate(keys_.begin(), std::next(key), keys_.end());
      on_ring_(*rung);
    }
  }

  /// The key of the bell that rang; empty: none did within the keep-alive.
  Result<std::string> wait_for_token(Connection& connection) {
    const std::string command = encode_listen();
    std::string_view unsent = command;
    // BLPOP answers within its own timeout; whoever does not is gone.
    const auto deadline = std::chrono::steady_clock::now() + keep_alive_ + options_.request_timeout;
    for (;;) {
      if (auto reason = thread_.reason_to_end()) return fail(std::move(*reason));
      if (auto sent = connection.send(unsent); !sent) return fail(std::move(sent.error()));
      if (!connection.wait(!unsent.empty(), deadline)) {
        if (std::chrono::steady_clock::now() < deadline) continue;
        return fail(ErrorCode::kTimeout, "redis BLPOP: no answer");
      }
      if (auto received = connection.receive(); !received) return fail(std::move(received.error()));
      auto reply = connection.next_reply();
      if (!reply) return fail(std::move(reply.error()));
      if (!reply->has_value()) continue;
      const Reply& value = **reply;
      if (value.kind == Reply::Kind::kError) return fail(error_of_reply("BLPOP", value.text));
      return value.is_array() ? value.at(0).text : std::string();
    }
  }

  std::string encode_listen() const {
    std::vector<std::string> command = {"BLPOP"};
    command.insert(command.end(), keys_.begin(), keys_.end());
    command.push_back(std::to_string(keep_alive_.count()));
    std::string bytes;
    append_command(bytes, command);
    return bytes;
  }

  const Client::Options options_;
  const std::chrono::seconds keep_alive_;
  const std::function<void(std::string_view key)> on_ring_;
  const std::function<void()> wait_until_wanted_;
  std::vector<std::string>
      keys_;                 ///< Of the listener's thread: the one to be heard first in front.
  ConnectionThread thread_;  ///< Last: it uses all of the above.
};

BellListener::BellListener(Client::Options options, std::vector<std::string> keys,
                           std::function<void(std::string_view key)> on_ring,
                           std::function<void()> wait_until_wanted)
    : impl_(std::make_unique<Impl>(std::move(options), std::move(keys), std::move(on_ring),
                                   std::move(wait_until_wanted))) {}
BellListener::~BellListener() { stop(); }
void BellListener::start() { impl_->start(); }
void BellListener::stop() { impl_->stop(); }

}  // namespace deskwire::redis
