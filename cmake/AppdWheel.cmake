# What pip installs: the program as a script, and the package appd with its module and the configuration files.

install(TARGETS appd RUNTIME DESTINATION ${SKBUILD_SCRIPTS_DIR} COMPONENT wheel)
install(TARGETS appd_module LIBRARY DESTINATION appd COMPONENT wheel)
install(FILES $<TARGET_FILE_DIR:appd_module>/__init__.py python/appd/__main__.py python/appd/_worker.pyi
  python/appd/py.typed DESTINATION appd COMPONENT wheel)
install(DIRECTORY configs ${appd_deployments} DESTINATION ${SKBUILD_DATA_DIR}/share/appd COMPONENT wheel)
