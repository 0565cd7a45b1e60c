// Spare exchanges, kept for the memory of their requests.
#pragma once

#include <memory>
#include <vector>

namespace appd::net {

class WireExchange;

/// Lends exchanges to connections, and keeps those that come back. Loop's thread only.
class ExchangePool {
 public:
  /// One that nobody has any more: the one given back last if possible, whose memory is the
  /// warmest; else a new one.
  std::shared_ptr<WireExchange> take();
  /// A pool thread may have it for a moment longer; until then it is not lent again.
  void give_back(std::shared_ptr<WireExchange> exchange);

 private:
  std::vector<std::shared_ptr<WireExchange>> spare_;
};

}  // namespace appd::net
