#include "cli/refused_deliveries.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "core/json.h"
#include "jobs/audit_note.h"
#include "webhooks/readmission.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;
using webhooks::RefusedDelivery;
using webhooks::RefusedSummary;

constexpr const char* kRedacted = "[redacted]";

bool is_harmless(std::string_view name) {
  std::string lower(name);
  std::transform(lower.begin(), lower.end(), lower.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  // By what is known to be harmless, so that a new scheme's signature is not shown by mistake.
  for (const char* part : {"timestamp", "delivery", "content-type", "content-encoding"}) {
    if (lower.find(part) != std::string::npos) return true;
  }
  return lower.ends_with("-id");
}

}  // namespace

RefusedDeliveries::RefusedDeliveries(const config::Config& config)
    : sources_(config.sources),
      directory_(config.data_dir + "/quarantine"),
      tolerance_s_(config.receiver.signature_tolerance_s),
      rules_(webhooks::job_rules(config)) {}

Result<std::vector<RefusedSummary>> RefusedDeliveries::list(const RefusedFilter& filter) const {
  auto all = webhooks::list_refused(directory_);
  if (!all) return all;
  std::vector<RefusedSummary> found;
  for (RefusedSummary& one : *all) {
    const bool fits = (filter.source.empty() || one.source == filter.source) &&
                      (filter.refusal.empty() || one.reason == filter.refusal) &&
                      one.at_ms >= filter.since_ms;
    if (fits) found.push_back(std::move(one));
  }
  if (found.size() > filter.limit) {
    found.erase(found.begin(), found.end() - static_cast<std::ptrdiff_t>(filter.limit));
  }
  return found;
}

Result<RefusedDelivery> RefusedDeliveries::read(const std::string& id) const {
  return webhooks::read_refused(directory_, id);
}

Result<webhooks::SignatureReport> RefusedDeliveries::verify(const RefusedDelivery& delivery) const {
  const auto source = std::find_if(sources_.begin(), sources_.end(), [&](const config::Source& s) {
    return s.name == delivery.source;
  });
  if (source == sources_.end()) {
    return fail(ErrorCode::kNotFound, "verify delivery " + delivery.id + ": its source " +
                                          delivery.source + " is not in config sources[]");
  }
  return webhooks::explain_readmission(delivery, *source, sources_, rules_, tolerance_s_);
}

Result<TakenIn> RefusedDeliveries::take_in(const std::string& id, jobs::JobStore& store,
                                           redis::Client& client, const std::string& actor,
                                           const std::string& reason, bool dry_run) const {
  const auto kept = read(id);
  if (!kept) return fail(kept.error());
  auto delivery = webhooks::readmit(*kept, sources_, rules_);
  if (!delivery) return fail(std::move(delivery).error());
  TakenIn taken;
  taken.dry_run = dry_run;
  if (dry_run) return taken;
  if (Status looked_up = webhooks::look_up_mapping(store, *delivery); !looked_up) {
    return fail(std::move(looked_up).error());
  }
  const jobs::EnqueueRequest request = delivery->request(kept->body);
  const jobs::AuditNote note{"take_in", "delivery", id, request.receipt, actor, reason};
  if (Status noted = jobs::write_audit_note(client, request.lane, note); !noted) {
    return fail(std::move(noted).error());
  }
  const auto result = store.enqueue(request);
  if (!result) return fail(result.error());
  taken.job = result->job;
  taken.duplicate = result->duplicate;
  // What it held is with its job now. One that stays behind is only found to be a duplicate.
  (void)webhooks::remove_refused(directory_, {id, kept->at_ms, kept->source, kept->reason, 0});
  return taken;
}

net::Headers shown_headers(const RefusedDelivery& delivery) {
  net::Headers shown = delivery.headers;
  for (auto& [name, value] : shown) {
    if (!is_harmless(name)) value = kRedacted;
  }
  return shown;
}

std::string shown_target(const RefusedDelivery& delivery) {
  // "/webhooks/{source}" is all that is no secret for every way of signing.
  std::string known = "/webhooks/" + delivery.source;
  if (delivery.target == known || !delivery.target.starts_with(known)) return known;
  return known + delivery.target.substr(known.size(), 1) + kRedacted;
}

json to_json(const RefusedSummary& delivery) {
  return {{"id", delivery.id},
          {"at_ms", delivery.at_ms},
          {"source", delivery.source},
          {"reason", delivery.reason},
          {"bytes", delivery.bytes}};
}

json to_json(const RefusedDelivery& delivery, bool with_body) {
  json headers = json::array();
  for (const auto& [name, value] : shown_headers(delivery)) headers.push_back({name, value});
  json out = {{"id", delivery.id},
              {"at_ms", delivery.at_ms},
              {"source", delivery.source},
              {"reason", delivery.reason},
              {"method", delivery.method},
              {"target", shown_target(delivery)},
              {"headers", std::move(headers)},
              {"body_bytes", delivery.body.size()}};
  if (with_body) out["body"] = delivery.body;
  return out;
}

json to_json(const RefusedDelivery& delivery, const webhooks::SignatureReport& report) {
  json parts = json::array();
  for (const auto& part : report.parts) {
    parts.push_back({{"part", part.part}, {"ok", part.ok}, {"detail", part.detail}});
  }
  return {
      {"id", delivery.id},         {"source", delivery.source}, {"refused_for", delivery.reason},
      {"fits_now", report.fits()}, {"reason", report.reason},   {"secrets", report.fitting_secrets},
      {"parts", std::move(parts)}};
}

json to_json(const std::string& id, const TakenIn& taken) {
  const char* result = taken.dry_run ? "would_be_taken" : taken.duplicate ? "duplicate" : "taken";
  return {
      {"id", id}, {"result", result}, {"job", taken.job.empty() ? json(nullptr) : json(taken.job)}};
}

}  // namespace deskwire::cli
