#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "config/config.h"
#include "core/result.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::worker {

/// Reads from Chatwoot's API what its webhooks should have said.
///
/// Thread safety: messages_between from one thread at a time; stop from any.
class ChatwootReader {
 public:
  /// @param source  Of type chatwoot, with account_id, base_url and user_token.
  explicit ChatwootReader(const config::Source& source);

  /// Bodies as of the webhook `message_created`, for every message made in [since, until), each
  /// conversation's oldest first. What was said in them before is not asked for again.
  ///
  /// @errors As HelpdeskClient; of reads, so that nothing has an unknown outcome. kTooLarge: more
  ///         conversations or messages than one look takes; look again with a later `since`.
  Result<std::vector<std::string>> messages_between(std::int64_t since_s, std::int64_t until_s);
  void stop() { http_.stop(); }

 private:
  Result<nlohmann::json> get(const std::string& path);
  Result<std::vector<nlohmann::json>> conversations_since(std::int64_t since_s);
  Status read_messages(const nlohmann::json& conversation, std::int64_t since_s,
                       std::int64_t until_s, std::vector<std::string>& bodies);

  const config::Source source_;
  HttpClient http_;
};

}  // namespace deskwire::worker
