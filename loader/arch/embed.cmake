# SPDX-License-Identifier: Apache-2.0
# Writes a binary file as the body of a C array: cmake -DINPUT=stub.bin -DOUTPUT=stub.inc -P embed.cmake
file(READ ${INPUT} bytes HEX)
string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${bytes}")
file(WRITE ${OUTPUT} "${bytes}\n")
