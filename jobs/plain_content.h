#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace deskwire::jobs {

/// Longest message content, in characters (code points); the same as Chatwoot's own limit.
inline constexpr std::size_t kMaxContentCharacters = 150'000;
/// Longest name of a person.
inline constexpr std::size_t kMaxNameCharacters = 256;

/// Turns text from outside, which may be HTML from an e-mail, into plain text or Markdown. Nothing
/// of HTML is allowed through; everything that only looks a little like HTML stays text:
/// - tags are dropped, block tags become line breaks, `script`, `style` and their like lose their
///   contents too;
/// - entities are decoded once;
/// - angle brackets around an address (`<ann@example.com>`) are dropped, the address stays;
/// - any other `<` stays ("a < b"); where a browser could still read it as the start of a tag, a
///   space is put behind it. So the result never holds `<` followed by a letter, `/` and a letter,
///   `!` or `?`, and a client that forgets to escape shows text instead of running it;
/// - carriage returns and control characters other than tab and line feed are dropped.
///
/// Cost: linear in the text, whatever it holds.
///
/// @param text            UTF-8.
/// @param max_characters  What is longer is cut between two code points.
std::string plain_content(std::string_view text,
                          std::size_t max_characters = kMaxContentCharacters);

/// The first `max_characters` code points of valid UTF-8.
std::string_view cut_characters(std::string_view text, std::size_t max_characters);

}  // namespace deskwire::jobs
