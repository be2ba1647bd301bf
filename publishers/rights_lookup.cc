#include "publishers/rights_lookup.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "core/hash.h"
#include "core/ids.h"
#include "core/json.h"
#include "core/log.h"

namespace deskwire::publishers {

namespace {

using nlohmann::json;

constexpr std::size_t kMaxWaiting = 1000;
constexpr std::chrono::seconds kRefusalKept{5};
constexpr std::size_t kMaxAnswerBytes = 65536;

Metrics::Counter& counter(Metrics& metrics, const std::string& issuer, const char* outcome) {
  return metrics.counter("deskwire_rights_questions_total",
                         "Questions for clients' rights by outcome",
                         {{"issuer", issuer}, {"outcome", outcome}});
}

/// As Standard Webhooks has it: what follows whsec_ is base64, anything else is the key itself.
std::string key_of(const config::Secret& secret) {
  constexpr std::string_view kPrefix = "whsec_";
  std::string_view text = secret.reveal();
  if (!text.starts_with(kPrefix)) return std::string(text);
  text.remove_prefix(kPrefix.size());
  return base64_decode(text).value_or(std::string(text));
}

RightsService::Headers signed_headers(const std::string& key, const std::string& body,
                                      std::int64_t now_ms) {
  const std::string id = "msg_" + new_ulid(now_ms);
  const std::string time = std::to_string(now_ms / 1000);
  const std::string text = id + "." + time + "." + body;
  return {{"webhook-id", id},
          {"webhook-timestamp", time},
          {"webhook-signature", "v1," + base64_encode(hmac(HashAlgorithm::kSha256, key, text))}};
}

}  // namespace

std::string rights_question(const std::string& issuer, const Claims& claims,
                            const json& token_claims) {
  return dump_json({{"issuer", issuer},
                    {"clientId", claims.client_id},
                    {"name", claims.name},
                    {"role", claims.role},
                    {"claims", token_claims}});
}

Result<Rights> read_rights(std::string_view body) {
  const auto answer = parse_json(body, JsonLimits{kMaxAnswerBytes, 8, false, true});
  if (!answer || !answer->is_object()) {
    return token_refused("the service of its rights did not answer with a JSON object");
  }
  const auto capability = answer->find("capability");
  auto granted = capability == answer->end()
                     ? Result<Capability>(fail(ErrorCode::kInvalid, "capability: is missing"))
                     : capability_of(*capability);
  if (!granted) {
    return token_refused("the service of its rights answered with none: " +
                         granted.error().message);
  }
  Rights rights;
  rights.capability = std::move(*granted);
  if (answer->contains("name")) rights.name = string_at(*answer, "name");
  if (answer->contains("role")) rights.role = string_at(*answer, "role");
  const bool role_fits = !rights.role || *rights.role == "customer" || *rights.role == "agent";
  const bool name_fits =
      !rights.name || (!rights.name->empty() && rights.name->size() <= kMaxNameBytes);
  if (role_fits && name_fits) return rights;
  return token_refused("the service of its rights answered with a name or role that is none");
}

RightsLookup::RightsLookup(const config::Issuer& issuer, std::unique_ptr<RightsService> service,
                           const Clock& clock, Metrics& metrics)
    : issuer_(issuer.name),
      settings_(issuer.rights),
      signing_key_(key_of(issuer.rights.secret)),
      service_(std::move(service)),
      clock_(clock),
      answered_(counter(metrics, issuer.name, "answered")),
      refused_(counter(metrics, issuer.name, "refused")),
      failed_(counter(metrics, issuer.name, "failed")) {}

RightsLookup::~RightsLookup() { stop(); }

std::optional<Result<Rights>> RightsLookup::ask(const std::string& token_hash, std::string body,
                                                Done done) {
  const MonotonicTime now = clock_.monotonic();
  const MutexLock lock(mutex_);
  if (stopping_) return fail(ErrorCode::kCancelled, "rights: stopping");
  if (const auto kept = kept_.find(token_hash); kept != kept_.end() && now < kept->second.until) {
    return kept->second.rights;
  }
  if (const auto asking = asking_.find(token_hash); asking != asking_.end()) {
    asking->second.push_back(std::move(done));
    return std::nullopt;
  }
  if (waiting_.size() >= kMaxWaiting) {
    return fail(ErrorCode::kFull, "rights: too many questions wait for issuer " + issuer_);
  }
  asking_[token_hash].push_back(std::move(done));
  waiting_.push_back({token_hash, std::move(body), now + settings_.timeout});
  const auto most = static_cast<std::size_t>(settings_.max_in_flight);
  if (threads_.size() < std::min(most, asking_.size())) {
    threads_.emplace_back([this] { work(); });
  }
  wanted_.notify_one();
  return std::nullopt;
}

void RightsLookup::work() {
  log::name_thread("rights");
  while (true) {
    Question question;
    {
      const MutexLock lock(mutex_);
      while (!stopping_ && waiting_.empty()) wanted_.wait(mutex_);
      if (stopping_) return;
      question = std::move(waiting_.front());
      waiting_.pop_front();
    }
    settle(question.token_hash, answer(question));
  }
}

/// One line when it begins to fail and one when it is well again.
void RightsLookup::tell(bool works, std::string_view why) {
  if (works_.exchange(works) == works) return;
  if (works) {
    log::info("rights_restored", {{"issuer", issuer_}});
  } else {
    log::warn("rights_failing", {{"issuer", issuer_},
                                 {"error", why},
                                 {"next", "its clients are refused until the service answers"}});
  }
}

Result<Rights> RightsLookup::answer(const Question& question) {
  if (clock_.monotonic() >= question.deadline) {
    failed_.add();
    return token_refused("the service of its rights is too slow");
  }
  const auto reply =
      service_->post(signed_headers(signing_key_, question.body, clock_.wall_ms()), question.body);
  if (!reply) {
    tell(false, reply.error().message);
    failed_.add();
    return token_refused("the service of its rights did not answer");
  }
  if (reply->status == 401 || reply->status == 403 || reply->status == 404) {
    tell(true, {});
    refused_.add();
    return token_refused("the service of its rights refused it");
  }
  auto rights = reply->status == 200 ? read_rights(reply->body)
                                     : token_refused("the service of its rights failed, status " +
                                                     std::to_string(reply->status));
  tell(rights.has_value(), rights ? std::string_view() : rights.error().message);
  (rights ? answered_ : failed_).add();
  return rights;
}

void RightsLookup::keep(const std::string& token_hash, const Result<Rights>& rights) {
  const std::chrono::seconds wanted(settings_.cache_s);
  const auto time = rights ? wanted : std::min<std::chrono::seconds>(wanted, kRefusalKept);
  if (time.count() == 0) return;
  kept_.insert_or_assign(token_hash, Kept{rights, clock_.monotonic() + time});
  kept_order_.push_back(token_hash);
  while (kept_order_.size() > settings_.max_cached) {
    kept_.erase(kept_order_.front());
    kept_order_.pop_front();
  }
}

void RightsLookup::settle(const std::string& token_hash, const Result<Rights>& rights) {
  std::vector<Done> asked;
  {
    const MutexLock lock(mutex_);
    const auto asking = asking_.find(token_hash);
    if (asking == asking_.end()) return;  // Stopped meanwhile.
    asked = std::move(asking->second);
    asking_.erase(asking);
    keep(token_hash, rights);
  }
  for (const Done& done : asked) done(rights);
}

void RightsLookup::stop() {
  std::vector<std::thread> threads;
  std::unordered_map<std::string, std::vector<Done>> unanswered;
  {
    const MutexLock lock(mutex_);
    if (std::exchange(stopping_, true)) return;
    threads = std::move(threads_);
    unanswered = std::move(asking_);
    asking_.clear();
    waiting_.clear();
  }
  wanted_.notify_all();
  service_->stop();
  for (std::thread& thread : threads) thread.join();
  const Result<Rights> stopped = fail(ErrorCode::kCancelled, "rights: stopping");
  for (const auto& [token_hash, asked] : unanswered) {
    for (const Done& done : asked) done(stopped);
  }
}

}  // namespace deskwire::publishers
