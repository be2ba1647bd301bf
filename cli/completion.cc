#include "cli/completion.h"

#include <CLI/CLI.hpp>
#include <set>
#include <vector>

#include "jobs/job.h"

namespace deskwire::cli {
namespace {

/// A command with what may follow it.
struct Place {
  std::string path;  ///< "deskwire jobs ls"
  std::set<std::string> words;
};

void add_options(const CLI::App& app, std::set<std::string>& words) {
  for (const CLI::Option* option : app.get_options()) {
    if (option->get_group().empty()) continue;
    for (const std::string& name : option->get_lnames()) words.insert("--" + name);
  }
}

void collect(const CLI::App& app, const std::string& path, std::vector<Place>& places) {
  Place place{path, {}};
  add_options(app, place.words);
  const std::size_t index = places.size();
  places.push_back({});
  for (const CLI::App* sub : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (sub->get_name().empty()) {
      // An option group: its options are the command's own.
      add_options(*sub, place.words);
    } else if (!sub->get_group().empty()) {
      place.words.insert(sub->get_name());
      collect(*sub, path + " " + sub->get_name(), places);
    }
  }
  places[index] = std::move(place);
}

std::string joined(const std::set<std::string>& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : " ") + word;
  return text;
}

std::string bash_script(const std::vector<Place>& places) {
  std::string script =
      "_deskwire() {\n"
      "  local cur=\"${COMP_WORDS[COMP_CWORD]}\" prev=\"${COMP_WORDS[COMP_CWORD-1]}\"\n"
      "  local path=deskwire word words=\n"
      "  for word in \"${COMP_WORDS[@]:1:COMP_CWORD-1}\"; do\n"
      "    case \"$path $word\" in\n";
  for (const Place& place : places) {
    if (place.path != "deskwire") script += "      '" + place.path + "') path=\"$path $word\" ;;\n";
  }
  script +=
      "    esac\n"
      "  done\n"
      "  case \"$path\" in\n";
  for (const Place& place : places) {
    script += "    '" + place.path + "') words='" + joined(place.words) + "' ;;\n";
  }
  std::set<std::string> states;
  for (const jobs::JobState state :
       {jobs::JobState::kScheduled, jobs::JobState::kAvailable, jobs::JobState::kRunning,
        jobs::JobState::kRetryable, jobs::JobState::kCompleted, jobs::JobState::kCancelled,
        jobs::JobState::kDead}) {
    states.insert(std::string(name_of(state)));
  }
  script +=
      "  esac\n"
      // Without words the shell completes file names.
      "  case \"$path\" in\n"
      "    'deskwire completion') words=\"bash zsh $words\" ;;\n"
      "    'deskwire config check'|'deskwire replies try'|'deskwire send')\n"
      "      [[ $cur == -* ]] || words= ;;\n"
      "  esac\n"
      "  case \"$prev\" in\n"
      "    --state) words='" +
      joined(states) +
      "' ;;\n"
      "    --roles) words='receiver worker gateway sla' ;;\n"
      "    -c|--config|--data-dir|--schedule) words= ;;\n"
      "  esac\n"
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$cur\"))\n"
      "}\n"
      "complete -o default -F _deskwire deskwire\n";
  return script;
}

}  // namespace

Result<std::string> completion_script(const CLI::App& app, std::string_view shell) {
  std::vector<Place> places;
  collect(app, "deskwire", places);
  if (shell == "bash") {
    return "# bash completion of deskwire; source it, or put it into\n"
           "# ~/.local/share/bash-completion/completions/deskwire\n" +
           bash_script(places);
  }
  if (shell == "zsh") {
    return "#compdef deskwire\n"
           "# zsh completion of deskwire; source it from ~/.zshrc after compinit.\n"
           "autoload -U +X bashcompinit && bashcompinit\n" +
           bash_script(places);
  }
  return fail(ErrorCode::kInvalid,
              "completion: '" + std::string(shell) + "' is not one of bash, zsh");
}

}  // namespace deskwire::cli
