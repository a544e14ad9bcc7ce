// SPDX-License-Identifier: Apache-2.0
// The guest's side, played for tests.
#include "harness/engine/testing_guest.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <cerrno>
#include <fstream>
#include <iterator>

#include "harness/images/digest.h"
#include "harness/witness/witness.h"

namespace kexlab::engine::testing_guest {
namespace {

namespace fs = std::filesystem;

std::string text_of(const wire::Message& message, std::string_view name) {
  return std::string(message.text(name).value_or(""));
}

std::string contents_of(const Agent& agent, const Segment& segment) {
  auto bytes = segment_bytes(segment, agent.resolve, agent.resolve_context);
  EXPECT_TRUE(bytes) << bytes.error().str();
  return bytes ? std::string(as_text(*bytes)) : std::string();
}

const Segment* find_segment(const Plan& plan, std::string_view name) {
  for (const auto& segment : plan.segments) {
    if (segment.name == name) return &segment;
  }
  return nullptr;
}

/// The regular files of newc archives laid end to end, as init/initramfs.c reads them (trailers and zeros between).
std::map<std::string, std::string> unpack(std::string_view cpio) {
  std::map<std::string, std::string> digests;
  auto number = [&](std::size_t at, int field) {
    return std::stoul(std::string(cpio.substr(at + 6 + 8 * static_cast<std::size_t>(field), 8)), nullptr, 16);
  };
  auto aligned = [](std::size_t value) { return (value + 3) & ~std::size_t{3}; };
  for (std::size_t at = 0; at + 110 <= cpio.size();) {
    if (cpio[at] == '\0') {
      ++at;
      continue;
    }
    if (cpio.substr(at, 6) != "070701") break;
    const auto mode = number(at, 1), size = number(at, 6), name_size = number(at, 11);
    const std::string name(cpio.substr(at + 110, name_size - 1));
    const std::size_t data = aligned(at + 110 + name_size);
    if ((mode & 0170000) == 0100000) digests[name] = images::sha256(as_bytes(cpio.substr(data, size)));
    at = aligned(data + size);
  }
  return digests;
}

/// The command line that a plan carries, wherever its boot protocol puts it: a NUL-terminated string of bytes.
std::string cmdline_in(const Agent& agent, const Plan& plan) {
  for (const auto& segment : plan.segments) {
    if (segment.name == "initrd" || segment.name == "kernel") continue;
    const std::string bytes = contents_of(agent, segment);
    const auto middle = bytes.find("kexlab.nonce=");
    if (middle == std::string::npos) continue;
    const auto begin = bytes.rfind("console=", middle);
    return bytes.substr(begin, bytes.find('\0', middle) - begin);
  }
  return {};
}

std::string iomem_of(const MemoryMap& memory) {
  std::string text;
  for (const auto& entry : memory.entries)
    text += fmt::format("{:>{}}{:08x}-{:08x} : {}\n", "", entry.depth * 2, entry.range.start, entry.range.end - 1,
                        entry.name);
  return text;
}

void write_file(const fs::path& file, std::string_view bytes) {
  fs::create_directories(file.parent_path());
  std::ofstream(file, std::ios::binary) << bytes;
}

/// An arm64 Image: just its header (Documentation/arm64/booting.rst) and some bytes.
images::Kernel made_up_kernel(const std::string& name, const std::string& release, const fs::path& folder) {
  Bytes bytes(64 << 10, std::byte{0x5a});
  std::fill_n(bytes.begin(), 64, std::byte{0});
  write_int<std::uint64_t>(bytes, 16, 0x200000, std::endian::little);
  write_int<std::uint64_t>(bytes, 24, 0xa, std::endian::little);
  write_int<std::uint32_t>(bytes, 56, 0x644d5241, std::endian::little);
  images::Kernel kernel{.name = name, .target = "arm64", .origin = "made up", .file = folder / name};
  kernel.sha256 = images::sha256(bytes);
  kernel.release = release;
  kernel.config = {{"CONFIG_KEXEC", "y"}, {"CONFIG_CRASH_DUMP", "y"}, {"CONFIG_SMP", "y"}};
  kernel.config_known = true;
  auto image = parse_image(bytes, name);
  EXPECT_TRUE(image) << image.error().str();
  if (image) kernel.image = std::move(*image);
  return kernel;
}

Bytes made_up_witness() {
  Bytes image(8192, std::byte{0});
  image[0] = std::byte{0xeb};
  auto put = [&](std::size_t offset, auto value) {
    write_int(image, WITNESS_HEADER_OFFSET + offset, value, std::endian::little);
  };
  put(offsetof(witness_header, magic), WITNESS_MAGIC);
  put(offsetof(witness_header, version), std::uint32_t{WITNESS_VERSION});
  put(offsetof(witness_header, ro_size), std::uint32_t{4096});
  put(offsetof(witness_header, image_size), std::uint32_t{8192});
  return image;
}

}  // namespace

wire::Message Agent::facts() const {
  wire::Message message{.op = "hello"};
  message.set("release", release).set("cmdline", cmdline).set("nonce", nonce).set("generation", generation);
  message.set("page_size", 4096).set("counter", counter).set("channel", "/dev/ttyS0").set("boot_id", boot_id);
  return message.set("uptime_ns", uptime_ns);
}

void Agent::hello(vm::FakeWire& wire) const { wire.channel(wire::encode_message(facts())); }

void Agent::received(vm::FakeWire& wire, std::string_view bytes) {
  std::vector<wire::Frame> frames;
  decoder_.feed(bytes, frames, nullptr);
  for (const auto& frame : frames) {
    auto request = assembler_.take(frame);
    if (!request) continue;
    if (!instead || !instead(*this, *request, wire)) handle(*request, wire);
  }
}

void Agent::answer(vm::FakeWire& wire, const wire::Message& request, wire::Message fields) const {
  fields.op = request.op;
  fields.sequence = request.sequence;
  if (!fields.number("errno")) fields.set("errno", 0);
  wire.channel(wire::encode_message(fields));
}

void Agent::answer_errno(vm::FakeWire& wire, const wire::Message& request, std::int64_t error,
                         std::string_view why) const {
  wire::Message fields;
  fields.set("errno", error).set("value", error > 0 ? -1 : 0).set("ns", 1);
  if (!why.empty()) fields.set("why", why);
  answer(wire, request, std::move(fields));
}

void Agent::handle(const wire::Message& request, vm::FakeWire& wire) {
  wire::Message fine;
  if (request.op == "load") return load(request, wire);
  if (request.op == "read") return read(request, wire);
  if (request.op == "reboot" || request.op == "crash") return leave(request, wire);
  if (request.op == "jump") return jump(request, wire);
  if (request.op == "hello") return answer(wire, request, facts());
  if (request.op == "state") {
    fine.set("loaded", normal ? 1 : 0).set("crash_loaded", crash ? 1 : 0).set("crash_size", 0).set("load_disabled", 0);
  } else if (request.op == "echo") {
    fine.set("data", text_of(request, "data"));
  } else if (request.op == "manifest") {
    std::string data;
    for (const auto& [path, digest] : manifest) data += digest + " 1 " + path + "\n";
    fine.set("data", data);
  } else if (request.op == "hold") {
    fine.set("held", 1);
  } else if (request.op == "release") {
    fine.set("value", 0).set("ns", 5);
  } else if (request.op == "write") {
    files[text_of(request, "path")] = text_of(request, "data");
  } else if (request.op == "marked") {
    fine.set("pages", 16).set("changed", 0);
  } else if (request.op != "marker") {
    return answer_errno(wire, request, -1, "unknown operation");
  }
  answer(wire, request, std::move(fine));
}

void Agent::load(const wire::Message& request, vm::FakeWire& wire) {
  auto plan = decode_plan(request.bytes("plan").value_or(ByteView{}));
  if (!plan) return answer_errno(wire, request, -1, plan.error().str());
  auto& slot = (plan->flags & kexec::on_crash) != 0 ? crash : normal;
  slot.reset();
  rounds = 0;
  if (plan->count() != 0) slot = std::move(*plan);
  wire::Message fine;
  answer(wire, request, std::move(fine.set("value", 0).set("ns", 250000)));
}

void Agent::read(const wire::Message& request, vm::FakeWire& wire) const {
  const auto file = files.find(text_of(request, "path"));
  if (file == files.end()) return answer_errno(wire, request, ENOENT, "open");
  const auto offset = std::min<std::size_t>(request.number("offset").value_or(0), file->second.size());
  std::string data = file->second.substr(offset, request.number("max").value_or(0));
  wire::Message fine;
  fine.set("size", file->second.size()).set("eof", offset + data.size() == file->second.size() ? 1 : 0);
  answer(wire, request, std::move(fine.set("data", data)));
}

void Agent::leave(const wire::Message& request, vm::FakeWire& wire) {
  auto& slot = request.op == "crash" ? crash : normal;
  wire::Message leaving{.op = "leaving"};
  wire.channel(wire::encode_message(leaving.set("counter", counter)));
  if (!slot) return answer_errno(wire, request, EINVAL);
  const Plan plan = *slot;
  normal.reset();
  crash.reset();
  if (entered) return entered(*this, plan, wire);
  find_segment(plan, "witness") != nullptr ? report(plan, wire) : boot(plan, wire);
}

void Agent::jump(const wire::Message& request, vm::FakeWire& wire) {
  if (!normal) return answer_errno(wire, request, EINVAL);
  ++rounds;
  report(*normal, wire);
  come_back(wire, request);
}

void Agent::come_back(vm::FakeWire& wire, const wire::Message& request) {
  uptime_ns += 1'000'000'000;
  wire::Message fine;
  fine.set("value", 0).set("ns", 5).set("held", "general sse").set("cpus", "0-1").set("changed", changed);
  answer(wire, request, std::move(fine));
}

void Agent::boot(const Plan& plan, vm::FakeWire& wire) {
  cmdline = cmdline_in(*this, plan);
  manifest.clear();
  nonce.clear();
  generation = 0;
  if (const Segment* initrd = find_segment(plan, "initrd")) {
    const std::string bytes = contents_of(*this, *initrd);
    manifest = unpack(bytes);
    // Nonce and generation are small files: they stand in the archive as they are.
    auto file = [&](std::string_view name) {
      const auto at = bytes.find(std::string(name) + '\0');
      const auto header = at - 110;
      const auto size = std::stoul(bytes.substr(header + 6 + 48, 8), nullptr, 16);
      return bytes.substr((at + name.size() + 1 + 3) & ~std::size_t{3}, size);
    };
    nonce = file("kexlab/nonce");
    generation = std::stoul(file("kexlab/generation"));
  }
  counter += 500;
  wire.console("[    0.000000] Linux version " + release + "\n");
  hello(wire);
}

void Agent::report(const Plan& plan, vm::FakeWire& wire) const {
  const Segment& segment = *find_segment(plan, "witness");
  const std::string image = contents_of(*this, segment);
  auto say = [&](const std::string& record) { wire.console(wire::encode_frame('W', as_bytes(record))); };
  std::string hex;
  for (std::size_t i = 0; i < 16; ++i)
    hex += fmt::format("{:02x}",
                       static_cast<unsigned char>(image[WITNESS_HEADER_OFFSET + offsetof(witness_header, nonce) + i]));
  const auto count = *read_int<std::uint32_t>(as_bytes(image), WITNESS_HEADER_OFFSET + offsetof(witness_header, count),
                                              std::endian::little);
  const auto flags = *read_int<std::uint32_t>(as_bytes(image), WITNESS_HEADER_OFFSET + offsetof(witness_header, flags),
                                              std::endian::little);
  const bool returns = (flags & WITNESS_RETURN) != 0;
  const std::string of_round = fmt::format(" round={} entry={}", rounds, rounds > 1 ? "again" : "start");
  say(fmt::format("begin version=1 nonce={} target=arm64 base=0x{:x} count={}{}", hex, segment.mem, count,
                  returns ? of_round : ""));
  say(fmt::format("regs x0=0x0 x1=0x0 x2=0x0 x3=0x0 daif=0x3c0 currentel=0x4 sctlr_el1=0x0 cntvct_el0=0x{:x}",
                  counter + 500));
  for (std::uint32_t i = 0; i < count; ++i) {
    const auto entry = WITNESS_HEADER_OFFSET + offsetof(witness_header, entries) + i * sizeof(witness_entry);
    say(fmt::format(
        "seg index={} digest=ok found=0x{:x} zero=ok", i,
        *read_int<std::uint64_t>(as_bytes(image), entry + offsetof(witness_entry, digest), std::endian::little)));
  }
  say(fmt::format("end count={} bad=0", count));
  if (!returns) wire.end(vm::Ended::Why::powered_off);
}

vm::FakeScript script_of(Agent agent) {
  vm::FakeScript script;
  script.booted = [agent](vm::FakeWire& wire) {
    wire.console("[    0.000000] Linux version " + agent.release + "\n");
    agent.hello(wire);
  };
  script.received = [agent](vm::FakeWire& wire, std::string_view bytes) mutable { agent.received(wire, bytes); };
  return script;
}

Lab::Lab() {
  std::string name = (fs::temp_directory_path() / "kexlab-engine-XXXXXX").string();
  EXPECT_NE(::mkdtemp(name.data()), nullptr);
  folder_ = name;
  write_file(folder_ / "guest/arm64/agent", "the agent's program\n");
  write_file(folder_ / "guest/arm64/abi/compat", "the 32-bit caller's program\n");
  const Bytes witness = made_up_witness();
  write_file(folder_ / "guest/arm64/witness.bin", as_text(witness));
  fs::create_directories(folder_ / "cache");
  ::setenv("KEXLAB_GUEST_DIR", (folder_ / "guest").c_str(), 1);
  bench.target = find_target("arm64");
  bench.self = made_up_kernel("self-kernel", "6.1.0-test", folder_);
  bench.next = made_up_kernel("next-kernel", "6.12.1-other", folder_);
  bench.vm_version = "fake 1";
  auto prepared = prepare(bench);
  EXPECT_TRUE(prepared) << prepared.error().str();
  std::ifstream saved(KEXLAB_SOURCE_DIR "/loader/arch/testdata/arm64-6.1-512m.json");
  const std::string profile{std::istreambuf_iterator<char>(saved), {}};
  auto machine = load_profile(profile);
  EXPECT_TRUE(machine) << machine.error().str();
  if (machine) facts.machine = std::move(*machine);
  facts.ram_pages = 500000 / 4;
}

Lab::~Lab() {
  std::error_code ignored;
  fs::remove_all(folder_, ignored);
}

Agent Lab::agent() const {
  Agent agent;
  agent.resolve = [](void* payload, const std::string& source) {
    return static_cast<const Payload*>(payload)->contents(source);
  };
  agent.resolve_context = const_cast<Payload*>(&*bench.payload);
  agent.files["/proc/iomem"] = iomem_of(facts.machine.memory);
  agent.files["/proc/cmdline"] = facts.machine.cmdline + "\n";
  agent.files["/proc/sys/kernel/osrelease"] = agent.release + "\n";
  agent.files["/sys/firmware/fdt"] = std::string(as_text(facts.machine.fdt));
  agent.files["/proc/meminfo"] = "MemTotal:         500000 kB\n";
  agent.files["/proc/zoneinfo"] = "  pagesets\n    cpu: 0\n              count: 0\n";
  agent.files["/proc/cpuinfo"] = "processor : 0\n";
  return agent;
}

Stage Lab::stage(const scenario::Case& what, const Agent& agent) const {
  Stage stage{.target = bench.target,
              .self = &bench.self,
              .next = &bench.next,
              .crash = &bench.self,
              .payload = &*bench.payload,
              .witness = bench.witness};
  stage.cargo = cargo_of(what);
  stage.hello.release = agent.release;
  stage.hello.cmdline = agent.cmdline;
  stage.hello.page_size = 4096;
  stage.facts = facts;
  return stage;
}

Lab::Played Lab::play(std::string_view yaml, const Agent& agent, vm::Diagnosis diagnosis) const {
  vm::FakeBackend backend([&](const vm::GuestSpec&) -> Result<vm::FakeScript> {
    auto script = script_of(agent);
    script.diagnosis = diagnosis;
    return script;
  });
  const auto cases = cases_of(yaml);
  auto guest = backend.boot({});
  Session session(**guest, {});
  EXPECT_TRUE(session.wait_hello(vm::Clock::time_point::max()));
  Stage played_on = stage(cases.at(0), agent);
  played_on.coverage = coverage;
  CaseRunner runner(played_on, cases.at(0), session);
  auto result = runner.run();
  return {std::move(result), runner.dirty()};
}

std::vector<scenario::Case> cases_of(std::string_view yaml) {
  std::vector<scenario::Case> cases;
  auto scenarios = scenario::parse_scenarios(yaml, "case.yaml");
  EXPECT_TRUE(scenarios) << scenarios.error().str();
  if (!scenarios) return cases;
  for (const auto& one : *scenarios) {
    auto expanded = scenario::expand(one);
    EXPECT_TRUE(expanded) << expanded.error().str();
    if (expanded) cases.insert(cases.end(), expanded->begin(), expanded->end());
  }
  return cases;
}

}  // namespace kexlab::engine::testing_guest
