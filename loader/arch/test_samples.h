// SPDX-License-Identifier: Apache-2.0
// Samples for the boot protocols' tests: saved machines, memory maps in text, and kernels made of headers alone.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>

#include "kexlab/arch.h"
#include "loader/arch/placement.h"

namespace kexlab::samples {

/// A machine as a guest saved it to testdata/NAME.json. The name tells its architecture, the version of its kernel and
/// its memory ("crash": with a reservation for a crash kernel). Kernels and machines are those of
/// harness/targets/targets.yaml; the device tree of "pseries" is kept without the gaps between its blocks.
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

/// A big-endian ELF kernel of 32 bits in two parts, whose headers alone are there.
inline Image big_elf32(std::string arch, std::uint16_t machine, std::uint64_t entry, std::vector<LoadPart> parts) {
  Image image;
  image.format = Format::elf;
  image.arch = std::move(arch);
  image.elf.emplace();
  image.elf->order = std::endian::big;
  image.elf->machine = machine;
  image.elf->entry = entry;
  image.bytes.resize(mib);
  image.parts = std::move(parts);
  return image;
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

/// A machine, a kernel and a memory map to plan for, and where the kernel must come to lie: a row of a table of them.
struct Layout {
  const char* name;
  const char* iomem = "";    // empty: as saved
  const char* machine = "";  // empty: the architecture's usual one
  bool crash = false;
  std::uint64_t page_size = 0;  // 0: as saved
  std::uint64_t initrd = 5 * mib + 1;
  std::uint64_t kernel_at = 0;
  std::function<void(Image& kernel)> change = nullptr;
};

/// Tests over Layouts, each with its request ready.
class LayoutTest : public testing::TestWithParam<Layout> {
 protected:
  LayoutTest(const char* usual, Image kernel)
      : machine_(machine(*GetParam().machine == '\0' ? usual : GetParam().machine)), kernel_(std::move(kernel)) {
    if (*GetParam().iomem != '\0') machine_ = with_memory(machine_, GetParam().iomem);
    if (GetParam().page_size != 0) machine_.page_size = GetParam().page_size;
    if (GetParam().change) GetParam().change(kernel_);
    request_ = request(machine_, kernel_, GetParam().initrd);
    request_.crash = GetParam().crash;
  }

  Machine machine_;
  Image kernel_;
  LoadRequest request_;
};

/// What must not be planned: a change to a machine, a kernel and a request that are good, and what is said of it.
struct Refusal {
  const char* name;
  std::function<void(Machine& machine, Image& kernel, LoadRequest& request)> change;
  Errc code;
  const char* text;  // part of the message
};

inline void expect_refused(const Refusal& row, Machine machine, Image kernel) {
  LoadRequest request = samples::request(machine, kernel, mib);
  row.change(machine, kernel, request);
  const auto plan = plan_kernel(request);
  ASSERT_FALSE(plan.has_value()) << row.name << "\n" << plan->str();
  EXPECT_EQ(plan.error().code, row.code) << plan.error().str();
  EXPECT_THAT(plan.error().str(), testing::HasSubstr(row.text)) << row.name;
}

/// The name of a Layout, a Refusal or another row as GoogleTest asks for it.
template <class Row>
std::string row_name(const testing::TestParamInfo<Row>& info) {
  return info.param.name;
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
