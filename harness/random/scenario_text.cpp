// SPDX-License-Identifier: Apache-2.0
// Calls as a scenario file, so that what was found can be run again, read, changed and kept.
#include <fmt/format.h>

#include <algorithm>

#include "harness/random/random.h"
#include "kexlab/text.h"

namespace kexlab::random {
namespace {

std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string segment_text(const Segment& segment) {
  const std::uint32_t seed = segment.pieces.empty() ? 1 : segment.pieces.front().seed;
  return fmt::format("        - {{name: {}, at: {}, size: {}, data: {}, fill: pattern {}, buf: {}}}\n", segment.name,
                     hex(segment.mem), hex(segment.memsz), hex(segment.bufsz), seed, quoted(to_string(segment.buf)));
}

std::string caller_text(const scenario::Credentials& as) {
  std::vector<std::string> parts;
  if (as.uid) parts.push_back(fmt::format("uid: {}", *as.uid));
  if (!as.drop.empty()) parts.push_back(fmt::format("drop: [{}]", fmt::join(as.drop, ", ")));
  if (as.user_namespace) parts.emplace_back("userns: true");
  if (as.pid_namespace) parts.emplace_back("pidns: true");
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string file_text(const scenario::FileSpec& file) {
  std::string out = "{from: " + file.from;
  if (file.size) out += ", size: " + file.size->text;
  std::vector<std::string> edits;
  for (const auto& edit : file.edits) {
    std::string bytes;
    for (const std::byte byte : edit.bytes) bytes += fmt::format(" {:02x}", std::to_integer<unsigned>(byte));
    edits.push_back(fmt::format("\"{:#x} ={}\"", edit.at, bytes));
  }
  if (!edits.empty()) out += fmt::format(", edit: [{}]", fmt::join(edits, ", "));
  return out + ", open: " + file.open + "}";
}

std::string call_text(const scenario::FileLoadStep& call, const scenario::Credentials& as) {
  std::string out = fmt::format("  - file_load:\n      kernel: {}\n      initrd: {}\n      flags: [{}]\n",
                                file_text(call.kernel), file_text(call.initrd), hex(call.flags));
  if (call.cmdline_len) out += fmt::format("      cmdline_len: {}\n", hex(*call.cmdline_len));
  if (call.cmdline_at != Pointer::valid)
    out += fmt::format("      cmdline_at: {}\n", quoted(to_string(call.cmdline_at)));
  if (as.any()) out += fmt::format("      as: {{{}}}\n", caller_text(as));
  return out + "    expect: model\n";
}

std::string call_text(const Attempt& call) {
  if (call.file) return call_text(*call.file, call.as);
  const Plan& plan = call.plan;
  std::string out =
      fmt::format("  - load:\n      arch: {}\n      flags: [{}]\n      entry: {}\n", hex(plan.flags & kexec::arch_mask),
                  hex(plan.flags & ~kexec::arch_mask), hex(plan.entry));
  if (plan.nr_segments) out += fmt::format("      nr: {}\n", hex(*plan.nr_segments));
  if (plan.array != Pointer::valid) out += fmt::format("      array: {}\n", quoted(to_string(plan.array)));
  if (call.compat) out += "      abi: compat\n";
  if (call.as.any()) out += fmt::format("      as: {{{}}}\n", caller_text(call.as));
  if (!plan.segments.empty()) out += "      segments:\n";
  for (const Segment& segment : plan.segments) out += segment_text(segment);
  return out + "    expect: model\n";
}

std::string guest_text(const scenario::GuestShape& guest) {
  std::vector<std::string> parts;
  if (guest.memory_mib) parts.push_back(fmt::format("memory: {} MiB", *guest.memory_mib));
  if (guest.cpus != 1) parts.push_back(fmt::format("cpus: {}", guest.cpus));
  if (!guest.cmdline.empty()) parts.push_back("cmdline: " + quoted(guest.cmdline));
  if (guest.crashkernel_mib) {
    parts.push_back(*guest.crashkernel_mib == 0 ? std::string("crashkernel: default")
                                                : fmt::format("crashkernel: {} MiB", *guest.crashkernel_mib));
  }
  if (!guest.level.empty()) parts.push_back("level: " + guest.level);
  if (!guest.firmware.empty()) parts.push_back("firmware: " + guest.firmware);
  return parts.empty() ? std::string() : fmt::format("guest: {{{}}}\n", fmt::join(parts, ", "));
}

// A case's id holds characters that a scenario's name must not have.
std::string name_of(const scenario::Case& what) {
  std::string name = "found/" + what.id;
  for (char& c : name) {
    const bool fine = std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '/' || c == '-' || c == '_' || c == '.';
    if (!fine) c = '-';
  }
  return name;
}

}  // namespace

std::string to_scenario(const Episode& episode, const Difference& difference, const scenario::Case& what,
                        const std::string& target, const model::State& after) {
  std::string out = fmt::format("name: {}\nabout: {}\ntargets: {}\n{}steps:\n", name_of(what),
                                quoted("Kernel and model differ: " + difference.text), target, guest_text(what.guest));
  for (const Attempt& call : episode) out += call_text(call);
  return out + fmt::format("  - state: {{loaded: {}, crash_loaded: {}}}\n", after.loaded, after.crash_loaded);
}

}  // namespace kexlab::random
