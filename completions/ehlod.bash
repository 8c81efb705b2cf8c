# SPDX-License-Identifier: Apache-2.0
# bash completion for ehlod(8)

_ehlod() {
	local word=${COMP_WORDS[COMP_CWORD]}

	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--config)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "--config --capture --check --defaults
		--manual --foreground --show-dialogue --allow-root --version --help" \
	    -- "$word")
}
complete -o filenames -F _ehlod ehlod
