// Every key that any script touches carries its shard's hash tag: recorded with MONITOR.
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <set>

#include "core/channel.h"
#include "jobs/effects.h"
#include "jobs/fsck.h"
#include "jobs/keys.h"
#include "jobs/replay_batches.h"
#include "tests/support/catch.h"
#include "tests/support/redis_job_harness.h"

namespace deskwire::testing {
namespace {

using namespace jobs;

const std::string kLane = "42";
const std::string kEnd = "no script says this";

Event event(const std::string& id) {
  Event event;
  event.channel = conversation_channel(kLane);
  event.id = id;
  event.name = "message:user";
  event.data = "{}";
  event.once = true;
  return event;
}

const std::set<std::string>& commands_that_write() {
  static const std::set<std::string> names{"HSET", "SET",     "RPUSH", "LPUSH", "ZADD",
                                           "XADD", "EXPIRE",  "LPOP",  "ZREM",  "UNLINK",
                                           "COPY", "HINCRBY", "APPEND"};
  return names;
}

/// Runs every script with everything that it can touch.
void play_all(LaneDriver& lane) {
  EnqueueRequest request = lane.request(kLane);
  request.dedupe_keys = {"delivery:1"};
  request.fact = "{}";
  request.events = {event("e1")};
  request.state = ConversationState{};
  request.state->status = "open";
  request.text = MessageText{"7", "Hello", event("e0"), true, false};
  const std::string id = lane.enqueue(request).job;
  Lease lease = lane.take_one(kLane);
  REQUIRE(
      lane.store().intend(lease, effect_key(lease.root.str()), "text", {event("e2")}, event("e3")));
  EnqueueRequest echo = lane.request(kLane);
  echo.kind.clear();
  echo.echo = {"501", "dw-" + lease.root.str() + "-1"};
  lane.enqueue(echo);
  REQUIRE(lane.store().release(lease));
  lane.fail(lane.take_one(kLane), FailureClass::kRetryable, Milliseconds{1000});
  REQUIRE(lane.store().retry_now(JobId(id), "ann", "test"));
  lease = lane.take_one(kLane);
  REQUIRE(lane.store().beat({shard_of_lane(kLane), lane.worker, {{lease.id, lease.token}}}));
  lane.fail(lease, FailureClass::kPermanent);
  lease = lane.take_one(kLane);
  CompletedJob completed;
  completed.id = lease.id;
  completed.token = lease.token;
  completed.outcome = "replied";
  completed.effect = effect_key(lease.root.str());
  completed.remote_id = "502";
  completed.our_message_id = "dw-x";
  completed.events = {event("e4")};
  lane.complete(completed, kLane);
  for (const char* text : {"one", "two"}) {
    EnqueueRequest burst = lane.request(kLane, text);
    burst.debounce = Debounce{Milliseconds{1}, Milliseconds{1}, 10};
    lane.enqueue(burst);
  }
  REQUIRE(lane.store().replay(JobId(id), false, "ann", "test"));
  const Operator ann{"ann", "test"};
  for (const HaltScope scope : {HaltScope::kConversation, HaltScope::kParked}) {
    lane.enqueue(kLane);
    REQUIRE(lane.operators().halt({scope, kLane}, ann));
    CHECK(lane.take(kLane).empty());
    REQUIRE(lane.operators().resume({scope, kLane}, ann));
  }
  const std::string dropped = lane.enqueue(kLane);
  REQUIRE(lane.operators().drop(JobId(dropped), ann));
  REQUIRE(lane.operators().look(kLane, JobId(id)));
  REQUIRE(lane.operators().last_finished(kLane));
  REQUIRE(lane.operators().audit({}));
  redis::Client& client = static_cast<RedisJobHarness&>(lane.harness()).client();
  SystemClock clock;
  ReplayBatches batches(client, clock, {});
  const std::vector<Job> dead = {lane.job(id)};
  REQUIRE(batches.prospects(dead));
  ReplayBatch batch = batches.create(dead, false, ann).value();
  REQUIRE(batches.replay(batch, dead.front().id));
  REQUIRE(fsck(client, false, ann));
  REQUIRE(lane.store().list({}));
  REQUIRE(lane.store().counts());
}

/// A connection that is told every command, also those inside scripts.
class Monitor {
 public:
  explicit Monitor(const std::string& socket_path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    REQUIRE(socket_path.size() < sizeof(address.sun_path));
    std::copy(socket_path.begin(), socket_path.end(), std::begin(address.sun_path));
    REQUIRE(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    const std::string command = "MONITOR\r\n";
    REQUIRE(::send(socket_, command.data(), command.size(), 0) ==
            static_cast<ssize_t>(command.size()));
    REQUIRE(line() == "+OK");
  }
  ~Monitor() { ::close(socket_); }
  Monitor(const Monitor&) = delete;
  Monitor& operator=(const Monitor&) = delete;

  std::string line() {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n")) == std::string::npos) {
      char bytes[4096];
      const ssize_t count = ::recv(socket_, bytes, sizeof(bytes), 0);
      REQUIRE(count > 0);
      buffer_.append(bytes, static_cast<std::size_t>(count));
    }
    std::string line = buffer_.substr(0, end);
    buffer_.erase(0, end + 2);
    return line;
  }

 private:
  int socket_;
  std::string buffer_;
};

/// The quoted arguments of a MONITOR line.
std::vector<std::string> arguments_of(const std::string& line) {
  std::vector<std::string> arguments;
  for (std::size_t i = line.find('"'); i < line.size(); ++i) {
    if (line[i] != '"') continue;
    std::string argument;
    for (++i; i < line.size() && line[i] != '"'; ++i) {
      if (line[i] == '\\') ++i;
      argument += line[i];
    }
    arguments.push_back(argument);
  }
  return arguments;
}

TEST_CASE("case 30: every script touches keys of one slot only", "[jobs][keys][redis]") {
  LaneDriver lane;
  auto& harness = static_cast<RedisJobHarness&>(lane.harness());
  Monitor monitor(RedisJobHarness::server().socket_path());
  play_all(lane);
  harness.ask({"ECHO", kEnd});

  const std::string home = keys::prefix(shard_of_lane(kLane));
  std::set<std::string> commands;
  for (std::string line = monitor.line(); line.find(kEnd) == std::string::npos;
       line = monitor.line()) {
    const std::vector<std::string> arguments = arguments_of(line);
    const bool in_script = line.find(" lua]") != std::string::npos;
    if (!in_script || arguments.empty() || arguments[0] == "TIME") continue;
    // list.lua and counts.lua run on every shard; each call stays in its own.
    const std::string prefix =
        arguments[0] == "PUBLISH" ? home : keys::prefix(keys::shard_of(arguments.at(1)));
    CAPTURE(line);
    commands.insert(arguments[0]);
    if (arguments[0] == "PUBLISH") {
      CHECK(arguments.at(1).starts_with("dw:ev:"));
      continue;
    }
    CHECK(keys::shard_of(arguments.at(1)) >= 0);
    if (commands_that_write().count(arguments[0]) == 1) CHECK(prefix == home);
    for (const std::string& argument : arguments) {
      if (argument.starts_with("dw:{")) CHECK(argument.starts_with(prefix));
    }
  }
  for (const char* used : {"HSET", "XADD", "PUBLISH", "ZADD", "COPY", "UNLINK", "MGET"}) {
    CHECK(commands.count(used) == 1);
  }
}

}  // namespace
}  // namespace deskwire::testing
