// SPDX-License-Identifier: Apache-2.0
// What the harness asks of the running kernel before it plans: memory, firmware tables, configuration, state.
#include <fmt/format.h>

#include <charconv>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"

namespace kexlab::engine {
namespace {

// Firmware tables and memory maps are far below this; a guest that offers more is broken.
constexpr std::uint64_t most_of_a_fact = std::uint64_t{4} << 20;

// The model knows options without their prefix.
std::map<std::string, std::string> without_prefix(const std::map<std::string, std::string>& config) {
  constexpr std::string_view prefix = "CONFIG_";
  std::map<std::string, std::string> options;
  for (const auto& [name, value] : config) options[name.starts_with(prefix) ? name.substr(prefix.size()) : name] = value;
  return options;
}

std::optional<std::int64_t> to_number(std::string_view text) {
  std::int64_t value = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), value);
  return end.ec == std::errc() ? std::optional(value) : std::nullopt;
}

std::pair<unsigned, unsigned> version_of(std::string_view release) {
  unsigned major = 0, minor = 0;
  const auto dot = release.find('.');
  std::from_chars(release.data(), release.data() + release.size(), major);
  if (dot != std::string_view::npos) std::from_chars(release.data() + dot + 1, release.data() + release.size(), minor);
  return {major, minor};
}

}  // namespace

Result<Bytes> CaseRunner::read_file(const std::string& path, std::uint64_t most) {
  constexpr std::uint64_t step = 256 << 10;
  Bytes all;
  while (all.size() < most) {
    wire::Message request{.op = "read"};
    request.set("path", path).set("offset", std::uint64_t{all.size()}).set("max", std::min(step, most - all.size()));
    auto answer = ask(std::move(request));
    if (!answer) return tl::unexpected(answer.error());
    if (const auto error = answer->number("errno").value_or(0); error != 0) {
      return fail(error == ENOENT ? Errc::not_found : Errc::io, "read " + path + " in the guest",
                  errno_name(static_cast<int>(error)));
    }
    const auto data = answer->bytes("data").value_or(ByteView{});
    all.insert(all.end(), data.begin(), data.end());
    if (answer->number("eof").value_or(0) == 1 || data.empty()) return all;
  }
  return all;
}

Result<const Machine*> CaseRunner::machine() {
  if (machine_) return &*machine_;
  std::optional<Error> broken;
  auto made = read_machine(stage_.target->name, hello_.page_size, [&](const std::string& path) -> std::optional<Bytes> {
    if (broken) return std::nullopt;
    auto bytes = read_file(path, most_of_a_fact);
    if (bytes) return std::move(*bytes);
    // A file that the kernel does not have is no error here: the architecture says which it cannot do without.
    if (bytes.error().code != Errc::not_found && bytes.error().code != Errc::io) broken = bytes.error();
    return std::nullopt;
  });
  if (broken) return tl::unexpected(*broken);
  if (!made) return tl::unexpected(made.error());
  auto meminfo = read_file("/proc/meminfo", most_of_a_fact);
  if (!meminfo) return tl::unexpected(meminfo.error());
  const auto pages = model::ram_pages_from_meminfo(as_text(*meminfo), made->page_size);
  if (!pages) return fail(Errc::corrupt, "read /proc/meminfo in the guest", "there is no MemTotal line");
  ram_pages_ = *pages;
  auto cpuinfo = read_file("/proc/cpuinfo", most_of_a_fact);
  if (!cpuinfo) return tl::unexpected(cpuinfo.error());
  la57_ = as_text(*cpuinfo).find(" la57") != std::string_view::npos;
  machine_ = std::move(*made);
  return &*machine_;
}

Result<model::Situation> CaseRunner::situation() {
  auto facts = machine();
  if (!facts) return tl::unexpected(facts.error());
  auto answer = ask(wire::Message{.op = "state"});
  if (!answer) return tl::unexpected(answer.error());
  model::Situation now{.arch = machine_->arch, .page_size = machine_->page_size};
  std::tie(now.major, now.minor) = version_of(hello_.release);
  const bool first = hello_.generation == 0;
  const images::Kernel& kernel = !first && running_ && running_->kernel == "next" ? *stage_.next : *stage_.self;
  now.config = without_prefix(kernel.config);
  now.la57 = la57_;
  now.ram_pages = ram_pages_;
  for (const auto& range : machine_->memory.named("Crash kernel")) {
    if (!now.crash_reservation || range.size() > now.crash_reservation->size()) now.crash_reservation = range;
  }
  now.loaded = answer->number("loaded").value_or(0) == 1;
  now.crash_loaded = answer->number("crash_loaded").value_or(0) == 1;
  now.load_disabled = answer->number("load_disabled").value_or(0) == 1;
  now.lock_held = lock_held_;
  // Limits shrink with every call (since 6.3), so they are read each time; absent files are no limits.
  for (auto [file, limit] : {std::pair{"/proc/sys/kernel/kexec_load_limit_reboot", &now.load_limit_reboot},
                             std::pair{"/proc/sys/kernel/kexec_load_limit_panic", &now.load_limit_panic}}) {
    if (std::pair{now.major, now.minor} < std::pair{6U, 3U}) break;
    auto text = read_file(file, 64);
    if (text) *limit = to_number(as_text(*text));
    if (!text && text.error().code != Errc::not_found) return tl::unexpected(text.error());
  }
  return now;
}

}  // namespace kexlab::engine
