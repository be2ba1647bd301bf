#pragma once

#include <string>
#include <vector>

#include "config/config.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// Answers from rules: the first whose `contains` is found in the message wins, whatever the case
/// (Latin, Greek and Cyrillic letters). `{name}` becomes the customer's name ("there" when it is
/// unknown), `{content}` the message, cut at 1000 characters. Without a fitting rule it greets and
/// quotes the customer. Never waits.
///
/// @errors kInvalid: the rule's reply is empty.
class TemplateResponder final : public Responder {
 public:
  explicit TemplateResponder(std::vector<config::ReplyRule> rules);
  Result<std::string> reply(const ReplyContext& context, Cancellation& cancellation) override;

 private:
  const std::vector<config::ReplyRule> rules_;  ///< `contains` in lower case.
};

}  // namespace deskwire::worker
