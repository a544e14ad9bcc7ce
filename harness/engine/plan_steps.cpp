// SPDX-License-Identifier: Apache-2.0
// From a scenario's load step to the plan that is shown, checked, predicted, sent and executed.
#include <fmt/format.h>

#include <algorithm>

#include "harness/engine/case_runner.h"
#include "harness/engine/places.h"
#include "harness/witness/image.h"
#include "kexlab/fast_digest.h"

namespace kexlab::engine {
namespace {

// Room for the witness and its stack; its image is a few KiB.
constexpr std::uint64_t ballast_of_second_kernel = std::uint64_t{2} << 20;
constexpr std::uint64_t ballast_of_crash_kernel = std::uint64_t{256} << 10;

std::uint64_t up(std::uint64_t value, std::uint64_t page) { return (value + page - 1) & ~(page - 1); }

bool names_marker(const scenario::LoadStep& load) {
  auto names = [](const scenario::Expression& expression) {
    return std::any_of(expression.terms.begin(), expression.terms.end(),
                       [](const auto& term) { return term.base == "marker"; });
  };
  return std::any_of(load.segments.begin(), load.segments.end(),
                     [&](const auto& segment) { return segment.at && names(*segment.at); });
}

// The witness begins with instructions that do nothing, any of which may be the entry. Those before it become all ones,
// at which every CPU here faults (no instruction, or, on mips64, a store to an odd address), so that a kernel that
// enters at another one does not get through.
Bytes closed_before(Bytes image, std::uint64_t base, std::uint64_t entry) {
  if (entry > base && entry - base < std::min<std::size_t>(image.size(), witness::entry_room))
    std::fill_n(image.begin(), entry - base, std::byte{0xff});
  return image;
}

}  // namespace

Result<Plan> CaseRunner::plan_of(const scenario::LoadStep& load) {
  auto found = facts();
  if (!found) return tl::unexpected(found.error());
  candidate_ = Loaded{};
  auto plan = load.kernel.empty() ? plan_segments(load) : plan_kernel_load(load);
  if (!plan) return plan;
  set_arguments(load, *plan);
  candidate_->plan = *plan;
  candidate_->kernel = load.kernel;
  return plan;
}

/// The command line of a kernel that is started: the target's words, the channel, the case's nonce, and what is asked
/// for. A crash kernel runs on one CPU.
std::string CaseRunner::command_line(const std::string& more, bool crash) const {
  std::string line = "console=" + stage_.target->console;
  for (const auto& word : stage_.target->cmdline) line += " " + word.value;
  line += " kexlab.channel=" + stage_.target->channel.device + " kexlab.nonce=" + nonce_;
  if (crash) {
    for (const auto& word : stage_.target->crash_cmdline) line += " " + word.value;
  }
  return more.empty() ? line : line + " " + more;
}

const images::Kernel& CaseRunner::kernel_of(std::string_view word, bool crash) const {
  if (word == "next") return *stage_.next;
  return crash ? *stage_.crash : *stage_.self;
}

Result<Plan> CaseRunner::plan_kernel_load(const scenario::LoadStep& load) {
  const bool self = load.kernel == "self";
  const bool crash_for_self = self && load.crash && stage_.crash != stage_.self;
  const images::Kernel& kernel = kernel_of(load.kernel, load.crash);
  LoadRequest request{.machine = &facts_->machine, .kernel = &kernel.image};
  request.kernel_source = crash_for_self ? crash_in_guest : self ? self_in_guest : next_in_guest;
  request.crash = load.crash;
  request.digest = load.digest ? LoadRequest::Digest::fast : LoadRequest::Digest::none;
  request.cmdline = command_line(load.cmdline, load.crash);
  if (load.initrd) {
    auto initrd = stage_.payload->next_initrd(nonce_, static_cast<unsigned>(hello_.generation) + 1,
                                              load.crash ? Cargo{} : stage_.cargo,
                                              load.crash ? ballast_of_crash_kernel : ballast_of_second_kernel);
    if (!initrd) return tl::unexpected(initrd.error());
    request.initrd = initrd->source;
    candidate_->initrd = std::move(*initrd);
  }
  candidate_->cmdline = request.cmdline;
  request.resolve = [](void* payload, const std::string& source) {
    return static_cast<const Payload*>(payload)->contents(source);
  };
  request.resolve_context = const_cast<Payload*>(stage_.payload);
  return kexlab::plan_kernel(request);
}

Result<std::uint64_t> CaseRunner::value_of(const scenario::Expression& expression) const {
  return Places(*facts_, *stage_.target).value(expression);
}

/// A segment of its own for what the kernel demands, where none of the scenario's is large enough to begin with it.
Status CaseRunner::add_demanded(Plan& plan, RangeSet& free, witness::WitnessTable& table) const {
  const Arch& arch = *find_arch(facts_->machine.arch);
  if (arch.demanded == nullptr) return {};
  Bytes demanded = arch.demanded(facts_->machine);
  if (find_demanded(plan, demanded) != nullptr) return {};
  const std::uint64_t size = demanded.size();
  const auto digest = fast_digest(demanded);
  auto own = demanded_segment(free, std::move(demanded), facts_->machine.page_size);
  if (!own) return fail(Errc::no_space, "place what the kernel demands", fmt::format("no free {} bytes", size));
  free.remove({own->mem, own->mem + own->memsz});
  table.entries.push_back({own->mem, size, own->memsz, digest, own->name});
  plan.segments.push_back(std::move(*own));
  return {};
}

Status CaseRunner::add_witness(const scenario::LoadStep& load, Plan& plan) {
  const auto page = facts_->machine.page_size;
  const std::uint64_t size = up(stage_.witness.size(), page);
  const bool crash = (plan.flags & kexec::on_crash) != 0;
  RangeSet free = find_arch(facts_->machine.arch)->usable(facts_->machine, crash);
  witness::WitnessTable table;
  table.nonce = nonce_;
  table.round = !crash && (load.extra_flags & kexec::preserve_context) != 0 ? 1 : 0;
  for (const auto& segment : plan.segments) {
    if (auto range = Range::sized(segment.mem, segment.memsz)) free.remove(*range);
    if (segment.memsz == 0) continue;
    // Segments of scenarios are patterns and what the kernel demands: no source to look up.
    const auto bytes = segment_bytes(segment, nullptr, nullptr);
    if (!bytes) return tl::unexpected(bytes.error());
    table.entries.push_back({segment.mem, segment.bufsz, segment.memsz, fast_digest(*bytes), segment.name});
  }
  if (auto status = add_demanded(plan, free, table); !status) return status;
  const Range wish{stage_.target->witness_address, stage_.target->witness_address + size};
  const auto place = !crash && free.contains(wish)
                         ? std::optional(wish)
                         : free.find(size, page, Range{0, UINT64_MAX}, RangeSet::Prefer::high);
  if (!place)
    return fail(Errc::no_space, "place the witness",
                fmt::format("no free {} bytes beside the scenario's segments", size));
  table.base = place->start;
  const std::uint64_t entry = load.entry ? plan.entry : place->start;
  auto image = witness::make_witness(closed_before(stage_.witness, place->start, entry), table);
  if (!image) return tl::unexpected(image.error());
  Segment segment{.name = "witness", .pieces = {Piece::of(std::move(*image))}};
  segment.bufsz = segment.pieces.front().bytes.size();
  segment.mem = place->start;
  segment.memsz = size;
  plan.entry = entry;
  plan.segments.push_back(std::move(segment));
  candidate_->witness = std::move(table);
  return {};
}

Result<Plan> CaseRunner::plan_segments(const scenario::LoadStep& load) {
  if (names_marker(load)) {
    if (auto laid = lay_marker(); !laid) return tl::unexpected(laid.error());
    if (!marker_pages_.empty()) facts_->marker = marker_pages_.front();
  }
  auto plan = written_plan(load, *facts_, *stage_.target);
  if (!plan) return plan;
  if (load.random) {
    plan->segments =
        random::make_layout(random_world(situation_of(*facts_, hello_.release, {})), seed_of(*load.random));
    const Arch& arch = *find_arch(facts_->machine.arch);
    if (arch.demanded != nullptr) meet_demand(*plan, arch.demanded(facts_->machine));
    if (!load.entry && !plan->segments.empty()) plan->entry = plan->segments.front().mem;
  }
  if (load.witness) {
    if (stage_.witness.empty())
      return fail(Errc::unsupported, "land on the witness", "there is no witness for " + stage_.target->name);
    if (auto status = add_witness(load, *plan); !status) return tl::unexpected(status.error());
  }
  if (std::find(load.order.begin(), load.order.end(), "reverse") != load.order.end()) {
    std::reverse(plan->segments.begin(), plan->segments.end());
  }
  return plan;
}

}  // namespace kexlab::engine
