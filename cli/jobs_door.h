#pragma once

#include <string_view>

#include "core/clock.h"
#include "core/ids.h"
#include "core/net/http_message.h"
#include "jobs/job_store.h"
#include "jobs/operator_store.h"

namespace deskwire::cli {

/// The part of the admin door about jobs: what `deskwire jobs` does, over HTTP.
///
///   GET  /v1/jobs?state&kind&conversation&error&since&until&limit
///   GET  /v1/jobs/stats                      {"available":0,…,"kinds":{…},"halts":[…]}
///   GET  /v1/jobs/why?of=                    a conversation's key or a job's id
///   GET  /v1/jobs/audit?since&limit
///   POST /v1/jobs/pause  /v1/jobs/resume     {"all":true} or {"kind":"…"} or {"conversation":"…"}
///   POST /v1/jobs/park   /v1/jobs/unpark     {"conversation":"…"}
///   GET  /v1/jobs/{id}[?payload=1]           with history and line
///   POST /v1/jobs/{id}/retry  /drop          {}
///   POST /v1/jobs/{id}/replay                {"again":false} -> {"job":"01J…"}
///
/// Every POST takes "reason" and "actor" for the audit; the caller's address is added to the actor.
/// Who may come in is the admin door's matter.
///
/// Thread safety: as the stores.
class JobsDoor {
 public:
  JobsDoor(jobs::JobStore& store, jobs::OperatorStore& operators, const Clock& clock)
      : store_(store), operators_(operators), clock_(clock) {}

  /// @param request  Its path is /v1/jobs or below. Blocks for some round trips to Redis.
  net::HttpResponse answer(const net::HttpRequest& request);

 private:
  net::HttpResponse list(const net::HttpRequest& request);
  net::HttpResponse stats();
  net::HttpResponse why(const net::HttpRequest& request);
  net::HttpResponse audit(const net::HttpRequest& request);
  net::HttpResponse halt(const net::HttpRequest& request, std::string_view verb);
  net::HttpResponse show(const net::HttpRequest& request, const JobId& id);
  net::HttpResponse change(const net::HttpRequest& request, const JobId& id, std::string_view verb);

  jobs::JobStore& store_;
  jobs::OperatorStore& operators_;
  const Clock& clock_;
};

}  // namespace deskwire::cli
