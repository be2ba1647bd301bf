#include "publishers/gatekeeper.h"

#include <algorithm>
#include <set>
#include <utility>
#include <vector>

#include "core/hash.h"
#include "core/log.h"
#include "publishers/issuer.h"
#include "publishers/rights_lookup.h"
#include "publishers/token.h"

namespace deskwire::publishers {

namespace {

std::int64_t life_ms(const config::Gateway& settings) { return settings.max_token_life_s * 1000; }

/// Server keys have no least length, so no SignatureKey is made of them.
std::uint64_t fingerprint_of(const config::ServerKey& key) {
  const std::string hash = sha256("server\n" + std::string(key.secret.reveal()));
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof value; ++i) {
    value = (value << 8U) | static_cast<unsigned char>(hash[i]);
  }
  return value;
}

/// The claims with what the service added.
Result<Claims> with_rights(const Issuer& issuer, Claims claims, const Result<Rights>& rights) {
  if (!rights) return fail(rights.error());
  if (Status fine = issuer.check_rights(rights->capability); !fine) return fail(fine.error());
  claims.capability = rights->capability;
  if (rights->name) claims.name = *rights->name;
  if (rights->role) claims.role = *rights->role;
  return claims;
}

}  // namespace

// One set of keys; replaced as a whole. Who holds it may go on with it.
struct Gatekeeper::Table {
  struct Door {
    std::shared_ptr<const Issuer> issuer;
    std::unique_ptr<RightsLookup> rights;  ///< Null: nobody is asked.
  };
  std::shared_ptr<const config::Gateway> settings;
  std::vector<Door> doors;
  std::set<std::uint64_t> keys;  ///< Fingerprints of all that are listed.

  void stop() {
    for (const Door& door : doors) {
      if (door.rights) door.rights->stop();
    }
  }
};

std::shared_ptr<Gatekeeper::Table> Gatekeeper::make_table(const config::Gateway& settings,
                                                          Status& status) const {
  auto table = std::make_shared<Table>();
  table->settings = std::make_shared<const config::Gateway>(settings);
  for (const config::SigningKey& key : settings.keys) {
    table->keys.insert(publishers::fingerprint_of(key));
  }
  for (const config::ServerKey& key : settings.server_keys) {
    table->keys.insert(fingerprint_of(key));
  }
  for (const config::Issuer& one : settings.issuers) {
    auto issuer = Issuer::make(one, life_ms(settings));
    if (!issuer) {
      status = fail(std::move(issuer.error()).prefixed("gateway.issuers"));
      continue;
    }
    for (const NamedSignatureKey& key : issuer->keys()) table->keys.insert(key.key.fingerprint());
    Table::Door door;
    if (issuer->asks()) {
      door.rights = std::make_unique<RightsLookup>(one, rights_(one.rights), clock_, metrics_);
    }
    door.issuer = std::make_shared<const Issuer>(std::move(*issuer));
    table->doors.push_back(std::move(door));
  }
  return table;
}

Gatekeeper::Gatekeeper(const config::Gateway& settings, RightsServiceFactory rights,
                       const Clock& clock, Metrics& metrics)
    : rights_(std::move(rights)), clock_(clock), metrics_(metrics) {
  Status status;
  table_ = make_table(settings, status);
  if (!status) log::error("issuer_unusable", {{"error", status.error().message}});
}

Gatekeeper::~Gatekeeper() { stop(); }

std::shared_ptr<Gatekeeper::Table> Gatekeeper::table() const {
  const MutexLock lock(mutex_);
  return table_;
}

std::shared_ptr<const config::Gateway> Gatekeeper::settings() const { return table()->settings; }

Status Gatekeeper::reload(const config::Gateway& settings) {
  Status status;
  auto fresh = make_table(settings, status);
  if (!status) return status;
  {
    const MutexLock lock(mutex_);
    table_.swap(fresh);
  }
  // Sessions that wait for an answer of the old table's services are refused and come back.
  fresh->stop();
  return {};
}

void Gatekeeper::stop() { table()->stop(); }

Answer<Principal> Gatekeeper::checked(Result<Claims> claims) const {
  if (!claims && claims.error().code == ErrorCode::kStale) {
    return refuse(ReplyCode::kTokenExpired, "token expired");
  }
  if (!claims) return refuse(ReplyCode::kTokenRefused, claims.error().message);
  Principal principal{false, std::move(*claims)};
  if (auto refusal = objection(principal)) return tl::unexpected(std::move(*refusal));
  return principal;
}

std::optional<Refusal> Gatekeeper::objection(const Principal& principal) const {
  const Claims& claims = principal.claims;
  if (!principal.server && revocations_.covers(claims.client_id, claims.issued_ms)) {
    return Refusal{ReplyCode::kTokenRefused, "token revoked"};
  }
  if (!table()->keys.contains(claims.key)) {
    return Refusal{ReplyCode::kTokenRefused, "token refused: its key is not listed any more"};
  }
  return std::nullopt;
}

std::optional<Answer<Principal>> Gatekeeper::admit(std::string_view token, const LoopGatePtr& gate,
                                                   Done done) {
  const auto jwt = parse_jwt(token);
  if (!jwt) return checked(fail(jwt.error()));
  const auto keys = table();
  const std::int64_t now_ms = clock_.wall_ms();
  auto claims = verify_token(*jwt, keys->settings->keys, now_ms, life_ms(*keys->settings));
  if (claims || claims.error().code == ErrorCode::kStale) return checked(std::move(claims));
  for (const Table::Door& door : keys->doors) {
    if (!door.issuer->is_named_by(*jwt)) continue;
    claims = door.issuer->verify(*jwt, now_ms);
    if (!claims && claims.error().code == ErrorCode::kUnauthorized) continue;
    if (!claims || !door.issuer->asks()) return checked(std::move(claims));
    auto known = door.rights->ask(
        sha256(token), rights_question(door.issuer->settings().name, *claims, *jwt->claims),
        [this, gate, issuer = door.issuer, claims = *claims,
         done = std::move(done)](const Result<Rights>& rights) {
          gate->post(
              [done, answer = checked(with_rights(*issuer, claims, rights))] { done(answer); });
        });
    if (!known) return std::nullopt;
    return checked(with_rights(*door.issuer, std::move(*claims), *known));
  }
  return checked(std::move(claims));
}

std::optional<Answer<Principal>> Gatekeeper::admit(const net::HttpRequest& request,
                                                   const LoopGatePtr& gate, Done done) {
  std::string credential(bearer_of(request));
  if (credential.empty()) credential = request.query("token");
  if (credential.empty()) {
    return refuse(ReplyCode::kTokenRefused, "a token or server key is needed");
  }
  const auto keys = settings();
  // All are compared, so that the time does not tell which one came close.
  const config::ServerKey* match = nullptr;
  for (const config::ServerKey& key : keys->server_keys) {
    if (constant_time_equal(key.secret.reveal(), credential)) match = &key;
  }
  if (match == nullptr) return admit(credential, gate, std::move(done));
  Principal principal;
  principal.server = true;
  principal.claims.capability = match->capability;
  principal.claims.key = fingerprint_of(*match);
  return principal;
}

}  // namespace deskwire::publishers
