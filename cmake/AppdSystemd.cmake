# libsystemd: what appd tells the service manager, and gets from it.

find_path(APPD_SYSTEMD_INCLUDE systemd/sd-daemon.h REQUIRED)
find_library(APPD_SYSTEMD_LIBRARY systemd REQUIRED)
add_library(appd_systemd INTERFACE)
target_include_directories(appd_systemd SYSTEM INTERFACE ${APPD_SYSTEMD_INCLUDE})
target_link_libraries(appd_systemd INTERFACE ${APPD_SYSTEMD_LIBRARY})
