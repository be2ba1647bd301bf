#pragma once

#include <string>
#include <vector>

#include "core/result.h"
#include "jobs/job_store.h"

namespace CLI {  // NOLINT(readability-identifier-naming): the library is called so.
class App;
}

namespace deskwire::cli {

/// Empty for a kind that there is; else what is wrong with the word, with the kinds that there are.
std::string check_job_kind(const std::string& kind);

/// The same of a request's field "kind"; none is fine. @errors kInvalid, naming the field.
Status check_kind_field(const std::string& kind);

/// Filters as options of `jobs ls`, `retry` and `replay`.
struct FilterOptions {
  std::string state;
  std::string kind;
  std::string conversation;
  std::string error;
  std::string since;
  std::string until;
  std::size_t limit = 100;

  bool any() const {
    return !state.empty() || !kind.empty() || !conversation.empty() || !error.empty() ||
           !since.empty() || !until.empty();
  }
};

/// A conversation's key as people write it: also as the name of its channel, `conversation:42`.
std::string conversation_of_argument(const std::string& text);

/// @param limit  Default of --limit.
void add_filter_options(CLI::App& command, FilterOptions& options, std::size_t limit);

/// @errors kInvalid: an unknown state (names the known ones) or no moment in --since.
Result<jobs::JobFilter> read_filter(const FilterOptions& options, std::int64_t now_ms);

/// Whether a job that has just changed is one that the filter asks for, whatever its age.
bool fits(const jobs::Job& job, const jobs::JobFilter& filter);

/// The jobs that a bulk command is for, oldest first, so that a conversation's jobs keep their
/// order: those named, and those that the filters find.
///
/// @param default_state  Looked for when the filters name no state.
/// @errors kInvalid as above; those of JobStore::list and get.
Result<std::vector<jobs::Job>> select_jobs(jobs::JobStore& store,
                                           const std::vector<std::string>& ids,
                                           const FilterOptions& options,
                                           jobs::JobState default_state, std::int64_t now_ms);

}  // namespace deskwire::cli
