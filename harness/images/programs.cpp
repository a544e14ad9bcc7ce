// SPDX-License-Identifier: Apache-2.0
// Fetching programs of another suite, and making them run beside the machine's own C library.
#include "harness/images/programs.h"

#include <elf.h>
#include <sys/utsname.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <map>

#include "harness/images/apt.h"
#include "harness/images/archive.h"
#include "harness/images/build.h"
#include "harness/images/file.h"
#include "harness/images/process.h"
#include "harness/images/store.h"

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

/// Packages of a compiler or an emulator with what they depend on take 80 MiB, unpacked 500.
constexpr std::uint64_t programs_space = std::uint64_t{1} << 30;
/// The programs themselves lie in folders of this name, beside the scripts that start them.
constexpr std::string_view real_folder = ".real";

/// A program of the dynamic kind: the name of its loader (PT_INTERP), else nothing. The files are for this machine, so
/// they have its byte order; 32-bit machines are not served.
std::optional<std::string> loader_of(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  Elf64_Ehdr header{};
  if (!stream.read(reinterpret_cast<char*>(&header), sizeof header)) return std::nullopt;
  if (!std::equal(header.e_ident, header.e_ident + SELFMAG, ELFMAG) || header.e_ident[EI_CLASS] != ELFCLASS64)
    return std::nullopt;
  for (unsigned i = 0; i < header.e_phnum; ++i) {
    Elf64_Phdr part{};
    stream.seekg(static_cast<std::streamoff>(header.e_phoff + std::uint64_t{i} * header.e_phentsize));
    if (!stream.read(reinterpret_cast<char*>(&part), sizeof part)) return std::nullopt;
    if (part.p_type != PT_INTERP || part.p_filesz < 2 || part.p_filesz > 4096) continue;
    std::string name(part.p_filesz - 1, '\0');
    stream.seekg(static_cast<std::streamoff>(part.p_offset));
    if (!stream.read(name.data(), static_cast<std::streamsize>(name.size()))) return std::nullopt;
    return name;
  }
  return std::nullopt;
}

/// Programs below a folder by their place, with the files that they lead to. The C library is one too, which prints its
/// version when it is started; nobody does.
std::map<fs::path, fs::path> programs_in(const fs::path& root) {
  std::map<fs::path, fs::path> programs;
  std::error_code ignored;
  for (const auto& entry : fs::recursive_directory_iterator(root, ignored)) {
    const fs::path real = fs::canonical(entry.path(), ignored);
    if (ignored || !fs::is_regular_file(real, ignored) || real.filename().string().find(".so") != std::string::npos)
      continue;
    if (loader_of(real)) programs.emplace(entry.path(), real);
  }
  return programs;
}

/// The loader below `root`: where the program names it, or below usr/, where newer releases keep everything.
Result<fs::path> find_loader(const fs::path& root, const std::string& name) {
  std::error_code ignored;
  for (const char* above : {"", "usr"}) {
    const fs::path file = root / above / fs::path(name).relative_path();
    if (fs::is_regular_file(file, ignored)) return file;
  }
  return fail(Errc::not_found, "run programs of " + root.string(), "there is no " + name + " in it");
}

Result<fs::path> find_libraries(const fs::path& root) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(root / "usr" / "lib", ignored)) {
    if (fs::is_regular_file(entry.path() / "libc.so.6", ignored)) return entry.path();
  }
  return fail(Errc::not_found, "run programs of " + root.string(), "there is no usr/lib/*/libc.so.6 in it");
}

/// A path for a script in `folder`, which knows its own folder as $here.
std::string from_here(const fs::path& path, const fs::path& folder) {
  return "\"$here/" + path.lexically_relative(folder).string() + "\"";
}

std::string script_text(const fs::path& place, const fs::path& real, const fs::path& loader, const fs::path& libraries,
                        const fs::path& root, const std::vector<std::string>& arguments) {
  constexpr std::string_view root_word = "{root}";
  const fs::path folder = place.parent_path();
  std::string text = "#!/bin/sh\nhere=${0%/*}\nexec " + from_here(loader, folder) + " --library-path " +
                     from_here(libraries, folder) + " --argv0 \"$0\" " + from_here(real, folder);
  for (const auto& word : arguments) {
    const bool path = word.starts_with(root_word);
    text += " " + (path ? from_here(root / fs::path(word.substr(root_word.size())).relative_path(), folder) : word);
  }
  return text + " \"$@\"\n";
}

Status put_script(const fs::path& place, const std::string& text) {
  std::error_code broken;
  fs::remove(place, broken);
  if (auto written = write_file(place, as_bytes(text)); !written) return written;
  fs::permissions(place, fs::perms::owner_all | fs::perms::group_read | fs::perms::group_exec, broken);
  if (broken) return system_error("make " + place.string() + " a program", place, broken.value());
  return {};
}

/// What no program needs to run.
bool is_ballast(std::string_view name) {
  constexpr std::array folders{"etc/",
                               "var/",
                               "usr/share/doc/",
                               "usr/share/man/",
                               "usr/share/info/",
                               "usr/share/bug/",
                               "usr/share/locale/",
                               "usr/share/lintian/",
                               "usr/sbin/",
                               "usr/share/bash-completion/"};
  return std::any_of(folders.begin(), folders.end(), [&](const char* folder) { return name.starts_with(folder); });
}

Wanted wanted_of(const ProgramSet& set) {
  return [prefix = "usr/bin/" + set.prefix](std::string_view name) {
    return !is_ballast(name) && (!name.starts_with("usr/bin/") || name.starts_with(prefix));
  };
}

Result<std::vector<fs::path>> fetch(const ProgramSet& set, const fs::path& into, const Progress& progress) {
  const auto cache = cache_folder();
  if (!cache) return tl::unexpected(cache.error());
  if (auto space = check_space("fetch programs", *cache, programs_space); !space) return tl::unexpected(space.error());
  const auto arch = native_architecture();
  if (!arch) return tl::unexpected(arch.error());
  const fs::path state = *cache / "apt" / *arch;
  const auto lock = FileLock::take(state.string() + ".lock");
  if (!lock) return tl::unexpected(lock.error());
  auto apt = Apt::open(state, *arch, progress);
  if (apt) apt = apt->in_suite(set.suite);
  if (!apt) return tl::unexpected(apt.error());
  auto files = apt->download_with_dependencies(set.packages, into);
  // Lists that have grown old name files that the archive no longer has.
  if (!files && files.error().code == Errc::io && !apt->updated() && apt->update())
    files = apt->download_with_dependencies(set.packages, into);
  return files;
}

Status make_programs(const ProgramSet& set, const fs::path& folder, const Progress& progress) {
  const auto downloads = TemporaryFolder::beside(folder / "download");
  if (!downloads) return tl::unexpected(downloads.error());
  const auto files = fetch(set, downloads->path(), progress);
  if (!files) return tl::unexpected(files.error());
  double done = 0;
  for (const auto& deb : *files) {
    if (progress) progress("unpacking " + set.packages.front(), done++ / static_cast<double>(files->size()));
    if (auto unpacked = unpack_deb(deb, folder, wanted_of(set)); !unpacked) return unpacked;
  }
  return wrap_programs(folder, set.arguments);
}

Result<Store> program_store() {
  return cache_folder().map([](const fs::path& folder) { return Store(folder / "programs"); });
}

}  // namespace

std::string ProgramSet::key() const {
  utsname host{};
  ::uname(&host);
  return std::string(host.machine) + "-" + suite + "-" + packages.front();
}

ProgramSet emulator_set(const Target& target) {
  ProgramSet set{target.qemu_suite, {target.qemu_package}, target.qemu, {"-L", "{root}/usr/share/qemu"}};
  if (!target.firmware_package.empty()) set.packages.push_back(target.firmware_package);
  return set;
}

ProgramSet compiler_set(const Target& target) {
  return {target.compiler_suite, {compiler_package(target.triplet, "g++")}, target.triplet + "-", {}};
}

Status wrap_programs(const fs::path& root, const std::vector<std::string>& arguments) {
  const auto libraries = find_libraries(root);
  if (!libraries) return tl::unexpected(libraries.error());
  // Links may lead to other links' targets, so all are known before the first file is moved.
  const fs::path base = fs::canonical(root);
  const auto programs = programs_in(base);
  std::map<fs::path, fs::path> moved;
  for (const auto& [place, real] : programs) {
    if (moved.contains(real)) continue;
    const auto loader = find_loader(base, *loader_of(real));
    if (!loader) return tl::unexpected(loader.error());
    if (auto made = make_folder(real.parent_path() / real_folder); !made) return made;
    const fs::path there = real.parent_path() / real_folder / real.filename();
    std::error_code broken;
    fs::rename(real, there, broken);
    if (broken) return system_error("move " + real.string(), real, broken.value());
    moved.emplace(real, there);
    const fs::path inside = base / libraries->lexically_relative(root);
    for (const auto& [other, leads_to] : programs) {
      if (leads_to != real) continue;
      const std::string text = script_text(other, there, *loader, inside, base, arguments);
      if (auto put = put_script(other, text); !put) return put;
    }
  }
  return {};
}

Result<fs::path> get_programs(const ProgramSet& set, const Progress& progress) {
  auto store = program_store();
  if (!store) return tl::unexpected(store.error());
  return store->get(
      set.key(), [&](const fs::path& into) { return make_programs(set, into, progress); }, progress);
}

bool has_programs(const ProgramSet& set) {
  const auto store = program_store();
  return store && store->has(set.key());
}

Result<fs::path> emulator(const Target& target, const Progress& progress) {
  const std::string asked = "start guests of " + target.name;
  if (target.qemu_suite.empty()) {
    auto program = find_program(target.qemu);
    if (!program.empty()) return program;
    return fail(Errc::not_found, asked, target.qemu + " is not installed", "apt-get install " + target.qemu_package);
  }
  const auto folder = get_programs(emulator_set(target), progress);
  if (!folder) return tl::unexpected(folder.error());
  const fs::path program = *folder / "usr" / "bin" / target.qemu;
  std::error_code ignored;
  if (fs::is_regular_file(program, ignored)) return program;
  return fail(Errc::not_found, asked, target.qemu + " is not in the package " + target.qemu_package,
              "check qemu_package in harness/targets/targets.yaml");
}

Result<fs::path> toolchain(const Target& target, const Progress& progress) {
  if (target.compiler_suite.empty()) {
    return fail(Errc::invalid_argument, "fetch the compiler for " + target.name, "it takes the machine's own",
                "install the Debian package " + compiler_package(target.triplet, "g++"));
  }
  return get_programs(compiler_set(target), progress).map([](const fs::path& folder) {
    return folder / "usr" / "bin";
  });
}

}  // namespace kexlab::images
