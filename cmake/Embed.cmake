# Lua modules as C arrays: written with room lua.
