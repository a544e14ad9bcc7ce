// SPDX-License-Identifier: Apache-2.0
// The QEMU backend: finds the program, asks its version once, boots guests.
#include <boost/asio/io_context.hpp>
#include <map>
#include <mutex>

#include "harness/vm/qemu/guest.h"
#include "harness/vm/qemu/launcher.h"

namespace kexlab::vm {
using namespace std::chrono_literals;
namespace {

Result<std::filesystem::path> find_installed(const Target& target) {
  auto program = find_program(target.qemu);
  if (!program.empty()) return program;
  return fail(Errc::not_found, "start a guest of " + target.name, target.qemu + " is not installed",
              "apt-get install " + target.qemu_package);
}

/// "QEMU 7.2.22" from the first line of `qemu --version`, "QEMU emulator version 7.2.22 (Debian …)".
Result<std::string> parse_version(const std::string& text, const std::string& program) {
  constexpr std::string_view start = "QEMU emulator version ";
  const std::size_t at = text.find(start);
  if (at == std::string::npos) return fail(Errc::io, "ask " + program + " for its version", "it said: " + text);
  const std::string rest = text.substr(at + start.size());
  return "QEMU " + rest.substr(0, rest.find_first_of(" ;("));
}

Result<std::string> ask_version(const std::filesystem::path& program) {
  auto pipe = make_pipe();
  if (!pipe) return tl::unexpected(pipe.error());
  boost::asio::io_context context;
  LastWords words(context, std::move(pipe->ours));
  auto child = Child::start(context, {program, {"--version"}, pipe->theirs.get(), {}}, [] {});
  if (!child) return tl::unexpected(child.error());
  pipe->theirs = Descriptor();
  context.run_until(Clock::now() + 10s);
  if (!(*child)->status())
    return fail(Errc::timeout, "ask " + program.string() + " for its version", "no answer in 10 s");
  return parse_version(words.line(), program.string());
}

class QemuBackend final : public Backend {
 public:
  explicit QemuBackend(FindEmulator find) : find_(std::move(find)) {}
  [[nodiscard]] std::string_view name() const override { return "qemu"; }

  Result<std::unique_ptr<Guest>> boot(const GuestSpec& spec) override {
    if (spec.target == nullptr) return fail(Errc::invalid_argument, "boot a guest", "it has no target");
    auto program = find(*spec.target);
    if (!program) return tl::unexpected(program.error());
    auto known = version(*spec.target);
    if (!known) return tl::unexpected(known.error());
    return QemuGuest::boot(spec, *program, *known);
  }

  Result<std::string> version(const Target& target) override {
    auto program = find(target);
    if (!program) return tl::unexpected(program.error());
    const std::lock_guard lock(mutex_);
    auto& known = versions_[program->string()];
    if (known.empty()) {
      auto asked = ask_version(*program);
      if (!asked) return asked;
      known = *asked;
    }
    return known;
  }

 private:
  // Looked for once: an emulator in the cache is verified whenever it is asked for.
  Result<std::filesystem::path> find(const Target& target) {
    const std::lock_guard lock(mutex_);
    const auto name = std::pair(target.qemu_suite, target.qemu);
    const auto known = programs_.find(name);
    if (known != programs_.end()) return known->second;
    auto found = find_(target);
    if (found) programs_.emplace(name, *found);
    return found;
  }

  FindEmulator find_;
  std::mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::filesystem::path> programs_;  ///< by suite and name
  std::map<std::string, std::string> versions_;
};

}  // namespace

std::unique_ptr<Backend> make_qemu_backend(FindEmulator find) {
  return std::make_unique<QemuBackend>(find ? std::move(find) : FindEmulator(find_installed));
}

}  // namespace kexlab::vm
