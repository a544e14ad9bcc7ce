// SPDX-License-Identifier: Apache-2.0
// What works on each target: counted from stored results, kept in a small file, shown as a table.
#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "harness/engine/event.h"
#include "harness/report/report.h"
#include "harness/targets/target.h"
#include "kexlab/error.h"

namespace kexlab::report {

/// One target under one kernel.
struct Overview {
  std::string target, kernel;
  std::string origin;                            ///< "Debian package linux-image-… 6.1.192-2 sha256:…"
  std::string run;                               ///< id of the run that was counted
  std::map<std::string, engine::Tally> folders;  ///< by the first part of the cases' names: "contract", "layout", …
  std::size_t restored = 0;                      ///< cases that passed on a guest put back from a snapshot
  std::size_t counted = 0, repeated = 0;         ///< series of instruction counts; those that were equal each time
};

/// Counts a run, sorted by target and kernel.
std::vector<Overview> overview_of(const Stored& stored);
/// From a results folder, a results.jsonl, or a file that overview_json wrote. Errors: as read_results; corrupt.
Result<std::vector<Overview>> read_overview(const std::filesystem::path& path);
/// Of each target and kernel the counts of cases from the last that has some, and likewise the series.
std::vector<Overview> merge_overviews(const std::vector<std::vector<Overview>>& all);
/// results/overview.json's form, with a newline at the end.
std::string overview_json(const std::vector<Overview>& overviews);

enum class TableForm { text, markdown };
/// A row for each target and kernel, in the order of `targets`; "-" where nothing was run, "no" where the target's row
/// says that it cannot be. Below it why not, with the source.
std::string overview_table(const std::vector<Target>& targets, const std::vector<Unemulated>& unemulated,
                           const std::vector<Overview>& overviews, TableForm form);

}  // namespace kexlab::report
