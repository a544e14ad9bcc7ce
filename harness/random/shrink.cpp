// SPDX-License-Identifier: Apache-2.0
// Shrinking: what can be left out is left out, as long as kernel and model still differ.
#include <algorithm>

#include "harness/random/random.h"

namespace kexlab::random {
namespace {

class Shrinker {
 public:
  Shrinker(Episode episode, Difference found, const Oracle& oracle, unsigned most)
      : best_{std::move(episode), std::move(found), 0}, oracle_(oracle), most_(most) {
    cut();
  }

  Shrunk run() {
    while (drop_calls() | drop_segments() | ordinary_arguments() | ordinary_segments() | ordinary_files()) {
    }
    return std::move(best_);
  }

 private:
  void cut() { best_.episode.resize(std::min(best_.episode.size(), best_.difference.index + 1)); }

  /// Takes the candidate where it is another one and still differs.
  bool take(Episode candidate) {
    if (candidate == best_.episode || candidate.empty() || best_.probes >= most_) return false;
    ++best_.probes;
    auto difference = oracle_(candidate);
    if (!difference) return false;
    best_.episode = std::move(candidate);
    best_.difference = std::move(*difference);
    cut();
    return true;
  }

  bool drop_calls() {
    bool any = false;
    for (std::size_t i = best_.episode.size(); i-- > 0;) {
      Episode candidate = best_.episode;
      if (i >= candidate.size()) continue;
      candidate.erase(candidate.begin() + static_cast<std::ptrdiff_t>(i));
      any |= take(std::move(candidate));
    }
    return any;
  }

  bool drop_segments() {
    bool any = false;
    for (std::size_t call = 0; call < best_.episode.size(); ++call) {
      for (std::size_t i = best_.episode[call].plan.segments.size(); i-- > 0;) {
        if (call >= best_.episode.size() || i >= best_.episode[call].plan.segments.size()) break;
        Episode candidate = best_.episode;
        auto& segments = candidate[call].plan.segments;
        segments.erase(segments.begin() + static_cast<std::ptrdiff_t>(i));
        if (!segments.empty() || candidate[call].plan.nr_segments) any |= take(std::move(candidate));
      }
    }
    return any;
  }

  template <class Change>
  bool change_calls(Change change) {
    bool any = false;
    for (std::size_t call = 0; call < best_.episode.size(); ++call) {
      Episode candidate = best_.episode;
      change(candidate[call]);
      any |= take(std::move(candidate));
    }
    return any;
  }

  bool ordinary_arguments() {
    return change_calls([](Attempt& call) { call.as = {}; }) |
           change_calls([](Attempt& call) { call.compat = false; }) |
           change_calls([](Attempt& call) { call.plan.array = Pointer::valid; }) |
           change_calls([](Attempt& call) { call.plan.flags &= 0xffffffff; }) |
           change_calls([](Attempt& call) { call.plan.flags &= kexec::arch_mask | kexec::on_crash; }) |
           change_calls([](Attempt& call) {
             if (!call.plan.segments.empty()) call.plan.nr_segments.reset();
           }) |
           change_calls([](Attempt& call) {
             if (!call.plan.segments.empty()) call.plan.entry = call.plan.segments.front().mem;
           });
  }

  template <class Change>
  bool change_segments(Change change) {
    bool any = false;
    for (std::size_t call = 0; call < best_.episode.size(); ++call) {
      for (std::size_t i = 0; call < best_.episode.size() && i < best_.episode[call].plan.segments.size(); ++i) {
        Episode candidate = best_.episode;
        change(candidate[call].plan.segments[i]);
        any |= take(std::move(candidate));
      }
    }
    return any;
  }

  bool ordinary_segments() {
    return change_segments([](Segment& segment) { segment.buf = Pointer::valid; }) |
           change_segments([](Segment& segment) {
             segment.bufsz = 0;
             segment.pieces = {Piece::of_pattern(1, 0)};
           }) |
           change_segments([](Segment& segment) {
             // A page is at least 4 KiB everywhere; where it is larger this candidate differs in another way or not at
             // all.
             if (segment.memsz > 4096) segment.memsz = 4096;
             if (segment.bufsz > 4096) segment.bufsz = 4096;
             segment.pieces = {Piece::of_pattern(1, segment.bufsz)};
           });
  }

  template <class Change>
  bool change_files(Change change) {
    return change_calls([&](Attempt& call) {
      if (call.file) change(*call.file);
    });
  }

  bool ordinary_files() {
    constexpr std::uint64_t usual = model::FileCall::on_crash | model::FileCall::no_initramfs;
    return change_files([](scenario::FileLoadStep& call) {
             call.initrd = {.from = "none", .size = {}, .edits = {}};
             call.flags |= model::FileCall::no_initramfs;
           }) |
           change_files([](scenario::FileLoadStep& call) { call.flags &= usual; }) |
           change_files([](scenario::FileLoadStep& call) { call.flags &= ~model::FileCall::on_crash; }) |
           change_files([](scenario::FileLoadStep& call) { call.cmdline_len.reset(); }) |
           change_files([](scenario::FileLoadStep& call) { call.cmdline_at = Pointer::valid; }) |
           change_files([](scenario::FileLoadStep& call) { call.kernel.open = call.initrd.open = "read"; }) |
           // The first edit makes the image a small one; one edit less at a time, as a second may need the others.
           change_files([](scenario::FileLoadStep& call) {
             if (call.kernel.edits.size() > 1) call.kernel.edits.pop_back();
           }) |
           change_files([](scenario::FileLoadStep& call) {
             if (call.kernel.edits.size() > 1) call.kernel.edits.erase(call.kernel.edits.begin() + 1);
           });
  }

  Shrunk best_;
  const Oracle& oracle_;
  unsigned most_;
};

}  // namespace

Shrunk shrink(Episode episode, Difference found, const Oracle& oracle, unsigned most_probes) {
  return Shrinker(std::move(episode), std::move(found), oracle, most_probes).run();
}

}  // namespace kexlab::random
