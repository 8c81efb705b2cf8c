# SPDX-License-Identifier: Apache-2.0
# bash completion for ehlo(1)

# The accounts of the file named on the line so far, if it can be read.
_ehlo_users() {
	local i args=()

	for ((i = 1; i < COMP_CWORD - 1; i++)); do
		case ${COMP_WORDS[i]} in
		--users | --config)
			args=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	"${COMP_WORDS[0]}" user list "${args[@]}" 2>/dev/null |
		while read -r name _; do echo "$name"; done
}

# The faults of the daemon named on the line so far, if it answers.
_ehlo_faults() {
	local i args=()

	for ((i = 1; i < COMP_CWORD - 1; i++)); do
		case ${COMP_WORDS[i]} in
		--control | --config)
			args=("${COMP_WORDS[i]}" "${COMP_WORDS[i + 1]}") ;;
		esac
	done
	"${COMP_WORDS[0]}" fault list "${args[@]}" 2>/dev/null |
		while read -r fault name _; do
			[ "$fault" = fault ] && echo "$name"
		done
}

# The options that a subcommand itself lists.
_ehlo_options() {
	"${COMP_WORDS[0]}" help "$1" 2>/dev/null |
		grep -oE -- '(^|[ ,])--[a-z0-9][a-z0-9-]*' | tr -d ' ,' | sort -u
}

_ehlo() {
	local word=${COMP_WORDS[COMP_CWORD]} words=
	local password="--password-file --password-fd"
	local common="--users --config --help"
	local filter="--sender --rcpt --domain --reason --state --older
		--younger --larger --smaller --login --listener"

	case ${COMP_WORDS[COMP_CWORD - 1]} in
	--users | --config | --control | --password-file | --record | \
		--html | \
		--trust-anchor | --hosts | --ca-file | --cert | --key | \
		--token-file | --netrc | --attach | --inline | --data | \
		--unix | --save | --output)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return ;;
	--password-fd | --send-as)
		return ;;
	--corrections)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return ;;
	--file | --drop | -C)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return ;;
	--state)
		mapfile -t COMPREPLY < <(compgen -W "ready waiting held" \
		    -- "$word")
		return ;;
	--auth | -a)
		words="PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-1-PLUS
			SCRAM-SHA-256 SCRAM-SHA-256-PLUS NTLM GSSAPI XOAUTH2
			OAUTHBEARER EXTERNAL"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
		return ;;
	--stage)
		words="connect ehlo starttls auth mail rcpt data end quit"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
		return ;;
	--skip)
		words="clear injection versions login wrong-password relay
			names bare-lf smuggling"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
		return ;;
	--quit-after | --drop-after | --drop-after-send)
		words="CONNECT FIRST-EHLO STARTTLS XCLIENT EHLO AUTH MAIL RCPT"
		[[ ${COMP_WORDS[COMP_CWORD - 1]} == --drop* ]] &&
			words="$words DATA DOT"
		mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
		return ;;
	esac
	case $COMP_CWORD:${COMP_WORDS[1]}:${COMP_WORDS[2]} in
	1:*)		words="b64 check explain fault load mx queue relay
				replay route send sendmail sink spool status
				talk tls
				trace trail user help --version --help" ;;
	2:help:*)	words="b64 check explain fault load mx queue relay
				replay route send sendmail sink spool status
				talk tls
				trace trail user" ;;
	*:send:* | *:load:* | *:sink:* | *:replay:*)
			words="$(_ehlo_options "${COMP_WORDS[1]}") --help" ;;
	*:talk:* | *:check:* | *:relay:* | *:tls:* | *:mx:*)
			words="$(_ehlo_options "${COMP_WORDS[1]}") --help"
			words="$words $(compgen -A hostname)" ;;
	2:spool:*)	words="check dump --help" ;;
	*:spool:*)	words="--to --json --help" ;;
	2:b64:-* | *:b64:-*)
			words="--encode --decode --plain --login --as --exact
				--raw --json $password --password-env --help" ;;
	*:explain:*)	words="--stage --all --show --json --help" ;;
	2:queue:*)	words="list show hold release retry bounce remove
				move --help" ;;
	*:queue:list)	words="$filter --limit --json --control --config" ;;
	*:queue:show)	words="--json --control --config" ;;
	*:queue:move)	words="$filter --via --back --all --dry-run --yes
				--json --control --config" ;;
	*:queue:*)	words="$filter --all --dry-run --yes --json --control
				--config" ;;
	2:route:*)	words="list pause resume --help" ;;
	*:route:*)	words="--domain --dry-run --yes --json --control
				--config" ;;
	*:status:*)	words="--live --every --tls --json --control --config
				--help" ;;
	*:trail:*)	words="--since --limit --transcript --json --file
				--config --control --help" ;;
	*:trace:*)	words="--peer --json --control --config --help" ;;
	*:sendmail:*)	words="-t -i -f -F -N -R -V -bs -bp -q -C --drop
				--help" ;;
	2:fault:*)	words="add list remove --help" ;;
	*:fault:add)	words="--control --config" ;;
	*:fault:list)	words="--control --config --json" ;;
	*:fault:remove)	words="--control --config --all $(_ehlo_faults)" ;;
	2:user:*)	words="add passwd remove list --help" ;;
	*:user:add)	words="$common $password --send-as --no-mailbox --ntlm" ;;
	*:user:passwd)	words="$common $password --ntlm --no-ntlm" ;;
	*:user:remove)	words=$common ;;
	*:user:list)	words="$common --json" ;;
	esac
	case ${COMP_WORDS[1]}:${COMP_WORDS[2]}:$word in
	user:passwd:-* | user:remove:-*) ;;
	user:passwd:* | user:remove:*)
		((COMP_CWORD > 2)) && words="$words $(_ehlo_users)" ;;
	esac
	mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
	# what is explained or replayed is a file
	case $COMP_CWORD:${COMP_WORDS[1]}:$word in
	1:* | *:-*) ;;
	*:explain:* | *:replay:* | [3-9]:spool:*)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$word") ;;
	esac
}
complete -F _ehlo ehlo
