// Runs the workers and the zygote of a configuration, and recovers what dead ones leave.

#include "daemon/configured_deployment.hpp"

#include <fmt/format.h>

#include <utility>

#include "daemon/inbox_recovery.hpp"
#include "daemon/setting_values.hpp"
#include "runtime/supervisor/plan_settings.hpp"
#include "runtime/support/aside.hpp"
#include "runtime/support/process_title.hpp"
#include "runtime/worker/zygote.hpp"

namespace appd {

namespace {

std::string worker_role(unsigned index) {
  return fmt::format("worker {}", index + 1);
}

}  // namespace

void set_title(std::string_view role, const config::Settings& settings) {
  support::set_process_title(fmt::format("appd: {} {}", role, settings.module));
}

ConfiguredDeployment::ConfiguredDeployment(config::Settings settings, DeploymentContext context)
    : settings_(std::move(settings)),
      context_(context),
      account_(find_account(settings_)),
      admission_(make_admission(settings_)),
      plan_(supervisor::make_plan(settings_)),
      access_log_(open_access_log(settings_, account_)),
      log_(threshold(settings_), "master", access_log_.get()),
      scoreboard_(supervisor::places(settings_), settings_.threads),
      inboxes_(supervisor::places(settings_)),
      crash_files_(supervisor::places(settings_) + 1) {}

ConfiguredDeployment::~ConfiguredDeployment() {
  if (auto boxes = inboxes_.release(); !boxes.empty()) support::close_aside(std::move(boxes));
}

void ConfiguredDeployment::listen(Listeners& listeners,
                                  const std::vector<sockets::Address>& addresses) {
  sockets_ = listeners.open(addresses, socket_file_options(settings_, account_), admission_,
                            context_.logs.log());
}

std::string ConfiguredDeployment::describe() const {
  return fmt::format("{} on {}", settings_.module, names_of(sockets_));
}

void ConfiguredDeployment::take_over() {
  context_.logs.follow(threshold(settings_), account_);
  set_title("master", settings_);
}

void ConfiguredDeployment::leave_open() noexcept {
  for (support::UniqueFd& box : inboxes_.release()) box.release();
}

std::string ConfiguredDeployment::examine(std::optional<unsigned> index, int wait_status) {
  return context_.post_mortem.examine(crash_files_, index.value_or(zygotes_place()), wait_status);
}

void ConfiguredDeployment::recover(unsigned index) {
  recover_inbox(inbox(index), context_.handover_queue, &scoreboard_.loads()[index].incoming);
}

/// A worker without peers has no inbox.
int ConfiguredDeployment::inbox(unsigned index) const noexcept {
  const auto boxes = inboxes_.boxes();
  return boxes.empty() ? -1 : boxes[index].out.get();
}

unsigned ConfiguredDeployment::zygotes_place() const noexcept {
  return supervisor::places(settings_);
}

int ConfiguredDeployment::run_worker(unsigned index, ipc::WorkerLink link) {
  enter(worker_role(index), index, support::Dumpable::yes);
  const int code = live_as_worker(index, std::move(link), nullptr);
  log_.finish();
  return code;
}

int ConfiguredDeployment::run_zygote(ipc::WorkerLink link) {
  // It passes on the links of workers. These run as the same user, and may not reach into it for
  // the links of others.
  enter("zygote", zygotes_place(), support::Dumpable::no);
  const int code =
      worker::run_zygote(settings_, crash_files_, log_, std::move(link),
                         [this](unsigned index, ipc::WorkerLink own, worker::Preloaded preloaded) {
                           log_.set_role(worker_role(index));
                           set_title(worker_role(index), settings_);
                           if (account_) support::set_dumpable(support::Dumpable::yes);
                           return live_as_worker(index, std::move(own), std::move(preloaded));
                         });
  log_.finish();
  return code;
}

int ConfiguredDeployment::live_as_worker(unsigned index, ipc::WorkerLink link,
                                         worker::Preloaded preloaded) {
  crash_files_.close_others_after_fork();
  return worker::run_worker(
      {settings_, admission_, sockets_, scoreboard_.worker(index), index, scoreboard_.loads(),
       inboxes_, context_.handover_queue, crash_files_.descriptor(), log_},
      std::move(link), std::move(preloaded));
}

/// Becomes a process of this deployment: takes its title and place, and gives up rights.
void ConfiguredDeployment::enter(std::string role, unsigned place, support::Dumpable dumpable) {
  set_title(role, settings_);
  log_.set_role(std::move(role));
  crash_files_.enter(place);
  set_umask(settings_);
  if (settings_.no_new_privs) {
    support::forbid_new_privileges();
    if (account_) support::empty_bounding_set();
  }
  if (account_) support::become(*account_, dumpable);
}

void ConfiguredDeployment::close_after_fork() noexcept {
  sockets_.clear();
  inboxes_.close();
  access_log_.reset();
  crash_files_.close_after_fork();
}

}  // namespace appd
