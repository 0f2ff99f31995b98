"""``diffkit completion``: the script that lets a shell complete verbs, options and names.

The script asks ``diffkit`` itself at every press of the tab key, with the line up to the cursor in
``COMP_LINE``; the answer is a line for each candidate: its kind (``plain``, ``file`` or ``dir``),
the word and what it means.  So what is offered is always what the installed version accepts.  One
protocol serves three shells; what differs between them is how they take the words:

- bash takes words apart at ``:`` and ``=``, so what stands before the last of them is cut off;
- zsh and fish show what each word means.

The protocol replaces click's own, which counts words as the shell does and therefore loses
``model.py:loss``; ``_DIFFKIT_COMPLETE=bash_source diffkit`` still prints click's.
"""

from __future__ import annotations

import os
from pathlib import Path

import click

from diffkit.cli.shared import on_terminal
from diffkit.errors import InputError

__all__ = ["SCRIPTS", "completion"]

BASH = r"""
_diffkit_completion() {
    local line=${COMP_LINE:0:COMP_POINT} kind value help
    local word=${line##*[[:space:]]} before=
    [[ $COMP_WORDBREAKS == *:* && $word == *:* ]] && before=${word%"${word##*:}"}
    [[ $COMP_WORDBREAKS == *=* && $word == *=* ]] && before=${word%"${word##*[=:]}"}
    COMPREPLY=()
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            file) compopt -o default 2>/dev/null ;;
            dir) compopt -o dirnames 2>/dev/null ;;
            plain) COMPREPLY+=("${value#"$before"}") ;;
            open) COMPREPLY+=("${value#"$before"}"); compopt -o nospace 2>/dev/null ;;
        esac
    done < <(COMP_LINE=$line _DIFFKIT_COMPLETE=lines_complete "$1" 2>/dev/null)
}
complete -o nosort -F _diffkit_completion diffkit 2>/dev/null ||
    complete -F _diffkit_completion diffkit
"""

ZSH = r"""
#compdef diffkit
_diffkit_completion() {
    local kind value help line="${(j: :)words[1,CURRENT-1]} $PREFIX"
    local -a plain open
    while IFS=$'\t' read -r kind value help; do
        case $kind in
            file) _files ;;
            dir) _files -/ ;;
            plain) plain+=("${value//:/\\:}${help:+:$help}") ;;
            open) open+=("${value//:/\\:}${help:+:$help}") ;;
        esac
    done < <(COMP_LINE=$line _DIFFKIT_COMPLETE=lines_complete $words[1] 2>/dev/null)
    (( $#plain )) && _describe -V 'diffkit' plain
    (( $#open )) && _describe -V 'diffkit' open -S ''
    return 0
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
    _diffkit_completion "$@"
else
    (( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
    compdef _diffkit_completion diffkit
fi
"""

FISH = r"""
function __diffkit_completion
    set -lx COMP_LINE (commandline -cp)
    set -lx _DIFFKIT_COMPLETE lines_complete
    for line in (diffkit 2>/dev/null)
        set -l parts (string split -m 2 \t -- $line)
        switch $parts[1]
            case file
                __fish_complete_path (commandline -ct)
            case dir
                __fish_complete_directories (commandline -ct)
            case plain open
                printf '%s\t%s\n' $parts[2] $parts[3]
        end
    end
end
complete --command diffkit --no-files --keep-order --arguments '(__diffkit_completion)'
"""

SCRIPTS = {"bash": BASH, "zsh": ZSH, "fish": FISH}
"""The script of each shell."""

INSTALL = {
    "bash": "echo 'eval \"$(diffkit completion bash)\"' >> ~/.bashrc",
    "zsh": "echo 'eval \"$(diffkit completion zsh)\"' >> ~/.zshrc",
    "fish": "diffkit completion fish > ~/.config/fish/completions/diffkit.fish",
}
"""What switches completion on in every new shell."""

EXAMPLES = """\b
Examples:
  eval "$(diffkit completion bash)"      complete in this shell
  diffkit completion zsh                 print the script for zsh
  diffkit completion --install fish      how to have it in every new shell

\b
In every new shell:
  bash  echo 'eval "$(diffkit completion bash)"' >> ~/.bashrc
  zsh   echo 'eval "$(diffkit completion zsh)"' >> ~/.zshrc
  fish  diffkit completion fish > ~/.config/fish/completions/diffkit.fish

Completed are verbs, options, the names that an option takes (optimizers, cases, methods, …),
lessons, chapters and pages of the gallery, data sets, functions of a file, and the variables of an
expression for --wrt."""


@click.command(epilog=EXAMPLES)
@click.argument("shell", type=click.Choice(list(SCRIPTS)), required=False)
@click.option("--install", is_flag=True, help="Print the command that sets it up for good.")
def completion(shell: str | None, install: bool) -> None:
    """Print the script that completes diffkit's words in SHELL (bash, zsh or fish).

    Without SHELL it is the one that $SHELL names.
    """
    name = shell or _own_shell()
    if install or (shell is None and on_terminal()):
        click.echo(INSTALL[name])
    else:
        click.echo(SCRIPTS[name].strip())


def _own_shell() -> str:
    """The shell of the user's account."""
    name = Path(os.environ.get("SHELL", "")).name
    if name not in SCRIPTS:
        raise InputError("which shell?", hint=f"diffkit completion {' | '.join(SCRIPTS)}")
    return name
