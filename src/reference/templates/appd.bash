# Completion for appd in bash, made from its option table.  -*- shell-script -*-

_appd_python_files() {
  compopt -o filenames
  mapfile -t COMPREPLY < <(
    compgen -d -- "$1"
    compgen -f -X '!*.py' -- "$1"
    compgen -f -X '!*.wsgi' -- "$1"
  )
}

# What follows --name or --name=. Fails if that is no value.
_appd_value() {
  local option=$1 word=$2 joined=$3
  case $option in
@bash_values@
  esac
  [[ $joined ]] || return 1
  case $option in
@bash_flag_values@
  esac
}

_appd() {
  local word=${COMP_WORDS[COMP_CWORD]} option=${COMP_WORDS[COMP_CWORD - 1]} joined=''
  COMPREPLY=()
  # Readline makes three words of --name=value.
  if [[ $word == '=' ]]; then
    word='' joined=yes
  elif [[ $option == '=' ]]; then
    option=${COMP_WORDS[COMP_CWORD - 2]} joined=yes
  fi
  if _appd_value "$option" "$word" "$joined"; then
    return
  fi
  local words='
@bash_options@
  '
  if ((COMP_CWORD == 1)) && [[ $word != -* ]]; then
    words='dev @verbs@'
  elif [[ ${COMP_WORDS[1]} == @(@verbs_pattern@) ]]; then
    words='
@bash_asking_options@
    '
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}

complete -F _appd appd
