# cmake -DROOT=lua -DOUT=file.c -P EmbedModules.cmake: writes luart_modules[], sorted by name.
# lua/chronon/init.lua is "chronon", lua/chronon/map.lua "chronon.map".
file(GLOB_RECURSE paths RELATIVE ${ROOT} ${ROOT}/*.lua)
list(SORT paths)
set(arrays "")
set(rows "")
set(index 0)
foreach(path IN LISTS paths)
  string(REGEX REPLACE "(/init)?\\.lua$" "" name ${path})
  string(REPLACE "/" "." name ${name})
  file(READ ${ROOT}/${path} hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays "static const unsigned char m${index}[] = {\n${hex}0\n};\n")
  string(APPEND rows "  { \"${name}\", \"${path}\", (const char *)m${index}, sizeof m${index} - 1 },\n")
  math(EXPR index "${index} + 1")
endforeach()
file(WRITE ${OUT} "// Written by cmake/EmbedModules.cmake out of lua/.
#include \"lua/luart_int.h\"

${arrays}
const struct luart_module luart_modules[] = {
${rows}  { 0 },
};
")
