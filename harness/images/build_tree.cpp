// SPDX-License-Identifier: Apache-2.0
// The steps of a kernel's build in its tree.
#include <sys/utsname.h>

#include <fstream>
#include <thread>

#include "harness/images/archive.h"
#include "harness/images/build.h"
#include "harness/images/file.h"
#include "harness/images/process.h"

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds configure_deadline{300};
constexpr std::chrono::seconds build_deadline{4 * 3600};
/// Lines that a build of the small kernels prints; only the progress shown hangs on it.
constexpr double usual_lines = 1100;

/// Two options of one fragment line: "CONFIG_X=y" or "# CONFIG_X is not set" (value "n").
std::optional<std::pair<std::string, std::string>> option_of(std::string_view line) {
  constexpr std::string_view off = " is not set";
  if (line.starts_with("# CONFIG_") && line.ends_with(off))
    return std::pair{std::string(line.substr(2, line.size() - 2 - off.size())), "n"};
  const auto equals = line.find('=');
  if (!line.starts_with("CONFIG_") || equals == std::string_view::npos) return std::nullopt;
  return std::pair{std::string(line.substr(0, equals)), std::string(line.substr(equals + 1))};
}

template <class Each>
void each_line(std::string_view text, Each each) {
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    each(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

std::map<std::string, std::string> options_in(std::string_view text) {
  std::map<std::string, std::string> options;
  each_line(text, [&](std::string_view line) {
    if (auto option = option_of(line)) options.insert_or_assign(option->first, option->second);
  });
  return options;
}

/// The steps share the tree, the log and make's common arguments.
class Build {
 public:
  Build(const fs::path& tree, const Recipe& recipe, const fs::path& log, const Progress& progress)
      : tree_(tree), recipe_(recipe), log_(log), progress_(progress) {}

  Result<BuiltFiles> go() {
    if (auto done = unpack(); !done) return tl::unexpected(done.error());
    if (auto done = patch(); !done) return tl::unexpected(done.error());
    if (auto done = make_key(); !done) return tl::unexpected(done.error());
    if (auto done = configure(); !done) return tl::unexpected(done.error());
    if (auto done = make(); !done) return tl::unexpected(done.error());
    if (auto done = sign(); !done) return tl::unexpected(done.error());
    return collect();
  }

 private:
  void tell(std::string_view what, double fraction) const {
    if (progress_) progress_(what, fraction);
  }
  [[nodiscard]] std::string log_hint() const { return "the whole log is " + log_.string(); }

  Status unpack() {
    return unpack_tar(recipe_.tarball, tree_,
                      [&](double part) { tell("unpacking " + recipe_.tarball.filename().string(), part); });
  }

  Status patch() {
    for (const auto& each : recipe_.patches) {
      const fs::path file = tree_ / ".kexlab.patch";
      if (auto written = write_file(file, as_bytes(each.text)); !written) return written;
      Command apply{
          {"patch", "-p1", "--forward", "--batch", "-i", file.string()}, {}, tree_, configure_deadline, 0, log_, {}};
      auto applied = demand(apply, "apply " + each.name, "make the patch against this source, with -p1 paths");
      if (applied) continue;
      if (applied.error().code == Errc::io) applied.error().code = Errc::invalid_argument;
      return tl::unexpected(applied.error());
    }
    return {};
  }

  [[nodiscard]] Command make_command(std::vector<std::string> arguments) const {
    const std::string& cross = recipe_.cross;
    const std::string compiler = find_program("ccache").empty() ? cross + "gcc" : "ccache " + cross + "gcc";
    Command command;
    command.argv = {"make", "ARCH=" + recipe_.kernel_arch, "CROSS_COMPILE=" + cross, "CC=" + compiler};
    command.argv.insert(command.argv.end(), arguments.begin(), arguments.end());
    // Equal recipes give equal kernels, whoever builds them and when; and nothing from outside changes the build.
    command.environment = {{"KBUILD_BUILD_USER", "kexlab"},
                           {"KBUILD_BUILD_HOST", "kexlab"},
                           {"KBUILD_BUILD_TIMESTAMP", "1970-01-01"},
                           {"KBUILD_BUILD_VERSION", "1"},
                           {"LOCALVERSION", ""},
                           {"MAKEFLAGS", ""},
                           {"KCFLAGS", ""},
                           {"KBUILD_OUTPUT", ""}};
    command.folder = tree_;
    command.nice = 10;
    command.log = log_;
    return command;
  }

  Status configure() {
    tell("configuring", -1);
    std::string merged;
    for (const auto& fragment : recipe_.fragments) merged += fragment.text + "\n";
    const fs::path file = tree_ / ".kexlab.config";
    if (auto written = write_file(file, as_bytes(merged)); !written) return written;
    Command command = make_command({"KCONFIG_ALLCONFIG=" + file.string(), "allnoconfig"});
    command.deadline = configure_deadline;
    if (auto done = demand(command, "configure the kernel", log_hint()); !done) return tl::unexpected(done.error());
    const auto config = read_text(tree_ / ".config");
    if (!config) return tl::unexpected(config.error());
    const auto dropped = dropped_options(recipe_.fragments, *config);
    if (dropped.empty()) return {};
    std::string all;
    for (const auto& each : dropped) all += (all.empty() ? "" : "; ") + each;
    return fail(Errc::invalid_argument, "configure the kernel", all,
                "add what the option depends on (its Kconfig entry tells) to a fragment");
  }

  Status make() {
    const std::string target = fs::path(recipe_.image).filename().string();
    const unsigned jobs = std::max(1U, std::thread::hardware_concurrency());
    Command command = make_command({"-j" + std::to_string(jobs), target});
    command.deadline = build_deadline;
    double lines = 0;
    command.on_line = [&](std::string_view) { tell("building " + target, std::min(0.99, ++lines / usual_lines)); };
    const auto done = demand(command, "build the kernel", log_hint());
    if (!done) return tl::unexpected(done.error());
    return {};
  }

  // Key and certificate in one file, as the kernel makes its own for modules. A fragment has the kernel trust it.
  Status make_key() {
    if (recipe_.signing_key.empty()) return {};
    const std::string key = (tree_ / recipe_.signing_key).string();
    Command command{
        {"openssl", "req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-sha256", "-days", "36500", "-batch",
         "-subj", "/CN=kexlab, made for one build", "-outform", "PEM", "-out", key, "-keyout", key},
        {},
        tree_,
        configure_deadline,
        0,
        log_,
        {}};
    const auto done = demand(command, "make a key to sign the kernel with", log_hint());
    return done ? Status{} : tl::unexpected(done.error());
  }

  Status sign() {
    if (recipe_.signing_key.empty()) return {};
    tell("signing", -1);
    const std::string key = (tree_ / recipe_.signing_key).string(), image = (tree_ / recipe_.image).string();
    Command command{
        {"sbsign", "--key", key, "--cert", key, "--output", image, image}, {}, tree_, configure_deadline, 0, log_, {}};
    const auto done = demand(command, "sign the kernel", log_hint());
    return done ? Status{} : tl::unexpected(done.error());
  }

  Result<BuiltFiles> collect() {
    auto release = read_text(tree_ / "include/config/kernel.release");
    if (!release) return tl::unexpected(release.error());
    while (!release->empty() && release->back() == '\n') release->pop_back();
    return BuiltFiles{*release, tree_ / recipe_.image, tree_ / ".config", tree_ / "System.map", tree_};
  }

  const fs::path& tree_;
  const Recipe& recipe_;
  const fs::path& log_;
  const Progress& progress_;
};

/// A header or program, and the package that brings it.
struct Need {
  const char* what;
  const char* package;
};

}  // namespace

std::vector<std::string> dropped_options(const std::vector<NamedText>& fragments, std::string_view config) {
  std::map<std::string, std::pair<std::string, std::string>> asked;  // option → value, fragment
  for (const auto& fragment : fragments) {
    for (const auto& [option, value] : options_in(fragment.text)) asked[option] = {value, fragment.name};
  }
  const auto have = options_in(config);
  std::vector<std::string> dropped;
  for (const auto& [option, want] : asked) {
    const auto found = have.find(option);
    const std::string got = found == have.end() ? "n" : found->second;
    if (got != want.first)
      dropped.push_back(option + ": " + want.second + " asks for " + want.first + ", the configuration has " + got);
  }
  return dropped;
}

std::string compiler_package(std::string_view triplet, std::string_view language) {
  utsname host{};
  ::uname(&host);
  if (triplet.starts_with(std::string(host.machine) + "-")) return std::string(language);
  std::string package = std::string(language) + "-" + std::string(triplet);
  std::replace(package.begin(), package.end(), '_', '-');
  return package;
}

Result<std::string> find_compiler(const Target& target, const Progress& progress) {
  const std::string prefix = target.triplet + "-";
  if (!target.compiler_suite.empty())
    return toolchain(target, progress).map([&](const fs::path& folder) { return (folder / prefix).string(); });
  if (!find_program(prefix + "gcc").empty()) return prefix;
  return fail(Errc::not_found, "build a kernel", prefix + "gcc is missing",
              "install the Debian package " + compiler_package(target.triplet, "gcc"));
}

Status check_build_tools(BuildSteps steps) {
  const std::string asked = "build a kernel";
  std::vector<Need> programs{{"make", "make"}, {"flex", "flex"}, {"bison", "bison"}, {"bc", "bc"}, {"gcc", "gcc"}};
  if (steps.patches) programs.push_back({"patch", "patch"});
  if (steps.signing) programs.insert(programs.end(), {{"openssl", "openssl"}, {"sbsign", "sbsigntool"}});
  for (const auto& need : programs) {
    if (find_program(need.what).empty()) {
      return fail(Errc::not_found, asked, std::string(need.what) + " is missing",
                  std::string("install the Debian package ") + need.package);
    }
  }
  for (const auto& need :
       {Need{"/usr/include/gelf.h", "libelf-dev"}, Need{"/usr/include/openssl/evp.h", "libssl-dev"}}) {
    std::error_code ignored;
    if (!fs::exists(need.what, ignored)) {
      return fail(Errc::not_found, asked, std::string(need.what) + " is missing",
                  std::string("install the Debian package ") + need.package);
    }
  }
  return {};
}

Result<BuiltFiles> build_in(const fs::path& tree, const Recipe& recipe, const fs::path& log, const Progress& progress) {
  return Build(tree, recipe, log, progress).go();
}

}  // namespace kexlab::images
