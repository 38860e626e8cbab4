# The files of src/cli/template, which `chronon init` writes, as one C table.
file(GLOB_RECURSE template_files CONFIGURE_DEPENDS RELATIVE ${CMAKE_SOURCE_DIR}/src/cli/template
  ${CMAKE_SOURCE_DIR}/src/cli/template/*)
set(template_arrays)
set(template_rows)
set(index 0)
foreach(file IN LISTS template_files)
  set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS src/cli/template/${file})
  file(READ src/cli/template/${file} hex HEX)
  string(REGEX REPLACE "(..)" "0x\\1," bytes "${hex}")
  string(APPEND template_arrays "static const unsigned char file_${index}[] = { ${bytes} };\n")
  string(REGEX REPLACE "^gitignore$" ".gitignore" name ${file})
  string(APPEND template_rows "  { \"${name}\", file_${index}, sizeof file_${index} },\n")
  math(EXPR index "${index} + 1")
endforeach()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/generated/cli_template.c @ONLY CONTENT
  "#include \"cli/template.h\"\n\n@template_arrays@\nconst struct cli_template_file cli_template[] = {\n@template_rows@  { 0, 0, 0 },\n};\n")
target_sources(room_cli PRIVATE ${CMAKE_BINARY_DIR}/generated/cli_template.c)
