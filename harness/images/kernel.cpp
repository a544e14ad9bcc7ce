// SPDX-License-Identifier: Apache-2.0
// Getting kernels: from the cache, from packages, from the user.
#include "harness/images/kernel.h"

#include <nlohmann/json.hpp>

#include "harness/images/apt.h"
#include "harness/images/archive.h"
#include "harness/images/digest.h"
#include "harness/images/file.h"

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

using nlohmann::json;

/// Changes whenever entries are laid out in another way, so that old ones are not read.
constexpr std::string_view entry_format = "1";
/// An architecture's package lists take 60 MiB, a kernel package and what comes out of it 80 MiB.
constexpr std::uint64_t fetch_space = std::uint64_t{256} << 20;
constexpr std::string_view facts_name = "facts.json";
constexpr std::string_view unwrapped_name = "unwrapped";

tl::unexpected<Error> wrong_arch(const std::string& asked, const Image& image, std::string_view target) {
  return fail(Errc::wrong_arch, asked, "it is " + image.str() + ", not a kernel for " + std::string(target),
              "choose the target with --target " + image.arch);
}

Result<json> read_facts(const fs::path& folder) {
  const auto text = read_text(folder / facts_name);
  if (!text) return tl::unexpected(text.error());
  json facts = json::parse(*text, nullptr, false);
  if (facts.is_discarded() || !facts.is_object()) {
    return fail(Errc::corrupt, "read " + (folder / facts_name).string(), "it is no JSON object", "remove the folder");
  }
  return facts;
}

/// Fills in what the image itself tells, and the config where one is at hand.
Status describe(Kernel& kernel, const fs::path& config) {
  kernel.release = kernel.image.version;
  std::optional<std::string> text;
  if (!config.empty()) {
    auto read = read_text(config);
    if (!read) return tl::unexpected(read.error());
    text = std::move(*read);
    kernel.config_from = config.filename().string();
  } else if ((text = embedded_config(kernel.image))) {
    kernel.config_from = "the image itself";
  }
  kernel.config_known = text.has_value();
  if (text) kernel.config = parse_config(*text);
  return {};
}

std::string json_text(const json& facts, const char* key) {
  return facts.contains(key) && facts[key].is_string() ? facts[key].get<std::string>() : std::string();
}

}  // namespace

bool version_matches(std::string_view version, std::string_view wanted) {
  if (!version.starts_with(wanted)) return false;
  return wanted.empty() || version.size() == wanted.size() ||
         std::isdigit(static_cast<unsigned char>(version[wanted.size()])) == 0;
}

Status finish_entry(const fs::path& folder, const KernelFacts& facts) {
  const auto image = read_image((folder / facts.file).string());
  if (!image) return tl::unexpected(image.error());
  if (image->arch != facts.target) return wrong_arch("keep " + facts.origin, *image, facts.target);
  json out{{"name", facts.name}, {"target", facts.target}, {"origin", facts.origin},
           {"file", facts.file}, {"config", facts.config}, {"modules", facts.modules}};
  if (facts.trusts_itself) out["trusts_itself"] = true;
  if (!image->wrappers.empty()) {
    if (auto written = write_file(folder / unwrapped_name, image->bytes); !written) return written;
    out["unwrapped"] = unwrapped_name;
  }
  return write_file(folder / facts_name, as_bytes(out.dump(2) + "\n"));
}

Result<Kernel> load_entry(const fs::path& folder) {
  const auto facts = read_facts(folder);
  if (!facts) return tl::unexpected(facts.error());
  Kernel kernel;
  kernel.name = json_text(*facts, "name");
  kernel.target = json_text(*facts, "target");
  kernel.origin = json_text(*facts, "origin");
  kernel.file = folder / json_text(*facts, "file");
  kernel.unwrapped = facts->contains("unwrapped") ? folder / json_text(*facts, "unwrapped") : kernel.file;
  kernel.trusts_itself = facts->value("trusts_itself", false);
  for (const auto& module : facts->value("modules", json::array())) {
    if (module.is_string()) kernel.modules.push_back(folder / module.get<std::string>());
  }
  const auto bytes = read_file(kernel.file);
  if (!bytes) return tl::unexpected(bytes.error());
  kernel.sha256 = sha256(*bytes);
  auto image = parse_image(*bytes, kernel.file.string());
  if (!image) return tl::unexpected(image.error());
  kernel.image = std::move(*image);
  const std::string config = json_text(*facts, "config");
  if (auto described = describe(kernel, config.empty() ? fs::path() : folder / config); !described) {
    return tl::unexpected(described.error());
  }
  return kernel;
}

Result<Store> kernel_store() {
  return cache_folder().map([](const fs::path& folder) { return Store(folder / "kernels"); });
}

std::string package_key(const CatalogueRow& row) {
  Sha256 sum;
  sum.field(entry_format).field(row.package).field(row.version);
  if (!row.suite.empty()) sum.field("suite").field(row.suite);
  for (const auto& module : row.modules) sum.field(module);
  return row.target + "/" + row.name + "-" + sum.hex().substr(0, 12);
}

namespace {

/// Which files of an image package are kept, and as what.
class PackageFiles {
 public:
  PackageFiles(const CatalogueRow& row, fs::path folder) : row_(row), folder_(std::move(folder)) {}

  [[nodiscard]] bool wanted(std::string_view name) const {
    return !plain_name(name).empty() || module_index(name).has_value();
  }
  Status take(std::string_view name, Bytes content) {
    if (const auto index = module_index(name)) return take_module(*index, name, content);
    const std::string plain = plain_name(name);
    (plain.starts_with("config-") ? facts.config : facts.file) = plain;
    return write_file(folder_ / plain, content);
  }
  /// Errors: not_found (no image, or a module of the row that the package does not have).
  Status complete(const std::string& package) {
    const std::string asked = "take the kernel out of " + package;
    if (facts.file.empty())
      return fail(Errc::not_found, asked, "it has no vmlinu* where kernels lie",
                  "check `package` in the catalogue's row");
    for (std::size_t i = 0; i < row_.modules.size(); ++i) {
      if (!modules_.contains(i))
        return fail(Errc::not_found, asked, "it has no module " + row_.modules[i], "check `modules` in the row");
      facts.modules.push_back(modules_[i]);
    }
    return {};
  }
  KernelFacts facts;

 private:
  /// The folder below which a package's modules lie, empty for other paths: both places are in use.
  static std::string_view below_modules(std::string_view path) {
    for (const std::string_view folder : {"lib/modules/", "usr/lib/modules/"}) {
      if (path.starts_with(folder)) return path.substr(folder.size());
    }
    return {};
  }
  /// "vmlinuz-6.1.0" or "config-6.1.0" for the image and its configuration: boot/vmlinuz-6.1.0, and since Debian's 7.x
  /// usr/lib/modules/7.2.13/vmlinuz. Empty for other files.
  static std::string plain_name(std::string_view path) {
    if (path.starts_with("boot/vmlinu") || path.starts_with("boot/config-"))
      return std::string(path.substr(path.rfind('/') + 1));
    const std::string_view below = below_modules(path);
    const auto slash = below.find('/');
    if (below.empty() || slash == std::string_view::npos) return {};
    const std::string_view name = below.substr(slash + 1), release = below.substr(0, slash);
    if (name != "config" && (!name.starts_with("vmlinu") || name.find('/') != name.npos)) return {};
    return std::string(name) + "-" + std::string(release);
  }
  /// A module file's name, "-" and "_" being the same to the kernel, without .ko and what compresses it.
  static std::string module_name(std::string_view path) {
    std::string name(path.substr(path.rfind('/') + 1));
    name = name.substr(0, name.find(".ko"));
    std::replace(name.begin(), name.end(), '-', '_');
    return name;
  }
  [[nodiscard]] std::optional<std::size_t> module_index(std::string_view name) const {
    if (below_modules(name).find(".ko") == name.npos) return std::nullopt;
    for (std::size_t i = 0; i < row_.modules.size(); ++i) {
      if (module_name(name) == module_name(row_.modules[i])) return i;
    }
    return std::nullopt;
  }
  Status take_module(std::size_t index, std::string_view name, const Bytes& content) {
    auto plain = decompress(content, name);
    if (!plain) return tl::unexpected(plain.error());
    modules_[index] = (index < 10 ? "0" : "") + std::to_string(index) + "-" + module_name(name) + ".ko";
    return write_file(folder_ / modules_[index], *plain);
  }
  const CatalogueRow& row_;
  fs::path folder_;
  std::map<std::size_t, std::string> modules_;
};

/// The packages a row means now, after meta packages; the first gives the kernel its version. Errors: as Apt::find;
/// unsupported (another version than the row says).
Result<std::vector<Package>> resolve(Apt& apt, const CatalogueRow& row) {
  auto package = apt.find(row.package.empty() ? row.source : row.package);
  if (package && image_package(*package) != package->name) package = apt.find(image_package(*package));
  if (!package) return tl::unexpected(package.error());
  if (!version_matches(package->version, row.version))
    return fail(Errc::unsupported, "get kernel " + row.name + " for " + row.target,
                package->name + " is version " + package->version + " here, the catalogue's row says " + row.version,
                "the machine's apt sources are of another release; choose another kernel or bring one with --kernel");
  std::vector<Package> packages{*package};
  for (const auto& name : image_parts(*package, !row.modules.empty())) {
    if (name == package->name) continue;
    auto part = apt.find(name);
    if (!part) return tl::unexpected(part.error());
    packages.push_back(std::move(*part));
  }
  return packages;
}

struct Fetched {
  Package package;              ///< the one that a row names in the end
  std::vector<fs::path> files;  ///< it and its parts
};

Result<Fetched> fetch_now(Apt& apt, const CatalogueRow& row, const fs::path& into) {
  const auto packages = resolve(apt, row);
  if (!packages) return tl::unexpected(packages.error());
  Fetched fetched{packages->front(), {}};
  for (const auto& package : *packages) {
    auto file = apt.download(package, into);
    if (!file) return tl::unexpected(file.error());
    fetched.files.push_back(std::move(*file));
  }
  return fetched;
}

/// Resolves and downloads. Lists that have grown old name files that the archive no longer has: those are brought up to
/// date once, which is the remedy and no second try at the same thing.
Result<Fetched> fetch(const std::string& debian_arch, const CatalogueRow& row, const fs::path& into,
                      const Progress& progress) {
  const auto cache = cache_folder();
  if (!cache) return tl::unexpected(cache.error());
  if (auto space = check_space("fetch a package", *cache, fetch_space); !space) return tl::unexpected(space.error());
  const fs::path state = *cache / "apt" / debian_arch;
  const auto lock = FileLock::take(state.string() + ".lock");
  if (!lock) return tl::unexpected(lock.error());
  auto apt = Apt::open(state, debian_arch, progress);
  if (apt && !row.suite.empty()) apt = apt->in_suite(row.suite);
  if (!apt) return tl::unexpected(apt.error());
  auto fetched = fetch_now(*apt, row, into);
  if (!fetched && fetched.error().code == Errc::io && !apt->updated() && apt->update())
    fetched = fetch_now(*apt, row, into);
  return fetched;
}

Status make_from_package(const Target& target, const CatalogueRow& row, const fs::path& folder,
                         const Progress& progress) {
  const auto downloads = TemporaryFolder::beside(folder / "download");
  if (!downloads) return tl::unexpected(downloads.error());
  const auto fetched = fetch(target.debian_arch, row, downloads->path(), progress);
  if (!fetched) return tl::unexpected(fetched.error());
  const Package& package = fetched->package;
  if (progress) progress("unpacking " + package.name, -1);
  PackageFiles files(row, folder);
  for (const auto& deb : fetched->files) {
    const auto unpacked = read_deb(
        deb, [&](std::string_view name) { return files.wanted(name); },
        [&](std::string_view name, Bytes content) { return files.take(name, std::move(content)); });
    if (!unpacked) return unpacked;
  }
  if (auto complete = files.complete(package.name); !complete) return complete;
  files.facts.name = row.name;
  files.facts.target = row.target;
  files.facts.origin = "Debian package " + package.name + " " + package.version;
  return finish_entry(folder, files.facts);
}

/// The tarball of a source package that is installed, else nothing.
fs::path installed_tarball(const std::string& source) {
  std::error_code ignored;
  for (const char* suffix : {".tar.xz", ".tar.zst", ".tar.gz", ".tar.bz2"}) {
    const fs::path file = "/usr/src/" + source + suffix;
    if (fs::is_regular_file(file, ignored)) return file;
  }
  return {};
}

// Sources are of no architecture, and listed among the packages of each that the release has: this machine's, for it does
// not have every target's.
Status make_source(const CatalogueRow& row, const fs::path& folder, const Progress& progress) {
  const auto arch = native_architecture();
  if (!arch) return tl::unexpected(arch.error());
  const auto downloads = TemporaryFolder::beside(folder / "download");
  if (!downloads) return tl::unexpected(downloads.error());
  const auto fetched = fetch(*arch, row, downloads->path(), progress);
  if (!fetched) return tl::unexpected(fetched.error());
  bool found = false;
  const std::string prefix = "usr/src/" + row.source + ".tar.";
  const auto unpacked = read_deb(
      fetched->files.front(), [&](std::string_view name) { return name.starts_with(prefix); },
      [&](std::string_view name, Bytes content) {
        found = true;
        return write_file(folder / name.substr(name.rfind('/') + 1), content);
      });
  if (!unpacked) return unpacked;
  if (!found)
    return fail(Errc::not_found, "take the sources out of " + row.source, "it has no " + prefix + "*",
                "check `source` in the row");
  return write_file(folder / "origin", as_bytes(fetched->package.name + " " + fetched->package.version));
}

}  // namespace

Result<SourceTarball> source_tarball(const CatalogueRow& row, const Progress& progress) {
  SourceTarball out{installed_tarball(row.source), "", row.source + " (installed)"};
  if (out.file.empty()) {
    const auto cache = cache_folder();
    if (!cache) return tl::unexpected(cache.error());
    const auto folder =
        Store(*cache / "sources")
            .get(
                row.source + (row.suite.empty() ? "" : "-" + row.suite),
                [&](const fs::path& into) { return make_source(row, into, progress); }, progress);
    if (!folder) return tl::unexpected(folder.error());
    for (const auto& file : fs::directory_iterator(*folder)) {
      if (file.path().filename().string().starts_with(row.source + ".tar.")) out.file = file.path();
    }
    out.origin = read_text(*folder / "origin").value_or(row.source);
  }
  auto digest = sha256_file(out.file);
  if (!digest) return tl::unexpected(digest.error());
  out.sha256 = std::move(*digest);
  return out;
}

Result<Kernel> get_kernel(const Target& target, std::string_view name, const Progress& progress) {
  const auto row = find_row(target.name, name);
  if (!row) return tl::unexpected(row.error());
  if (!row->source.empty()) return build_kernel(target, *row, {}, progress);
  auto store = kernel_store();
  if (!store) return tl::unexpected(store.error());
  const auto folder = store->get(
      package_key(*row), [&](const fs::path& into) { return make_from_package(target, *row, into, progress); },
      progress);
  if (!folder) return tl::unexpected(folder.error());
  return load_entry(*folder);
}

std::vector<std::string> next_kernels(std::string_view target) {
  std::vector<std::string> names;
  for (const auto& row : catalogue()) {
    if (row.target == target && row.is_next) names.push_back(row.name);
  }
  return names;
}

Result<Kernel> first_kernel(const std::vector<std::string>& names,
                            const std::function<Result<Kernel>(const std::string& name)>& get,
                            const std::function<void(const std::string& name, const Error& why)>& passed_over) {
  for (const auto& name : names) {
    auto kernel = get(name);
    const bool last = &name == &names.back();
    if (kernel || last || (kernel.error().code != Errc::io && kernel.error().code != Errc::not_found)) return kernel;
    passed_over(name, kernel.error());
  }
  return fail(Errc::invalid_argument, "get a kernel", "none is named");
}

Status forget_kernel(const Target& target, std::string_view name) {
  const auto row = find_row(target.name, name);
  if (!row) return tl::unexpected(row.error());
  auto store = kernel_store();
  if (!store) return tl::unexpected(store.error());
  if (!row->package.empty()) return store->forget(package_key(*row));
  // Built kernels are named by their content: all of that name go.
  const fs::path folder = store->root() / target.name;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(folder, none)) {
    const std::string entry_name = entry.path().filename().string();
    if (!entry.is_directory() || !entry_name.starts_with(row->name + "-")) continue;
    if (auto forgotten = store->forget(target.name + "/" + entry_name); !forgotten) return forgotten;
  }
  return {};
}

namespace {

/// The config that belongs to an image file: config-SUFFIX beside NAME-SUFFIX, FILE.config, .config beside it, or that
/// of the build tree it still lies in (arch/*/boot/). Empty where there is none.
fs::path config_beside(const fs::path& file) {
  const fs::path folder = fs::absolute(file).parent_path();
  const std::string name = file.filename().string();
  std::vector<fs::path> places{folder / (name + ".config"), folder / ".config", folder / "config"};
  if (const auto dash = name.find('-'); dash != std::string::npos)
    places.insert(places.begin(), folder / ("config" + name.substr(dash)));
  if (folder.filename() == "boot") places.push_back(folder.parent_path().parent_path().parent_path() / ".config");
  std::error_code ignored;
  for (const auto& place : places) {
    if (fs::is_regular_file(place, ignored)) return place;
  }
  return {};
}

/// Keeps the image without its wrappers in the cache, named by its digest.
Result<fs::path> keep_unwrapped(const Kernel& kernel, const Progress& progress) {
  const auto cache = cache_folder();
  if (!cache) return tl::unexpected(cache.error());
  auto folder =
      Store(*cache / "unwrapped")
          .get(
              kernel.sha256,
              [&](const fs::path& into) { return write_file(into / unwrapped_name, kernel.image.bytes); }, progress);
  return folder.map([](const fs::path& entry) { return entry / unwrapped_name; });
}

}  // namespace

bool Kernel::has(const std::string& option) const {
  const auto at = config.find("CONFIG_" + option);
  return at != config.end() && at->second != "n";
}

Result<Kernel> user_kernel(const fs::path& file, const Target* target) {
  const auto bytes = read_file(file);
  if (!bytes) return tl::unexpected(bytes.error());
  auto image = parse_image(*bytes, file.string());
  if (!image) return tl::unexpected(image.error());
  if (target != nullptr && image->arch != target->name) return wrong_arch("use " + file.string(), *image, target->name);
  Kernel kernel;
  kernel.name = file.filename().string();
  kernel.target = image->arch;
  kernel.origin = "file " + file.string();
  kernel.file = fs::absolute(file);
  kernel.unwrapped = kernel.file;
  kernel.sha256 = sha256(*bytes);
  kernel.image = std::move(*image);
  if (auto described = describe(kernel, config_beside(file)); !described) return tl::unexpected(described.error());
  if (kernel.image.wrappers.empty()) return kernel;
  auto unwrapped = keep_unwrapped(kernel, {});
  if (!unwrapped) return tl::unexpected(unwrapped.error());
  kernel.unwrapped = std::move(*unwrapped);
  return kernel;
}

}  // namespace kexlab::images
