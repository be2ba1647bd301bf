#include "cli/delivery_routes.h"

#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <utility>

#include "cli/refused_deliveries.h"
#include "cli/time_text.h"
#include "core/json.h"

namespace deskwire::cli {
namespace {

using net::HttpRequest;
using net::HttpResponse;
using nlohmann::json;

constexpr std::string_view kDeliveries = "/v1/deliveries";
constexpr std::size_t kMaxListed = 1000;

HttpResponse ok(const json& body) {
  HttpResponse response;
  response.body = dump_json(body) + "\n";
  return response;
}

HttpResponse error_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::kInvalid:
    case ErrorCode::kTooLarge:
      return net::error_response(40001, error.message);
    case ErrorCode::kNotFound:
      return net::error_response(40400, error.message);
    case ErrorCode::kConflict:
    case ErrorCode::kUnauthorized:
      return net::error_response(40900, error.message);
    case ErrorCode::kUnavailable:
    case ErrorCode::kTimeout:
    case ErrorCode::kFull:
    case ErrorCode::kRateLimited:
      return net::error_response(50300, error.message);
    default:
      return net::error_response(50000, error.message);
  }
}

HttpResponse only(const char* method) {
  auto response = net::error_response(40500, "method not allowed");
  response.headers.emplace_back("Allow", method);
  return response;
}

class DeliveryRoutes {
 public:
  DeliveryRoutes(const Snapshot<const config::Config>& config, jobs::JobStore& store,
                 redis::Client& client, const Clock& clock)
      : config_(config), store_(store), client_(client), clock_(clock) {}

  std::optional<HttpResponse> answer(const HttpRequest& request) const {
    const std::string_view path = request.path();
    const bool read = request.method == "GET" || request.method == "HEAD";
    if (path == kDeliveries) return read ? list(request) : only("GET");
    if (!path.starts_with("/v1/deliveries/")) return std::nullopt;
    const std::string_view rest = path.substr(kDeliveries.size() + 1);
    const std::size_t slash = rest.find('/');
    const std::string id(rest.substr(0, slash));
    if (slash == std::string_view::npos) return read ? show(request, id) : only("GET");
    const std::string_view verb = rest.substr(slash + 1);
    if (verb == "verify") return read ? verify(id) : only("GET");
    if (verb == "replay") return request.method == "POST" ? replay(request, id) : only("POST");
    return net::error_response(40400, "no such path");
  }

 private:
  HttpResponse list(const HttpRequest& request) const {
    RefusedFilter filter;
    filter.source = request.query("source");
    filter.refusal = request.query("refusal");
    if (const std::string since = request.query("since"); !since.empty()) {
      const auto at = parse_since(since, clock_.wall_ms());
      if (!at) return error_of(Error(at.error()).prefixed("since"));
      filter.since_ms = *at;
    }
    if (const std::string limit = request.query("limit"); !limit.empty()) {
      const auto [end, error] =
          std::from_chars(limit.data(), limit.data() + limit.size(), filter.limit);
      const bool whole = error == std::errc() && end == limit.data() + limit.size();
      if (!whole || filter.limit < 1 || filter.limit > kMaxListed) {
        return net::error_response(40001, "limit: is not 1.." + std::to_string(kMaxListed));
      }
    }
    const auto found = deliveries().list(filter);
    if (!found) return error_of(found.error());
    json items = json::array();
    for (const auto& one : *found) items.push_back(to_json(one));
    return ok({{"deliveries", std::move(items)}});
  }

  HttpResponse show(const HttpRequest& request, const std::string& id) const {
    const auto delivery = deliveries().read(id);
    if (!delivery) return error_of(delivery.error());
    return ok(to_json(*delivery, request.query("body") == "1"));
  }

  HttpResponse verify(const std::string& id) const {
    const auto delivery = deliveries().read(id);
    if (!delivery) return error_of(delivery.error());
    const auto report = deliveries().verify(*delivery);
    if (!report) return error_of(report.error());
    return ok(to_json(*delivery, *report));
  }

  HttpResponse replay(const HttpRequest& request, const std::string& id) const {
    json options = json::object();
    if (!request.body.empty()) {
      auto parsed = parse_json(request.body);
      if (!parsed || !parsed->is_object()) {
        return net::error_response(40001, "the body is not a JSON object");
      }
      options = std::move(*parsed);
    }
    const auto dry_run = options.find("dry_run");
    if (dry_run != options.end() && !dry_run->is_boolean()) {
      return net::error_response(40001, "dry_run: is not true or false", "dry_run");
    }
    const auto taken =
        deliveries().take_in(id, store_, client_, "admin:" + request.peer_address,
                             string_at(options, "reason"), bool_at(options, "dry_run"));
    if (!taken) return error_of(taken.error());
    return ok(to_json(id, *taken));
  }

  RefusedDeliveries deliveries() const { return RefusedDeliveries(*config_.read()); }

  const Snapshot<const config::Config>& config_;
  jobs::JobStore& store_;
  redis::Client& client_;
  const Clock& clock_;
};

}  // namespace

AdminDoor::Routes delivery_routes(const Snapshot<const config::Config>& config,
                                  jobs::JobStore& store, redis::Client& client,
                                  const Clock& clock) {
  return [routes = std::make_shared<DeliveryRoutes>(config, store, client, clock)](
             const HttpRequest& request) { return routes->answer(request); };
}

}  // namespace deskwire::cli
