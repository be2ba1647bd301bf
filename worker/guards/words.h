#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace deskwire::worker {

/// Lower case of Latin, Greek and Cyrillic letters; everything else as it is. Same length in bytes.
std::string lower_case(std::string_view text);

/// Whether `phrase` stands in `text` as whole words: no letter or digit right before or after it.
/// Both in lower case. An empty phrase stands nowhere.
bool holds_phrase(std::string_view text, std::string_view phrase);

/// The first of `phrases` (in lower case) that stands in `text` (any case); empty: none.
std::string_view phrase_in(std::string_view text, const std::vector<std::string>& phrases);

/// The first `limit` bytes, cut between two characters.
std::string_view cut_bytes(std::string_view text, std::size_t limit);

/// At most `limit` characters; a longer text loses its middle, and says how much.
std::string shortened_middle(std::string_view text, std::size_t limit);

/// At most `limit` characters; a longer text ends after its last whole sentence or word, with "…".
std::string shortened_end(std::string_view text, std::size_t limit);

}  // namespace deskwire::worker
