# SPDX-License-Identifier: Apache-2.0
# Writes a C++ table of text files: cmake -DOUTPUT=… -DROOT=… "-DFILES=a;b" -P embed.cmake
set(rows "")
foreach(name IN LISTS FILES)
  file(READ ${ROOT}/${name} text)
  # In pieces, for compilers that bound the length of a literal.
  string(LENGTH "${text}" length)
  set(literals "")
  set(at 0)
  while(at LESS length)
    string(SUBSTRING "${text}" ${at} 8000 piece)
    string(APPEND literals "\n     R\"kexlab(${piece})kexlab\"")
    math(EXPR at "${at} + 8000")
  endwhile()
  string(APPEND rows "    {\"${name}\",${literals} \"\"},\n")
endforeach()
file(WRITE ${OUTPUT} "// Generated from vm-images/ by embed.cmake.
#include \"harness/images/embedded.h\"

namespace kexlab::images {
const std::vector<EmbeddedFile>& embedded_files() {
  static const std::vector<EmbeddedFile> files{
${rows}  };
  return files;
}
}  // namespace kexlab::images
")
