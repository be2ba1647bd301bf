#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>

#include "core/channel_log.h"
#include "core/net/stream.h"
#include "publishers/codes.h"
#include "publishers/exchange.h"
#include "publishers/gatekeeper.h"
#include "publishers/local_hub.h"

namespace deskwire::publishers {

class RestStreams;

/// An answer that stays open: an SSE stream or a long poll. Loop thread only.
class RestStream : public Subscriber, public std::enable_shared_from_this<RestStream> {
 public:
  virtual void start(const std::string& channel, std::optional<StreamPosition> from) = 0;
  /// Finishes the answer. Twice is fine.
  virtual void end() = 0;
  /// Who hears it.
  virtual const Principal& listener() const = 0;
};

/// Keeps the open ones of a loop alive.
class RestStreams {
 public:
  void add(const std::shared_ptr<RestStream>& stream) { open_.insert(stream); }
  void remove(const std::shared_ptr<RestStream>& stream) { open_.erase(stream); }
  void end_all();
  /// Those of a token or key that is not good any more.
  void check_admissions(const Gatekeeper& gatekeeper);

 private:
  std::set<std::shared_ptr<RestStream>> open_;
};

/// What both kinds need; outlives them.
struct RestStreamContext {
  LocalHub& hub;
  RestStreams& streams;
};

/// What an open answer is about.
struct Listening {
  Principal listener;
  Exchange exchange;
  Milliseconds lifetime{0};    ///< Until the token expires; the answer ends then.
  std::shared_ptr<void> seat;  ///< Held as long as the answer is open (SessionCounts).
};

/// `text/event-stream`: each event as `id: <epoch>:<offset>` and `data: <envelope>`. Begins with an
/// event named `subscribed` that tells whether everything after Last-Event-ID follows.
/// @param keep_alive  A comment line is sent every so long.
std::shared_ptr<RestStream> make_event_stream(const RestStreamContext& context, Listening listening,
                                              Milliseconds keep_alive);

/// Answers with what follows the position, at once or when it comes, at the latest after `wait`.
std::shared_ptr<RestStream> make_long_poll(const RestStreamContext& context, Listening listening,
                                           Milliseconds wait);

}  // namespace deskwire::publishers
