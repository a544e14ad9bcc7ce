// SPDX-License-Identifier: Apache-2.0
// A plan as bytes. Little-endian whatever the host, fixed-width numbers, sizes in front, version first:
//
//   plan:    "KXPL" · version u8 = 1 · arch str · entry u64 · flags u64 · array pointer · has_nr u8 · nr_segments u64 ·
//            count u32 · count × segment
//   segment: name str · bufsz u64 · mem u64 · memsz u64 · buf pointer · count u32 · count × piece
//   pointer: kind u8 · only where that is `address`: address u64
//   piece:   kind u8 · bytes blob · source str · offset u64 · size u64 · seed u32
//   str, blob: size u32 · that many bytes
//
// Each plan has one encoding: what decodes encodes to the same bytes again.
#include <bit>
#include <limits>

#include "kexlab/plan.h"
#include "kexlab/text.h"

namespace kexlab {
namespace {

constexpr std::string_view magic = "KXPL";
constexpr std::uint8_t version = 1;
constexpr std::uint8_t last_pointer = static_cast<std::uint8_t>(Pointer::address);
constexpr std::uint8_t last_kind = static_cast<std::uint8_t>(Piece::Kind::pattern);

class Writer {
 public:
  template <class T>
  void number(T value) {
    const std::size_t at = out_.size();
    out_.resize(at + sizeof(T));
    write_int<T>(out_, at, value, std::endian::little);
  }
  void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void blob(ByteView bytes) {
    number(static_cast<std::uint32_t>(bytes.size()));
    raw(bytes);
  }
  void text(const std::string& value) { blob(as_bytes(value)); }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

void write(Writer& out, Pointer kind, std::uint64_t address) {
  out.number(static_cast<std::uint8_t>(kind));
  if (kind == Pointer::address) out.number(address);
}

void write(Writer& out, const Piece& piece) {
  out.number(static_cast<std::uint8_t>(piece.kind));
  out.blob(piece.bytes);
  out.text(piece.source);
  out.number(piece.offset);
  out.number(piece.size);
  out.number(piece.seed);
}

void write(Writer& out, const Segment& segment) {
  out.text(segment.name);
  out.number(segment.bufsz);
  out.number(segment.mem);
  out.number(segment.memsz);
  write(out, segment.buf, segment.buf_address);
  out.number(static_cast<std::uint32_t>(segment.pieces.size()));
  for (const Piece& piece : segment.pieces) write(out, piece);
}

// Reads until the first mistake; from then on every read gives zero, and `error` tells what it was.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  template <class T>
  T number(const char* what) {
    const auto value = read_int<T>(bytes_, at_, std::endian::little);
    if (!value) {
      stop(Errc::truncated, std::string(what) + " needs " + std::to_string(sizeof(T)) + " bytes");
      return 0;
    }
    at_ += sizeof(T);
    return *value;
  }
  // A number that must not pass `most`: an enumerator or a count.
  template <class T>
  T bounded(const char* what, T most) {
    const T value = number<T>(what);
    if (value <= most) return value;
    stop(Errc::corrupt, std::string(what) + " is " + std::to_string(value) + ", at most " + std::to_string(most));
    return 0;
  }
  ByteView blob(const char* what, std::uint32_t most) {
    const auto size = bounded<std::uint32_t>(what, most);
    const auto part = slice(bytes_, at_, size);
    if (!part) {
      stop(Errc::truncated, std::string(what) + " needs " + std::to_string(size) + " bytes");
      return {};
    }
    at_ += size;
    return *part;
  }
  std::string text(const char* what, std::uint32_t most) { return std::string(as_text(blob(what, most))); }

  void stop(Errc code, std::string broke) {
    if (error_) return;
    error_ = Error{code, "decode a plan",
                   std::move(broke) + ", at byte " + std::to_string(at_) + " of " + std::to_string(bytes_.size()), ""};
    bytes_ = bytes_.first(0);
    at_ = 0;
  }
  [[nodiscard]] bool stopped() const { return error_.has_value(); }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] std::size_t left() const { return bytes_.size() - at_; }

 private:
  ByteView bytes_;
  std::size_t at_ = 0;
  std::optional<Error> error_;
};

Pointer read_pointer(Reader& in, const char* what, std::uint64_t& address) {
  const auto kind = static_cast<Pointer>(in.bounded(what, last_pointer));
  if (kind == Pointer::address) address = in.number<std::uint64_t>("address");
  return kind;
}

Piece read_piece(Reader& in) {
  Piece piece;
  piece.kind = static_cast<Piece::Kind>(in.bounded("kind of piece", last_kind));
  piece.bytes = to_bytes(in.blob("inline bytes", PlanLimits::encoded_bytes));
  piece.source = in.text("source name", PlanLimits::text_bytes);
  piece.offset = in.number<std::uint64_t>("offset");
  piece.size = in.number<std::uint64_t>("size");
  piece.seed = in.number<std::uint32_t>("seed");
  return piece;
}

Segment read_segment(Reader& in) {
  Segment segment;
  segment.name = in.text("segment name", PlanLimits::text_bytes);
  segment.bufsz = in.number<std::uint64_t>("bufsz");
  segment.mem = in.number<std::uint64_t>("mem");
  segment.memsz = in.number<std::uint64_t>("memsz");
  segment.buf = read_pointer(in, "buf pointer", segment.buf_address);
  const auto count = in.bounded("number of pieces", PlanLimits::pieces);
  // Grown one by one: a count that promises more than the bytes hold never allocates for it.
  for (std::uint32_t i = 0; i < count && !in.stopped(); ++i) segment.pieces.push_back(read_piece(in));
  return segment;
}

void read_header(Reader& in, Plan& plan) {
  for (const char expected : magic) {
    if (in.number<std::uint8_t>("magic") == static_cast<std::uint8_t>(expected)) continue;
    return in.stop(Errc::corrupt, "these bytes do not begin with KXPL");
  }
  const auto found = in.number<std::uint8_t>("version");
  if (found != version)
    return in.stop(Errc::corrupt, "version " + std::to_string(found) + " is not " + std::to_string(version));
  plan.arch = in.text("arch", PlanLimits::text_bytes);
  plan.entry = in.number<std::uint64_t>("entry");
  plan.flags = in.number<std::uint64_t>("flags");
  plan.array = read_pointer(in, "array pointer", plan.array_address);
  const auto has_nr = in.bounded("nr_segments mark", std::uint8_t{1});
  const auto nr = in.number<std::uint64_t>("nr_segments");
  if (has_nr == 1) plan.nr_segments = nr;
  if (has_nr == 0 && nr != 0) in.stop(Errc::corrupt, "nr_segments is " + hex(nr) + " though it is marked as absent");
}

}  // namespace

Bytes encode_plan(const Plan& plan) {
  Writer out;
  out.raw(as_bytes(magic));
  out.number(version);
  out.text(plan.arch);
  out.number(plan.entry);
  out.number(plan.flags);
  write(out, plan.array, plan.array_address);
  out.number(static_cast<std::uint8_t>(plan.nr_segments.has_value()));
  out.number(plan.nr_segments.value_or(0));
  out.number(static_cast<std::uint32_t>(plan.segments.size()));
  for (const Segment& segment : plan.segments) write(out, segment);
  return out.take();
}

Result<Plan> decode_plan(ByteView bytes) {
  if (bytes.size() > PlanLimits::encoded_bytes) {
    return fail(Errc::corrupt, "decode a plan",
                std::to_string(bytes.size()) + " bytes, at most " + std::to_string(PlanLimits::encoded_bytes));
  }
  Reader in(bytes);
  Plan plan;
  read_header(in, plan);
  const auto count = in.bounded("number of segments", PlanLimits::segments);
  for (std::uint32_t i = 0; i < count && !in.stopped(); ++i) plan.segments.push_back(read_segment(in));
  if (!in.stopped() && in.left() != 0)
    in.stop(Errc::corrupt, std::to_string(in.left()) + " bytes behind the last segment");
  if (in.error()) return tl::unexpected<Error>(*in.error());
  return plan;
}

}  // namespace kexlab
