#include "publishers/presence_view.h"

#include <string>
#include <vector>

#include "tests/support/catch.h"

namespace deskwire::publishers {
namespace {

HubEventPtr presence_event(const std::string& name, const std::string& client,
                           const std::string& data) {
  return HubEvent::parse(R"({"channel":"room","id":"p-1","event":")" + name + R"(","clientId":")" +
                         client + R"(","timestamp":1,"data":{"clientId":")" + client +
                         R"(","data":)" + data + R"(,"timestamp":1}})");
}

std::vector<std::string> texts(const std::vector<PresenceView::Change>& changes) {
  std::vector<std::string> all;
  for (const auto& [event, member] : changes) {
    all.push_back(std::string(event) + " " + member.client_id + " " + member.data);
  }
  return all;
}

using Texts = std::vector<std::string>;

}  // namespace

TEST_CASE("what subscribers were not told of who is there comes out of the list", "[presence]") {
  PresenceView view;
  view.listed({{"ann", R"({"b":1,"a":2})"}, {"bob", "{}"}, {"cid", "{}"}});
  view.begin();
  CHECK(texts(view.settle({{"ann", R"({"a":2,"b":1})"}, {"bob", R"({"x":1})"}, {"dan", "{}"}})) ==
        Texts{R"(presence:update bob {"x":1})", "presence:enter dan {}", "presence:leave cid {}"});
  view.begin();
  CHECK(view.settle({{"ann", R"({"b":1,"a":2})"}, {"bob", R"({"x":1})"}, {"dan", "{}"}}).empty());
}

TEST_CASE("an event that overtakes the list is newer than the list", "[presence]") {
  PresenceView view;
  view.told(*presence_event("presence:enter", "ann", "{}"));
  view.begin();
  view.told(*presence_event("presence:leave", "ann", "{}"));
  view.told(*presence_event("presence:enter", "bob", R"({"x":2})"));
  CHECK(view.settle({{"ann", "{}"}}).empty());
  view.begin();
  CHECK(view.settle({{"bob", R"({"x":2})"}}).empty());
}

TEST_CASE("who is missing in a list that may be cut off has not left", "[presence]") {
  PresenceView view;
  view.listed({{"zoe", "{}"}});
  Presence::Members many;
  for (std::size_t i = 0; i < Presence::kMaxListed; ++i) {
    many.push_back({"c" + std::to_string(i), "{}"});
  }
  view.begin();
  CHECK(view.settle(many).size() == many.size());
}

}  // namespace deskwire::publishers
