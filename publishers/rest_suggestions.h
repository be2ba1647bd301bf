#pragma once

#include "publishers/rest.h"

namespace deskwire::publishers {

/// `GET /v1/conversations/{id}/suggestions?persona=`: the quick replies that were last offered in
/// the conversation by that persona, else those that its config lists.
/// `{"suggestions":["…"],"persona":"…"}`; needs the right `history` on the conversation's channel.
///
/// Loop thread only.
void get_suggestions(const Rest::Context& context, const net::HttpRequest& request,
                     const Principal& principal, const Exchange& exchange);

/// True for the path of get_suggestions.
bool is_suggestions_path(std::string_view path);

}  // namespace deskwire::publishers
