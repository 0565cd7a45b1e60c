// Runs the workers and the zygote of a configuration, and recovers what dead ones leave.

#include "daemon/configured_deployment.hpp"

#include <fmt/format.h>

#include <utility>

#include "daemon/inbox_recovery.hpp"
#include "daemon/setting_values.hpp"
#include "runtime/supervisor/plan_settings.hpp"
#include "runtime/support/aside.hpp"
#include "runtime/support/process_title.hpp"

namespace appd {

void set_title(std::string_view role, const config::Settings& settings) {
  support::set_process_title(fmt::format("appd: {} {}", role, settings.module));
}

ConfiguredDeployment::ConfiguredDeployment(config::Settings settings, DeploymentContext context)
    : settings_(std::move(settings)),
      context_(context),
      account_(find_account(settings_)),
      admission_(make_admission(settings_)),
      plan_(supervisor::make_plan(settings_)),
      program_(WorkerProgram::choose(settings_)),
      access_log_(open_access_log(settings_, account_)),
      scoreboard_(supervisor::places(settings_), settings_.threads),
      inboxes_(supervisor::places(settings_)),
      crash_files_(supervisor::places(settings_) + 1) {}

ConfiguredDeployment::~ConfiguredDeployment() {
  if (auto boxes = inboxes_.release(); !boxes.empty()) support::close_aside(std::move(boxes));
}

void ConfiguredDeployment::listen(Listeners& listeners,
                                  const std::vector<ListenAddress>& addresses) {
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
  launch::WorkerStart start = make_start(launch::Role::worker);
  start.index = index;
  start.crash_files = {crash_files_.file(index)};
  return become_worker(program_, settings_, account_, std::move(start), link);
}

int ConfiguredDeployment::run_zygote(ipc::WorkerLink link) {
  launch::WorkerStart start = make_start(launch::Role::zygote);
  for (unsigned place = 0; place <= zygotes_place(); ++place) {
    start.crash_files.push_back(crash_files_.file(place));
  }
  // It passes on the links of workers. These run as the same user, and may not reach into it for
  // the links of others.
  start.dumpable = !account_;
  return become_worker(program_, settings_, account_, std::move(start), link);
}

launch::WorkerStart ConfiguredDeployment::make_start(launch::Role role) const {
  launch::WorkerStart start = make_worker_start(settings_, role);
  start.allowed_users = admission_.users;
  start.places = scoreboard_.workers();
  start.scoreboard = scoreboard_.file();
  start.access_log = access_log_ ? access_log_->fd() : -1;
  if (context_.development != nullptr) start.development = context_.development->start();
  for (const auto& [socket, caller] : sockets_) {
    (caller == net::Caller::front ? start.sockets : start.http_sockets).push_back(socket->fd());
  }
  for (const auto& box : inboxes_.boxes()) start.inboxes.push_back({box.in.get(), box.out.get()});
  start.handover = {context_.handover_queue.in.get(), context_.handover_queue.out.get()};
  return start;
}

}  // namespace appd
