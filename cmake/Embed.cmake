# The Lua modules of lua/ as C arrays: generated/lua_modules.c, part of room lua. The program needs
# no Lua files beside it.
file(GLOB_RECURSE lua_modules CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/lua/*.lua)
set(embedded ${CMAKE_BINARY_DIR}/generated/lua_modules.c)
add_custom_command(
  OUTPUT ${embedded}
  COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}/lua -DOUT=${embedded}
          -P ${CMAKE_SOURCE_DIR}/cmake/EmbedModules.cmake
  DEPENDS ${lua_modules} ${CMAKE_SOURCE_DIR}/cmake/EmbedModules.cmake
  COMMENT "Embedding lua/"
  VERBATIM)
if(TARGET room_lua)
  target_sources(room_lua PRIVATE ${embedded})
endif()
