#include "config/problems.h"

#include "core/json.h"

namespace deskwire::config {
namespace {

constexpr std::size_t kShownBytes = 80;

/// "sources[0]" of "sources[0].secrets".
std::string_view object_of(std::string_view path) {
  const std::size_t dot = path.rfind('.');
  return dot == std::string_view::npos ? path : path.substr(0, dot);
}

}  // namespace

void Problems::add(std::string_view path, std::string_view text) {
  if (items_.size() == kMax) {
    ++dropped_;
    return;
  }
  items_.push_back({std::string(path), std::string(text)});
}

void Problems::add_unrelated(const Problems& others) {
  const std::size_t own = items_.size();
  for (const Item& other : others.items_) {
    const std::string_view object = object_of(other.path);
    bool related = false;
    for (std::size_t i = 0; i < own; ++i) {
      related = related || object_of(items_[i].path).starts_with(object);
    }
    if (!related) add(other.path, other.text);
  }
}

std::string Problems::text(std::string_view document) const {
  std::string all;
  for (const Item& item : items_) {
    if (!all.empty()) all += '\n';
    all.append(document).append(item.path.empty() ? "" : " " + item.path).append(": ");
    all += item.text;
  }
  if (dropped_ > 0)
    all.append("\n").append(document) += ": and " + std::to_string(dropped_) + " more mistakes";
  return all;
}

std::string in_quotes(std::string_view value) {
  if (value.size() <= kShownBytes) return json_quote(value);
  return json_quote(std::string(value.substr(0, kShownBytes)) + "...");
}

}  // namespace deskwire::config
