// Spare exchanges, kept so that the memory of their requests is used again.
#pragma once

#include <memory>
#include <vector>

namespace appd::net {

class WireExchange;

/// Lends exchanges to connections and keeps those that come back. Loop's thread only.
class ExchangePool {
 public:
  /// A spare exchange that nobody else has: if possible the one given back last, whose memory is
  /// the warmest. A new one if there is none.
  std::shared_ptr<WireExchange> take();
  /// A pool thread may have `exchange` for a moment longer; it is not lent again before that ends.
  void give_back(std::shared_ptr<WireExchange> exchange);

 private:
  std::vector<std::shared_ptr<WireExchange>> spare_;
};

}  // namespace appd::net
