#pragma once

#include <cstdint>

#include "jobs/clock_store.h"
#include "worker/sla/policy_book.h"

namespace deskwire::worker {

/// What is to be written after a look at a conversation: its clocks, the events that nobody told
/// yet, when to look again. Pure.
///
/// Not told: warnings and violations of clocks that have ended meanwhile, or that must wake nobody
/// (imported, before enforce_from); ends and pauses from before the first look, which are history.
///
/// @param stored  As taken; its facts are read here, unreadable ones are left out.
/// @param now_ms  Server time of the taking.
jobs::ClockUpdate plan_clocks(const jobs::StoredClocks& stored, const PolicyBook& book,
                              std::int64_t now_ms);

}  // namespace deskwire::worker
