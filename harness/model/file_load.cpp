// SPDX-License-Identifier: Apache-2.0
// The rules of kexec_file_load(2) in the order in which the kernel applies them. Read from kernels 6.1 and 6.12; what
// later versions changed says since when.
#include "harness/model/file_load.h"

#include <algorithm>

#include "harness/model/checks.h"
#include "harness/model/contract.h"
#include "harness/model/file_image.h"
#include "kexlab/text.h"

namespace kexlab::model {
namespace {

/// A call with what the rules look at, put together once.
struct View {
  const Situation* situation;
  const FileCall* call;
  const scenario::Credentials* as;
  const FileFormat* format;  ///< nullptr: not known for this target
  ImageNeeds needs;          ///< of an image that is recognised

  [[nodiscard]] bool on_crash() const { return (call->flags & FileCall::on_crash) != 0; }
  [[nodiscard]] bool crash() const { return on_crash() && has_crash_slot(*situation); }
  [[nodiscard]] bool has_initrd() const { return (call->flags & FileCall::no_initramfs) == 0; }
  /// As the kernel rounds up (ALIGN of kexec_add_buffer): of the last page of 64 bits nothing is left.
  [[nodiscard]] std::uint64_t pages(std::uint64_t bytes) const {
    const std::uint64_t page = situation->page_size;
    return (bytes + page - 1) / page;
  }
};

Decision check_configured(const View& v) { return refuse_if(!has_option(*v.situation, "KEXEC_FILE", true), enosys); }
Decision check_capability(const View& v) { return refuse_if(lacks_capability(*v.as), eperm); }
Decision check_load_disabled(const View& v) { return refuse_if(v.situation->state.load_disabled, eperm); }
Decision check_load_limit(const View& v) { return refuse_if(limit_used_up(*v.situation, v.on_crash()), eperm); }

Decision check_flags(const View& v) {
  std::uint64_t legal = FileCall::unload | FileCall::on_crash | FileCall::no_initramfs;
  if (since(*v.situation, 6, 8)) legal |= FileCall::debug;
  if (since(*v.situation, 6, 17)) legal |= FileCall::no_cma;
  if (since(*v.situation, 6, 18)) legal |= FileCall::force_dtb;
  return refuse_if((v.call->flags & ~legal) != 0, einval);
}

Decision check_lock(const View& v) { return refuse_if(v.situation->lock_held, ebusy); }

Decision check_unload(const View& v) {
  return (v.call->flags & FileCall::unload) != 0 ? Decision(Answer{0, 0}) : std::nullopt;
}

// How a file is read, kernel or initrd. Source: fs/kernel_read_file.c.
Decision check_descriptor(const File& file) { return refuse_if(file.kind == File::Kind::none, ebadf); }
Decision check_regular(const File& file) { return refuse_if(file.kind == File::Kind::other, einval); }
Decision check_writers(const File& file) { return refuse_if(file.being_written, etxtbsy); }
Decision check_empty(const File& file) { return refuse_if(file.size == 0, einval); }
Decision check_size(const File& file) {
  constexpr std::uint64_t most = std::uint64_t{4} << 30;  // KEXEC_FILE_SIZE_MAX of a 64-bit kernel
  return refuse_if(file.size > most, efbig);
}
Decision check_whole(const File& file) { return refuse_if(file.short_of_size, eio); }

// vmalloc() refuses at once what is more whole pages than all RAM. Source: mm/vmalloc.c, __vmalloc_node_range.
Decision check_memory(const View& v, const File& file) {
  return refuse_if(v.situation->ram_pages != 0 && file.size / v.situation->page_size > v.situation->ram_pages, enomem);
}

using FileCheck = Decision (*)(const File&);
template <FileCheck check>
Decision of_kernel(const View& v) {
  return check(v.call->kernel);
}
template <FileCheck check>
Decision of_initrd(const View& v) {
  return v.has_initrd() ? check(v.call->initrd) : std::nullopt;
}
Decision check_kernel_memory(const View& v) { return check_memory(v, v.call->kernel); }
Decision check_initrd_memory(const View& v) { return v.has_initrd() ? check_memory(v, v.call->initrd) : std::nullopt; }

Decision check_format(const View& v) {
  if (v.format == nullptr) return std::nullopt;
  return refuse_if(!v.format->recognises(v.call->kernel, *v.situation), v.format->error);
}

/// What checking the signature gives, 0 where it is good. Source: crypto/asymmetric_keys/verify_pefile.c.
int signature_error(const View& v) {
  if (v.format == nullptr || !has_option(*v.situation, v.format->option, false)) return ekeyrejected;
  switch (v.call->kernel.signature) {
    case Signature::no_pe:
      return elibbad;
    case Signature::none:
      return enodata;
    case Signature::unknown:
      return enokey;
    case Signature::broken:
      return ekeyrejected;
    case Signature::trusted:
      return 0;
  }
  return ekeyrejected;
}

bool checks_signatures(const View& v) { return has_option(*v.situation, "KEXEC_SIG", false); }

Decision check_signature(const View& v) {
  if (!checks_signatures(v) || !has_option(*v.situation, "KEXEC_SIG_FORCE", false)) return std::nullopt;
  const int error = signature_error(v);
  return refuse_if(error != 0, error);
}

// A kernel without KEXEC_SIG has no such check: lockdown alone does not keep it from loading files.
Decision check_lockdown(const View& v) {
  return refuse_if(checks_signatures(v) && v.situation->lockdown && signature_error(v) != 0, eperm);
}

/// Of the largest block of the page allocator. Source: include/linux/mmzone.h, MAX_ORDER, which until 6.4 was one more.
unsigned max_order(const Situation& situation) {
  constexpr std::uint64_t usual = 10, most = 63;
  const auto configured = situation.config.find("ARCH_FORCE_MAX_ORDER");
  if (configured == situation.config.end()) return usual;
  const auto number = parse_unsigned(configured->second, 10);
  if (!number || *number == 0 || *number > most) return usual;
  return static_cast<unsigned>(since(situation, 6, 4) ? *number : *number - 1);
}

// memdup_user() of more than kmalloc() ever gives. Source: include/linux/slab.h, KMALLOC_MAX_SIZE of SLUB.
Decision check_cmdline_memory(const View& v) {
  return refuse_if(v.call->cmdline_size > v.situation->page_size << max_order(*v.situation), enomem);
}
Decision check_cmdline_pointer(const View& v) {
  return refuse_if(v.call->cmdline_size != 0 && !v.call->readable, efault);
}
Decision check_cmdline_end(const View& v) {
  return refuse_if(v.call->cmdline_size != 0 && !v.call->terminated, einval);
}

Decision check_image_whole(const View& v) {
  return refuse_if(v.format != nullptr && !v.needs.whole, v.format != nullptr ? v.format->error : 0);
}

Decision check_cmdline_limit(const View& v) {
  const auto& most = v.needs.longest_cmdline;
  return refuse_if(most && v.call->cmdline_size > *most, einval);
}

Decision check_place(const View& v) {
  if (v.format == nullptr) return std::nullopt;
  const auto& reservation = v.situation->crash_reservation;
  const std::uint64_t room = v.crash() ? v.pages(reservation ? reservation->size() : 0) : v.situation->ram_pages;
  if (!v.crash() && room == 0) return std::nullopt;  // how much RAM there is is not known
  const auto& pieces = v.needs.pieces;
  const bool too_large =
      std::any_of(pieces.begin(), pieces.end(), [&](const Piece& piece) { return v.pages(piece.memory) > room; });
  const std::uint64_t initrd = v.has_initrd() ? v.pages(v.call->initrd.size) : 0;
  return refuse_if(too_large || initrd > room, eaddrnotavail);
}

Decision check_loaded(const View& v) {
  const auto& pieces = v.needs.pieces;
  const bool larger = std::any_of(pieces.begin(), pieces.end(),
                                  [&](const Piece& piece) { return v.pages(piece.loaded) > v.pages(piece.memory); });
  return refuse_if(larger, einval);
}

Decision check_half_of_ram(const View& v) {
  const std::uint64_t most = v.situation->ram_pages / 2;
  if (most == 0) return std::nullopt;
  std::uint64_t pages = v.has_initrd() ? v.pages(v.call->initrd.size) : 0;
  for (const Piece& piece : v.needs.pieces) pages += v.pages(piece.memory);
  return refuse_if(pages > most, einval);
}

Decision accept(const View&) { return Answer{0, 0}; }

/// How far the kernel is when it comes to a rule.
enum class Stage {
  permission,  ///< nothing has been touched
  arguments,   ///< the limit has been taken from
  dropped,     ///< a crash load has emptied its slot
};

struct Row {
  Rule rule;
  Decision (*check)(const View&);
  Stage stage;
};

constexpr const char* the_call = "kernel/kexec_file.c: SYSCALL_DEFINE5(kexec_file_load)";
constexpr const char* the_parts = "kernel/kexec_file.c: kimage_file_prepare_segments";
constexpr const char* the_read = "fs/kernel_read_file.c: kernel_read_file";
constexpr const char* the_fd = "fs/kernel_read_file.c: kernel_read_file_from_fd";

constexpr Row table[] = {
    {{"file_configured", "the kernel is built with CONFIG_KEXEC_FILE", "kernel/sys_ni.c",
      "use kexec_load, or boot a kernel with CONFIG_KEXEC_FILE=y"},
     check_configured,
     Stage::permission},
    {{"file_capability", "the caller has CAP_SYS_BOOT in the initial user namespace; also to unload", the_call,
      "call as root outside of containers"},
     check_capability,
     Stage::permission},
    {{"file_load_disabled", "the sysctl kernel.kexec_load_disabled is 0; it cannot be set back", the_call,
      "boot again without setting the sysctl"},
     check_load_disabled,
     Stage::permission},
    {{"file_load_limit",
      "the sysctl kernel.kexec_load_limit_reboot, or _panic with KEXEC_FILE_ON_CRASH, is not used up (since 6.3)",
      "kernel/kexec_core.c: kexec_load_permitted", "boot again; failed calls and unloads count too"},
     check_load_limit,
     Stage::permission},
    {{"file_flags", "all 64 bits of the flags are known flags", "kernel/kexec_file.c: KEXEC_FILE_FLAGS",
      "leave out flags that are newer than the kernel: DEBUG 6.8, NO_CMA 6.17, FORCE_DTB 6.18"},
     check_flags,
     Stage::arguments},
    {{"file_lock", "no other kexec call, crash or access to kexec_crash_size is going on", the_call,
      "call again when the other is done"},
     check_lock,
     Stage::arguments},
    {{"file_unload", "with KEXEC_FILE_UNLOAD the slot is emptied, whatever else is passed", the_call, ""},
     check_unload,
     Stage::arguments},
    {{"file_kernel_descriptor", "the kernel's descriptor is open for reading", the_fd, "open the image with O_RDONLY"},
     of_kernel<check_descriptor>,
     Stage::dropped},
    {{"file_kernel_regular", "the kernel is a regular file", the_read, "copy the image into a file"},
     of_kernel<check_regular>,
     Stage::dropped},
    {{"file_kernel_writers", "nobody has the kernel's file open for writing",
      "fs/kernel_read_file.c: deny_write_access", "close it, and open it with O_RDONLY"},
     of_kernel<check_writers>,
     Stage::dropped},
    {{"file_kernel_empty", "the kernel's file has a size; files of /proc have none", the_read,
      "copy the image into a file"},
     of_kernel<check_empty>,
     Stage::dropped},
    {{"file_kernel_size", "the kernel's file has at most 4 GiB", "kernel/kexec_file.c: KEXEC_FILE_SIZE_MAX",
      "load a smaller image"},
     of_kernel<check_size>,
     Stage::dropped},
    {{"file_kernel_memory", "the kernel's file is not larger than all RAM", "mm/vmalloc.c: __vmalloc_node_range",
      "load a smaller image"},
     check_kernel_memory,
     Stage::dropped},
    {{"file_kernel_read", "the kernel's file gives as many bytes as its size says", the_read,
      "copy the image into a file"},
     of_kernel<check_whole>,
     Stage::dropped},
    {{"file_format",
      "the image is one that the kernel's own loader knows: bzImage for 64 bits, arm64's bare Image, powerpc's ELF",
      "arch/x86/kernel/kexec-bzimage64.c: bzImage64_probe; arch/arm64/kernel/kexec_image.c: image_probe; "
      "kernel/kexec_elf.c: kexec_elf_probe",
      "load an image for the running kernel's architecture, unpacked on arm64; kexec_load takes others"},
     check_format,
     Stage::dropped},
    {{"file_signature", "with CONFIG_KEXEC_SIG_FORCE the image has a good signature by a trusted key",
      "kernel/kexec_file.c: kimage_validate_signature", "sign the image with a key of the kernel's keyring"},
     check_signature,
     Stage::dropped},
    {{"file_lockdown", "a locked down kernel with CONFIG_KEXEC_SIG loads only what a trusted key has signed",
      "kernel/kexec_file.c: kimage_validate_signature (LOCKDOWN_KEXEC)",
      "sign the image with a key of the kernel's keyring, or boot without lockdown"},
     check_lockdown,
     Stage::dropped},
    {{"file_initrd_descriptor", "without KEXEC_FILE_NO_INITRAMFS the initrd's descriptor is open for reading", the_fd,
      "open the initrd with O_RDONLY, or pass KEXEC_FILE_NO_INITRAMFS"},
     of_initrd<check_descriptor>,
     Stage::dropped},
    {{"file_initrd_regular", "the initrd is a regular file", the_read, "copy the initrd into a file"},
     of_initrd<check_regular>,
     Stage::dropped},
    {{"file_initrd_writers", "nobody has the initrd's file open for writing",
      "fs/kernel_read_file.c: deny_write_access", "close it, and open it with O_RDONLY"},
     of_initrd<check_writers>,
     Stage::dropped},
    {{"file_initrd_empty", "the initrd's file has a size", the_read, "pass KEXEC_FILE_NO_INITRAMFS for none"},
     of_initrd<check_empty>,
     Stage::dropped},
    {{"file_initrd_size", "the initrd's file has at most 4 GiB", "kernel/kexec_file.c: KEXEC_FILE_SIZE_MAX",
      "load a smaller initrd"},
     of_initrd<check_size>,
     Stage::dropped},
    {{"file_initrd_memory", "the initrd's file is not larger than all RAM", "mm/vmalloc.c: __vmalloc_node_range",
      "load a smaller initrd"},
     check_initrd_memory,
     Stage::dropped},
    {{"file_initrd_read", "the initrd's file gives as many bytes as its size says", the_read,
      "copy the initrd into a file"},
     of_initrd<check_whole>,
     Stage::dropped},
    {{"file_cmdline_memory", "cmdline_len is at most what the kernel can allocate in one piece, most often 4 MiB",
      "mm/util.c: memdup_user", "pass a shorter command line"},
     check_cmdline_memory,
     Stage::dropped},
    {{"file_cmdline", "the command line can be read", "mm/util.c: memdup_user", "pass a pointer to cmdline_len bytes"},
     check_cmdline_pointer,
     Stage::dropped},
    {{"file_cmdline_end", "the last of cmdline_len bytes is 0", the_parts, "count the byte 0 in cmdline_len"},
     check_cmdline_end,
     Stage::dropped},
    {{"file_image_whole", "the image has all that its header speaks of: x86_64 its setup sectors, arm64 an image_size",
      "arch/x86/kernel/kexec-bzimage64.c: bzImage64_load; arch/arm64/kernel/kexec_image.c: image_load",
      "copy the image again; a kernel for arm64 must be 3.17 or newer"},
     check_image_whole,
     Stage::dropped},
    {{"file_cmdline_limit",
      "x86_64: the command line is shorter than the image's cmdline_size less 30 bytes for elfcorehdr=",
      "arch/x86/kernel/kexec-bzimage64.c: bzImage64_load", "pass a shorter command line"},
     check_cmdline_limit,
     Stage::dropped},
    {{"file_place", "there is room for the image: in RAM, or of a crash image in the reservation",
      "kernel/kexec_file.c: kexec_locate_mem_hole", "reserve memory with crashkernel=, or more of it"},
     check_place,
     Stage::dropped},
    {{"file_bufsz", "the image's file is not larger than the memory that its header asks for",
      "kernel/kexec_core.c: sanity_check_segment_list", "build the image again"},
     check_loaded,
     Stage::dropped},
    {{"file_half_of_ram", "kernel and initrd together have at most half of all RAM pages",
      "kernel/kexec_core.c: sanity_check_segment_list", "load less, or give the machine more RAM"},
     check_half_of_ram,
     Stage::dropped},
    {{"file_accepted", "a call that breaks no rule loads the image", the_call, ""}, accept, Stage::dropped},
};

/// The state after the call, as of kexec_load: a crash image is gone before its successor's files are looked at.
State state_after(const View& v, const Row& row) {
  State after = v.situation->state;
  if (row.stage != Stage::permission) spend_limit(*v.situation, v.on_crash(), after);
  bool& slot = v.crash() ? after.crash_loaded : after.loaded;
  if (row.check == accept) {
    slot = true;
  } else if (row.check == check_unload || (v.crash() && row.stage == Stage::dropped)) {
    slot = false;
  }
  return after;
}

}  // namespace

Prediction predict(const Situation& situation, const FileCall& call, const scenario::Credentials& as) {
  View view{&situation, &call, &as, contract_of(situation.arch).file_format, {}};
  if (view.format != nullptr) view.needs = view.format->needs(call.kernel);
  Prediction out;
  for (const Row& row : table) {
    const Decision decision = row.check(view);
    if (!decision) continue;
    out.value = decision->value;
    out.error = decision->error;
    out.rule = &row.rule;
    out.after = state_after(view, row);
    break;
  }
  return out;
}

const FileHeader* file_header(std::string_view arch) {
  const FileFormat* format = contract_of(arch).file_format;
  return format == nullptr ? nullptr : &format->header;
}

std::vector<const Rule*> file_rules() {
  std::vector<const Rule*> out;
  for (const Row& row : table) out.push_back(&row.rule);
  return out;
}

}  // namespace kexlab::model
