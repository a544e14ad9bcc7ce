// SPDX-License-Identifier: Apache-2.0
// Runs cases in parallel within cores and memory: which case goes where, what is skipped and why, and the tally.
#pragma once

#include <functional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "harness/engine/lab.h"

namespace kexlab::engine {

/// One case on one target with one kernel.
struct Job {
  const scenario::Case* what = nullptr;
  const Bench* bench = nullptr;
  [[nodiscard]] std::string key() const;  ///< unique in a run: "id@target/kernel"
};

/// Key of a result, equal to its job's key.
std::string key_of(const CaseResult& result);

struct RunOptions {
  LabOptions lab;
  unsigned jobs = 1;                   ///< guests at a time
  std::uint64_t memory_mib = 0;        ///< for all guests together; 0: three quarters of what the host has free
  std::vector<CaseResult> earlier;     ///< results of the run that is resumed; their cases are not run again
  std::string command = "kexlab run";  ///< what a result's `reproduce` line starts with
  std::filesystem::path attachments;  ///< where attachments of results are stored (see attachment_file); empty: nowhere
  unsigned stop_after = 0;            ///< so many cases that failed or timed out end the run; 0: none do
};

/// All cases that apply to the benches' targets, in a stable order.
std::vector<Job> make_jobs(const std::vector<scenario::Case>& cases, const std::vector<Bench>& benches);

/// Why this case cannot tell anything about this kernel on this target; empty where it can.
std::string why_skip(const scenario::Case& what, const Bench& bench);

/// The file that an attachment of a result is stored in: its key's file_name, then the attachment's own name.
std::filesystem::path attachment_file(const std::filesystem::path& folder, const CaseResult& result,
                                      const Attachment& attachment);

class Runner {
 public:
  Runner(vm::Backend& backend, Bus& bus, RunOptions options)
      : backend_(backend), bus_(bus), options_(std::move(options)) {}
  /// Runs everything; returns early, with `interrupted`, when `stop` is set: cases under way then have no result.
  RunFinished run(const std::vector<Job>& jobs, std::stop_token stop);

 private:
  struct Queue;
  void work(Queue& queue, std::stop_token stop);
  void run_one(Queue& queue, const Job& job, std::unique_ptr<ReadyGuest>& guest, std::stop_token stop);
  bool comes_up_usually(Queue& queue, const Bench& bench, const Shape& silent, std::unique_ptr<ReadyGuest>& guest,
                        std::stop_token stop);
  void finish(Queue& queue, const Bench& bench, CaseResult result);

  vm::Backend& backend_;
  Bus& bus_;
  RunOptions options_;
};

}  // namespace kexlab::engine
