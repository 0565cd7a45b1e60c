// Tests that memory of variables is reused.

#include "runtime/gateway/block_pool.hpp"

#include <doctest/doctest.h>

#include <cstddef>
#include <utility>
#include <vector>

namespace appd::gateway {
namespace {

BlockPool::Block make_block(std::size_t bytes, std::size_t variables = 1) {
  auto block = std::make_unique<VariableBlock>();
  block->bytes.assign(bytes, 'x');
  block->variables.resize(variables);
  return block;
}

TEST_SUITE("block pool") {
  TEST_CASE("the memory given back last is taken first, and is empty") {
    BlockPool pool;
    auto first = make_block(100);
    auto last = make_block(200);
    const char* const memory = last->bytes.data();
    pool.give_back(std::move(first));
    pool.give_back(std::move(last));
    const auto taken = pool.take();
    CHECK(taken->bytes.empty());
    CHECK(taken->variables.empty());
    CHECK_EQ(taken->bytes.data(), memory);
    CHECK_EQ(taken->bytes.capacity(), 200);
    CHECK_EQ(pool.take()->bytes.capacity(), 100);
  }

  TEST_CASE("an empty pool gives a new block, and takes back what was no block") {
    BlockPool pool;
    pool.give_back(nullptr);
    const auto taken = pool.take();
    REQUIRE(taken);
    CHECK_EQ(taken->bytes.capacity(), 0);
  }

  TEST_CASE("the memory of a large request is not kept") {
    BlockPool pool;
    pool.give_back(make_block(64 * 1024, 1024));
    pool.give_back(make_block(64 * 1024 + 1));
    pool.give_back(make_block(1, 1025));
    CHECK_EQ(pool.take()->bytes.capacity(), 64 * 1024);
    CHECK_EQ(pool.take()->bytes.capacity(), 0);
  }

  TEST_CASE("only so many blocks are kept") {
    BlockPool pool;
    for (int i = 0; i < 100; ++i) pool.give_back(make_block(10));
    int kept = 0;
    while (kept <= 100 && pool.take()->bytes.capacity() > 0) ++kept;
    CHECK_EQ(kept, 64);
  }
}

}  // namespace
}  // namespace appd::gateway
