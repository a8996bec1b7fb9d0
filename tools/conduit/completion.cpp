// SPDX-License-Identifier: BSL-1.0
#include "completion.hpp"

#include "command_line.hpp"

#include <fmt/format.h>

#include <vector>

namespace conduit::tool {
namespace {

std::string joined(const std::vector<std::string>& words) {
    std::string all;
    for (const std::string& word : words) all += (all.empty() ? "" : " ") + word;
    return all;
}

std::string names_of(const std::vector<verb_words>& verbs) {
    std::vector<std::string> names;
    for (const verb_words& each : verbs) names.push_back(each.name);
    return joined(names);
}

constexpr std::string_view bash_body = R"sh(
_conduit() {
    local word=${COMP_WORDS[COMP_CWORD]} verb=${COMP_WORDS[1]}
    COMPREPLY=()
    if [[ $COMP_CWORD -eq 1 ]]; then
        COMPREPLY=($(compgen -W "$_conduit_verbs --help --version" -- "$word"))
        return
    fi
    if [[ $word == -* ]]; then
        COMPREPLY=($(compgen -W "$(_conduit_options "$verb")" -- "$word"))
        return
    fi
    case $verb in
        completion) COMPREPLY=($(compgen -W "bash zsh fish" -- "$word")) ;;
        list|lookup|find|watch|describe|call|health|stats)
            local names=$(conduit list --names --timeout 1s 2>/dev/null)
            COMPREPLY=($(compgen -W "$names" -- "$word")) ;;
    esac
}
complete -o default -F _conduit conduit
)sh";

std::string for_bash() {
    const std::vector<verb_words> verbs = known_words();
    std::string text = fmt::format("# source <(conduit completion bash)\n_conduit_verbs=\"{}\"\n",
                                   names_of(verbs));
    text += "_conduit_options() {\n    case $1 in\n";
    for (const verb_words& each : verbs) {
        text += fmt::format("        {}) echo \"{}\" ;;\n", each.name, joined(each.options));
    }
    text += "    esac\n}\n";
    return text + std::string(bash_body.substr(1));
}

std::string for_zsh() {
    return "# source <(conduit completion zsh)\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           for_bash();
}

/// Within single quotes fish knows \' and \\ only; the texts hold neither.
std::string for_fish() {
    const std::vector<verb_words> verbs = known_words();
    std::string text = "# conduit completion fish | source\ncomplete -c conduit -f\n";
    for (const verb_words& each : verbs) {
        text += fmt::format("complete -c conduit -n __fish_use_subcommand -a {} -d '{}'\n",
                            each.name, each.text);
        for (const std::string& option : each.options) {
            text += fmt::format("complete -c conduit -n '__fish_seen_subcommand_from {}' -l {}\n",
                                each.name, option.substr(2));
        }
    }
    text +=
        "complete -c conduit -n '__fish_seen_subcommand_from completion' -a 'bash zsh fish'\n"
        "complete -c conduit -n '__fish_seen_subcommand_from lookup find describe call health "
        "stats' -a '(conduit list --names --timeout 1s 2>/dev/null)'\n";
    return text;
}

}  // namespace

std::string completion_script(std::string_view shell) {
    if (shell == "bash") return for_bash();
    if (shell == "zsh") return for_zsh();
    if (shell == "fish") return for_fish();
    return {};
}

}  // namespace conduit::tool
