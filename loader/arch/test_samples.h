// SPDX-License-Identifier: Apache-2.0
// Samples for the boot protocols' tests: saved machines, memory maps in text, and kernels made of headers alone.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "kexlab/arch.h"
#include "loader/arch/placement.h"

namespace kexlab::samples {

/// A machine saved in testdata/: Debian's 6.1 kernels (x86_64 and arm64: cloud, i386: 686-pae; riscv64: 6.12; loongarch64: 7.2 under
/// QEMU 10.0 with UEFI) under QEMU 7.2, "q35", "virt"
/// without UEFI, and "pseries" (its device tree without the gaps between its blocks).
inline Machine machine(const std::string& name) {
  const auto path = std::filesystem::path(KEXLAB_SOURCE_DIR "/loader/arch/testdata") / (name + ".json");
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  auto loaded = load_profile(text);
  EXPECT_TRUE(loaded.has_value()) << path << ": " << (loaded ? "" : loaded.error().str());
  return loaded.value_or(Machine{});
}

/// The machine with another memory map (/proc/iomem's text).
inline Machine with_memory(Machine machine, const std::string& iomem) {
  auto memory = parse_iomem(iomem);
  EXPECT_TRUE(memory.has_value()) << iomem;
  machine.memory = memory.value_or(MemoryMap{});
  return machine;
}

inline LoadRequest request(const Machine& machine, const Image& kernel, std::uint64_t initrd_size = 0) {
  LoadRequest request;
  request.machine = &machine;
  request.kernel = &kernel;
  request.kernel_source = "kernel";
  request.cmdline = "console=ttyS0 one=1";
  if (initrd_size != 0) request.initrd.pieces = {Piece::of_pattern(1, initrd_size)};
  return request;
}

inline const Segment* find_segment(const Plan& plan, const std::string& name) {
  const auto found = std::find_if(plan.segments.begin(), plan.segments.end(),
                                  [&](const Segment& segment) { return segment.name == name; });
  return found == plan.segments.end() ? nullptr : &*found;
}

/// A segment that must be there; an empty one where it is not, with a failure.
inline Segment segment(const Plan& plan, const std::string& name) {
  const Segment* found = find_segment(plan, name);
  EXPECT_NE(found, nullptr) << name;
  return found == nullptr ? Segment{} : *found;
}

inline Range range_of(const Segment& segment) { return {segment.mem, segment.mem + segment.memsz}; }

/// Bytes of a segment that is all inline.
inline Bytes inline_bytes(const Segment& segment) {
  Bytes all;
  for (const Piece& piece : segment.pieces) {
    EXPECT_EQ(piece.kind, Piece::Kind::inline_bytes) << segment.name;
    all.insert(all.end(), piece.bytes.begin(), piece.bytes.end());
  }
  return all;
}

template <class T>
std::uint64_t little(const Bytes& bytes, std::uint64_t offset) {
  return read_int<T>(bytes, offset, std::endian::little).value_or(0);
}

/// What holds for every plan of every architecture: the rules of a sane plan, whole pages of usable memory only, the
/// entry in the stub, the kernel's own bytes by reference.
inline void expect_sound(const Plan& plan, const LoadRequest& request) {
  const Machine& machine = *request.machine;
  const Arch* arch = find_arch(machine.arch);
  ASSERT_NE(arch, nullptr);
  const auto checked = check_plan(plan, machine.page_size);
  EXPECT_TRUE(checked.has_value()) << checked.error().str();
  EXPECT_EQ(plan.arch, machine.arch);
  EXPECT_EQ(plan.flags, arch->kexec_arch | (request.crash ? kexec::on_crash : 0));
  const RangeSet usable = arch->usable(machine, request.crash);
  for (const Segment& each : plan.segments) {
    EXPECT_TRUE(usable.contains(range_of(each))) << each.name << " " << range_of(each).str() << "\n" << plan.str();
  }
  const Segment kernel = segment(plan, "kernel");
  // Where the kexec gives all that a kernel wants, it is entered itself.
  EXPECT_TRUE(range_of(find_segment(plan, "stub") != nullptr ? segment(plan, "stub") : kernel).contains(plan.entry));
  for (const Piece& piece : kernel.pieces) {
    const bool by_reference = piece.kind == Piece::Kind::source && piece.source == "kernel";
    EXPECT_TRUE(by_reference || piece.kind == Piece::Kind::inline_bytes) << "of its own no more than parameters";
  }
  const Segment* initrd = find_segment(plan, "initrd");
  ASSERT_EQ(initrd != nullptr, request.initrd.size() != 0);
  if (initrd != nullptr) {
    EXPECT_EQ(initrd->pieces, request.initrd.pieces);
  }
  EXPECT_EQ(find_segment(plan, "elfcorehdr") != nullptr, request.crash);
}

}  // namespace kexlab::samples
