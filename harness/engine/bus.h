// SPDX-License-Identifier: Apache-2.0
// Carries events from any thread to the sinks, one at a time and in one order.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include "harness/engine/event.h"

namespace kexlab::engine {

class Bus {
 public:
  /// The sink must outlive the bus. To be called before the first publish.
  void attach(Sink& sink) { sinks_.push_back(&sink); }
  void publish(const Event& event) {
    const std::lock_guard lock(mutex_);
    for (Sink* sink : sinks_) sink->on(event);
  }
  void notice(Notice::Level level, std::string text) { publish(Notice{level, std::move(text)}); }

 private:
  std::mutex mutex_;
  std::vector<Sink*> sinks_;
};

}  // namespace kexlab::engine
