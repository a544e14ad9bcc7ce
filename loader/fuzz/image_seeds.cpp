// SPDX-License-Identifier: Apache-2.0
// Writes the image fuzzer's seeds into a folder: one small file for each format and wrapper.
#include <cstdio>
#include <fstream>
#include <map>

#include "loader/image/samples.h"

namespace {

using namespace kexlab;
using namespace kexlab::samples;

Bytes elf_of(std::uint16_t machine, bool is64, std::endian order) {
  return elf({.is64 = is64, .order = order, .machine = machine, .segments = {{.bytes = kernel_data()}}});
}

std::map<std::string, Bytes> seeds() {
  const Bytes arm64 = arm64_image();
  const Bytes kernel = vmlinux();
  return {
      {"bzimage-gzip", bzimage()},
      {"bzimage-xz", bzimage({.payload = with_size(xz(kernel), kernel.size())})},
      {"bzimage-zstd", bzimage({.payload = with_size(zstd(kernel), kernel.size())})},
      {"bzimage-lz4", bzimage({.payload = with_size(lz4_legacy(kernel), kernel.size())})},
      {"bzimage-lzma", bzimage({.payload = with_size(lzma(kernel), kernel.size())})},
      {"bzimage-protocol-2.08", bzimage({.protocol = 0x208})},
      {"arm64", arm64},
      {"arm64-without-efi", arm64_image({.pe = false})},
      {"zimage-xz", zimage()},
      {"zimage-gzip", zimage({.payload = gzip(kernel_data())})},
      {"riscv", riscv_image()},
      {"loongarch", loongarch_image()},
      {"superh", sh_zimage()},
      {"s390", s390_image()},
      {"vmlinux-x86_64", kernel},
      {"vmlinux-pvh", elf({.segments = {{.bytes = kernel_data()}, {.type = 4, .bytes = note("Xen", 18, noise(8))}}})},
      {"vmlinux-arm", elf_of(40, false, std::endian::little)},
      {"vmlinux-ppc", elf_of(20, false, std::endian::big)},
      {"vmlinux-s390x", elf_of(22, true, std::endian::big)},
      {"packed-gzip", gzip(arm64)},
      {"packed-xz", xz(arm64)},
      {"packed-zstd", zstd(arm64)},
      {"packed-lzma", lzma(arm64)},
      {"packed-lz4-frame", lz4_frame(arm64)},
      {"packed-lz4-legacy", lz4_legacy(arm64)},
      {"zboot-gzip", zboot(gzip(arm64), "gzip", {})},
      {"zboot-zstd", zboot(zstd(arm64), "zstd22")},
      {"zboot-in-xz", xz(zboot(gzip(arm64), "gzip"))},
      {"cpio-in-gzip", gzip(text("070701" + std::string(104, '0')))},
      {"script", text("#!/bin/sh\n")},
  };
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: image_seeds FOLDER\n");
    return 2;
  }
  for (const auto& [name, bytes] : seeds()) {
    std::ofstream stream(std::string(argv[1]) + "/" + name, std::ios::binary);
    if (!(stream << as_text(bytes))) {
      std::fprintf(stderr, "%s/%s: cannot be written\n", argv[1], name.c_str());
      return 1;
    }
  }
  return 0;
}
