#pragma once

#include <string>
#include <string_view>
#include <utility>

namespace deskwire::config {

/// A secret value. Cannot be printed: no operator<<, no conversion to string.
/// Compare with constant_time_equal(reveal(), …).
class Secret {
 public:
  Secret() = default;
  explicit Secret(std::string value) : value_(std::move(value)) {}
  /// The bytes, for cryptography and wire headers only.
  std::string_view reveal() const { return value_; }
  bool empty() const { return value_.empty(); }

 private:
  std::string value_;
};

}  // namespace deskwire::config
