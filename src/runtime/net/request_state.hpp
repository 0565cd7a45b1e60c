// What has become of a request, for the loop, the pool and the outbox alike.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

namespace appd::net {

/// What has become of a request: how far it is, who has ended its response, and whether its front
/// is still there. All of this is one atomic word, so a transition that fails has changed nothing,
/// and of two that are tried at once one comes first. Queries are for any thread.
///
///     spare ──open──► arriving ──queue──► queued ──try_start──► running ──finish──► free
///       ▲                └─────────┬────────┘                                        │
///       │                     try_give_up                                            │
///       │                       or the front                                         │
///       │                          ▼                                                 │
///       └────────reset────────  given_up                  reset ◄────────────────────┘
///
/// The word also holds the response's end, which the first to come takes:
///
///     open ──try_end (responder)──► complete or broken
///       ├────on_aborted (loop)────► aborted          the front wants no more of the request
///       ├──try_end_instead (loop)─► instead          the call does not return
///       └────on_returned (pool)───► unanswered       the call has returned without an end
///
/// And it holds three flags that stay set until the next request: `gone`, set by the loop, and
/// `refused` and `out`, set by the responder.
///
/// | Transition                             | Thread                                         |
/// |----------------------------------------|------------------------------------------------|
/// | open, queue, try_give_up, reset        | loop                                           |
/// | on_front_gone, on_aborted              | loop                                           |
/// | try_end_instead                        | loop, while the call runs                      |
/// | try_start, on_returned, finish         | the pool thread that has it                    |
/// | try_end, set_refused, set_out          | the responder: the pool thread while running,  |
/// |                                        | the loop for what it has given up              |
class RequestState {
 public:
  enum class End : std::uint8_t { open, complete, broken, aborted, instead, unanswered };

  // -- Loop's thread

  /// A request begins; nothing is left of the one before it.
  void open() noexcept { word_.store(kArriving, std::memory_order_relaxed); }
  /// The request waits for a pool thread.
  void queue() noexcept {
    assert(load() == kArriving);
    word_.store(kQueued, std::memory_order_release);
  }
  /// Takes back a request that no pool thread has begun. Returns false if one has, or if the
  /// request was given up before.
  bool try_give_up() noexcept {
    Word seen = load();
    while (waits(seen)) {
      if (word_.compare_exchange_strong(seen, with_phase(seen, kGivenUp))) return true;
    }
    return false;
  }
  /// The connection is gone. Returns true if the request was not begun: it is then given up.
  bool on_front_gone() noexcept {
    Word seen = load();
    Word next = 0;
    do {
      next = given_up_if_waiting(seen) | kGone;
    } while (!word_.compare_exchange_strong(seen, next));
    return waits(seen);
  }
  struct Aborted {
    bool given_up;   ///< the request was not begun, and will not be
    bool ends_here;  ///< the response has no end yet: the caller sends it
  };
  /// The front wants no more of the request. Sets `gone` and takes the response's end in one step:
  /// in two, a call that sees its front gone could return and take the end first.
  Aborted on_aborted() noexcept {
    Word seen = load();
    Word next = 0;
    do {
      next = given_up_if_waiting(seen) | kGone;
      if (end_of(seen) == End::open) next |= to_word(End::aborted);
    } while (!word_.compare_exchange_strong(seen, next));
    return {waits(seen), end_of(seen) == End::open};
  }
  /// Takes the response's end from a call that does not return; nothing more of that call goes out.
  /// Returns false if the call has ended the response itself.
  bool try_end_instead() noexcept {
    Word seen = load();
    while (end_of(seen) == End::open) {
      assert(phase_of(seen) == kRunning);
      if (word_.compare_exchange_strong(seen, seen | to_word(End::instead) | kGone)) return true;
    }
    return false;
  }
  /// Nobody has the request any more.
  void reset() noexcept {
    assert(free());
    word_.store(with_phase(load(), kSpare), std::memory_order_relaxed);
  }

  // -- Pool thread

  /// Before the call. Returns false if the request was given up meanwhile.
  bool try_start() noexcept {
    Word expected = kQueued;
    return word_.compare_exchange_strong(expected, kRunning);
  }
  /// After the call. A response that has no end yet will never have one. Returns false if the loop
  /// has responded instead, and has reported that.
  bool on_returned() noexcept {
    Word seen = load();
    while (end_of(seen) == End::open) {
      if (word_.compare_exchange_strong(seen, seen | to_word(End::unanswered))) return true;
    }
    return end_of(seen) != End::instead;
  }
  /// Lets go of the request. Sequentially consistent, like `free`.
  void finish() noexcept {
    [[maybe_unused]] const Word before = word_.fetch_add(kFree - kRunning);
    assert(phase_of(before) == kRunning && end_of(before) != End::open);
  }

  // -- The thread that responds

  /// Takes the response's end: from then on nobody stops what is sent, or sends another end. `how`
  /// is complete or broken. Returns false if the front is gone or the loop has ended the response.
  bool try_end(End how) noexcept {
    Word seen = load();
    while (end_of(seen) == End::open && (seen & kGone) == 0) {
      if (word_.compare_exchange_strong(seen, seen | to_word(how))) return true;
    }
    return false;
  }
  /// The outbox has refused a write: it may see before the loop that the front is gone.
  void set_refused() noexcept { word_.fetch_or(kRefused, std::memory_order_relaxed); }

  /// The last bytes are in the outbox. Sequentially consistent, like `is_out`.
  void set_out() noexcept { word_.fetch_or(kOut); }

  // -- Queries

  bool is_out() const noexcept { return (word_.load() & kOut) != 0; }
  bool is_spare() const noexcept { return phase_of(load()) == kSpare; }
  bool is_arriving() const noexcept { return phase_of(load()) == kArriving; }
  /// True once no pool thread will touch the request again.
  bool free() const noexcept { return phase_of(word_.load()) >= kGivenUp; }
  /// True once the response has its end, or will have none.
  bool ended() const noexcept { return end() != End::open; }
  End end() const noexcept { return end_of(load()); }
  /// True once nothing more of the response may go out, except an end that was taken before.
  bool gone() const noexcept { return (load() & kGone) != 0; }
  /// True once `gone`, or once the outbox has refused a write: nobody is there to take the rest.
  bool front_gone() const noexcept { return (load() & (kGone | kRefused)) != 0; }
  /// True if the front went away before the response was complete.
  bool front_lost() const noexcept {
    const Word seen = load();
    const End how = end_of(seen);
    if (how == End::instead) return false;
    const bool by_responder = how == End::complete || how == End::broken;
    return (seen & kRefused) != 0 || ((seen & kGone) != 0 && !by_responder);
  }

 private:
  // Bits 0 to 2 are the phase, 3 to 5 the end.
  using Word = std::uint32_t;
  static constexpr Word kArriving = 0;
  static constexpr Word kQueued = 1;
  static constexpr Word kRunning = 2;
  static constexpr Word kGivenUp = 3;  // from here on no pool thread has it
  static constexpr Word kFree = 4;
  static constexpr Word kSpare = 5;
  static constexpr Word kPhase = 7;
  static constexpr unsigned kEndShift = 3;
  static constexpr Word kEnd = 7;
  static constexpr Word kGone = 1 << 6;
  static constexpr Word kRefused = 1 << 7;
  static constexpr Word kOut = 1 << 8;

  static Word phase_of(Word word) noexcept { return word & kPhase; }
  static Word with_phase(Word word, Word phase) noexcept { return (word & ~kPhase) | phase; }
  static bool waits(Word word) noexcept { return phase_of(word) <= kQueued; }
  static Word given_up_if_waiting(Word word) noexcept {
    return waits(word) ? with_phase(word, kGivenUp) : word;
  }
  static End end_of(Word word) noexcept { return static_cast<End>((word >> kEndShift) & kEnd); }
  static Word to_word(End end) noexcept { return static_cast<Word>(end) << kEndShift; }

  Word load() const noexcept { return word_.load(std::memory_order_acquire); }

  std::atomic<Word> word_{kSpare};
};

}  // namespace appd::net
