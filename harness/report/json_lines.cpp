// SPDX-License-Identifier: Apache-2.0
// Results on disk as they come, one JSON object a line, and reading them back.
#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <map>

#include "harness/report/json.h"
#include "harness/report/report.h"

namespace kexlab::report {
namespace {

class JsonLines : public engine::Sink {
 public:
  JsonLines(int descriptor, std::filesystem::path file, std::function<void(const Error&)> trouble)
      : descriptor_(descriptor), file_(std::move(file)), trouble_(std::move(trouble)) {}
  JsonLines(const JsonLines&) = delete;
  JsonLines& operator=(const JsonLines&) = delete;
  ~JsonLines() override { close(descriptor_); }

  void on(const engine::Event& event) override {
    // Progress is for the one who watches; it would only fill the file.
    if (std::holds_alternative<engine::Progressed>(event)) return;
    write_line(to_json(event) + "\n");
  }

 private:
  void write_line(const std::string& line) {
    std::size_t done = 0;
    while (done < line.size()) {
      const ssize_t n = write(descriptor_, line.data() + done, line.size() - done);
      if (n < 0 && errno == EINTR) continue;
      if (n < 0) return complain();
      done += static_cast<std::size_t>(n);
    }
  }

  void complain() {
    if (std::exchange(told_, true)) return;
    trouble_(
        Error{errno == ENOSPC ? Errc::no_space : Errc::io, "store results in " + file_.string(), std::strerror(errno),
              "what was stored before is kept; make room and go on with --resume " + file_.parent_path().string()});
  }

  int descriptor_;
  std::filesystem::path file_;
  std::function<void(const Error&)> trouble_;
  bool told_ = false;
};

// A run that was killed may have left half a line; what follows must start on one of its own.
bool ends_in_half_a_line(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary | std::ios::ate);
  if (!in || in.tellg() <= 0) return false;
  in.seekg(-1, std::ios::end);
  return in.get() != '\n';
}

/// Puts one line where it belongs; `seen` knows the place of each result by its key. Error: corrupt.
Status take(const nlohmann::json& json, Stored& stored, std::map<std::string, std::size_t>& seen) try {
  const std::string type = json.value("type", "");
  if (type == "run") {
    auto started = run_from_json(json);
    if (!started) return tl::unexpected(started.error());
    if (stored.started.id.empty()) stored.started = std::move(*started);
    stored.finished = false;
  } else if (type == "case") {
    auto result = case_from_json(json);
    if (!result) return tl::unexpected(result.error());
    const auto [at, is_new] =
        seen.emplace(result->id + "@" + result->target + "/" + result->kernel, stored.results.size());
    if (is_new) stored.results.emplace_back();
    stored.results[at->second] = std::move(*result);
  } else if (type == "end") {
    stored.finished = !json.value("interrupted", false);
  }
  return {};
} catch (const nlohmann::json::exception& error) {
  return fail(Errc::corrupt, "read a stored line", error.what());
}

}  // namespace

Result<std::unique_ptr<engine::Sink>> make_json_lines(const std::filesystem::path& file, bool append,
                                                      std::function<void(const Error&)> trouble) {
  const bool mend = append && ends_in_half_a_line(file);
  const int descriptor = open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | (append ? 0 : O_TRUNC), 0644);
  if (descriptor < 0)
    return fail(Errc::io, "open " + file.string(), std::strerror(errno), "choose another folder with --results");
  if (mend && write(descriptor, "\n", 1) != 1)
    trouble(Error{Errc::io, "append to " + file.string(), std::strerror(errno), {}});
  return std::make_unique<JsonLines>(descriptor, file, std::move(trouble));
}

Result<Stored> read_results(const std::filesystem::path& file) {
  std::ifstream in(file);
  if (!in)
    return fail(Errc::not_found, "read results from " + file.string(), std::strerror(errno),
                "give a folder that an earlier run wrote");
  Stored stored;
  std::map<std::string, std::size_t> seen;
  std::string line;
  int number = 0;
  while (std::getline(in, line)) {
    ++number;
    const bool cut = in.eof();  // no newline behind it: the run was killed while it wrote
    const auto json = nlohmann::json::parse(line, nullptr, false);
    if (json.is_discarded() || !json.is_object()) {
      // Half a line is what a killed run leaves, at the end or before the lines of the run that resumed it.
      if (cut || !line.ends_with('}')) continue;
      return fail(Errc::corrupt, "read results", fmt::format("{}:{} is no JSON object", file.string(), number));
    }
    if (auto taken = take(json, stored, seen); !taken) {
      return fail(Errc::corrupt, fmt::format("read {}:{}", file.string(), number), taken.error().broke);
    }
  }
  return stored;
}

}  // namespace kexlab::report
