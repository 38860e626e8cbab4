# Every outside part in one interface target, `parts`. bin/setup gets what is missing;
# nothing is downloaded here.
find_package(PkgConfig REQUIRED)
find_package(Threads REQUIRED)
add_library(parts INTERFACE)

function(part name module package)
  pkg_check_modules(${name} QUIET IMPORTED_TARGET ${module})
  if(NOT ${name}_FOUND)
    message(FATAL_ERROR "${module} is missing (Debian package ${package}): run bin/setup")
  endif()
  target_link_libraries(parts INTERFACE PkgConfig::${name})
endfunction()

part(LUAJIT luajit libluajit-5.1-dev)
part(JANSSON jansson libjansson-dev)
part(XXHASH libxxhash libxxhash-dev)
part(LMDB lmdb liblmdb-dev)
part(HIREDIS hiredis libhiredis-dev)
part(CURL libcurl libcurl4-openssl-dev)
part(RDKAFKA rdkafka librdkafka-dev)

# Only room http talks HTTP: a target of its own.
pkg_check_modules(MICROHTTPD QUIET IMPORTED_TARGET libmicrohttpd)
if(NOT MICROHTTPD_FOUND)
  message(FATAL_ERROR "libmicrohttpd is missing (Debian package libmicrohttpd-dev): run bin/setup")
endif()

# Only room cli edits lines.
pkg_check_modules(EDIT QUIET IMPORTED_TARGET libedit)
if(NOT EDIT_FOUND)
  message(FATAL_ERROR "libedit is missing (Debian package libedit-dev): run bin/setup")
endif()

# TLS to Redis is a library of its own since hiredis 1.0; Debian 12 has 0.14.
pkg_check_modules(HIREDIS_SSL QUIET IMPORTED_TARGET hiredis_ssl)
if(HIREDIS_SSL_FOUND)
  target_link_libraries(parts INTERFACE PkgConfig::HIREDIS_SSL)
  target_compile_definitions(parts INTERFACE CHRONON_REDIS_TLS)
endif()

set(CHRONON_DEPS ${CMAKE_SOURCE_DIR}/.deps CACHE PATH "where bin/setup put DuckDB and DataSketches")
find_path(DUCKDB_INCLUDE duckdb.h HINTS ${CHRONON_DEPS}/duckdb)
find_library(DUCKDB_LIBRARY duckdb HINTS ${CHRONON_DEPS}/duckdb)
if(NOT DUCKDB_INCLUDE OR NOT DUCKDB_LIBRARY)
  message(FATAL_ERROR "DuckDB (libduckdb.so, duckdb.h) is missing: run bin/setup")
endif()
find_path(DATASKETCHES_INCLUDE cpc_sketch.hpp HINTS ${CHRONON_DEPS}/datasketches)
if(NOT DATASKETCHES_INCLUDE)
  message(FATAL_ERROR "Apache DataSketches headers are missing: run bin/setup")
endif()
target_include_directories(parts SYSTEM INTERFACE ${DUCKDB_INCLUDE} ${DATASKETCHES_INCLUDE})
target_link_libraries(parts INTERFACE ${DUCKDB_LIBRARY} Threads::Threads m)
