// SPDX-License-Identifier: Apache-2.0
// What a vmcoreinfo must tell, on what a kernel of x86_64 told.
#include "harness/engine/vmcoreinfo.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <sstream>

#include "harness/engine/vmcoreinfo_sample.h"

namespace kexlab::engine {
namespace {

std::string lines() { return sample_vmcoreinfo(); }
std::string without(std::string_view key) {
  std::string text = lines();
  const auto at = text.find(fmt::format("\n{}=", key)) + 1;
  return text.erase(at, text.find('\n', at) + 1 - at);
}
std::string with(std::string_view old, std::string_view replacement) {
  std::string text = lines();
  return text.replace(text.find(old), old.size(), replacement);
}
Machine machine(std::string arch = "x86_64", std::uint64_t page_size = 4096) {
  Machine crashed;
  crashed.arch = std::move(arch);
  crashed.page_size = page_size;
  return crashed;
}

TEST(Vmcoreinfo, OfAKernelIsWhole) { EXPECT_EQ(missing_in_vmcoreinfo(lines(), machine()), ""); }

TEST(Vmcoreinfo, MayTellMoreThanIsNeeded) {
  for (const char* key : {"BUILD-ID", "NUMBER(sme_mask)", "OFFSET(page.compound_order)"})
    EXPECT_EQ(missing_in_vmcoreinfo(without(key), machine()), "") << key;
}

class WantedLine : public testing::TestWithParam<const char*> {};

TEST_P(WantedLine, IsMissed) {
  EXPECT_EQ(missing_in_vmcoreinfo(without(GetParam()), machine()),
            fmt::format("its vmcoreinfo has no line {}=", GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Keys, WantedLine,
                         testing::Values("SYMBOL(init_uts_ns)", "OFFSET(page.lru)", "SIZE(zone)",
                                         "OFFSET(pglist_data.node_spanned_pages)", "LENGTH(free_area.free_list)",
                                         "NUMBER(PG_head_mask)", "CRASHTIME", "SYMBOL(mem_section)",
                                         "NUMBER(MAX_PHYSMEM_BITS)", "SYMBOL(prb)", "OFFSET(prb_data_ring.tail_lpos)",
                                         "SYMBOL(kallsyms_num_syms)", "KERNELOFFSET", "NUMBER(phys_base)"));

TEST(Vmcoreinfo, OfAnotherPageSizeOrWordIsNotTheKernels) {
  EXPECT_EQ(missing_in_vmcoreinfo(lines(), machine("x86_64", 65536)), "its vmcoreinfo has no line PAGESIZE=65536");
  EXPECT_EQ(missing_in_vmcoreinfo(lines(), machine("i386")), "its vmcoreinfo has no line SIZE(list_head)=8");
}

TEST(Vmcoreinfo, NeedsAValueOnEveryLine) {
  EXPECT_EQ(missing_in_vmcoreinfo(with("SIZE(page)=64", "SIZE(page)="), machine()),
            "its vmcoreinfo has no line SIZE(page)=");
  EXPECT_EQ(missing_in_vmcoreinfo(with("SIZE(zone)=", "XSIZE(zone)="), machine()),
            "its vmcoreinfo has no line SIZE(zone)=");
}

TEST(Vmcoreinfo, TellsOfSectionsOrOfOneMap) {
  std::string text, line;
  for (std::istringstream all{lines()}; std::getline(all, line);)
    if (line.find("mem_section") == std::string::npos && line.find("_BITS)") == std::string::npos) text += line + '\n';
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine()),
            "its vmcoreinfo has neither a line SYMBOL(mem_section)= nor SYMBOL(mem_map)=");
  text += "SYMBOL(mem_map)=ffffffffb635a230\n";
  EXPECT_EQ(missing_in_vmcoreinfo(text, machine()), "its vmcoreinfo has no line SYMBOL(contig_page_data)=");
  EXPECT_EQ(missing_in_vmcoreinfo(text + "SYMBOL(contig_page_data)=ffffffffb635b000\n", machine()), "");
}

TEST(Vmcoreinfo, NumbersAreOfEitherSignAndBase) {
  EXPECT_EQ(number_in_vmcoreinfo(lines(), "NUMBER(phys_base)"), std::uint64_t{0} - 199229440);
  EXPECT_EQ(number_in_vmcoreinfo("NUMBER(kimage_voffset)=0xffffffbfb8000000\n", "NUMBER(kimage_voffset)"),
            0xffffffbfb8000000);
  EXPECT_EQ(number_in_vmcoreinfo(lines(), "OFFSET(uts_namespace.name)"), 0U);
  EXPECT_FALSE(number_in_vmcoreinfo(lines(), "NUMBER(kimage_voffset)"));
  EXPECT_FALSE(number_in_vmcoreinfo("NUMBER(a)=none\n", "NUMBER(a)"));
}

TEST(Vmcoreinfo, ThatIsEmptyTellsNothing) {
  EXPECT_EQ(missing_in_vmcoreinfo("", machine()), "its vmcoreinfo has no line PAGESIZE=4096");
}

}  // namespace
}  // namespace kexlab::engine
