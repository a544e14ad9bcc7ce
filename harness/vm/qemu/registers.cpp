// SPDX-License-Identifier: Apache-2.0
// The names that QEMU's targets print their program counter under.
#include "harness/vm/qemu/registers.h"

#include <array>
#include <cctype>
#include <charconv>

namespace kexlab::vm {
namespace {

/// The number that follows `name` where `name` stands as a word of its own: after blanks, '=' and "0x" at will.
std::optional<std::uint64_t> number_after(std::string_view text, std::string_view name) {
  for (std::size_t at = text.find(name); at != std::string_view::npos; at = text.find(name, at + 1)) {
    if (at > 0 && std::isalnum(static_cast<unsigned char>(text[at - 1])) != 0) continue;
    std::string_view rest = text.substr(at + name.size());
    const std::size_t digits = rest.find_first_not_of(" =");
    if (digits == 0 || digits == std::string_view::npos) continue;
    rest.remove_prefix(digits);
    if (rest.starts_with("0x")) rest.remove_prefix(2);
    std::uint64_t value = 0;
    if (std::from_chars(rest.data(), rest.data() + rest.size(), value, 16).ec == std::errc()) return value;
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::uint64_t> parse_program_counter(std::string_view registers) {
  // x86, x86 in 32-bit mode, s390x ("PSW=mask M addr A", and a general R15 behind it), arm, ppc, hppa; arm64, m68k and
  // loongarch; riscv, mips and sh.
  constexpr std::array<std::string_view, 8> names = {"RIP", "EIP", "addr", "R15", "NIP", "IA_F", "PC", "pc"};
  for (const auto name : names) {
    if (auto value = number_after(registers, name)) return value;
  }
  return std::nullopt;
}

}  // namespace kexlab::vm
