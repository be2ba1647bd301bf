#include "core/snapshot.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/catch.h"

using namespace deskwire;

TEST_CASE("who has read a snapshot keeps it, who reads later gets the new one", "[snapshot]") {
  auto first = std::make_shared<const std::string>("first");
  const std::weak_ptr<const std::string> watched = first;
  Snapshot<const std::string> snapshot(std::move(first));
  auto held = snapshot.read();
  snapshot.replace(std::make_shared<const std::string>("second"));
  CHECK(*held == "first");
  CHECK(*snapshot.read() == "second");
  CHECK_FALSE(watched.expired());
  held.reset();
  CHECK(watched.expired());
}

TEST_CASE("readers never see half of one value and half of another", "[snapshot]") {
  struct Pair {
    int left;
    int right;
  };
  constexpr int kLast = 2000;
  Snapshot<const Pair> snapshot(std::make_shared<const Pair>(Pair{0, 0}));
  std::atomic<int> mixed{0};
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i) {
    readers.emplace_back([&snapshot, &mixed] {
      int seen = 0;
      while (seen < kLast) {
        const auto pair = snapshot.read();
        if (pair->left != pair->right || pair->left < seen) ++mixed;
        seen = pair->left;
      }
    });
  }
  for (int i = 1; i <= kLast; ++i) snapshot.replace(std::make_shared<const Pair>(Pair{i, i}));
  for (std::thread& reader : readers) reader.join();
  CHECK(mixed == 0);
}
