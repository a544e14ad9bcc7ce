// SPDX-License-Identifier: Apache-2.0
// The catalogue: rows of data in vm-images/catalogue.yaml.
#include <algorithm>
#include <set>

#include "harness/images/embedded.h"
#include "harness/images/images.h"
#include "harness/images/mirror.h"
#include "harness/yaml/yaml.h"

namespace kexlab::images {
namespace {

constexpr std::string_view catalogue_file = "catalogue.yaml";

std::vector<std::string> target_names() {
  std::vector<std::string> names;
  for (const auto& target : all_targets()) names.push_back(target.name);
  return names;
}

/// A key that only the other kind of row has is an unknown key here.
void read_origin(yaml::Reader& reader, const yaml::Node& node, CatalogueRow& row) {
  if (reader.has("package") == reader.has("source")) {
    reader.mistake(
        yaml::fail_at(node.where(), "a row has exactly one of `package` and `source`", "see vm-images/README.md")
            .value());
  }
  reader.optional("package", row.package).optional("source", row.source).optional("version", row.version);
  reader.optional("suite", row.suite);
  if (!row.suite.empty() && !is_suite(row.suite)) {
    reader.mistake(yaml::fail_at(node.where(), "`" + row.suite + "` is no suite's name", "for example trixie").value());
  }
  if (reader.has("source")) {
    reader.required("kernel_arch", row.kernel_arch).required("image", row.image).required("fragments", row.fragments);
    reader.optional("patches", row.patches).optional("keep", row.keep).optional("signing_key", row.signing_key);
  } else {
    reader.optional("modules", row.modules);
  }
}

Result<CatalogueRow> read_row(const yaml::Node& node) {
  CatalogueRow row;
  yaml::Reader reader(node, "kernel");
  reader.required("name", row.name).required("target", row.target, yaml::word_of(target_names()));
  read_origin(reader, node, row);
  reader.optional("crash", row.crash);
  reader.optional("default", row.is_default).optional("next", row.is_next);
  if (auto done = reader.done(); !done) return tl::unexpected(done.error());
  return row;
}

/// What only the rows together can break: names and roles are unique on a target.
Status check_unique(const CatalogueRow& row, const yaml::Position& where, std::set<std::string>& seen) {
  if (!seen.insert(row.target + " name " + row.name).second) {
    return yaml::fail_at(where, "kernel `" + row.name + "` for " + row.target + " stands twice in the catalogue");
  }
  if (row.is_default && !seen.insert(row.target + " default").second) {
    return yaml::fail_at(where, "a second default kernel for " + row.target);
  }
  return {};
}

Status check_crash(const std::vector<CatalogueRow>& rows, const CatalogueRow& row, const yaml::Position& where) {
  const bool found = row.crash.empty() || std::any_of(rows.begin(), rows.end(), [&](const CatalogueRow& other) {
                       return other.target == row.target && other.name == row.crash;
                     });
  if (found) return {};
  return yaml::fail_at(where, "there is no kernel `" + row.crash + "` for " + row.target + " to load for a crash");
}

}  // namespace

Result<std::vector<CatalogueRow>> parse_catalogue(std::string_view text, std::string_view file) {
  const auto root = yaml::parse(text, std::string(file));
  if (!root) return tl::unexpected(root.error());
  if (root->kind() != yaml::Kind::list) return yaml::fail_at(root->where(), "a list of kernels is expected here");
  std::vector<CatalogueRow> rows;
  std::set<std::string> seen;
  for (const auto& node : root->items()) {
    auto row = read_row(node);
    if (!row) return tl::unexpected(row.error());
    if (auto unique = check_unique(*row, node.where(), seen); !unique) return tl::unexpected(unique.error());
    rows.push_back(std::move(*row));
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (auto known = check_crash(rows, rows[i], root->items()[i].where()); !known) return tl::unexpected(known.error());
  }
  return rows;
}

const std::vector<CatalogueRow>& catalogue() {
  // A mistake in the built-in file is caught by the tests; here it means an empty catalogue, which find_row explains.
  static const std::vector<CatalogueRow> rows =
      parse_catalogue(embedded(catalogue_file).value_or(""), "vm-images/catalogue.yaml")
          .value_or(std::vector<CatalogueRow>{});
  return rows;
}

Result<CatalogueRow> find_row(std::string_view target, std::string_view name) {
  std::vector<std::string> names;
  for (const auto& row : catalogue()) {
    if (row.target != target) continue;
    if (row.name == name) return row;
    names.push_back(row.name);
  }
  return fail(Errc::not_found, "find kernel " + std::string(name) + " for " + std::string(target),
              "the catalogue has no such row", yaml::suggestion(name, names));
}

}  // namespace kexlab::images
