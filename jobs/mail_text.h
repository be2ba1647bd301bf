#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deskwire::jobs {

/// Most tags of a mail that is read as HTML: the parser's time grows with the square of their
/// depth.
inline constexpr std::size_t kMaxMailTags = 4000;
inline constexpr std::size_t kMaxMailBytes = 256U << 10U;

/// Whether a text is HTML and not just a text with angle brackets.
bool is_html_mail(std::string_view text);

/// An HTML mail as text: blocks become lines, list items get a dash, links keep their address where
/// it is not their text. What mail programs quote below an answer (blockquote, Gmail's, Outlook's
/// and Yahoo's containers) is left out, unless nothing else is there. The result still has to go
/// through plain_content, which bounds it and knows what may be shown.
///
/// A mail beyond kMaxMailTags or kMaxMailBytes comes back as it is.
std::string mail_text(std::string_view html);

}  // namespace deskwire::jobs
