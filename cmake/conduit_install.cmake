# What lets others find conduit: find_package(conduit), pkg-config, and for their own targets
# conduit_check_awaits() and conduit_schema_lock(). The layers install themselves
# (conduit_layer.cmake).

include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir "${CMAKE_INSTALL_LIBDIR}/cmake/conduit")

configure_package_config_file(cmake/conduit-config.cmake.in conduit-config.cmake
    INSTALL_DESTINATION "${package_dir}")
write_basic_package_version_file(conduit-config-version.cmake COMPATIBILITY SameMinorVersion)
install(EXPORT conduit-targets NAMESPACE conduit:: DESTINATION "${package_dir}")
install(FILES
    "${CMAKE_CURRENT_BINARY_DIR}/conduit-config.cmake"
    "${CMAKE_CURRENT_BINARY_DIR}/conduit-config-version.cmake"
    cmake/conduit_check_awaits.cmake
    cmake/conduit_schema_lock.cmake
    cmake/conduit_schema_lock.cpp.in
    DESTINATION "${package_dir}")

# A static library leaves its own dependencies to whoever links it; the last layer comes first.
set(CONDUIT_PC_LIBS "")
foreach(layer IN LISTS CONDUIT_LAYERS)
    string(PREPEND CONDUIT_PC_LIBS " -lconduit_${layer}")
endforeach()
set(CONDUIT_PC_REQUIRES "")
if(NOT BUILD_SHARED_LIBS)
    set(CONDUIT_PC_REQUIRES "fmt >= 9, liburing >= 2.3, openssl >= 3.0")
endif()
file(RELATIVE_PATH CONDUIT_PC_INCLUDEDIR
    "/${CMAKE_INSTALL_LIBDIR}/pkgconfig" "/${CMAKE_INSTALL_INCLUDEDIR}")  # so that it may be moved
configure_file(cmake/conduit.pc.in conduit.pc @ONLY)
install(FILES "${CMAKE_CURRENT_BINARY_DIR}/conduit.pc"
    DESTINATION "${CMAKE_INSTALL_LIBDIR}/pkgconfig")

install(FILES LICENSE DESTINATION "${CMAKE_INSTALL_DATADIR}/doc/conduit")
