# How every target of the project is compiled. One place for language level, warnings and sanitizers.

set(APPD_SANITIZE "" CACHE STRING "Sanitizers to build with: empty, address;undefined or thread")
option(APPD_FUZZERS "Build the libFuzzer drivers (clang only)" OFF)

set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
# The same objects make programs and an extension module of Python, which shows nothing but its entry.
set(CMAKE_POSITION_INDEPENDENT_CODE ON)
set(CMAKE_CXX_VISIBILITY_PRESET hidden)
set(CMAKE_VISIBILITY_INLINES_HIDDEN ON)

find_program(APPD_CCACHE ccache)
if(APPD_CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${APPD_CCACHE})
endif()

add_library(appd_build_flags INTERFACE)
target_compile_options(appd_build_flags INTERFACE
  -Wall -Wextra -Wpedantic -Wconversion -Wshadow
  $<$<NOT:$<BOOL:${APPD_WHEEL}>>:-Werror>  # which pip may build with any compiler
  $<$<CXX_COMPILER_ID:Clang>:-Wthread-safety>)
# Boost.System by header only; one Asio thread model for all translation units.
target_compile_definitions(appd_build_flags INTERFACE
  BOOST_ERROR_CODE_HEADER_ONLY BOOST_ASIO_NO_DEPRECATED
  $<$<CONFIG:Debug>:_GLIBCXX_ASSERTIONS>)
if(APPD_SANITIZE)
  list(JOIN APPD_SANITIZE "," appd_sanitize_list)
  target_compile_options(appd_build_flags INTERFACE
    -fsanitize=${appd_sanitize_list} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  # With its sanitizers GCC finds values uninitialised that are not (in Boost's optional).
  target_compile_options(appd_build_flags INTERFACE
    $<$<CXX_COMPILER_ID:GNU>:-Wno-maybe-uninitialized>)
  target_link_options(appd_build_flags INTERFACE -fsanitize=${appd_sanitize_list})
  if(APPD_SANITIZE STREQUAL "thread")
    # The thread sanitizer does not know fences; Asio's own locks order the same accesses.
    target_compile_definitions(appd_build_flags INTERFACE BOOST_ASIO_DISABLE_FENCED_BLOCK)
  endif()
endif()
if(APPD_FUZZERS)
  target_compile_options(appd_build_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

# appd_library(<folder's library> DEPENDS <libraries>): one static library for the folder, made of
# all .cpp files in it but main.cpp. The DEPENDS lines are the architecture: arrows point downward only.
function(appd_library name)
  cmake_parse_arguments(PARSE_ARGV 1 arg "" "" "DEPENDS")
  file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
  list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  if(sources)
    add_library(${name} STATIC ${sources})
    target_include_directories(${name} PUBLIC ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${name} PRIVATE appd_build_flags PUBLIC ${arg_DEPENDS})
  else()
    add_library(${name} INTERFACE)
    target_include_directories(${name} INTERFACE ${PROJECT_SOURCE_DIR}/src)
    target_link_libraries(${name} INTERFACE ${arg_DEPENDS})
  endif()
endfunction()
