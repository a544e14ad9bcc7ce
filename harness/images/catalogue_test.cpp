// SPDX-License-Identifier: Apache-2.0
// The catalogue: what the built-in one holds, and how mistakes in one are told.
#include <gmock/gmock.h>

#include <set>

#include "harness/images/embedded.h"
#include "harness/images/images.h"

namespace kexlab::images {
namespace {

using testing::HasSubstr;

TEST(Catalogue, TheBuiltInFileIsWithoutMistakes) {
  const auto rows = parse_catalogue(*embedded("catalogue.yaml"), "catalogue.yaml");
  ASSERT_TRUE(rows.has_value()) << rows.error().str();
  EXPECT_EQ(rows->size(), catalogue().size());
  EXPECT_GE(rows->size(), 6U);
}

TEST(Catalogue, EveryTargetHasADefaultKernelAndPackagedOnesANextThatDiffers) {
  for (const auto& target : all_targets()) {
    std::set<std::string> chosen;
    bool packaged = false;
    for (const auto& row : catalogue()) {
      if (row.target != target.name || !(row.is_default || row.is_next)) continue;
      chosen.insert(row.name);
      packaged |= row.is_default && !row.package.empty();
    }
    // A kernel that has to be built starts itself, so that nobody waits for two.
    EXPECT_GE(chosen.size(), packaged ? 2U : 1U) << target.name;
    EXPECT_EQ(chosen.size() > 1, packaged) << target.name;
  }
}

TEST(Catalogue, EveryFileThatARowNamesIsBuiltIn) {
  for (const auto& row : catalogue()) {
    for (const auto& name : row.fragments) EXPECT_TRUE(embedded(name).has_value()) << row.name << ": " << name;
    for (const auto& name : row.patches) EXPECT_TRUE(embedded(name).has_value()) << row.name << ": " << name;
  }
}

TEST(Catalogue, AWholeRowOfEachKindIsRead) {
  const auto rows = parse_catalogue(
      "- {name: stock, target: arm64, package: linux-image-arm64, suite: trixie, version: '6.1', modules: [a, b], "
      "default: true}\n"
      "- {name: own, target: x86_64, source: linux-source-6.1, kernel_arch: x86, image: arch/x86/boot/bzImage,\n"
      "   fragments: [a.config, b.config], patches: [p.patch], keep: [kernel/a.c],\n"
      "   signing_key: certs/k.pem, next: true}\n",
      "c.yaml");
  ASSERT_TRUE(rows.has_value()) << rows.error().str();
  const CatalogueRow& stock = rows->at(0);
  EXPECT_EQ(stock.package, "linux-image-arm64");
  EXPECT_EQ(stock.version, "6.1");
  EXPECT_EQ(stock.suite, "trixie");
  EXPECT_EQ(stock.modules, (std::vector<std::string>{"a", "b"}));
  EXPECT_TRUE(stock.is_default && !stock.is_next && stock.source.empty());
  const CatalogueRow& own = rows->at(1);
  EXPECT_EQ(own.source, "linux-source-6.1");
  EXPECT_EQ(own.kernel_arch, "x86");
  EXPECT_EQ(own.image, "arch/x86/boot/bzImage");
  EXPECT_EQ(own.fragments, (std::vector<std::string>{"a.config", "b.config"}));
  EXPECT_EQ(own.patches, std::vector<std::string>{"p.patch"});
  EXPECT_EQ(own.keep, std::vector<std::string>{"kernel/a.c"});
  EXPECT_EQ(own.signing_key, "certs/k.pem");
  EXPECT_TRUE(own.is_next && !own.is_default && own.package.empty());
}

struct Mistake {
  const char* name;
  const char* yaml;
  const char* position;  ///< "line:column"
  const char* says;
};

class CatalogueMistakes : public testing::TestWithParam<Mistake> {};

TEST_P(CatalogueMistakes, AreToldWithTheirPlace) {
  const auto rows = parse_catalogue(GetParam().yaml, "c.yaml");
  ASSERT_FALSE(rows.has_value());
  EXPECT_THAT(rows.error().str(), HasSubstr(std::string("c.yaml:") + GetParam().position));
  EXPECT_THAT(rows.error().str(), HasSubstr(GetParam().says));
}

INSTANTIATE_TEST_SUITE_P(
    Table, CatalogueMistakes,
    testing::Values(
        Mistake{"no_list", "name: a\n", "1:1", "a list of kernels"}, Mistake{"syntax", "- {name: a\n", "", ""},
        Mistake{"unknown_key", "- {name: a, target: arm64, packge: p}\n", "1:28", "package"},
        Mistake{"unknown_target", "- {name: a, target: arm65, package: p}\n", "1:21", "arm64"},
        Mistake{"no_name", "- {target: arm64, package: p}\n", "1:3", "name"},
        Mistake{"neither_origin", "- name: b\n  target: arm64\n", "1:3", "exactly one of"},
        Mistake{"both_origins", "- {name: a, target: arm64, package: p, source: s}\n", "1:3", "exactly one of"},
        Mistake{"fragments_of_a_package", "- {name: a, target: arm64, package: p, fragments: [f]}\n", "1:40",
                "unknown key `fragments`"},
        Mistake{"patches_of_a_package", "- {name: a, target: arm64, package: p, patches: [f]}\n", "1:40",
                "unknown key `patches`"},
        Mistake{"modules_of_a_source",
                "- {name: a, target: arm64, source: s, kernel_arch: arm64, image: i, fragments: [f], modules: [m]}\n",
                "1:85", "unknown key `modules`"},
        Mistake{"source_without_image", "- {name: a, target: arm64, source: s, kernel_arch: arm64, fragments: [f]}\n",
                "1:3", "image"},
        Mistake{"no_bool", "- {name: a, target: arm64, package: p, default: maybe}\n", "1:49", "maybe"},
        Mistake{"no_suite", "- {name: a, target: arm64, package: p, suite: ../x}\n", "1:3",
                "`../x` is no suite's name"},
        Mistake{"twice", "- {name: a, target: arm64, package: p}\n- {name: a, target: arm64, package: q}\n", "2:3",
                "twice"},
        Mistake{"two_defaults",
                "- {name: a, target: arm64, package: p, default: true}\n- {name: b, target: arm64, package: q, "
                "default: true}\n",
                "2:3", "second default"}),
    [](const auto& row) { return row.param.name; });

TEST(FindRow, AMissingKernelIsToldWithTheNearest) {
  ASSERT_TRUE(find_row("arm64", "debian-6.1").has_value());
  const auto row = find_row("arm64", "debian-6.2");
  ASSERT_FALSE(row.has_value());
  EXPECT_EQ(row.error().code, Errc::not_found);
  EXPECT_THAT(row.error().str(), HasSubstr("debian-6.1"));
}

}  // namespace
}  // namespace kexlab::images
