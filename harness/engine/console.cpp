// SPDX-License-Identifier: Apache-2.0
// The last words of a guest, bounded and made printable.
#include "harness/engine/console.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace kexlab::engine {
namespace {

// What a kernel prints when it finds a defect of its own and goes on, or before it dies. Source: kernel/panic.c
// (__warn), lib/bug.c, arch/*/mm/fault.c, kernel/locking/lockdep.c, mm/kasan/report.c, lib/ubsan.c, lib/refcount.c.
// A panic is no part of it: a crash on purpose is one.
constexpr std::array<std::string_view, 8> complaints{"WARNING: ",        "BUG: ",   "kernel BUG at ", "Oops",
                                                     "Internal error: ", "UBSAN: ", "Bad page state", "refcount_t: "};
// What sounds alike and is no defect of the kernel's. A host that gives its guest no time makes lockups ("watchdog:
// BUG: soft lockup", "BUG: workqueue lockup"), and a guest that really hangs meets its case's deadline. NVRAM is empty
// where firmware has not laid it out (arch/powerpc/kernel/nvram_64.c).
constexpr std::array<std::string_view, 2> harmless{"lockup", "nvram corruption detected"};

template <std::size_t count>
bool has_any(std::string_view line, const std::array<std::string_view, count>& words) {
  return std::any_of(words.begin(), words.end(),
                     [&](std::string_view each) { return line.find(each) != std::string_view::npos; });
}

}  // namespace

std::string printable(std::string_view bytes) {
  std::string out;
  out.reserve(bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\n' || c == '\t' || (byte >= 0x20 && byte < 0x7f)) {
      out.push_back(c);
    } else if (c != '\r') {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    }
  }
  return out;
}

void ConsoleTail::feed(std::string_view bytes) {
  seen_ += bytes.size();
  for (const char c : bytes) {
    if (c == '\n') {
      finish_line();
    } else if (line_.size() < max_line) {
      line_.push_back(c);
    } else {
      cut_ = true;
    }
  }
}

void ConsoleTail::finish_line() {
  if (cut_) line_ += " …";
  cut_ = false;
  if (complaint_.empty() && has_any(line_, complaints) && !has_any(line_, harmless)) complaint_ = printable(line_);
  if (line_.find_first_not_of("\r \t") != std::string::npos) {
    lines_.push_back(std::move(line_));
    if (lines_.size() > max_lines) lines_.pop_front();
  }
  line_.clear();
}

void ConsoleTail::mark(std::string_view text) {
  finish_line();
  lines_.emplace_back(text);
  if (lines_.size() > max_lines) lines_.pop_front();
}

void ConsoleTail::clear() { *this = ConsoleTail(); }

std::string ConsoleTail::str() const {
  std::string out;
  for (const auto& line : lines_) {
    // The mark of a cut line is ours, the rest is the guest's.
    const bool cut = line.ends_with(" …");
    out += printable(cut ? std::string_view(line).substr(0, line.size() - 4) : std::string_view(line));
    out += cut ? " ...\n" : "\n";
  }
  if (!line_.empty()) out += printable(line_) + "\n";
  return out;
}

bool ConsoleTail::said(std::string_view text) const {
  for (const auto& line : lines_) {
    if (line.find(text) != std::string::npos) return true;
  }
  return line_.find(text) != std::string::npos;
}

}  // namespace kexlab::engine
