// Finds a spare exchange that no pool thread holds.

#include "runtime/net/exchange_pool.hpp"

#include "runtime/net/wire_exchange.hpp"

namespace appd::net {
namespace {

constexpr std::size_t kMostSpare = 64;

}  // namespace

std::shared_ptr<WireExchange> ExchangePool::take() {
  for (std::size_t i = spare_.size(); i-- > 0;) {
    if (!spare_[i]->free() || spare_[i].use_count() != 1) continue;
    std::shared_ptr<WireExchange> exchange = std::move(spare_[i]);
    spare_.erase(spare_.begin() + static_cast<std::ptrdiff_t>(i));
    exchange->reset();
    return exchange;
  }
  return std::make_shared<WireExchange>();
}

void ExchangePool::give_back(std::shared_ptr<WireExchange> exchange) {
  if (spare_.size() < kMostSpare) spare_.push_back(std::move(exchange));
}

}  // namespace appd::net
