// SPDX-License-Identifier: Apache-2.0
// ELF as the kernel's own loader reads it, which asks less than others: no flags, no alignments, any OS.
#include "harness/model/file_elf.h"

#include <algorithm>
#include <array>

namespace kexlab::model {
namespace {

constexpr std::uint64_t header_bytes = 64, program_header_bytes = 56, section_header_bytes = 64;

/// A number in the file's own byte order; 0 where its known part ends before it.
template <class T>
T field(const File& file, std::uint64_t at) {
  const auto order = little_field<std::uint8_t>(file.head, 5) == 2 ? std::endian::big : std::endian::little;
  return read_int<T>(file.head, static_cast<std::size_t>(at), order).value_or(0);
}

struct ProgramHeader {
  std::uint32_t type = 0;
  std::uint64_t offset = 0, address = 0, file_bytes = 0, memory_bytes = 0;
};

std::uint64_t program_headers(const File& file) { return field<std::uint64_t>(file, 32); }
unsigned count(const File& file) { return program_headers(file) == 0 ? 0 : field<std::uint16_t>(file, 56); }

ProgramHeader program_header(const File& file, unsigned index) {
  const std::uint64_t at = program_headers(file) + index * program_header_bytes;
  return {.type = field<std::uint32_t>(file, at),
          .offset = field<std::uint64_t>(file, at + 8),
          .address = field<std::uint64_t>(file, at + 24),
          .file_bytes = field<std::uint64_t>(file, at + 32),
          .memory_bytes = field<std::uint64_t>(file, at + 40)};
}

bool wraps(std::uint64_t start, std::uint64_t size) { return start + size < start; }
bool lies_inside(std::uint64_t start, std::uint64_t size, const File& file) {
  return !wraps(start, size) && start + size <= file.size;
}

// elf_read_ehdr.
bool has_header(const File& file) {
  constexpr std::array<std::uint8_t, 5> elf_of_64_bits{0x7f, 'E', 'L', 'F', 2};
  for (std::size_t i = 0; i < elf_of_64_bits.size(); ++i)
    if (little_field<std::uint8_t>(file.head, i) != elf_of_64_bits[i]) return false;
  const auto order = little_field<std::uint8_t>(file.head, 5);
  return file.size >= header_bytes && (order == 1 || order == 2) && field<std::uint16_t>(file, 52) == header_bytes;
}

// elf_is_ehdr_sane.
bool has_tables(const File& file) {
  const auto program_count = field<std::uint16_t>(file, 56), section_count = field<std::uint16_t>(file, 60);
  if (program_count > 0 && field<std::uint16_t>(file, 54) != program_header_bytes) return false;
  if (section_count > 0 && field<std::uint16_t>(file, 58) != section_header_bytes) return false;
  if (little_field<std::uint8_t>(file.head, 6) != 1 || field<std::uint32_t>(file, 20) != 1) return false;
  const std::uint64_t sections = field<std::uint64_t>(file, 40);
  return lies_inside(program_headers(file), count(file) * program_header_bytes, file) &&
         (sections == 0 || section_count == 0 || lies_inside(sections, section_count * section_header_bytes, file));
}

// elf_is_phdr_sane; kexec_build_elf_info about interpreters.
bool is_sane(const ProgramHeader& header, const File& file) {
  constexpr std::uint32_t interpreter = 3;  // PT_INTERP
  return lies_inside(header.offset, header.file_bytes, file) && !wraps(header.address, header.memory_bytes) &&
         header.type != interpreter;
}

}  // namespace

bool is_elf64(const File& kernel, std::uint16_t machine) {
  constexpr std::uint16_t executable = 2, shared = 3;  // ET_EXEC, ET_DYN
  if (!has_header(kernel) || !has_tables(kernel) || count(kernel) == 0) return false;
  for (unsigned i = 0; i < count(kernel); ++i)
    if (!is_sane(program_header(kernel, i), kernel)) return false;
  const auto type = field<std::uint16_t>(kernel, 16);
  return (type == executable || type == shared) && field<std::uint16_t>(kernel, 18) == machine;
}

ImageNeeds elf64_needs(const File& kernel) {
  constexpr std::uint32_t load = 1;  // PT_LOAD
  ImageNeeds out;
  for (unsigned i = 0; i < count(kernel); ++i) {
    const ProgramHeader header = program_header(kernel, i);
    if (header.type == load)
      out.pieces.push_back({.loaded = std::min(header.file_bytes, header.memory_bytes), .memory = header.memory_bytes});
  }
  return out;
}

}  // namespace kexlab::model
