// Shows and takes settings by the option table.

#include "runtime/config/setting_texts.hpp"

#include <stdexcept>

#include "runtime/config/option_table.hpp"

namespace appd::config {

std::vector<std::pair<std::string_view, std::string>> show_settings(const Settings& settings) {
  std::vector<std::pair<std::string_view, std::string>> texts;
  for (const Option& option : option_table()) {
    if (option.is_action() || option.name == "env" || option.name == "env-file") continue;
    for (std::string& value : option.show(settings)) {
      texts.emplace_back(option.name, std::move(value));
    }
  }
  return texts;
}

void take_setting(Settings& settings, std::string_view name, std::string_view value) {
  const Option* const option = find_option(name);
  if (option == nullptr || option->is_action()) {
    throw std::runtime_error("unknown option " + std::string(name));
  }
  option->assign(settings, value);
}

}  // namespace appd::config
