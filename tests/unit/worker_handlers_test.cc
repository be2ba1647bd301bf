// Which settings an attempt works with when they are exchanged under it.
#include "cli/worker_handlers.h"

#include <nlohmann/json.hpp>

#include "jobs/effects.h"
#include "tests/support/catch.h"
#include "tests/support/reply_bench.h"

using namespace deskwire;
using testing::ReplyBench;

namespace {

config::Config config_saying(const std::string& words) {
  config::Config config;
  config::Source shop;
  shop.name = "shop";
  config.sources = {shop};
  config.replies.rules.emplace_back().reply = words;
  return config;
}

/// Generations of handlers over a store in memory; nothing of Redis is ever asked.
struct Bench {
  explicit Bench(const config::Config& config)
      : current(std::make_shared<cli::WorkerHandlers>(config, around, nullptr)) {}

  void reload(const config::Config& config) {
    const auto before = current.read();
    current.replace(std::make_shared<cli::WorkerHandlers>(config, around, before.get()));
  }
  /// What the next job's reply says.
  std::string reply(worker::JobHandler& handler, const std::string& message_id) {
    bench.enqueue(message_id);
    const auto lease = bench.lease();
    REQUIRE(lease);
    bench.close(handler.run(*lease, bench.cancellation));
    return nlohmann::json::parse(bench.events_named("message:ai").back()).at("content");
  }

  ReplyBench bench;
  redis::Client client{redis::Client::Options{}};
  ChannelLog log{client, {}};
  worker::TypingFeed typing{[](const Event&) {}, bench.clock};
  worker::ConversationWatch watch{bench.store};
  const cli::WorkerHandlers::Surroundings around{
      client,      log,           bench.store,
      typing,      bench.history, watch,
      bench.clock, bench.metrics, Milliseconds(jobs::kEffectSettleMs)};
  Snapshot<cli::WorkerHandlers> current;
};

}  // namespace

TEST_CASE("an attempt works with the settings of its beginning", "[cli][reload]") {
  Bench bench(config_saying("old words"));
  cli::CurrentHandler handler(bench.current, &cli::WorkerHandlers::reply);
  CHECK(bench.reply(handler, "100") == "old words");
  const auto begun = bench.current.read();
  bench.reload(config_saying("new words"));
  CHECK(bench.reply(handler, "101") == "new words");
  CHECK(bench.reply(begun->reply(), "102") == "old words");
}

TEST_CASE("handlers of before a reload go with their last attempt", "[cli][reload]") {
  Bench bench(config_saying("old words"));
  auto begun = bench.current.read();
  const std::weak_ptr<cli::WorkerHandlers> watched = begun;
  bench.reload(config_saying("new words"));
  CHECK_FALSE(watched.expired());
  begun.reset();
  CHECK(watched.expired());
}

TEST_CASE("a helpdesk whose API settings stay is the same before and after", "[cli][reload]") {
  config::Config config = config_saying("words");
  Bench bench(config);
  const auto before = bench.current.read();
  config.sources[0].secrets = {config::Secret("another-webhook-secret")};
  bench.reload(config);
  const auto rotated = bench.current.read();
  CHECK(rotated->helpdesks().share("shop") == before->helpdesks().share("shop"));
  config.sources[0].bot_token = config::Secret("another-token");
  bench.reload(config);
  CHECK(bench.current.read()->helpdesks().share("shop") != before->helpdesks().share("shop"));
}
