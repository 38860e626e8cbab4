# The Lua modules of lua/ and some C headers as C arrays: generated/lua_modules.c, part of room lua. The program needs
# no Lua files beside it.
file(GLOB_RECURSE lua_modules CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lua/*.lua)
# The headers behind the FFI calls of lua/repl and lua/convert, each with those that it includes.
set(shell_headers base/time.h warehouse/sql.h explore/explore.h cli/repl.h cli/convert.h)
file(GLOB_RECURSE all_headers CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/src/*.h)
set(embedded ${CMAKE_BINARY_DIR}/generated/lua_modules.c)
add_custom_command(
  OUTPUT ${embedded}
  COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}/lua -DOUT=${embedded}
          -DSRC=${CMAKE_SOURCE_DIR}/src "-DHEADERS=${shell_headers}"
          -P ${CMAKE_SOURCE_DIR}/cmake/EmbedModules.cmake
  DEPENDS ${lua_modules} ${all_headers} ${CMAKE_SOURCE_DIR}/cmake/EmbedModules.cmake
  COMMENT "Embedding lua/"
  VERBATIM)
if(TARGET room_lua)
  target_sources(room_lua PRIVATE ${embedded})
endif()
