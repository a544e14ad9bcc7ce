// SPDX-License-Identifier: Apache-2.0
// A plan as people read it: names of flags and pointers, and the call as a table.
#include "kexlab/plan.h"

#include <algorithm>

#include "kexlab/text.h"

namespace kexlab {
namespace {

struct Name {
  std::uint64_t value;
  const char* name;
};

// Source: include/uapi/linux/kexec.h.
constexpr Name flag_names[] = {
    {kexec::on_crash, "KEXEC_ON_CRASH"},
    {kexec::preserve_context, "KEXEC_PRESERVE_CONTEXT"},
    {kexec::update_elfcorehdr, "KEXEC_UPDATE_ELFCOREHDR"},
    {kexec::crash_hotplug_support, "KEXEC_CRASH_HOTPLUG_SUPPORT"},
};

// The ELF machine numbers that KEXEC_ARCH_* are made of.
constexpr Name arch_names[] = {
    {3, "386"},    {4, "68K"},     {8, "MIPS"},      {10, "MIPS_LE"}, {15, "PARISC"},
    {20, "PPC"},   {21, "PPC64"},  {22, "S390"},     {40, "ARM"},     {42, "SH"},
    {50, "IA_64"}, {62, "X86_64"}, {183, "AARCH64"}, {243, "RISCV"},  {258, "LOONGARCH"},
};

void append(std::string& text, const std::string& part) {
  if (!text.empty()) text += '|';
  text += part;
}

std::string padded(const std::string& text, std::size_t width) {
  return std::string(width > text.size() ? width - text.size() : 0, ' ') + text;
}

// Where the bytes come from, so that a table shows what a segment is made of.
std::string piece_text(const Piece& piece) {
  switch (piece.kind) {
    case Piece::Kind::inline_bytes:
      return std::to_string(piece.length()) + " bytes";
    case Piece::Kind::source:
      return piece.source + "+" + hex(piece.offset) + ":" + hex(piece.size);
    case Piece::Kind::pattern:
      return "pattern " + std::to_string(piece.seed) + ":" + hex(piece.size);
  }
  return "?";
}

std::string segment_text(const Segment& segment) {
  std::string text = segment.name;
  if (segment.buf != Pointer::valid) text += std::string(" buf=") + to_string(segment.buf);
  if (segment.buf == Pointer::address) text.append(" ").append(hex(segment.buf_address));
  for (std::size_t i = 0; i < segment.pieces.size(); ++i) {
    text += (i == 0 ? " (" : " + ") + piece_text(segment.pieces[i]);
  }
  return segment.pieces.empty() ? text : text + ")";
}

}  // namespace

Piece Piece::of(Bytes bytes) {
  Piece piece;
  piece.bytes = std::move(bytes);
  return piece;
}

Piece Piece::of_source(std::string name, std::uint64_t offset, std::uint64_t size) {
  Piece piece;
  piece.kind = Kind::source;
  piece.source = std::move(name);
  piece.offset = offset;
  piece.size = size;
  return piece;
}

Piece Piece::of_pattern(std::uint32_t seed, std::uint64_t size) {
  Piece piece;
  piece.kind = Kind::pattern;
  piece.seed = seed;
  piece.size = size;
  return piece;
}

const char* to_string(Pointer pointer) {
  static constexpr const char* names[] = {"valid",   "null",      "unmapped", "half",      "kernel", "read_only",
                                          "guarded", "no_access", "tight",    "one_short", "tagged", "address"};
  const auto index = static_cast<std::size_t>(pointer);
  return index < std::size(names) ? names[index] : "unknown";
}

std::string flags_to_string(std::uint64_t flags) {
  if (flags == 0) return "0";
  std::string text;
  std::uint64_t unknown = flags & ~kexec::arch_mask;
  for (const Name& flag : flag_names) {
    if ((flags & flag.value) == 0) continue;
    append(text, flag.name);
    unknown &= ~flag.value;
  }
  if (unknown != 0) append(text, hex(unknown));
  const std::uint64_t arch = (flags & kexec::arch_mask) >> 16;
  if (arch == 0) return text;
  const auto known =
      std::find_if(std::begin(arch_names), std::end(arch_names), [&](const Name& n) { return n.value == arch; });
  append(text, known != std::end(arch_names) ? std::string("KEXEC_ARCH_") + known->name : hex(arch << 16));
  return text;
}

std::string Plan::str() const {
  std::string text = "kexec_load(entry=" + hex(entry) + ", nr_segments=" + std::to_string(count()) +
                     ", segments=" + to_string(array) + ", flags=" + flags_to_string(flags) + ")";
  if (!arch.empty()) text += " for " + arch;
  text += "\n   #              bufsz                mem              memsz  what\n";
  for (std::size_t i = 0; i < segments.size(); ++i) {
    const Segment& s = segments[i];
    text += padded(std::to_string(i), 4) + " " + padded(hex(s.bufsz), 18) + " " + padded(hex(s.mem), 18) + " " +
            padded(hex(s.memsz), 18) + "  " + segment_text(s) + "\n";
  }
  return text;
}

}  // namespace kexlab
