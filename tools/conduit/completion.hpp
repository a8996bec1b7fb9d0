// SPDX-License-Identifier: BSL-1.0
//
// Scripts that let a shell complete verbs, options, and the names that are offered.
//
//     completion_script("bash");      // for: source <(conduit completion bash)

#pragma once

#include <string>
#include <string_view>

namespace conduit::tool {

/// For bash, zsh or fish; empty for another shell.
std::string completion_script(std::string_view shell);

}  // namespace conduit::tool
