# The CPython that appd-worker embeds and the module is built for.
# The default is the distribution's, whose modules its package manager installs, and not whatever a version
# manager puts first in PATH.

set(APPD_PYTHON "/usr/bin/python3" CACHE FILEPATH "Interpreter whose library is embedded (3.10 or newer)")
if(NOT APPD_WHEEL)  # for which pip names its own
  set(Python3_EXECUTABLE ${APPD_PYTHON})
  set(appd_python_library Development.Embed)
endif()
find_package(Python3 3.10 REQUIRED COMPONENTS Interpreter Development.Module ${appd_python_library})

# As a part of the binary, as in the distribution's own python3, CPython runs code about a tenth faster than as
# a shared library: its parts call each other directly. The sanitizers want position-independent programs.
option(APPD_STATIC_PYTHON "Link CPython into the binary, where its static library is installed and links" ON)

# appd_python_config(<result> <variable of Python's sysconfig>)
function(appd_python_config result variable)
  execute_process(
    COMMAND ${Python3_EXECUTABLE} -c "import sysconfig; print(sysconfig.get_config_var('${variable}') or '')"
    OUTPUT_VARIABLE value OUTPUT_STRIP_TRAILING_WHITESPACE COMMAND_ERROR_IS_FATAL ANY)
  set(${result} ${value} PARENT_SCOPE)
endfunction()

appd_python_config(appd_python_folder LIBPL)
appd_python_config(appd_python_archive LIBRARY)
appd_python_config(appd_python_modules MODLIBS)
appd_python_config(appd_python_libraries LIBS)
appd_python_config(appd_python_system SYSLIBS)
set(appd_python_archive "${appd_python_folder}/${appd_python_archive}")
separate_arguments(appd_python_needs UNIX_COMMAND
  "${appd_python_modules} ${appd_python_libraries} ${appd_python_system}")
list(REMOVE_DUPLICATES appd_python_needs)
# Whole and exported, since extension modules may call any of it.
set(appd_python_whole -Wl,--whole-archive ${appd_python_archive} -Wl,--no-whole-archive ${appd_python_needs})

# The archive may need libraries that only the build of CPython had, as Debian 13's does. Only a trial shows it.
function(appd_try_static_python result)
  set(${result} FALSE PARENT_SCOPE)
  if(APPD_WHEEL OR NOT APPD_STATIC_PYTHON OR NOT EXISTS ${appd_python_archive} OR APPD_SANITIZE OR APPD_FUZZERS)
    return()
  endif()
  try_compile(links
    SOURCE_FROM_CONTENT trial.c "#include <Python.h>\nint main(void) { return Py_IsInitialized(); }\n"
    CMAKE_FLAGS "-DINCLUDE_DIRECTORIES=${Python3_INCLUDE_DIRS}"
    LINK_OPTIONS -no-pie -rdynamic
    LINK_LIBRARIES ${appd_python_whole}
    NO_CACHE)
  if(NOT links)
    message(STATUS "CPython ${Python3_VERSION}: ${appd_python_archive} does not link")
  endif()
  set(${result} ${links} PARENT_SCOPE)
endfunction()

# What includes Python.h. It leaves CPython's functions to the program that loads or links it.
add_library(appd_python_headers INTERFACE)
target_include_directories(appd_python_headers SYSTEM INTERFACE ${Python3_INCLUDE_DIRS})

# What links with CPython, statically or not.
add_library(appd_cpython INTERFACE)
appd_try_static_python(appd_python_is_static)
if(appd_python_is_static)
  message(STATUS "CPython ${Python3_VERSION}: ${appd_python_archive}")
  target_link_libraries(appd_cpython INTERFACE ${appd_python_whole})
  target_link_options(appd_cpython INTERFACE -rdynamic -no-pie)
elseif(NOT APPD_WHEEL)
  message(STATUS "CPython ${Python3_VERSION}: ${Python3_LIBRARIES}")
  target_link_libraries(appd_cpython INTERFACE Python3::Python)
endif()
