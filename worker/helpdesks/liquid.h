#pragma once

#include <string>
#include <string_view>

namespace deskwire::worker {

/// The same text to the eye, but no longer a Liquid template: a word joiner (U+2060, invisible) is
/// put between the two characters of every `{{` and `{%`.
///
/// Chatwoot renders every outgoing message as Liquid with the contact, the agent and the account in
/// reach, so that a model's `{{ contact.email }}` would leak data and `{% … %}` would make text
/// vanish. Backticks do not protect: Chatwoot wraps them in `{% raw %}`, which an `{% endraw %}`
/// inside them ends. Source: chatwoot, app/models/concerns/liquidable.rb.
std::string neutralise_liquid(std::string_view text);

}  // namespace deskwire::worker
