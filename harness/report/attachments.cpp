// SPDX-License-Identifier: Apache-2.0
// Files that belong to results: the smallest calls that show what a random step found, and the like.
#include "harness/engine/run.h"
#include "harness/images/file.h"
#include "harness/report/report.h"

namespace kexlab::report {
namespace {

class Attachments : public engine::Sink {
 public:
  Attachments(std::filesystem::path folder, std::function<void(const Error&)> trouble)
      : folder_(std::move(folder)), trouble_(std::move(trouble)) {}

  void on(const engine::Event& event) override {
    const auto* finished = std::get_if<engine::CaseFinished>(&event);
    if (finished == nullptr) return;
    for (const auto& attachment : finished->result.attachments) {
      const auto file = engine::attachment_file(folder_, finished->result, attachment);
      auto stored = images::make_folder(folder_);
      if (stored) stored = images::write_file(file, as_bytes(attachment.text));
      if (!stored) trouble_(stored.error());
    }
  }

 private:
  std::filesystem::path folder_;
  std::function<void(const Error&)> trouble_;
};

}  // namespace

std::unique_ptr<engine::Sink> make_attachments(const std::filesystem::path& folder,
                                               std::function<void(const Error&)> trouble) {
  return std::make_unique<Attachments>(folder, std::move(trouble));
}

}  // namespace kexlab::report
