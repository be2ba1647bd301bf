#include "jobs/mail_text.h"

#include <gumbo.h>

#include <algorithm>
#include <array>
#include <memory>
#include <vector>

namespace deskwire::jobs {
namespace {

std::string_view attribute(const GumboNode& node, const char* name) {
  const GumboAttribute* found = gumbo_get_attribute(&node.v.element.attributes, name);
  return found == nullptr ? std::string_view() : std::string_view(found->value);
}

bool is_hidden(GumboTag tag) {
  return tag == GUMBO_TAG_SCRIPT || tag == GUMBO_TAG_STYLE || tag == GUMBO_TAG_HEAD ||
         tag == GUMBO_TAG_TITLE || tag == GUMBO_TAG_TEMPLATE;
}

bool is_block(GumboTag tag) {
  static constexpr std::array kBlocks{
      GUMBO_TAG_P,  GUMBO_TAG_DIV, GUMBO_TAG_TR, GUMBO_TAG_TABLE, GUMBO_TAG_UL,
      GUMBO_TAG_OL, GUMBO_TAG_H1,  GUMBO_TAG_H2, GUMBO_TAG_H3,    GUMBO_TAG_H4,
      GUMBO_TAG_LI, GUMBO_TAG_PRE, GUMBO_TAG_BR, GUMBO_TAG_HR,    GUMBO_TAG_BLOCKQUOTE};
  return std::find(kBlocks.begin(), kBlocks.end(), tag) != kBlocks.end();
}

/// A container in which mail programs put the older mails.
bool is_quote(const GumboNode& node) {
  if (node.v.element.tag == GUMBO_TAG_BLOCKQUOTE) return true;
  const std::string_view id = attribute(node, "id");
  if (id == "divRplyFwdMsg" || id == "appendonsend" || id == "reply-intro") return true;
  const std::string_view classes = attribute(node, "class");
  static constexpr std::array<std::string_view, 5> kClasses{
      "gmail_quote", "yahoo_quoted", "moz-cite-prefix", "protonmail_quote", "gmail_attr"};
  return std::any_of(kClasses.begin(), kClasses.end(), [classes](std::string_view name) {
    return classes.find(name) != std::string_view::npos;
  });
}

struct Destroy {
  void operator()(GumboOutput* output) const {
    gumbo_destroy_output(&kGumboDefaultOptions, output);
  }
};

class Writer {
 public:
  explicit Writer(bool with_quotes) : with_quotes_(with_quotes) {}

  /// Walks without recursion: how deep a mail nests is its sender's choice, the stack is ours.
  void write(const GumboNode& root) {
    std::vector<Open> open;
    enter(root, open);
    while (!open.empty()) {
      Open& innermost = open.back();
      const GumboVector& children = innermost.node->v.element.children;
      if (innermost.next < children.length) {
        enter(*static_cast<const GumboNode*>(children.data[innermost.next++]), open);
      } else {
        leave(*innermost.node, innermost.from);
        open.pop_back();
      }
    }
  }

  std::string take() {
    const std::size_t end = text_.find_last_not_of(" \n");
    text_.erase(end == std::string::npos ? 0 : end + 1);
    return std::move(text_);
  }

 private:
  /// An element whose children are being written.
  struct Open {
    const GumboNode* node;
    std::size_t from;   ///< Where its text begins.
    unsigned next = 0;  ///< The child that is next.
  };

  void enter(const GumboNode& node, std::vector<Open>& open) {
    if (node.type == GUMBO_NODE_WHITESPACE) return add_text(" ");
    if (node.type == GUMBO_NODE_TEXT || node.type == GUMBO_NODE_CDATA) {
      return add_text(node.v.text.text);
    }
    if (node.type != GUMBO_NODE_ELEMENT) return;
    const GumboTag tag = node.v.element.tag;
    if (is_hidden(tag) || (!with_quotes_ && is_quote(node))) return;
    if (is_block(tag)) end_line();
    if (tag == GUMBO_TAG_LI) text_ += "- ";
    open.push_back({&node, text_.size()});
  }

  void leave(const GumboNode& node, std::size_t from) {
    const GumboTag tag = node.v.element.tag;
    if (tag == GUMBO_TAG_A) add_address(attribute(node, "href"), from);
    if (tag == GUMBO_TAG_TD || tag == GUMBO_TAG_TH) add_text(" ");
    if (is_block(tag)) end_line();
    if (tag == GUMBO_TAG_P && !text_.ends_with("\n\n") && !text_.empty()) text_ += '\n';
  }

  void add_address(std::string_view address, std::size_t from) {
    const bool web = address.starts_with("http://") || address.starts_with("https://");
    const bool shown = std::string_view(text_).substr(std::min(from, text_.size())).find(address) !=
                       std::string_view::npos;
    if (web && !shown) text_ += " (" + std::string(address) + ")";
  }

  /// Runs of white space are one space, as in a browser.
  void add_text(std::string_view text) {
    for (const char c : text) {
      const bool space = c == ' ' || c == '\n' || c == '\t' || c == '\r';
      if (!space) {
        text_ += c;
      } else if (!text_.empty() && text_.back() != ' ' && text_.back() != '\n') {
        text_ += ' ';
      }
    }
  }

  void end_line() {
    while (!text_.empty() && text_.back() == ' ') text_.pop_back();
    if (!text_.empty() && text_.back() != '\n') text_ += '\n';
  }

  const bool with_quotes_;
  std::string text_;
};

}  // namespace

bool is_html_mail(std::string_view text) {
  static constexpr std::array<std::string_view, 8> kSigns{"<html", "<body", "<div",   "<p>",
                                                          "<p ",   "<br",   "<table", "</"};
  std::string begun(text.substr(0, 4096));
  std::transform(begun.begin(), begun.end(), begun.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::any_of(kSigns.begin(), kSigns.end(), [&begun](std::string_view sign) {
    return begun.find(sign) != std::string::npos;
  });
}

std::string mail_text(std::string_view html) {
  const auto tags = static_cast<std::size_t>(std::count(html.begin(), html.end(), '<'));
  if (html.size() > kMaxMailBytes || tags > kMaxMailTags) return std::string(html);
  GumboOptions options = kGumboDefaultOptions;
  options.max_errors = 0;
  const std::unique_ptr<GumboOutput, Destroy> output(
      gumbo_parse_with_options(&options, html.data(), html.size()));
  Writer own(false);
  own.write(*output->root);
  std::string text = own.take();
  if (!text.empty()) return text;
  Writer all(true);
  all.write(*output->root);
  return all.take();
}

}  // namespace deskwire::jobs
