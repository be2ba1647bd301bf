#pragma once

#include <string>
#include <string_view>

namespace deskwire::worker {

/// A mail's own words: without the older mails that it quotes below them (lines with ">", "On …
/// wrote:" and its like in several languages, "-----Original Message-----", blocks of "From: …
/// Sent: …") and without its signature ("-- "). A mail that would lose everything stays as it is.
/// Pure.
std::string without_quoted_history(std::string_view text);

}  // namespace deskwire::worker
