#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace deskwire::config {

/// The known word that `word` was probably meant to be.
///
/// @return  The first one that only adds to it ("lease" is "lease_ms" without its unit); else the
///          one with the fewest insertions, deletions, replacements and swaps of neighbours,
///          if these are at most a third of the word (at least two); else nullopt.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& known);

}  // namespace deskwire::config
