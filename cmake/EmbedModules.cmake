cmake_minimum_required(VERSION 3.25)
# cmake -DROOT=lua -DSRC=src "-DHEADERS=a.h;b.h" -DOUT=file.c -P EmbedModules.cmake: writes
# luart_modules[], sorted by name: lua/chronon/init.lua is "chronon", lua/chronon/map.lua
# "chronon.map"; and luart_headers[]: the headers named and what they include, without the
# preprocessor's lines but includes.
set(arrays "")
set(index 0)

# A row { name, path, bytes, length } in the variable `rows`.
macro(add_row rows name path file)
  file(READ ${file} hex HEX)
  string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," hex "${hex}")
  string(APPEND arrays "static const unsigned char m${index}[] = {\n${hex}0\n};\n")
  string(APPEND ${rows} "  { \"${name}\", \"${path}\", (const char *)m${index}, sizeof m${index} - 1 },\n")
  math(EXPR index "${index} + 1")
endmacro()

file(GLOB_RECURSE paths RELATIVE ${ROOT} ${ROOT}/*.lua)
list(SORT paths)
set(modules "")
foreach(path IN LISTS paths)
  string(REGEX REPLACE "(/init)?\\.lua$" "" name ${path})
  string(REPLACE "/" "." name ${name})
  add_row(modules ${name} ${path} ${ROOT}/${path})
endforeach()

set(headers "")
set(seen "")
set(left ${HEADERS})
while(left)
  list(POP_FRONT left header)
  if(header IN_LIST seen)
    continue()
  endif()
  list(APPEND seen ${header})
  add_row(headers ${header} ${header} ${SRC}/${header})
  file(STRINGS ${SRC}/${header} includes REGEX "^#include \"")
  foreach(line IN LISTS includes)
    string(REGEX REPLACE "^#include \"(.*)\".*$" "\\1" other ${line})
    list(APPEND left ${other})
  endforeach()
endwhile()

file(WRITE ${OUT} "// Written by cmake/EmbedModules.cmake out of lua/ and src/.
#include \"lua/luart_int.h\"

${arrays}
const struct luart_module luart_modules[] = {
${modules}  { 0 },
};

const struct luart_module luart_headers[] = {
${headers}  { 0 },
};
")
