// SPDX-License-Identifier: Apache-2.0
// The one file with system calls: it turns plans into arguments, makes the calls, and reads what can be observed.
#ifndef _FILE_OFFSET_BITS
#define _FILE_OFFSET_BITS 64
#endif
#include "kexlab/call.h"

#include <fcntl.h>
#include <linux/kexec.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <utility>

#include "kexlab/text.h"

namespace kexlab {

static_assert(sizeof(RawSegment) == sizeof(kexec_segment));
static_assert(offsetof(RawSegment, buf) == offsetof(kexec_segment, buf));
static_assert(offsetof(RawSegment, bufsz) == offsetof(kexec_segment, bufsz));
static_assert(offsetof(RawSegment, mem) == offsetof(kexec_segment, mem));
static_assert(offsetof(RawSegment, memsz) == offsetof(kexec_segment, memsz));

namespace {

std::uint64_t now_ns() {
  timespec time{};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<std::uint64_t>(time.tv_sec) * 1000000000 + static_cast<std::uint64_t>(time.tv_nsec);
}

template <class... Arguments>
CallResult timed(long number, Arguments... arguments) {
  CallResult result;
  errno = 0;
  const std::uint64_t start = now_ns();
  result.value = syscall(number, arguments...);
  const int error = errno;
  result.nanoseconds = now_ns() - start;
  if (result.value == -1) result.error = error;
  return result;
}

std::size_t page_size() { return static_cast<std::size_t>(sysconf(_SC_PAGESIZE)); }
std::size_t whole_pages(std::size_t size) { return (size + page_size() - 1) & ~(page_size() - 1); }

tl::unexpected<Error> io_error(const std::string& asked, const char* what, int error) {
  Errc code = Errc::io;
  if (error == ENOENT || error == ENOTDIR) code = Errc::not_found;
  if (error == EACCES || error == EPERM) code = Errc::permission;
  if (error == ENOMEM) code = Errc::no_space;
  return fail(code, asked, std::string(what) + ": " + std::strerror(error));
}

}  // namespace

CallResult raw_kexec_load(unsigned long entry, unsigned long nr_segments, const void* segments, unsigned long flags) {
#ifdef SYS_kexec_load
  return timed(SYS_kexec_load, entry, nr_segments, segments, flags);
#else
  (void)entry, (void)nr_segments, (void)segments, (void)flags;
  return {-1, ENOSYS, 0};
#endif
}

CallResult raw_kexec_file_load(int kernel_fd, int initrd_fd, const char* cmdline, unsigned long cmdline_size,
                               unsigned long flags) {
#ifdef SYS_kexec_file_load  // several architectures have no such call
  return timed(SYS_kexec_file_load, static_cast<long>(kernel_fd), static_cast<long>(initrd_fd), cmdline_size, cmdline,
               flags);
#else
  (void)kernel_fd, (void)initrd_fd, (void)cmdline, (void)cmdline_size, (void)flags;
  return {-1, ENOSYS, 0};
#endif
}

CallResult raw_reboot(unsigned cmd, unsigned magic1, unsigned magic2) {
  return timed(SYS_reboot, static_cast<unsigned long>(magic1), static_cast<unsigned long>(magic2),
               static_cast<unsigned long>(cmd), nullptr);
}

Mapping::Mapping(Mapping&& other) noexcept
    : address_(std::exchange(other.address_, nullptr)), size_(std::exchange(other.size_, 0)) {}

Mapping& Mapping::operator=(Mapping&& other) noexcept {
  std::swap(address_, other.address_);
  std::swap(size_, other.size_);
  return *this;
}

Mapping::~Mapping() {
  if (size_ != 0) munmap(address_, size_);
}

namespace {

// A file that is a source, for reading; its size is known.
class SourceFile {
 public:
  static Result<SourceFile> open(const std::string& path) {
    SourceFile file(path, ::open(path.c_str(), O_RDONLY | O_CLOEXEC));
    if (file.fd_ < 0) return io_error("open the source " + path, "open", errno);
    struct stat status {};
    if (fstat(file.fd_, &status) != 0) return io_error("open the source " + path, "fstat", errno);
    file.size_ = static_cast<std::uint64_t>(status.st_size);
    return file;
  }
  SourceFile(SourceFile&& other) noexcept
      : path_(std::move(other.path_)), fd_(std::exchange(other.fd_, -1)), size_(other.size_) {}
  ~SourceFile() {
    if (fd_ >= 0) close(fd_);
  }

  [[nodiscard]] Status holds(std::uint64_t offset, std::uint64_t size) const {
    if (offset <= size_ && size <= size_ - offset) return {};
    return fail(Errc::truncated, "use the source " + path_,
                "it has " + hex(size_) + " bytes, the piece is " + hex(size) + " at " + hex(offset));
  }
  [[nodiscard]] Status read(std::uint64_t offset, std::span<std::byte> out) const {
    std::size_t done = 0;
    while (done < out.size()) {
      const auto got = pread(fd_, out.data() + done, out.size() - done, static_cast<off_t>(offset + done));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return io_error("read the source " + path_, "pread", errno);
      if (got == 0) return fail(Errc::truncated, "read the source " + path_, "it ends at " + hex(offset + done));
      done += static_cast<std::size_t>(got);
    }
    return {};
  }
  // Over memory that is reserved already, so that nothing else ends up right behind it.
  [[nodiscard]] Status map_over(void* address, std::size_t size, std::uint64_t offset) const {
    if (mmap(address, size, PROT_READ, MAP_PRIVATE | MAP_FIXED, fd_, static_cast<off_t>(offset)) != MAP_FAILED)
      return {};
    return io_error("map the source " + path_, "mmap", errno);
  }

 private:
  SourceFile(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}
  std::string path_;
  int fd_;
  std::uint64_t size_ = 0;
};

}  // namespace

/// Builds one MaterialisedCall; its steps share the memory that they collect.
class Materialiser {
 public:
  Result<MaterialisedCall> run(const Plan& plan) {
    if (plan.segments.size() > PlanLimits::segments) {
      return fail(Errc::invalid_argument, "materialise a plan", std::to_string(plan.segments.size()) + " segments");
    }
    if (auto numbers = set_numbers(plan); !numbers) return tl::unexpected<Error>(numbers.error());
    for (const Segment& segment : plan.segments) {
      if (auto added = add_segment(segment); !added) return tl::unexpected<Error>(added.error());
    }
    if (auto array = add_array(plan); !array) return tl::unexpected<Error>(array.error());
    return std::move(call_);
  }

 private:
  Status set_numbers(const Plan& plan) {
    return set_word(call_.entry_, plan.entry, "entry")
        .and_then([&] { return set_word(call_.flags_, plan.flags, "flags"); })
        .and_then([&] { return set_word(call_.nr_segments_, plan.count(), "nr_segments"); });
  }

  static Status set_word(unsigned long& word, std::uint64_t value, const char* what) {
    word = static_cast<unsigned long>(value);
    // The same number, or the same negative number in a narrower word.
    if (word == value || static_cast<std::uint64_t>(static_cast<long>(word)) == value) return {};
    return fail(Errc::invalid_argument, "materialise a plan",
                std::string(what) + " " + hex(value) + " does not fit in " + std::to_string(sizeof word * 8) + " bits");
  }

  Status add_segment(const Segment& segment) {
    RawSegment raw{};
    unsigned long mem = 0;
    auto numbers = set_word(raw.bufsz, segment.bufsz, "bufsz")
                       .and_then([&] { return set_word(mem, segment.mem, "mem"); })
                       .and_then([&] { return set_word(raw.memsz, segment.memsz, "memsz"); });
    if (!numbers) return numbers;
    const auto buffer = buffer_of(segment);
    if (!buffer) return tl::unexpected<Error>(buffer.error());
    raw.buf = *buffer;
    raw.mem = reinterpret_cast<const void*>(mem);
    call_.raw_.push_back(raw);
    return {};
  }

  Result<const void*> buffer_of(const Segment& segment) {
    if (const auto address = memoryless(segment.buf)) return *address;
    if (segment.buf == Pointer::unmapped) return hole();
    if (segment.buf == Pointer::address) return nothing_at(segment.buf_address);
    const auto length = pieces_length(segment);
    if (!length) return tl::unexpected<Error>(length.error());
    const auto size = static_cast<std::size_t>(*length);
    const bool one_file = segment.pieces.size() == 1 && segment.pieces[0].kind == Piece::Kind::source && size != 0;
    const bool plain = segment.buf == Pointer::valid || segment.buf == Pointer::read_only;
    if (one_file && plain) return mapped(segment.pieces[0]);
    return placed(segment.buf, size, [&](std::span<std::byte> out) { return gather(segment, out); });
  }

  // The array's memory really holds the entries that nr_segments promises, up to a bound.
  Status add_array(const Plan& plan) {
    const auto pointer = array_pointer(plan);
    if (!pointer) return tl::unexpected<Error>(pointer.error());
    call_.segments_ = *pointer;
    return {};
  }

  Result<const void*> array_pointer(const Plan& plan) {
    if (const auto address = memoryless(plan.array)) return *address;
    if (plan.array == Pointer::unmapped) return hole();
    if (plan.array == Pointer::address) return nothing_at(plan.array_address);
    const std::uint64_t padded = std::min(plan.count(), MaterialisedCall::most_padding_entries);
    const std::size_t entries = std::max(call_.raw_.size(), static_cast<std::size_t>(padded));
    return placed(plan.array, entries * sizeof(RawSegment), [&](std::span<std::byte> out) -> Status {
      const ByteView bytes = std::as_bytes(std::span(call_.raw_));
      std::copy_n(bytes.begin(), std::min(bytes.size(), out.size()), out.begin());
      return {};
    });
  }

  static std::optional<const void*> memoryless(Pointer kind) {
    // The last page of the address space belongs to the kernel, or to nobody, on every architecture.
    if (kind == Pointer::kernel)
      return reinterpret_cast<const void*>(std::numeric_limits<unsigned long>::max() & ~0xffful);
    if (kind == Pointer::null) return nullptr;
    return std::nullopt;
  }

  // mincore(2) gives ENOMEM where its page is not mapped, whatever the address.
  static Result<const void*> nothing_at(std::uint64_t number) {
    unsigned long address = 0;
    if (auto fits = set_word(address, number, "pointer"); !fits) return tl::unexpected<Error>(fits.error());
    unsigned char resident = 0;
    if (mincore(reinterpret_cast<void*>(address & ~(page_size() - 1)), 1, &resident) == 0) {
      return fail(Errc::invalid_argument, "materialise a plan", "this process has memory at " + hex(number));
    }
    return reinterpret_cast<const void*>(address);
  }

  static Result<const void*> tag(std::byte* start) {
    constexpr int bits = std::numeric_limits<std::uintptr_t>::digits;
    if (bits < 64) return fail(Errc::invalid_argument, "materialise a plan", "a 32-bit address has no room for a tag");
    return reinterpret_cast<const void*>(reinterpret_cast<std::uintptr_t>(start) | std::uintptr_t{0x2a} << (bits - 8));
  }

  // Address space without access; a part may be opened later. Kept until the call is given up.
  Result<std::byte*> reserve(std::size_t size) {
    void* address = mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (address == MAP_FAILED) return io_error("reserve " + hex(size) + " bytes for a buffer", "mmap", errno);
    call_.mappings_.emplace_back(address, size);
    return static_cast<std::byte*>(address);
  }

  static Status protect(std::byte* address, std::size_t size, int protection) {
    if (mprotect(address, size, protection) == 0) return {};
    return io_error("prepare " + hex(size) + " bytes of a buffer", "mprotect", errno);
  }

  // One page: too small for most that is mapped later, and kept from growing by its neighbours.
  Result<const void*> hole() {
    const std::size_t page = page_size();
    void* start = mmap(nullptr, 3 * page, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (start == MAP_FAILED) return io_error("make an address without a mapping", "mmap", errno);
    std::byte* const middle = static_cast<std::byte*>(start) + page;
    if (munmap(middle, page) != 0) return io_error("make an address without a mapping", "munmap", errno);
    call_.mappings_.emplace_back(start, page);
    call_.mappings_.emplace_back(middle + page, page);
    return middle;
  }

  // The file's own pages; a page without access behind them.
  Result<const void*> mapped(const Piece& piece) {
    const auto file = SourceFile::open(piece.source);
    if (!file) return tl::unexpected<Error>(file.error());
    if (auto holds = file->holds(piece.offset, piece.size); !holds) return tl::unexpected<Error>(holds.error());
    const auto lead = static_cast<std::size_t>(piece.offset & (page_size() - 1));
    const std::size_t pages = whole_pages(lead + static_cast<std::size_t>(piece.size));
    const auto base = reserve(pages + page_size());
    if (!base) return tl::unexpected<Error>(base.error());
    if (auto done = file->map_over(*base, pages, piece.offset - lead); !done)
      return tl::unexpected<Error>(done.error());
    return *base + lead;
  }

  // Pages without access that are not there either: kernels of some CPUs (e500: PAGE_NONE,
  // arch/powerpc/include/asm/nohash/32/pte-85xx.h) read a page that is there whatever the program may do with it.
  Status deny(std::byte* start, std::size_t size) {
    if (auto done = protect(start, size, PROT_NONE); !done) return done;
    if (madvise(start, size, MADV_DONTNEED) != 0) return io_error("make an address without a page", "madvise", errno);
    return {};
  }

  template <class Fill>
  Result<const void*> placed(Pointer kind, std::size_t size, const Fill& fill) {
    if (kind == Pointer::guarded) return guard(size, fill);
    // The bytes that the kernel may see. Those that end at an edge lie right before the page without access.
    const bool edge = kind == Pointer::half || kind == Pointer::tight || kind == Pointer::one_short;
    const std::size_t visible = kind == Pointer::half        ? size / 2
                                : kind == Pointer::one_short ? size - std::min<std::size_t>(size, 1)
                                                             : size;
    const std::size_t pages = std::max(whole_pages(size), page_size());
    const std::size_t open = std::max(whole_pages(visible), page_size());
    const auto base = reserve(open + pages + page_size());
    if (!base) return tl::unexpected<Error>(base.error());
    auto filled = protect(*base, edge ? open + pages : open, PROT_READ | PROT_WRITE);
    std::byte* start = edge ? *base + open - visible : *base;
    if (filled) filled = fill(std::span(start, size));
    if (filled && edge) filled = deny(*base + open, pages);
    if (filled && kind == Pointer::read_only) filled = protect(*base, open, PROT_READ);
    if (filled && kind == Pointer::no_access) filled = deny(*base, open);
    if (!filled) return tl::unexpected<Error>(filled.error());
    return kind == Pointer::tagged ? tag(start) : start;
  }

  template <class Fill>
  Result<const void*> guard(std::size_t size, const Fill& fill) {
    MaterialisedCall::Guarded area;
    area.size = std::max(whole_pages(size), page_size());
    area.contents.resize(size);
    if (auto filled = fill(std::span(area.contents)); !filled) return tl::unexpected<Error>(filled.error());
    const auto base = reserve(area.size + page_size());
    if (!base) return tl::unexpected<Error>(base.error());
    if (auto opened = protect(*base, area.size, PROT_READ | PROT_WRITE); !opened)
      return tl::unexpected<Error>(opened.error());
    area.address = *base;
    call_.guarded_.push_back(std::move(area));
    return *base;
  }

  static Status gather(const Segment& segment, std::span<std::byte> out) {
    std::size_t at = 0;
    for (const Piece& piece : segment.pieces) {
      const auto part = out.subspan(at, static_cast<std::size_t>(piece.length()));
      if (auto done = gather_piece(piece, part); !done) return done;
      at += part.size();
    }
    return {};
  }

  static Status gather_piece(const Piece& piece, std::span<std::byte> out) {
    if (piece.kind == Piece::Kind::inline_bytes) std::copy(piece.bytes.begin(), piece.bytes.end(), out.begin());
    if (piece.kind == Piece::Kind::pattern) fill_pattern(piece.seed, 0, out);
    if (piece.kind != Piece::Kind::source) return {};
    const auto file = SourceFile::open(piece.source);
    if (!file) return tl::unexpected<Error>(file.error());
    if (auto holds = file->holds(piece.offset, piece.size); !holds) return holds;
    return file->read(piece.offset, out);
  }

  MaterialisedCall call_;
};

Result<MaterialisedCall> MaterialisedCall::make(const Plan& plan) { return Materialiser().run(plan); }

CallResult MaterialisedCall::load() const { return raw_kexec_load(entry_, nr_segments_, segments_, flags_); }

Result<CallResult> load(const Plan& plan) {
  if (auto sane = check_plan(plan, page_size()); !sane) return tl::unexpected<Error>(sane.error());
  const auto call = MaterialisedCall::make(plan);
  if (!call) return tl::unexpected<Error>(call.error());
  const CallResult result = call->load();
  if (result.value != 0) return tl::unexpected<Error>(refusal(plan, result.error, page_size()));
  return result;
}

Status unload(bool crash) {
  Plan plan;
  plan.flags = crash ? kexec::on_crash : 0;
  plan.array = Pointer::null;
  const CallResult result = raw_kexec_load(0, 0, nullptr, static_cast<unsigned long>(plan.flags));
  if (result.value != 0) return tl::unexpected<Error>(refusal(plan, result.error, page_size()));
  return {};
}

namespace {

// The number in a small file such as those of sysfs, or nothing. "-1" is all ones.
std::optional<std::uint64_t> number_in(const char* path) {
  const int fd = ::open(path, O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::nullopt;
  char buffer[32];
  const auto got = ::read(fd, buffer, sizeof buffer);
  close(fd);
  if (got <= 0) return std::nullopt;
  std::string_view text(buffer, static_cast<std::size_t>(got));
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text == "-1") return ~std::uint64_t{0};
  return parse_unsigned(text, 10);
}

std::optional<bool> flag_in(const char* path) {
  const auto number = number_in(path);
  return number && *number <= 1 ? std::optional(*number == 1) : std::nullopt;
}

}  // namespace

State observe() {
  return {flag_in("/sys/kernel/kexec_loaded"),
          flag_in("/sys/kernel/kexec_crash_loaded"),
          number_in("/sys/kernel/kexec_crash_size"),
          flag_in("/proc/sys/kernel/kexec_load_disabled"),
          number_in("/proc/sys/kernel/kexec_load_limit_reboot"),
          number_in("/proc/sys/kernel/kexec_load_limit_panic")};
}

}  // namespace kexlab
