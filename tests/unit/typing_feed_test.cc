#include "worker/handlers/typing_feed.h"

#include <utility>

#include "tests/support/catch.h"
#include "tests/support/event_probe.h"
#include "tests/support/manual_clock.h"
#include "worker/helpdesk_client.h"

namespace deskwire::worker {
namespace {

using testing::EventProbe;
using testing::ManualClock;

/// Hears typing only; a test can make it slow.
class TypingHelpdesk final : public HelpdeskClient {
 public:
  Result<std::string> create_message(const PostRequest& /*request*/) override { return "1"; }
  Status set_typing(const ConversationRef& conversation, bool on) override {
    heard.push({conversation.key, on});
    if (slow) gate.next();
    return {};
  }
  Result<std::optional<std::string>> find_message(const ConversationRef& /*conversation*/,
                                                  const std::string& /*source_id*/,
                                                  const std::string& /*in_reply_to*/) override {
    return std::nullopt;
  }
  Status hand_off(const ConversationRef& /*conversation*/) override { return {}; }
  Result<std::vector<AccessFinding>> check_access() override {
    return std::vector<AccessFinding>{};
  }
  void stop() override {}

  EventProbe<std::pair<std::string, bool>> heard;
  EventProbe<int> gate;
  std::atomic<bool> slow{false};
};

const ConversationRef kFirst{"1", "42", "42"};
const ConversationRef kSecond{"1", "43", "43"};

}  // namespace

TEST_CASE("typing is told on the channel and at the helpdesk, and its end too",
          "[worker][typing]") {
  ManualClock clock;
  EventProbe<std::string> events;
  const auto helpdesk = std::make_shared<TypingHelpdesk>();
  TypingFeed feed([&events](const Event& event) { events.push(event.name); }, clock);
  feed.start();
  feed.start();
  {
    const auto scope = feed.begin(helpdesk, kFirst, "Robo");
    CHECK(events.next() == "typing:start");
    CHECK(helpdesk->heard.next() == std::pair<std::string, bool>("42", true));
  }
  CHECK(events.next() == "typing:stop");
  CHECK(helpdesk->heard.next() == std::pair<std::string, bool>("42", false));
  feed.stop();
  feed.stop();
}

TEST_CASE("typing is repeated while the assistant thinks", "[worker][typing]") {
  ManualClock clock;
  EventProbe<std::string> events;
  const auto helpdesk = std::make_shared<TypingHelpdesk>();
  TypingFeed feed([&events](const Event& event) { events.push(event.name); }, clock,
                  {.refresh = Milliseconds(1)});
  feed.start();
  auto scope = feed.begin(helpdesk, kFirst, "Robo");
  CHECK(events.take(3) == std::vector<std::string>(3, "typing:start"));
  CHECK(helpdesk->heard.take(3).size() == 3);
  scope.end();
  scope.end();
  CHECK(helpdesk->heard.wait_for([](const auto& call) { return !call.second; }));
  feed.stop();
}

TEST_CASE("a slow helpdesk delays no reply and is not told what is over already",
          "[worker][typing]") {
  ManualClock clock;
  const auto helpdesk = std::make_shared<TypingHelpdesk>();
  helpdesk->slow = true;
  TypingFeed feed([](const Event&) {}, clock);
  feed.start();
  auto first = feed.begin(helpdesk, kFirst, "Robo");
  REQUIRE(helpdesk->heard.next());  // The thread is stuck in this call.
  { const auto second = feed.begin(helpdesk, kSecond, "Robo"); }
  first.end();
  helpdesk->slow = false;
  helpdesk->gate.push(1);
  CHECK(helpdesk->heard.next() == std::pair<std::string, bool>("42", false));
  feed.stop();
  CHECK(helpdesk->heard.size() == 0);
}

TEST_CASE("typing works on the channel before the feed is started and after it is stopped",
          "[worker][typing]") {
  ManualClock clock;
  EventProbe<std::string> events;
  const auto helpdesk = std::make_shared<TypingHelpdesk>();
  TypingFeed feed([&events](const Event& event) { events.push(event.name); }, clock);
  feed.stop();
  { const auto scope = feed.begin(helpdesk, kFirst, "Robo"); }
  CHECK(events.take(2) == std::vector<std::string>{"typing:start", "typing:stop"});
  CHECK(helpdesk->heard.size() == 0);
}

}  // namespace deskwire::worker
