// SPDX-License-Identifier: Apache-2.0
// Packages through a private apt state.
#include "harness/images/apt.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "harness/images/digest.h"
#include "harness/images/file.h"
#include "harness/images/trim.h"

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

constexpr std::chrono::seconds update_deadline{600};
constexpr std::chrono::seconds download_deadline{1800};
constexpr std::chrono::hours lists_fresh{24};

/// The fields of the first record of a control file (deb822(5)); a continued field keeps its first line only.
std::map<std::string, std::string> first_record(std::string_view text) {
  std::map<std::string, std::string> fields;
  while (!text.empty()) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    if (line.empty()) break;
    const auto colon = line.find(':');
    if (line.front() == ' ' || colon == std::string_view::npos) continue;
    fields.emplace(line.substr(0, colon), trim(line.substr(colon + 1)));
  }
  return fields;
}

/// "a (= 1), b | c, d:any" → a, b, d.
std::vector<std::string> dependency_names(std::string_view text) {
  std::vector<std::string> names;
  while (!text.empty()) {
    const auto comma = std::min(text.find(','), text.size());
    const std::string_view item = trim(text.substr(0, comma));
    const auto name = item.substr(0, item.find_first_of(" (|:"));
    if (!name.empty()) names.emplace_back(name);
    text.remove_prefix(std::min(comma + 1, text.size()));
  }
  return names;
}

/// Text inside the quotes of apt.conf(5), which knows no escapes.
bool quotable(std::string_view text) { return text.find_first_of("\"\n;") == std::string_view::npos; }

/// Writes a file unless it says that already: another process may be reading it.
Status keep_text(const fs::path& file, const std::string& text) {
  const auto old = read_text(file);
  if (old && *old == text) return {};
  return write_file(file, as_bytes(text));
}

const char* const no_network = "check the network and the machine's apt sources (apt-get update tells)";

}  // namespace

Result<Package> parse_package(std::string_view text, std::string_view name) {
  auto fields = first_record(text);
  Package package{fields["Package"], fields["Version"], fields["SHA256"], 0, dependency_names(fields["Depends"])};
  const std::string& size = fields["Size"];
  std::from_chars(size.data(), size.data() + size.size(), package.size);
  if (package.name != name || package.version.empty() || package.sha256.size() != 64) {
    return fail(Errc::corrupt, "read apt's record of " + std::string(name), "it lacks Package, Version or SHA256");
  }
  return package;
}

std::string image_package(const Package& package) {
  for (const auto& name : package.depends) {
    if (name.starts_with("linux-image-")) return name;
  }
  return package.name;
}

std::vector<std::string> image_parts(const Package& package, bool modules) {
  std::vector<std::string> parts{package.name};
  constexpr std::string_view image = "linux-image-";
  if (!package.name.starts_with(image)) return parts;
  const std::string release = package.name.substr(image.size());
  for (const auto& name : package.depends) {
    const bool part = name == "linux-binary-" + release || name == "linux-base-" + release;
    if (part || (modules && name == "linux-modules-" + release)) parts.push_back(name);
  }
  return parts;
}

std::string apt_configuration(const fs::path& folder, std::string_view debian_arch, const fs::path& sources) {
  const std::string base = folder.string();
  const std::string arch(debian_arch);
  std::string text;
  // Hooks and further indexes of the machine's set-up are for its own state.
  for (const char* list : {"APT::Architectures", "APT::Update::Pre-Invoke", "APT::Update::Post-Invoke",
                           "APT::Update::Post-Invoke-Success", "APT::Default-Release", "Acquire::IndexTargets"}) {
    text += "#clear " + std::string(list) + ";\n";
  }
  text += "Dir::State \"" + base + "/state\";\nDir::State::Lists \"" + base + "/state/lists\";\n";
  text += "Dir::State::status \"" + base + "/status\";\nDir::State::extended_states \"" + base +
          "/state/extended_states\";\n";
  text += "Dir::Cache \"" + base + "/cache\";\nDir::Cache::Archives \"" + base + "/cache/archives\";\n";
  text += "Dir::Cache::pkgcache \"" + base + "/cache/pkgcache.bin\";\nDir::Cache::srcpkgcache \"\";\nDir::Log \"" +
          base + "/log\";\n";
  text += "APT::Architecture \"" + arch + "\";\nAPT::Architectures { \"" + arch + "\"; };\n";
  if (!sources.empty())
    text += "Dir::Etc::sourcelist \"/dev/null\";\nDir::Etc::sourceparts \"" + sources.string() + "\";\n";
  // Root's cache folder cannot be entered by apt's own user; nothing that is fetched here is run.
  text += "APT::Sandbox::User \"root\";\n";
  text +=
      "Acquire::Languages \"none\";\nAcquire::http::Timeout \"30\";\nAcquire::https::Timeout \"30\";\nAcquire::Retries "
      "\"2\";\n";
  text +=
      "Acquire::IndexTargets::deb::Packages {\n"
      "  MetaKey \"$(COMPONENT)/binary-$(ARCHITECTURE)/Packages\";\n  flatMetaKey \"Packages\";\n"
      "  ShortDescription \"Packages\";\n  Description \"$(RELEASE)/$(COMPONENT) $(ARCHITECTURE) Packages\";\n"
      "  flatDescription \"$(RELEASE) Packages\";\n  Optional \"0\";\n};\n";
  return text;
}

namespace {

Status make_state(const fs::path& folder, std::string_view debian_arch, const fs::path& sources) {
  for (const char* name : {"state/lists/partial", "cache/archives/partial", "log"}) {
    if (auto made = make_folder(folder / name); !made) return made;
  }
  if (auto kept = keep_text(folder / "status", ""); !kept) return kept;
  return keep_text(folder / "apt.conf", apt_configuration(folder, debian_arch, sources));
}

}  // namespace

Result<std::string> native_architecture() {
  const auto told = demand(Command{{"dpkg", "--print-architecture"}, {}, {}, std::chrono::seconds{20}, 0, {}, {}},
                           "ask for this machine's Debian architecture");
  if (!told) return tl::unexpected(told.error());
  return told->out.substr(0, told->out.find('\n'));
}

Result<Apt> Apt::open(const fs::path& folder, std::string_view debian_arch, const Progress& progress) {
  const std::string asked = "use apt for " + std::string(debian_arch) + " packages";
  if (find_program("apt-get").empty() || find_program("apt-cache").empty()) {
    return fail(Errc::not_found, asked, "there is no apt-get on this machine",
                "Debian's kernels need Debian's or Ubuntu's apt; or bring kernels with --kernel and --next");
  }
  if (!quotable(folder.string()))
    return fail(Errc::invalid_argument, asked, folder.string() + " has a quote or semicolon in it");
  if (auto made = make_state(folder, debian_arch, {}); !made) return tl::unexpected(made.error());
  return Apt(folder, std::string(debian_arch), "", progress);
}

Result<std::vector<SourceEntry>> Apt::entries() const {
  const auto done =
      demand(command({"apt-get", "indextargets", "--no-release-info", "--format", std::string(source_entry_format)}),
             "list apt's sources");
  if (!done) return tl::unexpected(done.error());
  return parse_source_entries(done->out);
}

Result<Apt> Apt::in_suite(const std::string& suite) {
  const std::string asked = "look into the suite " + suite;
  if (!is_suite(suite)) return fail(Errc::invalid_argument, asked, "that is no suite's name", "for example trixie");
  const auto known = entries();
  if (!known) return tl::unexpected(known.error());
  const auto release = release_entry(*known, release_codename(read_text("/etc/os-release").value_or("")));
  if (!release)
    return fail(Errc::not_found, asked,
                "among the machine's apt sources none serves its own release, so the mirror is not known",
                "add Debian's archive to the machine's apt sources, or choose another kernel");
  const bool own = std::any_of(known->begin(), known->end(), [&](const SourceEntry& entry) {
    return entry.uri == release->uri && entry.suite == suite && entry.component == "main";
  });
  if (own) return *this;
  Apt other(folder_.string() + "-" + suite, arch_, suite, progress_);
  if (auto looks = other.look_into(*release); !looks) return tl::unexpected(looks.error());
  return other;
}

Status Apt::look_into(const SourceEntry& release) {
  const fs::path sources = folder_ / "sources";
  if (auto made = make_folder(sources); !made) return made;
  if (auto made = make_state(folder_, arch_, sources); !made) return made;
  const auto text = read_text(release.file);
  if (!text) return tl::unexpected(text.error());
  return keep_text(sources / "suite.sources", suite_source(release, suite_, signed_by(*text, release)));
}

Command Apt::command(std::vector<std::string> arguments) const {
  Command command;
  command.argv = std::move(arguments);
  command.argv.insert(command.argv.begin() + 1, {"-c", (folder_ / "apt.conf").string()});
  return command;
}

bool Apt::stale() const {
  std::error_code missing;
  const auto written = fs::last_write_time(folder_ / "updated", missing);
  return missing || fs::file_time_type::clock::now() - written > lists_fresh;
}

Status Apt::update() {
  updated_ = true;
  if (progress_) progress_("updating package lists" + (suite_.empty() ? "" : " of " + suite_), -1);
  Command update = command({"apt-get", "-q", "update"});
  update.deadline = update_deadline;
  const auto done = demand(update, "update the package lists", no_network);
  if (!done) return tl::unexpected(explain(done.error()));
  return write_file(folder_ / "updated", {});
}

// What apt says of a suite that the mirror does not have, or whose key the machine does not trust. Source: apt 2.6,
// apt-pkg/acquire-item.cc.
Error Apt::explain(Error error) const {
  if (suite_.empty()) return error;
  error.asked = "read the package lists of the suite " + suite_;
  const auto said = [&](std::string_view words) { return error.broke.find(words) != std::string::npos; };
  if (said("does not have a Release file")) {
    error.code = Errc::not_found;
    error.hint = "the mirror that the machine's release comes from does not have that suite; choose another kernel";
  } else if (said("NO_PUBKEY") || said("is not signed")) {
    error.code = Errc::permission;
    error.hint = "the suite is signed by a key that the machine does not trust; a newer debian-archive-keyring has it";
  }
  return error;
}

Result<Package> Apt::show(const std::string& name) {
  const auto shown = run(command({"apt-cache", "--no-all-versions", "show", name}));
  if (!shown) return tl::unexpected(shown.error());
  if (shown->exit_code != 0 || shown->out.empty()) {
    return fail(Errc::not_found, "find the package " + name,
                (suite_.empty() ? "the machine's apt sources do" : "the suite " + suite_ + " does") +
                    " not have it: " + shown->last_words(),
                "check the name in vm-images/catalogue.yaml and the machine's apt sources");
  }
  return parse_package(shown->out, name);
}

Result<Package> Apt::find(const std::string& name) {
  Status fresh;
  if (!updated_ && stale()) fresh = update();
  auto found = show(name);
  if (!found && found.error().code == Errc::not_found && !updated_) {
    fresh = update();
    found = show(name);
  }
  // Not found after a failed update: the failure is the cause.
  if (!found && !fresh) return tl::unexpected(fresh.error());
  return found;
}

// apt writes "dlstatus:1:20.3:Retrieving file 1 of 1". Source: README.progress-reporting of apt 2.6.
Command Apt::download_command(std::vector<std::string> arguments, const std::string& what) const {
  Command get = command(std::move(arguments));
  get.argv.insert(get.argv.begin() + 1, {"-q", "-o", "APT::Status-Fd=1"});
  get.deadline = download_deadline;
  get.on_line = [this, what](std::string_view line) {
    if (!progress_ || !line.starts_with("dlstatus:")) return;
    const auto second = line.find(':', 9);
    if (second != std::string_view::npos)
      progress_(what, std::atof(std::string(line.substr(second + 1)).c_str()) / 100);
  };
  if (progress_) progress_(what, 0);
  return get;
}

Result<std::vector<fs::path>> Apt::download_with_dependencies(const std::vector<std::string>& names,
                                                              const fs::path& folder) {
  std::string list;
  for (const auto& name : names) {
    // Brings the lists up to date where that is due, and tells a missing package by its name.
    const auto found = find(name);
    if (!found) return tl::unexpected(found.error());
    list += (list.empty() ? "" : ", ") + name;
  }
  if (auto made = make_folder(folder / "partial"); !made) return tl::unexpected(made.error());
  std::vector<std::string> words{
      "apt-get",         "-o",     "Dir::Cache::Archives=" + folder.string(), "-y", "--no-install-recommends",
      "--download-only", "install"};
  words.insert(words.end(), names.begin(), names.end());
  const auto done = demand(download_command(std::move(words), "fetching " + list + " and what they depend on"),
                           "download " + list, no_network);
  if (!done) return tl::unexpected(done.error());
  std::vector<fs::path> files;
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() == ".deb") files.push_back(file.path());
  }
  std::sort(files.begin(), files.end());
  if (files.empty())
    return fail(Errc::io, "download " + list, "apt-get left no file; last words:\n" + done->last_words());
  return files;
}

Result<fs::path> Apt::download(const Package& package, const fs::path& folder) {
  const std::string asked = "download " + package.name + " " + package.version;
  const std::string what = "fetching " + package.name + " (" + std::to_string(package.size >> 20) + " MiB)";
  Command get = download_command({"apt-get", "download", package.name + "=" + package.version}, what);
  get.folder = folder;
  const auto done = demand(get, asked, no_network);
  if (!done) return tl::unexpected(done.error());
  for (const auto& file : fs::directory_iterator(folder)) {
    if (file.path().extension() != ".deb" || !file.path().filename().string().starts_with(package.name + "_")) continue;
    const auto digest = sha256_file(file.path());
    if (!digest) return tl::unexpected(digest.error());
    if (*digest == package.sha256) return file.path();
    return fail(Errc::corrupt, asked, "the file's SHA-256 is " + *digest + ", the package lists say " + package.sha256,
                "try again");
  }
  return fail(Errc::io, asked, "apt-get left no file; last words:\n" + done->last_words());
}

Result<std::vector<std::string>> Apt::sources() {
  const auto done = demand(command({"apt-get", "-q", "update", "--print-uris"}), "list apt's sources");
  if (!done) return tl::unexpected(done.error());
  // Lines of 'URL' local-name size digest; each source has one for its release file, and more for its indexes.
  std::vector<std::string> urls;
  for (std::string_view text = done->out; !text.empty();) {
    const auto end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    const auto close = line.find("Release'");
    if (line.starts_with('\'') && close != std::string_view::npos) urls.emplace_back(line.substr(1, close + 6));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return urls;
}

}  // namespace kexlab::images
