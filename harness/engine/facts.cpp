// SPDX-License-Identifier: Apache-2.0
// Reads what must be known of a running kernel, file by file, over its agent.
#include "harness/engine/facts.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "harness/engine/errno_text.h"
#include "harness/images/file.h"
#include "harness/model/model.h"

namespace kexlab::engine {
namespace {

// Firmware tables and memory maps are far below this; a guest that offers more is broken.
constexpr std::uint64_t most_of_a_fact = std::uint64_t{4} << 20;
constexpr std::uint64_t part = 256 << 10;

// "none [integrity] confidentiality". Source: security/lockdown/lockdown.c (lockdown_read).
bool is_locked_down(std::string_view text) {
  return text.find("[integrity]") != std::string_view::npos || text.find("[confidentiality]") != std::string_view::npos;
}

Result<Facts> facts_from(const Target& target, std::uint64_t page_size, const FileReader& read) {
  auto machine = read_machine(target.name, page_size, read);
  const auto meminfo = read("/proc/meminfo");
  const auto cpuinfo = read("/proc/cpuinfo");
  const auto lockdown = read("/sys/kernel/security/lockdown");  // absent without CONFIG_SECURITY_LOCKDOWN_LSM
  if (!machine) return tl::unexpected(machine.error());
  const auto pages = model::ram_pages_from_meminfo(meminfo ? as_text(*meminfo) : "", machine->page_size);
  if (!pages) return fail(Errc::corrupt, "read /proc/meminfo", "there is no MemTotal line");
  return Facts{std::move(*machine), *pages, cpuinfo && as_text(*cpuinfo).find(" la57") != std::string_view::npos,
               lockdown && is_locked_down(as_text(*lockdown))};
}

// The answer to `read` or `map`.
Result<wire::Message> ask_for_part(Session& session, const char* op, const std::string& path, std::uint64_t offset,
                                   std::uint64_t size, vm::Clock::time_point deadline) {
  const std::string asked = fmt::format("{} {} in the guest", op, path);
  wire::Message request{.op = op};
  request.set("path", path).set("offset", offset).set("max", std::min(size, part));
  auto answer = session.call(std::move(request), deadline);
  if (!answer) return answer;
  if (const auto error = answer->number("errno").value_or(0); error != 0)
    return fail(error == ENOENT ? Errc::not_found : Errc::io, asked, errno_name(static_cast<int>(error)));
  if (const auto got = answer->bytes("data").value_or(ByteView{}).size(); got > std::min(size, part))
    return fail(Errc::protocol, asked, fmt::format("the agent sent {} bytes for {}", got, std::min(size, part)));
  return answer;
}

}  // namespace

Result<Bytes> read_guest_part(Session& session, const std::string& path, std::uint64_t offset, std::uint64_t size,
                              vm::Clock::time_point deadline, bool* eof) {
  auto answer = ask_for_part(session, "read", path, offset, size, deadline);
  if (!answer) return tl::unexpected(answer.error());
  Bytes bytes = to_bytes(answer->bytes("data").value_or(ByteView{}));
  if (eof != nullptr) *eof = answer->number("eof").value_or(0) == 1 || bytes.empty();
  return bytes;
}

Result<Bytes> map_guest_part(Session& session, const std::string& path, std::uint64_t offset, std::uint64_t size,
                             vm::Clock::time_point deadline) {
  auto answer = ask_for_part(session, "map", path, offset, size, deadline);
  if (!answer) return tl::unexpected(answer.error());
  return to_bytes(answer->bytes("data").value_or(ByteView{}));
}

Result<Bytes> read_guest_file(Session& session, const std::string& path, std::uint64_t most,
                              vm::Clock::time_point deadline) {
  Bytes all;
  bool eof = false;
  while (all.size() < most && !eof) {
    auto bytes = read_guest_part(session, path, all.size(), most - all.size(), deadline, &eof);
    if (!bytes) return bytes;
    all.insert(all.end(), bytes->begin(), bytes->end());
  }
  return all;
}

std::uint64_t reservation_mib(const Target& target, const scenario::GuestShape& guest) {
  if (!guest.crashkernel_mib) return 0;
  return *guest.crashkernel_mib != 0 ? *guest.crashkernel_mib : target.crashkernel_mib;
}

std::uint64_t guest_memory_mib(const Target& target, const scenario::GuestShape& guest) {
  if (guest.memory_mib) return std::max<std::uint64_t>(*guest.memory_mib, target.least_memory_mib);
  return guest.crashkernel_mib ? target.crash_memory_mib : target.memory_mib;
}

Result<Facts> read_facts(Session& session, const Target& target, const Hello& hello, vm::Clock::time_point deadline) {
  std::optional<Error> broken;
  auto read = [&](const std::string& path) -> std::optional<Bytes> {
    if (broken) return std::nullopt;
    auto bytes = read_guest_file(session, path, most_of_a_fact, deadline);
    if (bytes) return std::move(*bytes);
    // A file that the kernel does not have is no error here: the architecture says which it cannot do without.
    if (bytes.error().code != Errc::not_found && bytes.error().code != Errc::io) broken = bytes.error();
    return std::nullopt;
  };
  auto facts = facts_from(target, hello.page_size, read);
  if (broken) return tl::unexpected(*broken);
  return facts;
}

Result<Facts> read_own_facts(const Target& target) {
  auto read = [](const std::string& path) -> std::optional<Bytes> {
    auto bytes = images::read_file(path);
    return bytes ? std::optional(std::move(*bytes)) : std::nullopt;
  };
  return facts_from(target, static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)), read);
}

std::string save_facts(const Facts& facts) {
  return nlohmann::json{{"machine", nlohmann::json::parse(save_profile(facts.machine))},
                        {"ram_pages", facts.ram_pages},
                        {"la57", facts.la57},
                        {"lockdown", facts.lockdown}}
      .dump(1);
}

Result<Facts> load_facts(std::string_view text) {
  const auto json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) return fail(Errc::corrupt, "read facts of a machine", "they are no JSON object");
  auto machine = load_profile(json.contains("machine") ? json["machine"].dump() : text);
  if (!machine) return tl::unexpected(machine.error());
  return Facts{std::move(*machine), json.value("ram_pages", std::uint64_t{0}), json.value("la57", false),
               json.value("lockdown", false)};
}

}  // namespace kexlab::engine
