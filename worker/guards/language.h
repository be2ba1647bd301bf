#pragma once

#include <string>
#include <string_view>

namespace deskwire::worker {

/// The language of a text as its code ("en", "pt", "zh"); empty where it cannot be told with
/// confidence, as for most texts of a few words.
std::string language_of(std::string_view text);

/// Whether both are known and differ. Languages that are written nearly alike count as one.
bool languages_differ(std::string_view a, std::string_view b);

}  // namespace deskwire::worker
