/**
 * What each shell runs. All ask `standin __complete -- WORD… CURRENT`, which answers a line for each candidate
 * (`value<TAB>description`) and last `:files` where names of files may stand there, else `:end`. No candidate is ever
 * evaluated by the shell.
 */
export const scripts = {
  // Bash takes `=` and `:` for the ends of words: the line is split anew, and what stands before the last of them is
  // taken off the candidates again.
  bash: String.raw`# bash completion for standin: eval "$(standin completion bash)"
_standin() {
  local line=${'${COMP_LINE:0:COMP_POINT}'} current= word before rest
  local -a words
  read -ra words <<<"$line"
  if [[ $line != *[[:space:]] && ${'${#words[@]}'} -gt 0 ]]; then
    current=${'${words[${#words[@]}-1]}'}
    unset "words[${'${#words[@]}'}-1]"
  fi
  before=
  if [[ $current == *[=:]* ]]; then
    rest=${'${current##*[=:]}'}
    before=${'${current%"$rest"}'}
  fi
  COMPREPLY=()
  while IFS=$'\t' read -r word _; do
    case $word in
      :files) compopt -o filenames 2>/dev/null; while IFS= read -r word; do COMPREPLY+=("$word"); done < <(compgen -f -- "${'${current#"$before"}'}") ;;
      :end | '') ;;
      *)
        [[ $word == *[=/] ]] && compopt -o nospace 2>/dev/null
        COMPREPLY+=("${'${word#"$before"}'}")
        ;;
    esac
  done < <(command standin __complete -- "${'${words[@]:1}'}" "$current" 2>/dev/null)
}
complete -F _standin standin
`,
  zsh: String.raw`#compdef standin
# zsh completion for standin: eval "$(standin completion zsh)", or as _standin in a directory of fpath
_standin() {
  local line value
  local -a values shown open
  for line in "${'${(@f)$(command standin __complete -- "${(@)words[2,CURRENT-1]}" "${words[CURRENT]}" 2>/dev/null)}'}"; do
    value=${"${line%%$'\\t'*}"}
    case $line in
      :files) _files ;;
      :end | '') ;;
      *$'\t'*) values+=("$value"); shown+=("$value  -- ${"${line#*$'\\t'}"}") ;;
      *[=/]) open+=("$value") ;;
      *) values+=("$value"); shown+=("$value") ;;
    esac
  done
  (( ${'${#open}'} )) && compadd -S '' -a open
  (( ${'${#values}'} )) && compadd -l -d shown -a values
  return 0
}
if [[ "${'${funcstack[1]}'}" == _standin ]]; then _standin "$@"; else compdef _standin standin; fi
`,
  fish: String.raw`# fish completion for standin: standin completion fish | source
function __standin_complete
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    for line in (command standin __complete -- $words[2..-1] "$current" 2>/dev/null)
        switch $line
            case :files
                __fish_complete_path "$current"
            case :end ''
            case '*'
                echo $line
        end
    end
end
complete -c standin -f -a '(__standin_complete)'
`,
} as const;

export type Shell = keyof typeof scripts;
