#include "runtime/python/preload_check.hpp"

#include "runtime/python/built_in_code.hpp"
#include "runtime/python/errors.hpp"

namespace appd::python {

PreloadCheck::PreloadCheck()
    : code_("preload_check", kPreloadCheckCode), sockets_before_(code_.call("open_sockets")) {}

std::vector<std::string> PreloadCheck::findings() const {
  const Ref found = code_.call("findings", sockets_before_.get());
  std::vector<std::string> sentences;
  for (Py_ssize_t i = 0; i < PyList_Size(found.get()); ++i) {
    sentences.push_back(to_utf8(PyList_GetItem(found.get(), i)));
  }
  return sentences;
}

}  // namespace appd::python
