// SPDX-License-Identifier: Apache-2.0
// The last words of a guest: a bounded tail of its console, made printable.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>

namespace kexlab::engine {

/// Makes guest bytes safe for a terminal and for XML: printable ASCII and tabs stay, escape sequences and control
/// bytes become "\xNN". Guest output is untrusted; nothing else of the project prints it raw.
std::string printable(std::string_view bytes);

/// Keeps the last lines whatever the guest writes: at most 60 lines of at most 300 bytes; the rest is counted.
class ConsoleTail {
 public:
  void feed(std::string_view bytes);
  /// A mark between two kernels ("-- kexec --"), so that a reader sees where the switch was.
  void mark(std::string_view text);
  void clear();
  /// Printable text, one line each, newest last.
  [[nodiscard]] std::string str() const;
  [[nodiscard]] std::uint64_t bytes_seen() const { return seen_; }
  /// True once the guest has said `text` within one line since the last clear or mark; looked for in the kept lines.
  [[nodiscard]] bool said(std::string_view text) const;
  /// The first line since the last clear in which a kernel says that something is wrong inside it (see console.cpp),
  /// printable; empty where there is none.
  [[nodiscard]] const std::string& complaint() const { return complaint_; }
  void forget_complaint() { complaint_.clear(); }

 private:
  void finish_line();
  static constexpr std::size_t max_lines = 60;
  static constexpr std::size_t max_line = 300;
  std::deque<std::string> lines_;
  std::string line_, complaint_;
  bool cut_ = false;
  std::uint64_t seen_ = 0;
};

}  // namespace kexlab::engine
