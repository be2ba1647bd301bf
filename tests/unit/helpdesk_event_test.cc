#include "jobs/helpdesk_event.h"

#include "core/ids.h"
#include "tests/support/catch.h"

using namespace deskwire;
using namespace deskwire::jobs;

TEST_CASE("our message ids are recognised as ours and nothing else is", "[jobs][helpdesk_event]") {
  const std::string job = new_job_id(1781081002431, 7).str();
  CHECK(our_message_id(job, 1) == "dw-" + job + "-1");
  CHECK(is_our_message_id(our_message_id(job, 1)));
  CHECK(is_our_message_id(our_message_id(job, 12345)));
  for (const std::string& other :
       {std::string(), std::string("dw-"), "dw-" + job, "dw-" + job + "-", "dw-" + job + "-x",
        "DW-" + job + "-1", job + "-1", "dw-" + job.substr(1) + "-1", "dw-" + job + "-1 ",
        "dw-" + job + "-1234567", std::string("dw-0123456789012345678901234U-1"),
        std::string("wamid.HBgL")}) {
    CAPTURE(other);
    CHECK_FALSE(is_our_message_id(other));
  }
}
