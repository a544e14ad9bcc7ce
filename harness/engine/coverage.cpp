// SPDX-License-Identifier: Apache-2.0
// Counters of executed lines, which a kernel with CONFIG_GCOV_KERNEL shows in debugfs, brought to the host.
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>

#include "harness/engine/case_runner.h"
#include "harness/engine/errno_text.h"
#include "harness/images/file.h"

namespace kexlab::engine {
namespace {

namespace fs = std::filesystem;

// Source: Documentation/dev-tools/gcov.rst. Below it, files lie under the folder that the kernel was built in.
constexpr const char* counters = "/sys/kernel/debug/gcov";
// A file of counters has 4 to 40 KiB, and a whole kernel some thousands of files.
constexpr std::uint64_t most_of_a_file = 1 << 20;
constexpr std::size_t most_files = 8192;

/// A name from a guest that stays below the folder it is put into.
bool stays_below(const std::string& name) {
  const fs::path path(name);
  return name == printable(name) && path.is_relative() &&
         std::none_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".." || part.empty(); });
}

}  // namespace

fs::path coverage_folder(const fs::path& root, const CaseResult& result) {
  return root / result.target / result.kernel / file_name(result.id);
}

// Counts begin anew with each kernel, so they are fetched before each is left; a case with two kernels has two sets.
Status CaseRunner::collect_coverage() {
  if (stage_.coverage.empty()) return {};
  wire::Message request{.op = "manifest"};
  request.set("path", counters);
  auto answer = ask(std::move(request));
  if (!answer) return tl::unexpected(answer.error());
  const auto error = static_cast<int>(answer->number("errno").value_or(0));
  if (error == ENOENT) return {};  // the second kernel may be built without
  const auto asked = fmt::format("fetch {} from the guest", counters);
  if (error != 0) return fail(Errc::io, asked, errno_name(error));
  const Manifest files = parse_manifest(answer->text("data").value_or(""));
  if (files.size() > most_files) return fail(Errc::protocol, asked, fmt::format("{} files", files.size()));
  const fs::path set = coverage_folder(stage_.coverage, result_) / std::to_string(coverage_sets_++);
  for (const auto& [name, digest] : files) {
    if (!name.ends_with(".gcda")) continue;
    if (!stays_below(name)) return fail(Errc::protocol, asked, "a file named " + printable(name));
    auto bytes = read_guest_file(session_, fmt::format("{}/{}", counters, name), most_of_a_file, soon());
    if (!bytes) return tl::unexpected(bytes.error());
    std::error_code ignored;
    fs::create_directories((set / name).parent_path(), ignored);
    if (auto written = images::write_file(set / name, *bytes); !written) return written;
  }
  return {};
}

}  // namespace kexlab::engine
