#pragma once

#include <string>
#include <vector>

namespace deskwire::bench {

/// Whole HTTP requests of signed Chatwoot webhooks, made before the clock starts.
///
/// @param body_file      Exact wire bytes of one message_created event for conversation 1001,
///                       message 5001 (tests/fixtures/chatwoot/wire/message_created.incoming.body).
/// @param count          Requests; request i is message first_id + i with the content
///                       "bench-<i>-", in conversation 100000 + i % conversations.
std::vector<std::string> make_webhooks(const std::string& body_file, const std::string& path,
                                       const std::string& secret, std::size_t count,
                                       std::size_t conversations, std::size_t first_id);

}  // namespace deskwire::bench
