#include "jobs/plain_content.h"

#include <algorithm>
#include <array>

#include "jobs/html_entities.h"

namespace deskwire::jobs {
namespace {

constexpr auto kBlockTags = std::to_array<std::string_view>(
    {"address", "article",  "aside",  "blockquote", "br",    "dd",    "div",  "dl",
     "dt",      "fieldset", "figure", "footer",     "form",  "h1",    "h2",   "h3",
     "h4",      "h5",       "h6",     "header",     "hr",    "li",    "main", "nav",
     "ol",      "p",        "pre",    "section",    "table", "tbody", "tr",   "ul"});
constexpr auto kInlineTags = std::to_array<std::string_view>(
    {"a",        "abbr",     "acronym",  "applet",   "area",    "audio",    "b",        "base",
     "bdi",      "bdo",      "big",      "body",     "button",  "canvas",   "caption",  "center",
     "cite",     "code",     "col",      "colgroup", "data",    "datalist", "del",      "details",
     "dfn",      "dialog",   "em",       "embed",    "font",    "frame",    "frameset", "head",
     "html",     "i",        "iframe",   "img",      "input",   "ins",      "kbd",      "label",
     "legend",   "link",     "map",      "mark",     "marquee", "math",     "meta",     "meter",
     "nobr",     "noscript", "object",   "optgroup", "option",  "output",   "param",    "picture",
     "progress", "q",        "s",        "samp",     "script",  "select",   "small",    "source",
     "span",     "strike",   "strong",   "style",    "sub",     "summary",  "sup",      "svg",
     "td",       "template", "textarea", "tfoot",    "th",      "thead",    "time",     "title",
     "track",    "tt",       "u",        "var",      "video",   "wbr",      "xml",      "xmp"});
// What these hold is never text for a reader.
constexpr auto kSilentTags =
    std::to_array<std::string_view>({"iframe", "script", "style", "template", "title"});

constexpr std::size_t kLongestTagName = 16;

bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

template <typename Names>
bool contains(const Names& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool is_element(std::string_view name) {
  return contains(kBlockTags, name) || contains(kInlineTags, name);
}

/// True where a browser's tokenizer would leave the text state at this '<'
/// (HTML Living Standard, 13.2.5.6 "Tag open state").
bool opens_markup(std::string_view after_bracket) {
  if (after_bracket.empty()) return false;
  const char first = after_bracket[0];
  if (is_letter(first) || first == '!' || first == '?') return true;
  return first == '/' && after_bracket.size() > 1 && is_letter(after_bracket[1]);
}

/// One pass over the text. Searches that failed once are never repeated (the members below), so
/// that hostile text cannot make the pass quadratic.
class Cleaner {
 public:
  explicit Cleaner(std::string_view text) : text_(text), last_close_(text.rfind('>')) {}

  std::string run() {
    out_.reserve(text_.size());
    while (at_ < text_.size()) {
      const char c = text_[at_];
      if (c == '<') {
        markup();
      } else if (c == '&') {
        entity();
      } else {
        put(c);
        ++at_;
      }
    }
    return finish();
  }

 private:
  void put(char c) {
    const auto byte = static_cast<unsigned char>(c);
    if ((byte < 0x20U && c != '\n' && c != '\t') || byte == 0x7FU) return;
    out_ += c;
  }

  void entity() {
    const std::size_t taken = decode_entity(text_.substr(at_), out_);
    if (taken == 0) out_ += '&';
    at_ += std::max<std::size_t>(taken, 1);
  }

  void markup() {
    const std::string_view rest = text_.substr(at_ + 1);
    if (!opens_markup(rest) || last_close_ == std::string_view::npos || at_ > last_close_) {
      return literal();
    }
    if (rest.substr(0, 3) == "!--") return comment();
    if (rest[0] == '!' || rest[0] == '?') return drop(find_close(at_ + 1), {}, false);
    const bool closing = rest[0] == '/';
    const std::size_t name_at = at_ + (closing ? 2 : 1);
    std::string name;
    std::size_t end = name_at;
    while (end < text_.size() && name.size() < kLongestTagName &&
           (is_letter(text_[end]) || is_digit(text_[end]) || text_[end] == '-')) {
      name += lower(text_[end++]);
    }
    const char next = end < text_.size() ? text_[end] : '\0';
    const bool name_ends = is_space(next) || next == '/' || next == '>';
    // A custom element ("o:p" of Office mails, "x-card") is markup as well.
    const bool custom = next == ':' || name.find('-') != std::string::npos;
    if (name_ends && is_element(name)) return drop(find_close(end), name, closing);
    if (address()) return;
    if (custom) return drop(find_close(end), {}, false);
    literal();
  }

  void literal() {
    out_ += '<';
    ++at_;
  }

  void comment() {
    if (comments_end_) {
      const std::size_t end = text_.find("-->", at_ + 4);
      if (end != std::string_view::npos) {
        had_tags_ = true;
        at_ = end + 3;
        return;
      }
      comments_end_ = false;
    }
    literal();
  }

  /// `<https://…>` and `<ann@example.com>`: how Markdown and mail programs write addresses.
  bool address() {
    constexpr std::size_t kLongestAddress = 2048;
    const std::string_view rest = text_.substr(at_ + 1, kLongestAddress);
    const auto* end = std::find_if(rest.begin(), rest.end(), [](char c) {
      return c == '>' || c == '<' || c == '"' || c == '\'' || is_space(c);
    });
    if (end == rest.end() || *end != '>') return false;
    const std::string_view inner = rest.substr(0, static_cast<std::size_t>(end - rest.begin()));
    const bool link =
        inner.find("://") != std::string_view::npos || inner.substr(0, 7) == "mailto:";
    if (!link && inner.find('@') == std::string_view::npos) return false;
    for (const char c : inner) put(c);
    at_ += inner.size() + 2;
    return true;
  }

  /// The position of the '>' that ends the tag, knowing quoted attribute values. There is a '>'
  /// further on: markup() has looked.
  std::size_t find_close(std::size_t from) {
    if (quotes_close_) {
      char quote = '\0';
      bool after_equals = false;
      for (std::size_t i = from; i < text_.size(); ++i) {
        const char c = text_[i];
        if (quote != '\0') {
          if (c == quote) quote = '\0';
          continue;
        }
        if (c == '>') return i;
        if (after_equals && (c == '"' || c == '\'')) quote = c;
        if (!is_space(c)) after_equals = c == '=';
      }
      quotes_close_ = false;
    }
    return text_.find('>', from);
  }

  void drop(std::size_t close, std::string_view name, bool closing) {
    had_tags_ = true;
    at_ = close + 1;
    if (contains(kBlockTags, name)) out_ += '\n';
    if (!closing && contains(kSilentTags, name)) skip_contents(name);
  }

  /// Up to the end tag; to the end of the text when there is none.
  void skip_contents(std::string_view name) {
    for (; at_ < text_.size(); ++at_) {
      if (text_[at_] != '<' || text_.substr(at_ + 1, 1) != "/") continue;
      const std::string_view candidate = text_.substr(at_ + 2, name.size());
      const bool same = candidate.size() == name.size() &&
                        std::equal(name.begin(), name.end(), candidate.begin(),
                                   [](char wanted, char found) { return wanted == lower(found); });
      if (!same) continue;
      const std::size_t close = text_.find('>', at_);
      at_ = close == std::string_view::npos ? text_.size() : close + 1;
      return;
    }
  }

  /// Decoded entities and dropped tags may have put a new tag together, so the promise about '<'
  /// is kept here, on the result.
  std::string finish() const {
    std::string result;
    result.reserve(out_.size());
    std::size_t breaks = 0;
    for (std::size_t i = 0; i < out_.size(); ++i) {
      const char c = out_[i];
      if (had_tags_ && c == '\n') {
        // Nested blocks of a mail would leave a page of empty lines.
        if (++breaks > 2 || result.empty()) continue;
      } else if (!is_space(c)) {
        breaks = 0;
      }
      result += c;
      if (c == '<' && opens_markup(std::string_view(out_).substr(i + 1))) result += ' ';
    }
    while (had_tags_ && !result.empty() && is_space(result.back())) result.pop_back();
    return result;
  }

  std::string_view text_;
  std::size_t last_close_;
  std::size_t at_ = 0;
  std::string out_;
  bool had_tags_ = false;
  bool comments_end_ = true;
  bool quotes_close_ = true;
};

bool is_plain(std::string_view text) {
  return std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '<' || c == '&' || byte == 0x7FU || (byte < 0x20U && c != '\n' && c != '\t');
  });
}

}  // namespace

std::string_view cut_characters(std::string_view text, std::size_t max_characters) {
  if (text.size() <= max_characters) return text;
  std::size_t characters = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool continuation = (static_cast<unsigned char>(text[i]) & 0xC0U) == 0x80U;
    if (!continuation && characters++ == max_characters) return text.substr(0, i);
  }
  return text;
}

std::string plain_content(std::string_view text, std::size_t max_characters) {
  if (is_plain(text)) return std::string(cut_characters(text, max_characters));
  std::string cleaned = Cleaner(text).run();
  cleaned.resize(cut_characters(cleaned, max_characters).size());
  return cleaned;
}

}  // namespace deskwire::jobs
