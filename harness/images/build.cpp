// SPDX-License-Identifier: Apache-2.0
// Kernels from source as cache entries: what decides the key, one build at a time, the log that stays.
#include "harness/images/build.h"

#include "harness/images/digest.h"
#include "harness/images/embedded.h"
#include "harness/images/file.h"
#include "harness/images/kernel.h"
#include "harness/images/process.h"

namespace kexlab::images {
namespace fs = std::filesystem;
namespace {

/// Unpacked sources of 6.1 take 1.3 GiB, objects of a small kernel 0.3 GiB.
constexpr std::uintmax_t space_needed = std::uintmax_t{2} << 30;

Result<std::vector<NamedText>> embedded_texts(const std::vector<std::string>& names) {
  std::vector<NamedText> texts;
  for (const auto& name : names) {
    const auto text = embedded(name);
    if (!text)
      return fail(Errc::not_found, "read vm-images/" + name, "a catalogue row names it, but it is not built in",
                  "check the name");
    texts.push_back({name, std::string(*text)});
  }
  return texts;
}

Result<Recipe> make_recipe(const std::string& cross, const CatalogueRow& row, const std::vector<fs::path>& patches) {
  Recipe recipe{cross, row.kernel_arch, row.image, {}, {}, {}, row.keep, row.signing_key};
  auto fragments = embedded_texts(row.fragments);
  if (!fragments) return tl::unexpected(fragments.error());
  recipe.fragments = std::move(*fragments);
  auto own = embedded_texts(row.patches);
  if (!own) return tl::unexpected(own.error());
  recipe.patches = std::move(*own);
  for (const auto& file : patches) {
    auto text = read_text(file);
    if (!text) return tl::unexpected(text.error());
    recipe.patches.push_back({file.string(), std::move(*text)});
  }
  return recipe;
}

/// "small-6.1", or "small-6.1+drop-zeros" with a patch drop-zeros.patch.
std::string kernel_name(const CatalogueRow& row, const Recipe& recipe) {
  std::string name = row.name;
  for (const auto& patch : recipe.patches) name.append("+").append(fs::path(patch.name).stem().string());
  return name;
}

Result<std::string> compiler_version(const std::string& cross) {
  const auto told = demand(Command{{cross + "gcc", "--version"}, {}, {}, std::chrono::seconds{30}, 0, {}, {}},
                           "ask the compiler's version");
  if (!told) return tl::unexpected(told.error());
  return told->out.substr(0, told->out.find('\n'));
}

std::string key_of(const CatalogueRow& row, const Recipe& recipe, const std::string& tarball,
                   const std::string& compiler) {
  Sha256 sum;
  sum.field("built-1").field(tarball).field(compiler).field(recipe.kernel_arch).field(recipe.image);
  for (const auto& fragment : recipe.fragments) sum.field("fragment").field(fragment.text);
  for (const auto& patch : recipe.patches) sum.field("patch").field(patch.text);
  for (const auto& file : recipe.keep) sum.field("keep").field(file);
  if (!recipe.signing_key.empty()) sum.field("signing_key").field(recipe.signing_key);
  return row.target + "/" + row.name + "-" + sum.hex().substr(0, 16);
}

/// Only one build runs on a machine: two would take twice the memory and no less time.
Result<FileLock> wait_for_turn(const fs::path& builds, const Progress& progress) {
  bool held = false;
  auto lock = FileLock::try_take(builds / "lock", held);
  if (lock || !held) return lock;
  if (progress) progress("waiting for another kernel build to end", -1);
  return FileLock::take(builds / "lock");
}

/// Removes trees that a killed build left behind; the caller holds the lock on builds.
void remove_trees(const fs::path& builds) {
  std::error_code none;
  std::vector<fs::path> trees;
  for (const auto& each : fs::directory_iterator(builds, none)) {
    if (each.path().filename().string().find(".tmp-") != std::string::npos) trees.push_back(each.path());
  }
  for (const auto& tree : trees) fs::remove_all(tree, none);
}

/// Copies what is kept into the entry's folder; the row's own further files below `tree`, under their names in the
/// tree.
Status keep(const BuiltFiles& built, const std::vector<std::string>& further, const fs::path& folder,
            KernelFacts facts) {
  facts.file = "vmlinuz-" + built.release;
  facts.config = "config-" + built.release;
  std::vector<std::pair<fs::path, fs::path>> files = {
      {built.image, facts.file}, {built.config, facts.config}, {built.symbols, "System.map-" + built.release}};
  for (const auto& file : further) files.emplace_back(built.tree / file, fs::path("tree") / file);
  for (const auto& [from, to] : files) {
    const auto bytes = read_file(from);
    if (!bytes) return tl::unexpected(bytes.error());
    std::error_code error;
    fs::create_directories((folder / to).parent_path(), error);
    if (auto written = write_file(folder / to, *bytes); !written) return written;
  }
  return finish_entry(folder, facts);
}

Status make_entry(const fs::path& cache, const Recipe& recipe, const KernelFacts& facts, const fs::path& folder,
                  const Progress& progress) {
  const fs::path builds = cache / "builds";
  const auto turn = wait_for_turn(builds, progress);
  if (!turn) return tl::unexpected(turn.error());
  remove_trees(builds);
  if (auto space = check_space("build a kernel", builds, space_needed); !space) return space;
  const fs::path log = builds / (facts.target + "-" + facts.name + ".log");
  if (auto removed = remove_tree(log); !removed) return removed;
  const auto tree = TemporaryFolder::beside(builds / facts.target);
  if (!tree) return tl::unexpected(tree.error());
  const auto built = build_in(tree->path(), recipe, log, progress);
  if (!built) return tl::unexpected(built.error());
  return keep(*built, recipe.keep, folder, facts);
}

}  // namespace

Result<Kernel> build_kernel(const Target& target, const CatalogueRow& row, const std::vector<fs::path>& patches,
                            const Progress& progress) {
  if (row.source.empty()) {
    return fail(Errc::invalid_argument, "build kernel " + row.name,
                "its row in the catalogue names a package, no source", "choose a row with `source`");
  }
  const auto cross = find_compiler(target, progress);
  if (!cross) return tl::unexpected(cross.error());
  auto recipe = make_recipe(*cross, row, patches);
  if (!recipe) return tl::unexpected(recipe.error());
  const BuildSteps steps{.patches = !recipe->patches.empty(), .signing = !recipe->signing_key.empty()};
  if (auto tools = check_build_tools(steps); !tools) return tl::unexpected(tools.error());
  const auto tarball = source_tarball(row, progress);
  if (!tarball) return tl::unexpected(tarball.error());
  recipe->tarball = tarball->file;
  const auto compiler = compiler_version(*cross);
  if (!compiler) return tl::unexpected(compiler.error());
  const auto cache = cache_folder();
  auto store = kernel_store();
  if (!cache || !store) return tl::unexpected(cache ? store.error() : cache.error());
  KernelFacts facts{
      kernel_name(row, *recipe), row.target, "built from " + tarball->origin + " with " + *compiler, "", "", {}, false};
  if (!recipe->patches.empty()) facts.origin += ", patched";
  facts.trusts_itself = !recipe->signing_key.empty();
  const auto folder = store->get(
      key_of(row, *recipe, tarball->sha256, *compiler),
      [&](const fs::path& into) { return make_entry(*cache, *recipe, facts, into, progress); }, progress);
  if (!folder) return tl::unexpected(folder.error());
  return load_entry(*folder);
}

}  // namespace kexlab::images
