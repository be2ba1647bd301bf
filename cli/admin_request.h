#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <string_view>

#include "core/net/http_message.h"
#include "core/result.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

// What operators' requests at the admin door have in common.
bool is_read(const net::HttpRequest& request);  ///< GET or HEAD

/// What a body may say, besides the texts "actor" and "reason". No text is empty: a filter that
/// says nothing would change far more than was meant.
struct BodyField {
  enum class Type : std::uint8_t { kText, kFlag, kInteger, kId, kIds };
  std::string_view name;
  Type type = Type::kText;  ///< kId: text or an integer; kIds: a list of texts.
};
/// The body of a change: an object, {} when there is none.
/// @errors kInvalid: no object, an unknown field (names the known ones), or one of another type.
Result<nlohmann::json> body_of(const net::HttpRequest& request,
                               std::initializer_list<BodyField> fields);
/// For the audit: "actor" of the body with the address it came from, or the address alone.
jobs::Operator operator_of(const net::HttpRequest& request, const nlohmann::json& body);

}  // namespace deskwire::cli
