// SPDX-License-Identifier: Apache-2.0
// The table of keys.
#include "harness/scenario/vocabulary.h"

#include <fmt/format.h>

#include <algorithm>

#include "harness/scenario/scenario.h"
#include "harness/scenario/words.h"

namespace kexlab::scenario {
namespace {

constexpr MapTitle maps[] = {
    {"scenario", "A scenario: a YAML document"},
    {"guest", "`guest:` the machine"},
    {"step", "A step: one action, and what it must give"},
    {"load", "`load:` a call of kexec_load(2)"},
    {"segment", "`segments:` one segment"},
    {"as", "`as:` who makes the call"},
    {"unload", "`unload:` kexec_load(2) with no segments"},
    {"file_load", "`file_load:` a call of kexec_file_load(2)"},
    {"file", "`kernel:`, `initrd:` a file for kexec_file_load(2)"},
    {"state", "`state:` what the kernel shows of kexec"},
    {"memory", "`memory:` how much memory the kernel has"},
    {"switch", "`switch:` leave the running kernel"},
    {"hold", "`hold:` a load that stops half-way"},
    {"reboot", "`reboot:` a reboot(2) that returns"},
    {"check", "`check:` facts of the kernel that runs now"},
    {"read", "`read:` a file of the guest"},
    {"write", "`write:` a file of the guest"},
    {"random", "`random:` many calls of kexec_load(2) and kexec_file_load(2), made at random"},
    {"repeat", "`repeat:` steps several times"},
};

constexpr Key keys[] = {
    {"scenario", "name", Form::text, "layout/adjacent", "unique name; letters, digits, `/`, `-`, `_`, `.`", true},
    {"scenario", "about", Form::text, "Segments that touch are accepted.", "one sentence: what must hold", true},
    {"scenario", "targets", Form::words, "all|@targets", "targets it is for; default `all`"},
    {"scenario", "tags", Form::texts, "layout", "words to select it by: `tag:layout`"},
    {"scenario", "needs", Form::texts, "CRASH_DUMP", "config options the kernel must have; `KEXEC` is implied"},
    {"scenario", "features", Form::words, "@features",
     "features of the target it needs beyond those its steps show; a limitation of the target skips it"},
    {"scenario", "since", Form::text, "6.6", "first kernel version it holds for"},
    {"scenario", "until", Form::text, "7.0", "first kernel version it no longer holds for"},
    {"scenario", "guest", Form::map, "guest", "the machine; default: the target's own"},
    {"scenario", "deadline", Form::text, "60 s", "for the whole case without the first boot; default 60 s"},
    {"scenario", "matrix", Form::parameters, "",
     "parameters with their values; `$name` stands for one in any value below"},
    {"scenario", "steps", Form::steps, "", "what is done, in order"},
    {"scenario", "load", Form::map, "load", "short form for a single load, instead of `steps`"},
    {"scenario", "expect", Form::text, "ok", "short form: what the load must give; default `ok`"},
    {"scenario", "then", Form::word, "land on witness|land on kernel|nothing",
     "short form: what comes up after it; `land on witness` adds the witness; default `nothing`"},

    {"guest", "memory", Form::text, "512 MiB", "RAM"},
    {"guest", "cpus", Form::number, "", "CPUs, 1 to 64; default 1"},
    {"guest", "cmdline", Form::text, "nokaslr", "further words on the first kernel's command line"},
    {"guest", "crashkernel", Form::text, "default",
     "reservation for a crash kernel: a size, or `default`; without it none"},
    {"guest", "level", Form::word, "@levels",
     "start the first kernel at that level of privilege, where the target's row has it; the others skip"},
    {"guest", "firmware", Form::word, "@firmware",
     "start the first kernel by that firmware, where the target's row has it; the others skip"},

    {"step", "load", Form::map, "load", "kexec_load(2)"},
    {"step", "unload", Form::map, "unload", "empty the slot"},
    {"step", "file_load", Form::map, "file_load", "kexec_file_load(2)"},
    {"step", "state", Form::map, "state", "look at the state"},
    {"step", "memory", Form::map, "memory", "look at the memory"},
    {"step", "switch", Form::word_or_map, "reboot|crash:switch", "into what is loaded"},
    {"step", "reboot", Form::map, "reboot", "reboot(2) with any arguments, which must return"},
    {"step", "check", Form::map, "check", "look at the kernel that runs now"},
    {"step", "vmcore", Form::nothing, "", "in a crash kernel: /proc/vmcore is whole and holds the marker page"},
    {"step", "read", Form::map, "read", "read a file"},
    {"step", "write", Form::map, "write", "write a file"},
    {"step", "random", Form::map, "random", "random calls, each of which must give what the contract says"},
    {"step", "hold", Form::map, "hold", "another task's load stops half-way, with the kexec lock taken"},
    {"step", "release", Form::nothing, "", "that load goes on"},
    {"step", "repeat", Form::map, "repeat", "steps several times"},
    {"step", "expect", Form::text, "EINVAL",
     "beside a call: `ok` (default), an errno's name, `value N` (a positive return value), `model` (what the contract "
     "says)"},

    {"load", "kernel", Form::word, "self|next", "boot this kernel: the running one, or the second; else `segments`"},
    {"load", "initrd", Form::boolean, "", "give the kernel its initrd; default true"},
    {"load", "cmdline", Form::text, "maxcpus=1", "further words on the kernel's command line"},
    {"load", "crash", Form::boolean, "", "KEXEC_ON_CRASH; default false"},
    {"load", "digest", Form::word, "none|fast", "check a digest of all segments before the jump; default none"},
    {"load", "segments", Form::maps, "segment", "explicit segments"},
    {"load", "random", Form::number, "",
     "instead of `segments`: up to 15 sane ones, anywhere in RAM, made from this seed"},
    {"load", "witness", Form::boolean, "", "explicit segments: add the witness and enter it; default false"},
    {"load", "order", Form::word, "as written|reverse", "order in the array; addresses stay"},
    {"load", "entry", Form::expression, "", "entry address; default: the witness, else the first segment"},
    {"load", "flags", Form::words, "none|@load_flags|@number", "or-ed to the flags"},
    {"load", "arch", Form::word, "own|default|@archs|@number",
     "KEXEC_ARCH value (a number stands as it is, shifted); default own"},
    {"load", "nr", Form::number, "", "nr_segments; default: as many as there are"},
    {"load", "array", Form::word, "@pointers|@number", "the segments pointer; default valid"},
    {"load", "abi", Form::word, "@abis", "the ABI of the program that calls: `compat` is a 32-bit one; default native"},
    {"load", "as", Form::map, "as", "who calls; default root"},
    {"load", "times", Form::number, "", "the same call that often, 1 to 10000; default 1"},

    {"segment", "name", Form::text, "low", "for messages and reports; default `segment N`"},
    {"segment", "at", Form::expression, "",
     "destination; default: behind the one before, the first at `ram` (`crash start` of a crash load)"},
    {"segment", "size", Form::expression, "", "memsz", true},
    {"segment", "data", Form::expression, "", "bufsz; default: memsz"},
    {"segment", "fill", Form::text, "pattern 1", "the bytes: a pattern's seed; default: the segment's number from 1"},
    {"segment", "buf", Form::word, "@pointers|@number", "the buffer's pointer; default valid"},
    {"segment", "repeat", Form::number, "", "that many such segments, 1 to 64, seeds counting up; default 1"},
    {"segment", "gap", Form::expression, "", "with `repeat`: bytes between one and the next; default 0"},

    {"as", "uid", Form::number, "", "user id"},
    {"as", "drop", Form::words, "@capabilities", "capabilities to drop"},
    {"as", "userns", Form::boolean, "", "root of a user namespace of its own"},
    {"as", "pidns", Form::boolean, "", "inside a pid namespace of its own"},

    {"unload", "crash", Form::boolean, "", "the crash slot; default false"},
    {"unload", "flags", Form::words, "none|@load_flags|@number", "or-ed to the flags"},
    {"unload", "abi", Form::word, "@abis", "the ABI of the program that calls; default native"},
    {"unload", "as", Form::map, "as", "who calls; default root"},

    {"file_load", "kernel", Form::word_or_map, "@files:file", "the kernel's file; default self"},
    {"file_load", "initrd", Form::word_or_map, "@files:file", "the initrd's file; default own"},
    {"file_load", "cmdline", Form::text, "maxcpus=1", "further words on the command line"},
    {"file_load", "cmdline_len", Form::number, "",
     "cmdline_len; default: the length with its byte 0. Bytes beyond the text are 0"},
    {"file_load", "cmdline_at", Form::word, "@pointers", "the command line's pointer; default valid"},
    {"file_load", "flags", Form::words, "none|@file_load_flags|@number", "flags of the call"},
    {"file_load", "as", Form::map, "as", "who calls; default root"},

    {"file", "from", Form::word, "@files", "what it is; default as of the key above"},
    {"file", "size", Form::expression, "", "a copy, cut to that size or lengthened by zeros"},
    {"file", "edit", Form::texts, "0x1fe = 00 00", "a copy with other bytes at an offset"},
    {"file", "open", Form::word, "@opens", "how; default `read`"},

    {"state", "loaded", Form::boolean, "", "/sys/kernel/kexec_loaded"},
    {"state", "crash_loaded", Form::boolean, "", "/sys/kernel/kexec_crash_loaded"},
    {"state", "load_disabled", Form::boolean, "", "/proc/sys/kernel/kexec_load_disabled"},
    {"state", "crash_size", Form::expression, "", "/sys/kernel/kexec_crash_size"},
    {"state", "load_limit_reboot", Form::expression, "",
     "/proc/sys/kernel/kexec_load_limit_reboot, since 6.3; -1: no limit"},
    {"state", "load_limit_panic", Form::expression, "", "/proc/sys/kernel/kexec_load_limit_panic, likewise"},

    {"memory", "fits", Form::boolean, "",
     "System RAM of /proc/iomem, MemTotal and the reservation fit what the guest was given"},
    {"memory", "note", Form::boolean, "", "remember System RAM, MemTotal and free memory for later steps"},
    {"memory", "same", Form::boolean, "",
     "System RAM of /proc/iomem covers the same bytes as when it was noted, in however many pieces, and MemTotal "
     "differs by 2 MiB at most"},
    {"memory", "reserved", Form::boolean, "",
     "of a crash kernel: all of each reservation of the kernel that crashed is its System RAM, but for 2 MiB at most, "
     "and beside them nothing above 1 MiB; on PCs the dump's headers (`elfcorehdr=`) lie in none of it"},
    {"memory", "lost", Form::expression, "",
     "free memory (MemFree and what waits in the CPUs' lists) has fallen by no more since it was noted"},
    {"memory", "grown", Form::expression, "",
     "MemTotal has grown by so much, and by no more than a page, since it was noted"},

    {"switch", "how", Form::word, "reboot|crash", "reboot(2) into the normal image, or a crash into the crash image",
     true},
    {"switch", "land", Form::word, "kernel|witness|back",
     "what must come up; default: what was loaded. `back`, of a witness loaded with PRESERVE_CONTEXT: the witness, and "
     "then this kernel again, as it was"},
    {"switch", "by", Form::word, "sysrq|oops|oops of init|nmi",
     "what crashes the kernel: sysrq-c (default); an invalid access in the kernel, of a program or of process 1 (needs "
     "LKDTM); a non-maskable interrupt (needs a word like unknown_nmi_panic)"},
    {"switch", "cpu", Form::number, "", "the CPU that calls reboot(2), or crashes; default: any"},

    {"hold", "at", Form::word, "buffer|array",
     "where it stops: in the copy of its buffer (default), or of its segments array, when the lock is not taken yet"},

    {"reboot", "cmd", Form::number, "", "command; default LINUX_REBOOT_CMD_KEXEC"},
    {"reboot", "magic1", Form::number, "", "first magic number; default the right one"},
    {"reboot", "magic2", Form::number, "", "second magic number; default the right one"},
    {"reboot", "as", Form::map, "as", "who calls; default root"},

    {"check", "release", Form::word, "self|next", "it is that kernel"},
    {"check", "cmdline", Form::boolean, "", "its command line is, to the byte, what was loaded"},
    {"check", "initrd", Form::boolean, "", "every file of its initrd has its digest"},
    {"check", "generation", Form::number, "", "number of switches since the first boot"},

    {"read", "path", Form::text, "/proc/cmdline", "absolute path", true},
    {"read", "equals", Form::text, "1", "the whole contents, without the last newline"},
    {"read", "contains", Form::text, "quiet", "a part of the contents"},
    {"read", "lines", Form::text, "System RAM", "of the contents only the lines that hold this"},
    {"read", "keep", Form::text, "before", "remember the contents under a name, over switches"},
    {"read", "same_as", Form::text, "before", "the contents are those that an earlier step kept"},

    {"write", "path", Form::text, "/proc/sysrq-trigger", "absolute path", true},
    {"write", "data", Form::text, "1", "what is written", true},

    {"random", "calls", Form::number, "", "how many, 1 to 1000000, rounded up to whole episodes of 16", true},
    {"random", "seed", Form::number, "", "other calls for another number; default 1"},
    {"random", "files", Form::boolean, "", "half of them calls of kexec_file_load; default false"},

    {"repeat", "times", Form::number, "", "how often, 1 to 64", true},
    {"repeat", "steps", Form::steps, "", "the steps", true},
};

std::vector<std::string> filled(std::string_view word) {
  if (word == "@load_flags") return names(load_flag_words());
  if (word == "@file_load_flags") return names(file_load_flag_words());
  if (word == "@files") return file_words();
  if (word == "@opens") return open_words();
  if (word == "@archs") return names(arch_words());
  if (word == "@abis") return abi_words();
  if (word == "@pointers") return names(pointer_words());
  if (word == "@capabilities") return capability_names();
  if (word == "@levels") return level_names();
  if (word == "@firmware") return firmware_names();
  if (word == "@features") return feature_names();
  return {std::string(word)};
}

}  // namespace

std::span<const Key> vocabulary() { return keys; }
std::span<const MapTitle> vocabulary_maps() { return maps; }

std::vector<std::string> words_of(const Key& key) {
  std::vector<std::string> out;
  std::string_view rest =
      key.detail.substr(0, key.form == Form::word_or_map ? key.detail.find(':') : key.detail.size());
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('|'), rest.size());
    for (std::string& word : filled(rest.substr(0, end))) out.push_back(std::move(word));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return out;
}

MapReader::MapReader(yaml::Node node, std::string_view map, std::string what)
    : yaml::Reader(std::move(node), std::move(what)), map_(map) {}

Status MapReader::done() const {
  std::vector<std::string> known;
  for (const Key& key : vocabulary()) {
    if (key.map == map_) known.emplace_back(key.name);
  }
  std::vector<std::string> read = asked();
  std::sort(known.begin(), known.end());
  std::sort(read.begin(), read.end());
  if (known != read) {
    return fail(Errc::corrupt, fmt::format("read `{}`", map_),
                fmt::format("the parser reads {}, the vocabulary has {}", fmt::join(read, " "), fmt::join(known, " ")));
  }
  return yaml::Reader::done();
}

}  // namespace kexlab::scenario
