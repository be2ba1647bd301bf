#include "core/metrics.h"

#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("the same name and labels are the same series", "[core][metrics]") {
  Metrics metrics;
  auto& counter = metrics.counter("deskwire_test_total", "Help.", {{"result", "ok"}});
  counter.add();
  metrics.counter("deskwire_test_total", "Help.", {{"result", "ok"}}).add(2);
  metrics.gauge("deskwire_level", "Help.").set(4);
  metrics.histogram("deskwire_seconds", "Help.").observe_seconds(0.002);
  bool refreshed = false;
  metrics.on_render([&refreshed] { refreshed = true; });
  const std::string text = metrics.render();
  CHECK(refreshed);
  CHECK(text.find("deskwire_test_total{result=\"ok\"} 3") != std::string::npos);
  CHECK(text.find("deskwire_level 4") != std::string::npos);
  CHECK(text.find("deskwire_seconds_count 1") != std::string::npos);
}
