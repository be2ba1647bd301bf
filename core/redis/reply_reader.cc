#include "core/redis/reply_reader.h"

#include <hiredis/read.h>

#include <algorithm>
#include <new>
#include <utility>

namespace deskwire::redis {
namespace {

/// What a peer may make us reserve by merely announcing an array's length.
constexpr std::size_t kMaxReservedItems = 1024;

/// hiredis 0.14 refuses deeper answers by itself, 1.x does not; nothing of ours comes close.
constexpr int kMaxDepth = 8;

int depth_of(const redisReadTask* task) {
  int depth = 0;
  for (; task != nullptr; task = task->parent) ++depth;
  return depth;
}

/// Where the parser wants the value of `task`: the root, or a new last item of its parent. Items
/// are only ever added to the innermost array, so no pointer that the parser holds moves.
Reply* place_for(const redisReadTask* task) {
  auto* parent = task->parent == nullptr ? nullptr : static_cast<Reply*>(task->parent->obj);
  if (parent == nullptr) {
    auto* root = static_cast<Reply*>(task->privdata);
    *root = Reply{};
    return root;
  }
  return &parent->items.emplace_back();
}

/// Exceptions must not cross the C code; a null object makes the parser report out of memory.
template <typename Fill>
void* build(const redisReadTask* task, Fill fill) {
  if (depth_of(task) > kMaxDepth) return nullptr;
  try {
    Reply* reply = place_for(task);
    fill(*reply);
    return reply;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

Reply::Kind text_kind(int type) {
  switch (type) {
    case REDIS_REPLY_STATUS:
      return Reply::Kind::kStatus;
    case REDIS_REPLY_ERROR:
      return Reply::Kind::kError;
    default:
      return Reply::Kind::kString;
  }
}

/// Filled by field name and with generic lambdas, because hiredis 1.x added fields and widened the
/// element count.
redisReplyObjectFunctions make_functions() {
  redisReplyObjectFunctions functions{};
  functions.createString = [](const redisReadTask* task, char* text, std::size_t size) -> void* {
    return build(task, [&](Reply& reply) {
      reply.kind = text_kind(task->type);
      reply.text.assign(text, size);
    });
  };
  functions.createArray = [](const redisReadTask* task, auto count) -> void* {
    return build(task, [&](Reply& reply) {
      reply.kind = Reply::Kind::kArray;
      reply.items.reserve(std::min(static_cast<std::size_t>(count), kMaxReservedItems));
    });
  };
  functions.createInteger = [](const redisReadTask* task, long long value) -> void* {
    return build(task, [&](Reply& reply) {
      reply.kind = Reply::Kind::kInteger;
      reply.integer = value;
    });
  };
  functions.createNil = [](const redisReadTask* task) -> void* {
    return build(task, [](Reply&) {});
  };
  functions.freeObject = [](void*) {};  // The root is a member and owns everything below it.
  return functions;
}

}  // namespace

struct ReplyReader::Parser {
  explicit Parser(std::size_t limit) : max_reply_bytes(limit) { open(); }
  ~Parser() { redisReaderFree(reader); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  void open() {
    reader = redisReaderCreateWithFunctions(&functions);
    if (reader == nullptr) throw std::bad_alloc();
    reader->privdata = &root;
  }

  redisReplyObjectFunctions functions = make_functions();
  redisReader* reader = nullptr;
  Reply root;
  std::size_t max_reply_bytes;
  std::size_t bytes_since_reply = 0;
};

ReplyReader::ReplyReader(std::size_t max_reply_bytes)
    : parser_(std::make_unique<Parser>(max_reply_bytes)) {}
ReplyReader::~ReplyReader() = default;

void ReplyReader::reset() { parser_ = std::make_unique<Parser>(parser_->max_reply_bytes); }

void ReplyReader::feed(std::string_view bytes) {
  // A failure here (out of memory) is kept by the parser and reported by next().
  redisReaderFeed(parser_->reader, bytes.data(), bytes.size());
  parser_->bytes_since_reply += bytes.size();
}

Result<std::optional<Reply>> ReplyReader::next() {
  Parser& parser = *parser_;
  void* object = nullptr;
  if (redisReaderGetReply(parser.reader, &object) != REDIS_OK) {
    return fail(ErrorCode::kCorrupt, std::string("redis answer: ") + parser.reader->errstr);
  }
  if (object == nullptr) {
    if (parser.bytes_since_reply <= parser.max_reply_bytes) return std::optional<Reply>();
    return fail(ErrorCode::kTooLarge,
                "redis answer: longer than " + std::to_string(parser.max_reply_bytes) + " bytes");
  }
  // Types that we give no constructor for come as a number in place of a pointer.
  if (object != &parser.root) return fail(ErrorCode::kCorrupt, "redis answer: not RESP2");
  parser.bytes_since_reply = parser.reader->len - parser.reader->pos;
  return std::optional<Reply>(std::move(parser.root));
}

}  // namespace deskwire::redis
