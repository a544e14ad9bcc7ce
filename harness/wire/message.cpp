// SPDX-License-Identifier: Apache-2.0
// Messages as bytes, their split into frames, and the way back.
#include "harness/wire/message.h"

#include <algorithm>

#include "harness/wire/zero_runs.h"

namespace kexlab::wire {
namespace {

constexpr std::uint8_t version = 1;
constexpr std::uint8_t number_type = 0;
constexpr std::uint8_t bytes_type = 1;
constexpr std::size_t part_header = 8;  // id u32, part u32
constexpr std::size_t part_size = max_payload - part_header;
constexpr std::size_t max_packed = max_message + zero_runs_overhead;

class Writer {
 public:
  template <class T>
  void integer(T value) {
    const std::size_t at = out_.size();
    out_.resize(at + sizeof(T));
    write_int<T>(out_, at, value, std::endian::little);
  }
  void raw(ByteView bytes) { out_.insert(out_.end(), bytes.begin(), bytes.end()); }
  void name(std::string_view text) {
    integer(static_cast<std::uint8_t>(text.size()));
    raw(as_bytes(text));
  }
  Bytes take() { return std::move(out_); }

 private:
  Bytes out_;
};

// Reads on until the first mistake; afterwards everything reads as nothing and ok() is false.
class Reader {
 public:
  explicit Reader(ByteView bytes) : bytes_(bytes) {}

  template <class T>
  T integer() {
    const auto value = read_int<T>(bytes_, at_, std::endian::little);
    if (!value) return fail<T>();
    at_ += sizeof(T);
    return *value;
  }
  ByteView raw(std::size_t size) {
    const auto part = slice(bytes_, at_, size);
    if (!part) return fail<ByteView>();
    at_ += size;
    return *part;
  }
  std::string name() {
    const auto size = integer<std::uint8_t>();
    if (size == 0 || size > max_name) return fail<std::string>();
    return std::string(as_text(raw(size)));
  }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool at_end() const { return at_ == bytes_.size(); }

 private:
  template <class T>
  T fail() {
    ok_ = false;
    at_ = bytes_.size();
    return {};
  }
  ByteView bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

bool name_fits(std::string_view name) { return !name.empty() && name.size() <= max_name; }

std::size_t body_size(const Message& message) {
  std::size_t size = 1 + 1 + message.op.size() + 4 + 1;
  for (const auto& field : message.fields) {
    size += 1 + field.name.size() + 1 + (field.is_number ? 8 : 4 + field.bytes.size());
  }
  return size;
}

std::optional<Message::Field> decode_field(Reader& in) {
  Message::Field field;
  field.name = in.name();
  const auto type = in.integer<std::uint8_t>();
  if (type == number_type) {
    field.is_number = true;
    field.number = in.integer<std::uint64_t>();
  } else if (type == bytes_type) {
    field.bytes = to_bytes(in.raw(in.integer<std::uint32_t>()));
  } else {
    return std::nullopt;
  }
  if (!in.ok()) return std::nullopt;
  return field;
}

const Message::Field* find(const Message& message, std::string_view name) {
  for (const auto& field : message.fields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

Message::Field& slot(Message& message, std::string_view name) {
  for (auto& field : message.fields) {
    if (field.name == name) return field = Message::Field{std::string(name), false, 0, {}};
  }
  return message.fields.emplace_back(Message::Field{std::string(name), false, 0, {}});
}

}  // namespace

Bytes encode_body(const Message& message) {
  if (!fits(message)) return {};
  Writer out;
  out.integer(version);
  out.name(message.op);
  out.integer(message.sequence);
  out.integer(static_cast<std::uint8_t>(message.fields.size()));
  for (const auto& field : message.fields) {
    out.name(field.name);
    out.integer(field.is_number ? number_type : bytes_type);
    if (field.is_number) {
      out.integer(field.number);
    } else {
      out.integer(static_cast<std::uint32_t>(field.bytes.size()));
      out.raw(field.bytes);
    }
  }
  return out.take();
}

std::optional<Message> decode_body(ByteView bytes) {
  Reader in(bytes);
  if (in.integer<std::uint8_t>() != version) return std::nullopt;
  Message message;
  message.op = in.name();
  message.sequence = in.integer<std::uint32_t>();
  const auto count = in.integer<std::uint8_t>();
  if (!in.ok() || count > max_fields) return std::nullopt;
  for (unsigned i = 0; i < count; ++i) {
    auto field = decode_field(in);
    if (!field) return std::nullopt;
    message.fields.push_back(std::move(*field));
  }
  if (!in.at_end()) return std::nullopt;
  return message;
}

Bytes encode_list(const std::vector<Message>& messages) {
  Writer out;
  for (const auto& message : messages) {
    const Bytes body = encode_body(message);
    if (body.empty()) return {};
    out.integer(static_cast<std::uint32_t>(body.size()));
    out.raw(body);
  }
  return out.take();
}

std::optional<std::vector<Message>> decode_list(ByteView bytes) {
  Reader in(bytes);
  std::vector<Message> messages;
  while (in.ok() && !in.at_end()) {
    auto message = decode_body(in.raw(in.integer<std::uint32_t>()));
    if (!message) return std::nullopt;
    messages.push_back(std::move(*message));
  }
  if (!in.ok()) return std::nullopt;
  return messages;
}

Message& Message::set(std::string_view name, std::uint64_t value) {
  Field& field = slot(*this, name);
  field.is_number = true;
  field.number = value;
  return *this;
}

Message& Message::set(std::string_view name, std::string_view value) { return set(name, as_bytes(value)); }

Message& Message::set(std::string_view name, ByteView value) {
  Bytes copy = to_bytes(value);  // first: `value` may be a view of the very field that is replaced
  slot(*this, name).bytes = std::move(copy);
  return *this;
}

std::optional<std::uint64_t> Message::number(std::string_view name) const {
  const Field* field = find(*this, name);
  if (field == nullptr || !field->is_number) return std::nullopt;
  return field->number;
}

std::optional<std::string_view> Message::text(std::string_view name) const {
  const auto view = bytes(name);
  if (!view) return std::nullopt;
  return as_text(*view);
}

std::optional<ByteView> Message::bytes(std::string_view name) const {
  const Field* field = find(*this, name);
  if (field == nullptr || field->is_number) return std::nullopt;
  return ByteView(field->bytes);
}

bool fits(const Message& message) {
  if (!name_fits(message.op) || message.fields.size() > max_fields) return false;
  const auto good = [](const Message::Field& field) {
    return name_fits(field.name) && field.bytes.size() <= max_message;
  };
  return std::all_of(message.fields.begin(), message.fields.end(), good) && body_size(message) <= max_message;
}

std::string encode_message(const Message& message) {
  const Bytes whole = encode_body(message);
  if (whole.empty()) return {};
  const Bytes body = pack_zero_runs(whole);
  const std::uint32_t id = crc32(body);
  std::string out;
  for (std::size_t at = 0, part = 0; at < body.size(); at += part_size, ++part) {
    const std::size_t size = std::min(part_size, body.size() - at);
    Writer payload;
    payload.integer(id);
    payload.integer(static_cast<std::uint32_t>(part));
    payload.raw(ByteView(body).subspan(at, size));
    out += encode_frame(at + size == body.size() ? 'M' : 'm', payload.take());
  }
  return out;
}

void Assembler::drop() {
  ++dropped_;
  phase_ = Phase::skipping;
  partial_ = Bytes();
}

std::optional<Message> Assembler::take(const Frame& frame) {
  if (frame.kind != 'm' && frame.kind != 'M') return std::nullopt;
  const auto id = read_int<std::uint32_t>(frame.payload, 0, std::endian::little);
  const auto part = read_int<std::uint32_t>(frame.payload, 4, std::endian::little);
  if (!id || !part) return std::nullopt;
  if (*part == 0 || *id != message_id_) {
    if (phase_ == Phase::collecting) drop();
    phase_ = Phase::collecting;
    message_id_ = *id;
    next_part_ = 0;
  }
  if (phase_ == Phase::skipping) return std::nullopt;
  const ByteView piece = ByteView(frame.payload).subspan(part_header);
  if (phase_ == Phase::idle || *part != next_part_ || piece.size() > max_packed - partial_.size()) {
    drop();
    return std::nullopt;
  }
  ++next_part_;
  partial_.insert(partial_.end(), piece.begin(), piece.end());
  return frame.kind == 'M' ? finish() : std::nullopt;
}

std::optional<Message> Assembler::finish() {
  std::optional<Message> message;
  if (crc32(partial_) == message_id_) {
    if (const auto body = unpack_zero_runs(partial_, max_message)) message = decode_body(*body);
  }
  if (!message) {
    drop();
    return std::nullopt;
  }
  partial_ = Bytes();
  phase_ = Phase::idle;
  return message;
}

}  // namespace kexlab::wire
