// SPDX-License-Identifier: Apache-2.0
// What kexec_file_load(2) reads of a kernel in ELF, of 64 bits and in either byte order, where an architecture uses the
// loader of kernel/kexec_elf.c. Internal to the model.
#pragma once

#include <bit>
#include <cstdint>

#include "harness/model/file_image.h"

namespace kexlab::model {

/// An executable for the machine (EM_*) whose program headers, and what they speak of, are in the file; with nothing
/// for an interpreter to do. Source: kernel/kexec_elf.c, kexec_elf_probe.
bool is_elf64(const File& kernel, std::uint16_t machine);
/// Source: kernel/kexec_elf.c, kexec_elf_load.
ImageNeeds elf64_needs(const File& kernel);

/// Offsets of ELF's header, and of the first program header where it follows at once, as in kernels.
/// Source: include/uapi/linux/elf.h, struct elf64_hdr, elf64_phdr.
template <std::endian order>
struct Elf64Fields {
  static constexpr HeaderField type{16, 2, order}, machine{18, 2, order}, version{20, 4, order}, phoff{32, 8, order},
      shoff{40, 8, order}, ehsize{52, 2, order}, phentsize{54, 2, order}, phnum{56, 2, order}, shentsize{58, 2, order},
      shnum{60, 2, order}, p_type{64, 4, order}, p_offset{72, 8, order}, p_paddr{88, 8, order}, p_filesz{96, 8, order},
      p_memsz{104, 8, order};
  // A kernel's first program header is that of a PT_LOAD. Its offset is left as it is, for powerpc copies what lies
  // there without a look at the file's end; the others would place it where there is no RAM.
  static constexpr HeaderField others[] = {{0, 4}, {4, 1},    {5, 1}, {6, 1},    type,  machine, version, shoff,
                                           ehsize, phentsize, phnum,  shentsize, shnum, p_type,  p_filesz};
  // One segment of the file's first half, no sections.
  static constexpr HeaderValue cut[] = {{phoff, 64},   {phnum, 1},   {shnum, 0},
                                        {p_offset, 0}, {p_paddr, 0}, {p_filesz, cut_bytes / 2}};
};

template <std::endian order>
inline constexpr FileHeader elf64_header{.memory = Elf64Fields<order>::p_memsz,
                                         .others = Elf64Fields<order>::others,
                                         .cut = Elf64Fields<order>::cut,
                                         .takes_programs = true};

}  // namespace kexlab::model
