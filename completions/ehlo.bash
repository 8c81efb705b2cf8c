# SPDX-License-Identifier: Apache-2.0
# bash completion for ehlo(1)

_ehlo() {
	local word=${COMP_WORDS[COMP_CWORD]} words

	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--users | --password-file)
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return ;;
	esac
	case $COMP_CWORD:${COMP_WORDS[1]} in
	1:*)	words="user --version --help" ;;
	2:user)	words="add change remove list" ;;
	*:user)	words="--users --password-file --send-as --help" ;;
	*)	words= ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
}
complete -o filenames -F _ehlo ehlo
