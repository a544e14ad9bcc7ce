// SPDX-License-Identifier: Apache-2.0
// Operations on the system as a whole: hello, echo, flood, marker, crash.
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "harness/agent/agent.h"
#include "harness/agent/call_operations.h"
#include "harness/agent/counter/counter.h"
#include "harness/agent/os.h"
#include "kexlab/plan.h"
#include "kexlab/text.h"

namespace kexlab::agent {
namespace {

constexpr std::size_t most_nonce = 4096;
constexpr std::size_t most_cmdline = 65536;
constexpr std::uint64_t most_pages_at_once = 64;
constexpr std::size_t most_markers = 64;
// /proc/self/pagemap: one u64 a page, bits 0-54 the frame number, bit 63 present.
// Source: Documentation/admin-guide/mm/pagemap.rst.
constexpr std::uint64_t frame_mask = (std::uint64_t{1} << 55) - 1;
constexpr std::uint64_t present_bit = std::uint64_t{1} << 63;

using wire::Message;

std::uint64_t uptime_ns() {
  timespec now{};
  clock_gettime(CLOCK_BOOTTIME, &now);
  return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000 + static_cast<std::uint64_t>(now.tv_nsec);
}

std::uint64_t page_size() { return static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)); }

void hello(Agent& agent, const Message&, Message& answer) { fill_hello(agent, answer); }

void echo(Agent&, const Message& request, Message& answer) {
  answer.set("data", request.bytes("data").value_or(ByteView()));
}

void flood(Agent&, const Message& request, Message& answer) {
  const std::uint64_t bytes = request.number("bytes").value_or(0);
  std::string line = "flood ";
  while (line.size() < 79) line += static_cast<char>('0' + line.size() % 10);
  line += '\n';
  for (std::uint64_t done = 0; done < bytes;) {
    const auto size = static_cast<std::size_t>(std::min<std::uint64_t>(line.size(), bytes - done));
    if (const int error = write_all(STDERR_FILENO, std::string_view(line).substr(0, size)); error != 0) {
      return failed(answer, error, "write to the console");
    }
    done += size;
  }
}

// An invalid access in the kernel, made by this process or by a child. Source: drivers/misc/lkdtm/core.c.
void oops(bool of_child, Message& answer) {
  constexpr const char* trigger = "/sys/kernel/debug/provoke-crash/DIRECT";
  int error = 0;
  if (of_child) {
    const pid_t child = fork();
    if (child == 0) _exit(write_small_file(trigger, "EXCEPTION"));
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) < 0) return failed(answer, errno, "run a child");
    error = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
  } else {
    error = write_small_file(trigger, "EXCEPTION");
  }
  if (error != 0) return failed(answer, error, std::string("write ") + trigger);
  refuse(answer, "the kernel survived an oops");
}

void crash(Agent&, const Message& request, Message& answer) {
  if (!move_to_cpu(request, answer)) return;
  if (const auto by = request.text("by")) return oops(*by == "oops", answer);
  const int error = write_small_file("/proc/sysrq-trigger", "c");
  if (error != 0) return failed(answer, error, "write /proc/sysrq-trigger");
  refuse(answer, "the kernel survived sysrq-c");
}

// The physical address of a mapped page; nothing where the kernel does not tell.
std::optional<std::uint64_t> physical_address(int pagemap, const std::byte* page) {
  Bytes entry(8);
  const std::uint64_t index = reinterpret_cast<std::uintptr_t>(page) / page_size();
  if (read_some(pagemap, entry, index * entry.size()) != static_cast<long>(entry.size())) return std::nullopt;
  const auto value = read_int<std::uint64_t>(entry, 0, std::endian::native).value_or(0);
  if ((value & present_bit) == 0 || (value & frame_mask) == 0) return std::nullopt;
  return (value & frame_mask) * page_size();
}

void marker(Agent& agent, const Message& request, Message& answer) {
  const std::uint64_t pages = request.number("pages").value_or(1);
  if (pages == 0 || pages > most_pages_at_once || agent.marked.size() >= most_markers) {
    return refuse(answer, "pages must be 1..64, at most 64 times");
  }
  const auto size = static_cast<std::size_t>(pages * page_size());
  void* const area = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (area == MAP_FAILED) return failed(answer, errno, "mmap");
  // Never unmapped: the pages are to be found in a dump. Not shared with children, whose writes would move them.
  if (mlock(area, size) != 0) return failed(answer, errno, "mlock");
  madvise(area, size, MADV_DONTFORK);
  // Compaction moves locked pages too unless it is told not to. Source: Documentation/admin-guide/sysctl/vm.rst.
  (void)write_small_file("/proc/sys/vm/compact_unevictable_allowed", "0");
  const std::span<std::byte> bytes(static_cast<std::byte*>(area), size);
  const auto seed = static_cast<std::uint32_t>(request.number("seed").value_or(0));
  fill_pattern(seed, 0, bytes);
  agent.marked.push_back({seed, bytes});
  const Fd pagemap(open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC));
  if (!pagemap.open()) return failed(answer, errno, "open /proc/self/pagemap");
  Bytes addresses(static_cast<std::size_t>(pages) * 8);
  for (std::size_t i = 0; i < pages; ++i) {
    const auto address = physical_address(pagemap.get(), bytes.data() + i * page_size());
    if (!address) return refuse(answer, "/proc/self/pagemap does not tell where the pages are");
    write_int<std::uint64_t>(addresses, i * 8, *address, std::endian::little);
  }
  answer.set("addresses", ByteView(addresses));
}

// Many requests in one: over a UART the way there and back takes longer than most operations.
void batch(Agent& agent, const Message& request, Message& answer) {
  const auto requests = wire::decode_list(request.bytes("requests").value_or(ByteView()));
  if (!requests) return refuse(answer, "field requests is damaged");
  std::vector<Message> answers;
  for (const Message& one : *requests) {
    if (one.op == "batch") return refuse(answer, "a batch inside a batch");
    answers.push_back(respond(agent, one));
  }
  const Bytes encoded = wire::encode_list(answers);
  answer.set("answers", ByteView(encoded));
}

constexpr Operation operations[] = {{"hello", false, hello}, {"batch", false, batch},  {"echo", false, echo},
                                    {"flood", false, flood}, {"marker", true, marker}, {"crash", true, crash}};

}  // namespace

void fill_hello(const Agent& agent, Message& answer) {
  if (const auto counter = cpu_counter()) answer.set("counter", *counter);
  answer.set("uptime_ns", uptime_ns());
  utsname name{};
  uname(&name);
  answer.set("release", name.release).set("version", name.version).set("machine", name.machine);
  const auto file = [](const char* path, std::size_t most) {
    return read_small_file(path, most).value_or(std::string());
  };
  answer.set("cmdline", trimmed(file("/proc/cmdline", most_cmdline)));
  answer.set("nonce", file("/kexlab/nonce", most_nonce));
  answer.set("generation", parse_unsigned(trimmed(file("/kexlab/generation", 32)), 10).value_or(0));
  answer.set("boot_id", trimmed(file("/proc/sys/kernel/random/boot_id", 64)));
  answer.set("page_size", page_size()).set("channel", agent.channel_name);
  answer.set("module_errors", agent.module_errors);
}

std::span<const Operation> system_operations() { return operations; }

}  // namespace kexlab::agent
