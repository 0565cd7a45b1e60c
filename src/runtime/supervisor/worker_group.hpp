// A generation as a reload sees it.
#pragma once

#include <optional>
#include <string>

#include "runtime/supervisor/generation_plan.hpp"

namespace appd::supervisor {

/// The workers of one generation, as far as a reload looks at them and gives them orders. See
/// Generation for what each operation does.
class WorkerGroup {
 public:
  virtual unsigned number() const noexcept = 0;
  virtual const GenerationPlan& plan() const noexcept = 0;
  virtual unsigned wanted() const noexcept = 0;
  virtual unsigned ready() const noexcept = 0;
  virtual unsigned going_on() const noexcept = 0;
  virtual bool any_accepting() const noexcept = 0;
  virtual bool any_ending() const noexcept = 0;
  virtual const std::optional<std::string>& failure() const noexcept = 0;
  virtual std::string program() const = 0;

  virtual void grow(unsigned workers) = 0;
  virtual void serve() = 0;
  virtual void establish() noexcept = 0;
  virtual void retire(unsigned workers) = 0;
  virtual void close_listeners() noexcept = 0;

 protected:
  ~WorkerGroup() = default;
};

}  // namespace appd::supervisor
