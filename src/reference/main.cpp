// Makes man pages and shell completions from their templates, at build time.

#include <fmt/format.h>

#include <exception>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>

#include "reference/bash_completion.hpp"
#include "reference/completion.hpp"
#include "reference/fish_completion.hpp"
#include "reference/man_page.hpp"
#include "reference/template.hpp"
#include "reference/zsh_completion.hpp"
#include "runtime/support/version.hpp"

namespace {

using namespace appd::reference;
namespace fs = std::filesystem;

std::map<std::string, std::string> make_parts(const std::string& date, const std::string& docs) {
  return {{"bash_asking_options", bash::asking_options()},
          {"bash_flag_values", bash::flag_values()},
          {"bash_options", bash::options()},
          {"bash_values", bash::values()},
          {"date", date},
          {"docs", docs},
          {"fish_options", fish::options()},
          {"fish_verbs", fish::verbs()},
          {"man_command_line", option_sections(Form::command_line)},
          {"man_file", option_sections(Form::file)},
          {"verbs", verb_names(" ")},
          {"verbs_pattern", verb_names("|")},
          {"version", APPD_VERSION},
          {"zsh_asking_options", zsh::asking_options()},
          {"zsh_options", zsh::options()},
          {"zsh_verbs", zsh::verbs()}};
}

std::string read(const fs::path& path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error(path.string() + " cannot be read");
  return {std::istreambuf_iterator<char>(file), {}};
}

void write(const fs::path& path, const std::string& text) {
  std::ofstream file(path);
  file << text;
  if (!file.flush()) throw std::runtime_error(path.string() + " cannot be written");
}

void make(const fs::path& templates, const fs::path& folder,
          const std::map<std::string, std::string>& parts) {
  fs::create_directories(folder);
  for (const fs::directory_entry& entry : fs::directory_iterator(templates)) {
    write(folder / entry.path().filename(), fill_in(read(entry.path()), parts));
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 5)
      throw std::runtime_error("usage: appd_make_reference TEMPLATES FOLDER DATE DOCS");
    make(argv[1], argv[2], make_parts(argv[3], argv[4]));
    return 0;
  } catch (const std::exception& error) {
    fmt::print(stderr, "appd_make_reference: {}\n", error.what());
    return 1;
  }
}
