// SPDX-License-Identifier: Apache-2.0
// The rules that a plan keeps when it is meant to work, whatever the kernel; and the rule behind a kernel's refusal.
#include <cerrno>
#include <cstring>

#include "kexlab/plan.h"
#include "kexlab/text.h"

namespace kexlab {
namespace {

tl::unexpected<Error> broken(const Plan& plan, std::string rule) {
  return fail(Errc::invalid_argument, "check the plan for " + (plan.arch.empty() ? "no architecture" : plan.arch),
              std::move(rule));
}

std::string label(const Plan& plan, std::size_t index) {
  return "segment " + std::to_string(index) + " (" + plan.segments[index].name + ")";
}

Status check_call(const Plan& plan) {
  if (plan.array != Pointer::valid)
    return broken(plan, std::string("the segments pointer is ") + to_string(plan.array));
  if (plan.segments.empty()) return broken(plan, "no segments: that call would unload");
  if (plan.segments.size() > kexec::segment_max) {
    return broken(plan, std::to_string(plan.segments.size()) + " segments, KEXEC_SEGMENT_MAX is 16");
  }
  if (plan.count() != plan.segments.size()) {
    return broken(plan, "nr_segments is " + std::to_string(plan.count()) + ", the plan has " +
                            std::to_string(plan.segments.size()));
  }
  return {};
}

Status check_buffer(const Plan& plan, std::size_t index) {
  const Segment& segment = plan.segments[index];
  if (segment.buf != Pointer::valid)
    return broken(plan, label(plan, index) + ": its buffer is " + to_string(segment.buf));
  const auto length = pieces_length(segment);
  if (!length) return broken(plan, label(plan, index) + ": " + length.error().broke);
  if (*length != segment.bufsz) {
    return broken(plan,
                  label(plan, index) + ": the pieces sum to " + hex(*length) + ", bufsz is " + hex(segment.bufsz));
  }
  if (segment.bufsz > segment.memsz) {
    return broken(plan,
                  label(plan, index) + ": bufsz " + hex(segment.bufsz) + " is larger than memsz " + hex(segment.memsz));
  }
  return {};
}

Status check_destination(const Plan& plan, std::size_t index, std::uint64_t page_size) {
  const Segment& segment = plan.segments[index];
  if (segment.memsz == 0) return broken(plan, label(plan, index) + ": memsz is 0");
  const auto range = Range::sized(segment.mem, segment.memsz);
  if (!range)
    return broken(plan,
                  label(plan, index) + ": mem " + hex(segment.mem) + " + memsz " + hex(segment.memsz) + " passes 2^64");
  if ((segment.mem | segment.memsz) & (page_size - 1)) {
    return broken(plan, label(plan, index) + ": mem " + hex(segment.mem) + " and memsz " + hex(segment.memsz) +
                            " must be multiples of the page size " + hex(page_size));
  }
  for (std::size_t other = 0; other < index; ++other) {
    // The earlier ones have been checked: their ends do not wrap.
    const Segment& earlier = plan.segments[other];
    if (!range->overlaps({earlier.mem, earlier.mem + earlier.memsz})) continue;
    return broken(plan, label(plan, index) + " at " + range->str() + " overlaps " + label(plan, other) + " at " +
                            Range{earlier.mem, earlier.mem + earlier.memsz}.str());
  }
  return {};
}

}  // namespace

Status check_plan(const Plan& plan, std::uint64_t page_size) {
  if (page_size == 0 || (page_size & (page_size - 1)) != 0)
    return broken(plan, "the page size " + hex(page_size) + " is no power of two");
  if (auto call = check_call(plan); !call) return call;
  bool entry_found = false;
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    if (auto buffer = check_buffer(plan, i); !buffer) return buffer;
    if (auto destination = check_destination(plan, i, page_size); !destination) return destination;
    const Segment& segment = plan.segments[i];
    entry_found |= Range{segment.mem, segment.mem + segment.memsz}.contains(plan.entry);
  }
  if (!entry_found) return broken(plan, "entry " + hex(plan.entry) + " lies in no segment");
  return {};
}

namespace {

constexpr std::uint64_t known_flags =
    kexec::on_crash | kexec::preserve_context | kexec::update_elfcorehdr | kexec::crash_hotplug_support;

// Overlap as the kernel judges it: ends wrap, and an empty segment strictly inside another overlaps it.
bool kernel_overlap(const Segment& a, const Segment& b) { return a.mem + a.memsz > b.mem && a.mem < b.mem + b.memsz; }

std::string invalid_rule(const Plan& plan) {
  const std::uint64_t unknown = plan.flags & 0xffff & ~known_flags;
  if (unknown != 0) return "no kernel knows flag " + hex(unknown);
  if (plan.count() > kexec::segment_max)
    return "nr_segments " + std::to_string(plan.count()) + " is larger than KEXEC_SEGMENT_MAX 16";
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (kernel_overlap(plan.segments[i], plan.segments[j])) return label(plan, i) + " overlaps " + label(plan, j);
    }
  }
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    if (segment.bufsz > segment.memsz)
      return label(plan, i) + ": bufsz " + hex(segment.bufsz) + " is larger than memsz " + hex(segment.memsz);
  }
  if (plan.flags & (known_flags & ~kexec::on_crash)) {
    return "this kernel may not have the feature of a flag (KEXEC_JUMP, CRASH_HOTPLUG)";
  }
  return "the architecture constant is not the kernel's own, or a segment or the sum of all is more than half of RAM, "
         "or the architecture's machine_kexec_prepare wants something else";
}

std::string address_rule(const Plan& plan, std::uint64_t page_size) {
  for (std::size_t i = 0; i < plan.segments.size(); ++i) {
    const Segment& segment = plan.segments[i];
    const std::uint64_t end = segment.mem + segment.memsz;
    if (end < segment.mem) return label(plan, i) + ": mem + memsz wraps";
    if ((segment.mem | end) & (page_size - 1))
      return label(plan, i) + ": mem or its end is no multiple of the page size " + hex(page_size);
  }
  if (plan.flags & kexec::on_crash) {
    return "the entry or a segment lies outside of the \"Crash kernel\" reservation (see /proc/iomem), or there is "
           "none";
  }
  return "a segment ends at or above the highest address that the architecture can copy to";
}

std::string likely_rule(const Plan& plan, int error, std::uint64_t page_size) {
  switch (error) {
    case EINVAL:
      return invalid_rule(plan);
    case EADDRNOTAVAIL:
      return address_rule(plan, page_size);
    case EPERM:
      return "it takes CAP_SYS_BOOT in the initial user namespace, kernel.kexec_load_disabled=0, and no lockdown";
    case EACCES:
      return "a security module forbids unsigned kernels";
    case EBUSY:
      return "another kexec operation holds the lock";
    case EFAULT:
      return "a buffer or the segments array is not readable to its end";
    case ENOMEM:
      return "no memory for the image or its control pages; a crash image must leave room inside the reservation";
    case ETXTBSY:
      return "a segment lies over the running kernel or firmware tables (ppc64)";
    case ENOSYS:
      return "the kernel is built without CONFIG_KEXEC";
    default:
      return "no rule is known for this error";
  }
}

}  // namespace

Error refusal(const Plan& plan, int error, std::uint64_t page_size) {
  return {Errc::refused, plan.str(), std::string("the kernel answered: ") + std::strerror(error),
          likely_rule(plan, error, page_size)};
}

}  // namespace kexlab
