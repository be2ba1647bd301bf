#include "publishers/channel_feed.h"

#include <utility>

namespace deskwire::publishers {

namespace {
/// Beyond it held events are left to the log.
constexpr std::size_t kMaxHeld = 1000;
}  // namespace

ChannelFeed::Step ChannelFeed::confirmed() {
  Step step;
  if (state_ == State::kReading) {
    read_again_ = true;
  } else {
    read(step);
  }
  return step;
}

ChannelFeed::Step ChannelFeed::retry() {
  Step step;
  if (state_ == State::kBroken) read(step);
  return step;
}

ChannelFeed::Step ChannelFeed::arrived(const HubEventPtr& event) {
  Step step;
  if (state_ == State::kLive) {
    take(event, step);
  } else {
    hold(event);
  }
  return step;
}

ChannelFeed::Step ChannelFeed::fetched(const ChannelLogPage* page) {
  Step step;
  if (state_ != State::kReading) return step;
  if (page == nullptr) {
    state_ = State::kBroken;
    return step;
  }
  if (!apply(*page, step) || std::exchange(read_again_, false)) {
    read(step);
    return step;
  }
  state_ = State::kLive;
  // A gap among the held events starts another read; what is behind it is held again.
  for (const HubEventPtr& event : std::exchange(held_, {})) {
    if (state_ == State::kLive) {
      take(event, step);
    } else {
      hold(event);
    }
  }
  return step;
}

void ChannelFeed::read(Step& step) {
  state_ = State::kReading;
  step.fetch = true;
  step.from = position_;
}

void ChannelFeed::hold(const HubEventPtr& event) {
  if (held_.size() < kMaxHeld) {
    held_.push_back(event);
  } else if (event->kept()) {
    read_again_ = true;
  }
}

void ChannelFeed::take(const HubEventPtr& event, Step& step) {
  if (!event->kept()) {
    step.deliver.push_back(event);
    return;
  }
  const bool same_epoch = event->epoch() == position_->epoch;
  if (same_epoch && event->offset() <= position_->offset) return;
  if (same_epoch && event->offset() == position_->offset + 1) {
    position_->offset = event->offset();
    step.deliver.push_back(event);
    return;
  }
  // A new epoch is read from its beginning: nothing of it was seen yet.
  if (!same_epoch) position_ = StreamPosition{std::string(event->epoch()), 0};
  hold(event);
  read(step);
}

/// False: the page shows that another one must be read first.
bool ChannelFeed::apply(const ChannelLogPage& page, Step& step) {
  if (!position_ || page.recovered) {
    for (const ChannelLogPage::Entry& entry : page.entries) {
      if (position_ && position_->epoch == page.top.epoch && entry.offset <= position_->offset) {
        continue;
      }
      if (auto event = HubEvent::parse(entry.envelope)) step.deliver.push_back(std::move(event));
    }
    position_ = page.top;
    return true;
  }
  if (position_->epoch != page.top.epoch) {
    position_ = StreamPosition{page.top.epoch, 0};
    return page.top.offset == 0;
  }
  step.lost = true;
  position_ = page.top;
  return true;
}

}  // namespace deskwire::publishers
