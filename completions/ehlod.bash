# SPDX-License-Identifier: Apache-2.0
# bash completion for ehlod(8)

_ehlod() {
	local word=${COMP_WORDS[COMP_CWORD]}

	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--config)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return ;;
	esac
	if [ "${COMP_WORDS[1]}" = try ] && ((COMP_CWORD > 1)); then
		mapfile -t COMPREPLY < <(compgen -W "--from --rcpt --ip
			--listener --login --tls --hello --size --config --help" \
		    -- "$word")
		return
	fi
	mapfile -t COMPREPLY < <(compgen -W "try --config --capture --check --defaults
		--manual --foreground --show-dialogue --allow-root --version --help" \
	    -- "$word")
}
complete -o filenames -F _ehlod ehlod
