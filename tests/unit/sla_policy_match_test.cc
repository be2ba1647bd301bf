#include "tests/support/catch.h"
#include "worker/sla/policy_match.h"

using namespace deskwire;
using config::SlaCondition;
using config::SlaPolicy;
using worker::ConversationTraits;
using worker::match_policy;

namespace {

SlaPolicy policy(const char* id, std::vector<SlaCondition> all,
                 std::vector<SlaCondition> any = {}) {
  SlaPolicy made;
  made.id = id;
  made.all = std::move(all);
  made.any = std::move(any);
  return made;
}

bool holds(SlaCondition condition, const ConversationTraits& traits) {
  return worker::matches(policy("p", {std::move(condition)}), traits);
}

std::string id_of(const SlaPolicy* found) { return found == nullptr ? "-" : found->id; }

}  // namespace

TEST_CASE("a condition compares one attribute of the conversation", "[worker][sla][policy]") {
  const ConversationTraits traits{.source = "support",
                                  .inbox = "7",
                                  .labels = {"billing", "VIP"},
                                  .priority = "urgent",
                                  .team = "",
                                  .contact = {{"plan", "Gold plus"}}};
  CHECK(holds({"source", "is", {"support"}}, traits));
  CHECK(holds({"inbox", "is", {"6", "7"}}, traits));
  CHECK_FALSE(holds({"inbox", "is_not", {"6", "7"}}, traits));
  CHECK(holds({"labels", "is", {"VIP"}}, traits));
  CHECK_FALSE(holds({"labels", "is", {"vip"}}, traits));
  CHECK(holds({"labels", "contains", {"bill"}}, traits));
  CHECK_FALSE(holds({"labels", "is_not", {"billing"}}, traits));
  CHECK(holds({"labels", "contains_not", {"spam"}}, traits));
  CHECK(holds({"contact.plan", "contains", {"gold"}}, traits));
  CHECK_FALSE(holds({"contact.plan", "is", {"gold"}}, traits));
  CHECK(holds({"contact.country", "missing", {}}, traits));
  CHECK(holds({"team", "missing", {}}, traits));
  CHECK(holds({"team", "is_not", {"a"}}, traits));
  CHECK(holds({"priority", "exists", {}}, traits));
}

TEST_CASE("all of the one and any of the other conditions must hold", "[worker][sla][policy]") {
  const SlaPolicy both = policy("p", {{"source", "is", {"a"}}, {"team", "is", {"t"}}},
                                {{"inbox", "is", {"1"}}, {"inbox", "is", {"2"}}});
  CHECK(worker::matches(both, {.source = "a", .inbox = "2", .team = "t"}));
  CHECK_FALSE(worker::matches(both, {.source = "a", .inbox = "3", .team = "t"}));
  CHECK_FALSE(worker::matches(both, {.source = "a", .inbox = "2"}));
  CHECK(worker::matches(policy("q", {}), {}));
}

TEST_CASE("the first policy that matches holds", "[worker][sla][policy]") {
  const std::vector<SlaPolicy> policies = {policy("gold", {{"contact.plan", "is", {"gold"}}}),
                                           policy("urgent", {{"priority", "is", {"urgent"}}}),
                                           policy("all", {})};
  CHECK(id_of(match_policy(policies, {.priority = "urgent", .contact = {{"plan", "gold"}}}, 0)) ==
        "gold");
  CHECK(id_of(match_policy(policies, {.priority = "urgent"}, 0)) == "urgent");
  CHECK(id_of(match_policy(policies, {}, 0)) == "all");
  CHECK(id_of(match_policy({policies[0]}, {}, 0)) == "-");
}

TEST_CASE("of one policy the version counts that is in effect", "[worker][sla][policy]") {
  SlaPolicy first = policy("gold", {});
  SlaPolicy second = policy("gold", {{"priority", "is", {"urgent"}}});
  second.version = 2;
  second.effective_from_ms = 1000;
  SlaPolicy later = policy("later", {});
  later.effective_from_ms = 5000;
  const std::vector<SlaPolicy> policies = {second, first, later};
  CHECK(match_policy(policies, {.priority = "urgent"}, 999)->version == 1);
  CHECK(match_policy(policies, {.priority = "urgent"}, 1000)->version == 2);
  // The superseded version does not step in where the new one does not match.
  CHECK(id_of(match_policy(policies, {}, 1000)) == "-");
  CHECK(id_of(match_policy(policies, {}, 5000)) == "later");
}
