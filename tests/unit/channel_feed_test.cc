#include "publishers/channel_feed.h"

#include <string>
#include <vector>

#include "publishers/typing.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::publishers;

namespace {

std::string envelope(const std::string& epoch, std::uint64_t offset) {
  return R"({"channel":"c","epoch":")" + epoch + R"(","offset":)" + std::to_string(offset) +
         R"(,"id":"e)" + std::to_string(offset) +
         R"(","event":"message:user","timestamp":1,"data":{"timestamp":1}})";
}

HubEventPtr kept(std::uint64_t offset, const std::string& epoch = "k1") {
  return HubEvent::parse(envelope(epoch, offset));
}

HubEventPtr typing() {
  return HubEvent::parse(
      R"({"channel":"c","id":"t1","event":"typing:start","timestamp":1,"data":{}})");
}

ChannelLogPage page(std::uint64_t first, std::uint64_t last, const std::string& epoch = "k1") {
  ChannelLogPage made;
  made.top = {epoch, last};
  made.recovered = true;
  for (std::uint64_t offset = first; offset <= last; ++offset) {
    made.entries.push_back({offset, envelope(epoch, offset), "e" + std::to_string(offset)});
  }
  return made;
}

ChannelLogPage top(std::uint64_t offset, const std::string& epoch = "k1") {
  ChannelLogPage made;
  made.top = {epoch, offset};
  return made;
}

std::vector<std::uint64_t> offsets(const ChannelFeed::Step& step) {
  std::vector<std::uint64_t> out;
  for (const HubEventPtr& event : step.deliver) out.push_back(event->offset());
  return out;
}

using Offsets = std::vector<std::uint64_t>;

ChannelFeed live_at(std::uint64_t offset) {
  ChannelFeed feed;
  CHECK(feed.confirmed().fetch);
  const ChannelLogPage first = top(offset);
  CHECK_FALSE(feed.fetched(&first).fetch);
  REQUIRE(feed.live());
  return feed;
}

}  // namespace

TEST_CASE("an envelope's head is read and foreign texts are refused", "[hub]") {
  const auto event = kept(17);
  REQUIRE(event);
  CHECK(event->channel() == "c");
  CHECK(event->epoch() == "k1");
  CHECK(event->offset() == 17);
  CHECK(event->id() == "e17");
  CHECK(event->name() == "message:user");
  CHECK_FALSE(typing()->kept());
  for (const char* bad :
       {"", "{}", "x", R"({"channel":"c"})",
        R"({"channel":"c","epoch":"k","offset":0,"id":"i","event":"e"})",
        R"({"channel":"c","epoch":"k","offset":x,"id":"i","event":"e"})",
        R"({"channel":"c","id":"i","event":"e")", R"({"channel":"c\"","id":"i","event":"e"})"}) {
    CHECK(HubEvent::parse(bad) == nullptr);
  }
}

TEST_CASE("events that a session published are known by their id", "[hub]") {
  const auto own = HubEvent::parse(
      R"({"channel":"c","id":"s-1.4","event":"typing:start","timestamp":1,"data":{}})");
  CHECK(own->is_from("s-1"));
  CHECK_FALSE(own->is_from("s-"));
  CHECK_FALSE(own->is_from("s-1.4"));
  CHECK_FALSE(own->is_from("s-2"));
  CHECK(published_event_id("s-1", 4) == "s-1.4");
}

TEST_CASE("events in order are delivered and repeats are dropped", "[feed]") {
  ChannelFeed feed = live_at(5);
  CHECK(offsets(feed.arrived(kept(6))) == Offsets{6});
  CHECK(offsets(feed.arrived(kept(6))).empty());
  CHECK(offsets(feed.arrived(kept(3))).empty());
  CHECK(feed.arrived(typing()).deliver.size() == 1);
  CHECK(offsets(feed.arrived(kept(7))) == Offsets{7});
}

TEST_CASE("a gap is filled from the log before anything later is delivered", "[feed]") {
  ChannelFeed feed = live_at(17);
  const auto gap = feed.arrived(kept(19));
  CHECK(gap.deliver.empty());
  REQUIRE(gap.fetch);
  CHECK(gap.from->offset == 17);
  CHECK(feed.arrived(kept(20)).deliver.empty());
  const ChannelLogPage missed = page(18, 19);
  CHECK(offsets(feed.fetched(&missed)) == Offsets{18, 19, 20});
  CHECK(feed.live());
}

TEST_CASE("what arrives before the first page is neither lost nor doubled", "[feed]") {
  ChannelFeed feed;
  CHECK(feed.arrived(kept(4)).deliver.empty());
  CHECK(feed.confirmed().fetch);
  CHECK(feed.arrived(kept(5)).deliver.empty());
  CHECK(feed.arrived(kept(6)).deliver.empty());
  const ChannelLogPage first = top(5);
  CHECK(offsets(feed.fetched(&first)) == Offsets{6});
}

TEST_CASE("a restored connection fetches what was missed", "[feed]") {
  ChannelFeed feed = live_at(10);
  const auto again = feed.confirmed();
  REQUIRE(again.fetch);
  CHECK(again.from->offset == 10);
  const ChannelLogPage missed = page(11, 60);
  CHECK(offsets(feed.fetched(&missed)).size() == 50);
  CHECK(feed.position()->offset == 60);
}

TEST_CASE("a confirmation during a read makes another read", "[feed]") {
  ChannelFeed feed = live_at(1);
  CHECK(feed.confirmed().fetch);
  CHECK_FALSE(feed.confirmed().fetch);
  const ChannelLogPage missed = page(2, 2);
  const auto step = feed.fetched(&missed);
  CHECK(offsets(step) == Offsets{2});
  CHECK(step.fetch);
  CHECK_FALSE(feed.live());
}

TEST_CASE("a failed read is tried again and loses nothing", "[feed]") {
  ChannelFeed feed = live_at(1);
  CHECK(feed.arrived(kept(3)).fetch);
  CHECK_FALSE(feed.fetched(nullptr).fetch);
  CHECK(feed.broken());
  CHECK(feed.arrived(kept(4)).deliver.empty());
  CHECK(feed.retry().fetch);
  const ChannelLogPage missed = page(2, 4);
  CHECK(offsets(feed.fetched(&missed)) == Offsets{2, 3, 4});
}

TEST_CASE("a new epoch is read from its beginning", "[feed]") {
  ChannelFeed feed = live_at(40);
  const auto fresh = feed.arrived(kept(2, "k2"));
  REQUIRE(fresh.fetch);
  CHECK(fresh.from->epoch == "k2");
  CHECK(fresh.from->offset == 0);
  const ChannelLogPage all = page(1, 2, "k2");
  const auto step = feed.fetched(&all);
  CHECK(offsets(step) == Offsets{1, 2});
  CHECK_FALSE(step.lost);
}

TEST_CASE("an epoch that changed while Redis was away is read from its beginning", "[feed]") {
  ChannelFeed feed = live_at(40);
  CHECK(feed.confirmed().fetch);
  const ChannelLogPage other = top(3, "k2");
  const auto step = feed.fetched(&other);
  REQUIRE(step.fetch);
  CHECK(step.from->epoch == "k2");
  CHECK(step.from->offset == 0);
  const ChannelLogPage all = page(1, 3, "k2");
  CHECK(offsets(feed.fetched(&all)) == Offsets{1, 2, 3});
}

TEST_CASE("a log that does not reach back loses the position", "[feed]") {
  ChannelFeed feed = live_at(40);
  CHECK(feed.arrived(kept(5000)).fetch);
  const ChannelLogPage too_far = top(5000);
  const auto step = feed.fetched(&too_far);
  CHECK(step.lost);
  CHECK_FALSE(step.fetch);
  CHECK(feed.position()->offset == 5000);
  CHECK(offsets(feed.arrived(kept(5001))) == Offsets{5001});
}

TEST_CASE("a master that fell behind its replica's clients loses the position", "[feed]") {
  ChannelFeed feed = live_at(40);
  CHECK(feed.confirmed().fetch);
  const ChannelLogPage behind = top(37);
  CHECK(feed.fetched(&behind).lost);
  CHECK(offsets(feed.arrived(kept(38))) == Offsets{38});
}

TEST_CASE("more than can be held is left to the log", "[feed]") {
  ChannelFeed feed = live_at(0);
  CHECK(feed.arrived(kept(2)).fetch);
  for (std::uint64_t offset = 3; offset <= 1500; ++offset) feed.arrived(kept(offset));
  const ChannelLogPage missed = page(1, 1);
  const auto step = feed.fetched(&missed);
  CHECK(step.fetch);
  const ChannelLogPage rest = page(2, 1500);
  CHECK(offsets(feed.fetched(&rest)).back() == 1500);
  CHECK(feed.live());
}

TEST_CASE("typing that nobody ends is ended, once", "[typing]") {
  const auto at = [](int ms) { return MonotonicTime{} + Milliseconds(ms); };
  const auto event = [](const std::string& id, const std::string& name, const std::string& who) {
    return HubEvent::parse(
        R"({"channel":"c","id":")" + id + R"(","event":")" + name +
        R"(","clientId":"u","timestamp":1,"data":{"actor":"customer","sender":{"id":")" + who +
        R"(","name":"A"},"timestamp":1}})");
  };
  TypingTracker tracker(Milliseconds(6000));
  CHECK_FALSE(tracker.note(event("s-1.1", "typing:start", "ann"), at(0), 5));
  CHECK_FALSE(tracker.note(event("s-2.1", "typing:start", "bob"), at(0), 5));
  CHECK_FALSE(tracker.note(event("s-1.2", "typing:start", "ann"), at(3000), 5));
  CHECK_FALSE(tracker.note(event("s-2.2", "typing:stop", "bob"), at(3500), 5));
  CHECK(tracker.expire(at(8999), 5).empty());
  const auto stops = tracker.expire(at(9000), 1234);
  REQUIRE(stops.size() == 1);
  CHECK(stops[0]->name() == "typing:stop");
  CHECK(stops[0]->id() == "s-1.2-end");
  CHECK(stops[0]->is_from("s-1"));
  CHECK(stops[0]->envelope().find(R"("id":"ann")") != std::string_view::npos);
  CHECK(stops[0]->envelope().find(R"("timestamp":1234)") != std::string_view::npos);
  CHECK(tracker.empty());
  CHECK(tracker.expire(at(99999), 5).empty());
}

TEST_CASE("who types in two sessions is seen to stop in both", "[typing]") {
  const auto at = [](int ms) { return MonotonicTime{} + Milliseconds(ms); };
  const auto event = [](const std::string& id, const std::string& name) {
    return HubEvent::parse(
        R"({"channel":"c","id":")" + id + R"(","event":")" + name +
        R"(","clientId":"u","timestamp":1,"data":{"actor":"agent","sender":{"id":"u"},"timestamp":1}})");
  };
  TypingTracker tracker(Milliseconds(6000));
  CHECK_FALSE(tracker.note(event("s-1.1", "typing:start"), at(0), 5));
  CHECK_FALSE(tracker.note(event("s-2.1", "typing:start"), at(1000), 5));
  CHECK_FALSE(tracker.note(event("s-2.2", "typing:start"), at(2000), 5));
  const auto stops = tracker.expire(at(8000), 5);
  REQUIRE(stops.size() == 1);
  CHECK(stops[0]->name() == "typing:stop");
  CHECK_FALSE(stops[0]->is_from("s-1"));
  CHECK_FALSE(stops[0]->is_from("s-2"));

  // The second one's stop is not sent to it, and it has seen the first one's start.
  CHECK_FALSE(tracker.note(event("s-1.3", "typing:start"), at(9000), 5));
  const auto more = tracker.note(event("s-2.3", "typing:stop"), at(9500), 5);
  REQUIRE(more);
  CHECK(more->name() == "typing:stop");
  CHECK_FALSE(more->is_from("s-2"));
  CHECK(tracker.empty());
}
