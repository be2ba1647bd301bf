#include "cli/on_call_watch.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <iostream>
#include <nlohmann/json.hpp>
#include <set>
#include <thread>

#include "cli/exit_code.h"
#include "cli/jobs_commands.h"
#include "cli/on_call_screen.h"
#include "core/clock.h"
#include "core/json.h"
#include "publishers/snooze.h"
#include "publishers/token.h"
#include "publishers/websocket_client.h"
#include "worker/helpdesks/http_client.h"

namespace deskwire::cli {
namespace {

using nlohmann::json;
using publishers::WebSocketClient;

constexpr std::int64_t kTokenMs = 24LL * 3600 * 1000;
constexpr Milliseconds kTick{250};
constexpr Milliseconds kSlice{500};
constexpr Milliseconds kRefresh{15000};
constexpr Milliseconds kAskTimeout{5000};
constexpr char kControlC = 3;

/// Keys come at once and are not shown; the screen is another one. Undone when it goes.
class RawTerminal {
 public:
  RawTerminal() {
    ::tcgetattr(STDIN_FILENO, &before_);
    termios raw = before_;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO | ISIG);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    std::cout << "\x1b[?1049h\x1b[?25l" << std::flush;
  }
  ~RawTerminal() {
    std::cout << "\x1b[?25h\x1b[?1049l" << std::flush;
    ::tcsetattr(STDIN_FILENO, TCSANOW, &before_);
  }
  RawTerminal(const RawTerminal&) = delete;
  RawTerminal& operator=(const RawTerminal&) = delete;

 private:
  termios before_{};
};

std::string token_of(const config::Config& config) {
  publishers::Claims claims;
  claims.client_id = "deskwire-watch";
  // The audit shall name the same person as for `sla ack`.
  claims.name = known_operator({}).actor;
  claims.role = "agent";
  claims.issued_ms = SystemClock().wall_ms();
  claims.expires_ms = claims.issued_ms + kTokenMs;
  claims.capability["oncall"] = {"subscribe", "history", "sla"};
  return publishers::sign_token(claims, config.gateway.keys.front());
}

/// ws://host:port/v1/ws -> http://host:port
std::string http_of(const std::string& socket_url) {
  const std::string rest = socket_url.substr(socket_url.find("://") + 3);
  return "http://" + rest.substr(0, rest.find('/'));
}

/// Hears that something changed about alerts, on a thread of its own, and reconnects.
class Listener {
 public:
  Listener(std::string url, const std::string& token) : url_(std::move(url)) {
    options_.headers.emplace_back("Authorization", "Bearer " + token);
    thread_ = std::thread([this] { run(); });
  }
  ~Listener() {
    stopping_ = true;
    thread_.join();
  }
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  bool connected() const { return connected_; }
  bool take_news() { return news_.exchange(false); }

 private:
  void run() {
    while (!stopping_) {
      if (auto client = WebSocketClient::connect(url_, options_)) follow(*client);
      connected_ = false;
      for (int i = 0; i < 4 && !stopping_; ++i) std::this_thread::sleep_for(kTick);
    }
  }

  void follow(WebSocketClient& client) {
    if (!client.send_text(R"({"id":1,"subscribe":{"channel":"oncall"}})")) return;
    while (!stopping_) {
      const auto message = client.receive(kSlice);
      if (!message) return;
      if (!*message) continue;
      const auto frame = parse_json((*message)->payload);
      if (!frame || !frame->is_object() || frame->contains("disconnect")) return;
      if (frame->contains("ok")) connected_ = true;
      news_ = true;
    }
  }

  const std::string url_;
  WebSocketClient::Options options_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> connected_{false};
  std::atomic<bool> news_{true};
  std::thread thread_;
};

class OnCallWatch {
 public:
  OnCallWatch(const config::Config& config, const std::string& url)
      : token_(token_of(config)), http_({http_of(url), kAskTimeout, 8U << 20U}) {}

  /// @errors of the first look: nothing was shown yet.
  Status look() {
    worker::HttpRequest request;
    request.method = "GET";
    request.path = "/v1/sla/clocks";
    request.headers.emplace_back("Authorization", "Bearer " + token_);
    const auto answer = http_.send(request);
    if (!answer) return fail(answer.error());
    const auto body = parse_json(answer->body);
    if (answer->status != 200 || !body) {
      return fail(ErrorCode::kUnavailable,
                  "the gateway answered " + std::to_string(answer->status));
    }
    clocks_ = json::array();
    for (const json& clock : body->value("clocks", json::array())) {
      if (integer_at(clock, "ended_ms").value_or(0) == 0) clocks_.push_back(clock);
    }
    looked_at_ = std::chrono::steady_clock::now();
    note_missed();
    return {};
  }

  int run(const std::string& url) {
    Listener listener(url, token_);
    const RawTerminal terminal;
    while (true) {
      view_.connected = listener.connected();
      const bool stale = std::chrono::steady_clock::now() - looked_at_ > kRefresh;
      if (listener.take_news() || stale) note(look());
      if (ring_) std::cout << '\a';
      ring_ = false;
      draw();
      pollfd input{STDIN_FILENO, POLLIN, 0};
      ::poll(&input, 1, static_cast<int>(kTick.count()));
      if (!take_keys()) return kDone;
    }
  }

 private:
  /// The bell rings once for each missed clock that nobody has taken: by what is seen, not by what
  /// is heard, so also for what was missed before the connection stood or while it was lost.
  void note_missed() {
    std::set<std::string> missed;
    for (const json& clock : clocks_) {
      const bool taken = string_at(object_at(clock, "ack"), "state", "none") != "none";
      if (!bool_at(clock, "breached") || taken) continue;
      const std::string alert = string_at(clock, "alert_key");
      ring_ = ring_ || !missed_.contains(alert);
      missed.insert(alert);
    }
    missed_ = std::move(missed);
  }

  void note(const Status& status) {
    if (!status) view_.message = status.error().message;
  }

  void draw() {
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
      view_.width = size.ws_col;
      view_.height = size.ws_row;
    }
    if (view_.selected >= clocks_.size()) {
      view_.selected = clocks_.empty() ? 0 : clocks_.size() - 1;
    }
    std::cout << draw_on_call(clocks_, view_, SystemClock().wall_ms()) << std::flush;
  }

  /// @return False: quit.
  bool take_keys() {
    std::array<char, 64> keys{};
    const ssize_t count = ::read(STDIN_FILENO, keys.data(), keys.size());
    for (ssize_t i = 0; i < count; ++i) {
      const char key = keys.at(static_cast<std::size_t>(i));
      if (key == 'q' || key == kControlC) return false;
      const bool arrow = key == '\x1b' && i + 2 < count;
      const char letter = arrow ? keys.at(static_cast<std::size_t>(i + 2)) : key;
      if (arrow) i += 2;
      if ((arrow && letter == 'A') || key == 'k') {
        if (view_.selected > 0) --view_.selected;
      } else if ((arrow && letter == 'B') || key == 'j') {
        ++view_.selected;
      } else if (key == 'a') {
        mark("ack", "{}");
      } else if (key == 'u') {
        mark("unack", "{}");
      } else if (key == 's') {
        mark("snooze", dump_json({{"duration_s", publishers::kUsualSnoozeS}}));
      }
    }
    return true;
  }

  void mark(const std::string& verb, std::string body) {
    if (view_.selected >= clocks_.size()) return;
    const std::string id = string_at(clocks_[view_.selected], "event_id");
    if (id.empty()) {
      view_.message = "nobody was warned of this clock yet: there is nothing to " + verb;
      return;
    }
    worker::HttpRequest request;
    request.method = "POST";
    request.path = "/v1/sla/alerts/" + id + "/" + verb;
    request.headers.emplace_back("Authorization", "Bearer " + token_);
    request.headers.emplace_back("Content-Type", "application/json");
    request.body = std::move(body);
    const auto answer = http_.send(request);
    const auto text = answer ? parse_json(answer->body) : Result<json>(fail(answer.error()));
    if (!text) {
      view_.message = text.error().message;
    } else if (answer->status == 200) {
      view_.message = verb + ": " + string_at(*text, "alert_key");
    } else {
      view_.message = string_at(object_at(*text, "error"), "message");
    }
    note(look());
  }

  const std::string token_;
  worker::HttpClient http_;
  json clocks_ = json::array();
  OnCallView view_;
  MonotonicTime looked_at_{};
  std::set<std::string> missed_;  ///< Alerts of the last look that nobody had taken.
  bool ring_ = false;
};

}  // namespace

int watch_on_call(const config::Config& config, const std::string& socket_url) {
  OnCallWatch watch(config, socket_url);
  if (auto first = watch.look(); !first) {
    std::cerr << "deskwire: watch " << socket_url << ": " << first.error().message
              << "; is `deskwire serve` running?\n";
    return kUnreachable;
  }
  return watch.run(socket_url);
}

}  // namespace deskwire::cli
