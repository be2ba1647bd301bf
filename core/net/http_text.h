#pragma once

#include <string>
#include <string_view>

#include "core/net/http_message.h"

namespace deskwire::net {

/// ASCII only, as HTTP's names are.
bool equal_ignoring_case(std::string_view a, std::string_view b);

/// Whether a comma-separated header value has `token` in it, any case.
bool has_token(std::string_view list, std::string_view token);

/// "Not Found"; "Unknown" for a status without a name in RFC 9110 or 6585.
std::string_view reason_phrase(int status);

/// How the length of an answer is told.
enum class Framing { kContentLength, kChunked, kUntilClose };

struct ResponseHead {
  Framing framing = Framing::kContentLength;
  bool keep_alive = true;
  bool http_1_0 = false;
};

/// Appends status line and headers with the empty line. Control characters inside header values
/// become spaces, so that no value can begin another header.
void append_response_head(std::string& out, const HttpResponse& response, const ResponseHead& how);

}  // namespace deskwire::net
