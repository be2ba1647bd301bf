#pragma once

#include <memory>
#include <string>
#include <vector>

#include "config/replies.h"
#include "worker/responder.h"

namespace deskwire::worker {

/// Answers from rules: the first whose conditions all hold wins; a rule without conditions fits
/// every message. Without a fitting rule it greets and quotes the customer. Never waits.
///
/// Placeholders of a reply: {name} (the customer's, "there" when unknown), {content} (the message,
/// cut at 1000 characters), {persona}, {language}, {date}, {time}, {attribute.<key>} (of the
/// contact; empty when unknown). Anything else in braces stays. What stands for a placeholder is
/// never looked at for placeholders itself, and of attributes and names only one line is taken.
///
/// @errors kInvalid: the rule's reply is empty.
class TemplateResponder final : public Responder {
 public:
  explicit TemplateResponder(const std::vector<config::ReplyRule>& rules,
                             std::string time_zone = "UTC");
  ~TemplateResponder() override;
  Result<Answer> reply(const ReplyContext& context, DraftSink& draft,
                       Cancellation& cancellation) override;

 private:
  struct Rule;
  std::vector<std::unique_ptr<const Rule>> rules_;
  const std::string time_zone_;
};

}  // namespace deskwire::worker
