// SPDX-License-Identifier: Apache-2.0
// Building a kernel in a tree of its own: unpack, patch, configure, check the configuration, make.
#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "harness/images/images.h"

namespace kexlab::images {

/// A text with the name that messages call it by: a fragment, a patch.
struct NamedText {
  std::string name;
  std::string text;
};

/// Everything that decides what comes out of a build.
struct Recipe {
  std::string cross;        ///< CROSS_COMPILE: "sh4-linux-gnu-", with a folder where it is not the machine's own
  std::string kernel_arch;  ///< ARCH
  std::string image;        ///< in the build tree
  std::filesystem::path tarball;
  std::vector<NamedText> fragments, patches;
  std::vector<std::string> keep;  ///< further files to keep, in the build tree
  std::string signing_key;        ///< in the build tree: made before the build, signs the image after it; empty: none
};

/// What a build leaves behind.
struct BuiltFiles {
  std::string release;  ///< uname -r
  std::filesystem::path image, config, symbols;
  std::filesystem::path tree;  ///< what Recipe::keep is relative to
};

/// Builds in `tree` (an empty folder, which then holds the whole source); all output goes to `log` too.
/// Errors: see build_kernel.
Result<BuiltFiles> build_in(const std::filesystem::path& tree, const Recipe& recipe, const std::filesystem::path& log,
                            const Progress& progress);

/// Every option that the fragments ask for (later ones win) and `config` does not have as asked: "CONFIG_X:
/// fragments/a.config asks for y, the configuration has n".
std::vector<std::string> dropped_options(const std::vector<NamedText>& fragments, std::string_view config);
/// What a build does besides compiling.
struct BuildSteps {
  bool patches = false, signing = false;
};
/// Tools and headers that the build of a kernel needs beside the compiler. Error: not_found, naming the first that is
/// missing and its package.
Status check_build_tools(BuildSteps steps);
/// The prefix of the target's compiler (Recipe::cross), fetched where its row names another suite. Errors: not_found,
/// naming the package; those of get_programs.
Result<std::string> find_compiler(const Target& target, const Progress& progress);
/// The Debian package with a target's compiler; `language` is "gcc" or "g++".
std::string compiler_package(std::string_view triplet, std::string_view language);

}  // namespace kexlab::images
