# SPDX-License-Identifier: Apache-2.0
# fish completion for ehlo(1)
complete -c ehlo -n __fish_use_subcommand -f -a user -d 'accounts'
complete -c ehlo -n __fish_use_subcommand -f -a fault -d 'faults on purpose'
complete -c ehlo -n '__fish_seen_subcommand_from fault' -f \
    -a 'add list remove'
complete -c ehlo -n '__fish_seen_subcommand_from fault' -l control -r \
    -d 'socket of the daemon'
complete -c ehlo -n '__fish_seen_subcommand_from fault' -l all \
    -d 'remove every fault'
complete -c ehlo -n __fish_use_subcommand -f -a help -d 'what a command can do'
complete -c ehlo -n '__fish_seen_subcommand_from user' -f \
    -a 'add passwd remove list'
complete -c ehlo -l users -r -d 'file with the accounts'
complete -c ehlo -l config -r -d 'configuration that names it'
complete -c ehlo -l password-file -r -d 'read the password from here'
complete -c ehlo -l password-fd -x -d 'descriptor with the password'
complete -c ehlo -l send-as -x -d 'addresses the account may use'
complete -c ehlo -l no-mailbox -d 'may send, receives nothing'
complete -c ehlo -l ntlm -d 'NTLM logins, too'
complete -c ehlo -l no-ntlm -d 'no longer'
complete -c ehlo -l json -d 'the list for programs'
complete -c ehlo -l version -d 'print the version'
complete -c ehlo -l help -d 'print help'
complete -c ehlo -n __fish_use_subcommand -f -a check \
    -d 'examine a server or a domain'
complete -c ehlo -n __fish_use_subcommand -f -a mx -d 'the road to a domain'
complete -c ehlo -n __fish_use_subcommand -f -a relay \
    -d 'whose mail a server takes'
complete -c ehlo -n __fish_use_subcommand -f -a tls -d 'certificate, versions'
complete -c ehlo -n __fish_use_subcommand -f -a talk -d 'a session by hand'
set -l talk '__fish_seen_subcommand_from talk'
complete -c ehlo -n "$talk" -l explain -d 'every reply, in words'
complete -c ehlo -n "$talk" -l record -r -d 'write a transcript'
complete -c ehlo -n "$talk" -l stop -d 'end at the first refusal'
complete -c ehlo -n "$talk" -l starttls -d 'TLS before the first prompt'
complete -c ehlo -n "$talk" -l tls-on-connect -d 'TLS from the first byte'
complete -c ehlo -n "$talk" -l no-tls -d 'no TLS, on port 587 either'
complete -c ehlo -n "$talk" -l verify -d 'a bad certificate ends it'
complete -c ehlo -n "$talk" -l ca-file -r -d 'who is trusted, besides'
complete -c ehlo -n "$talk" -l tls-name -x -d 'name in the certificate'
complete -c ehlo -n "$talk" -l hello -x -d 'the name we give'
complete -c ehlo -n "$talk" -l user -x -d 'who logs in'
complete -c ehlo -n "$talk" -l auth -d 'log in before the first prompt'
complete -c ehlo -n "$talk" -l lmtp -d 'LMTP'
set -l exam __fish_seen_subcommand_from check relay tls mx
complete -c ehlo -n "$exam" -l html -r -d 'the report as a page, too'
complete -c ehlo -n "$exam" -l strict -d 'a warning is a failure, too'
complete -c ehlo -n "$exam" -l brief -d 'what is good is not listed'
complete -c ehlo -n "$exam" -l resolver -x -d 'asked instead of the system'
complete -c ehlo -n "$exam" -l trust-anchor -r -d 'keys for DNSSEC'
complete -c ehlo -n "$exam" -l inside -x -d 'a domain of the server'
complete -c ehlo -n "$exam" -l smuggling -x -d 'try wrong ends of data'
complete -c ehlo -n "$exam" -l skip -x -d 'leave a step out' -a 'clear \
    injection versions login wrong-password relay names bare-lf smuggling'
complete -c ehlo -n __fish_use_subcommand -f -a load \
    -d 'how many messages a server takes'
complete -c ehlo -n __fish_use_subcommand -f -a send -d 'send one message'
complete -c ehlo -n __fish_use_subcommand -f -a sink \
    -d 'a server that takes all mail'
for sub in load send sink
    complete -c ehlo -n "__fish_seen_subcommand_from $sub" -a "(ehlo help $sub \
        2>/dev/null | string match -rag -- '(?:^|[ ,])(--[a-z0-9][a-z0-9-]*)')"
end
complete -c ehlo -n __fish_use_subcommand -f -a b64 \
    -d 'base64 as SMTP wants it'
complete -c ehlo -n __fish_use_subcommand -f -a explain \
    -d 'what a reply means'
complete -c ehlo -n __fish_use_subcommand -f -a replay \
    -d 'a transcript as a test'
set -l b64 __fish_seen_subcommand_from b64
complete -c ehlo -n "$b64" -s e -l encode -d 'encode'
complete -c ehlo -n "$b64" -s d -l decode -d 'say what it holds'
complete -c ehlo -n "$b64" -l plain -x -d 'what AUTH PLAIN wants'
complete -c ehlo -n "$b64" -l login -x -d 'what AUTH LOGIN wants'
complete -c ehlo -n "$b64" -l raw -d 'the bytes, nothing else'
set -l explain __fish_seen_subcommand_from explain
complete -c ehlo -n "$explain" -l stage -x -d 'what it answered' \
    -a 'connect ehlo starttls auth mail rcpt data end quit'
complete -c ehlo -n "$explain" -l all -d 'the good replies, too'
complete -c ehlo -n "$explain" -l show -d 'passwords, too'
set -l replay __fish_seen_subcommand_from replay
complete -c ehlo -n "$replay" -l list -d 'how the file is understood'
complete -c ehlo -n "$replay" -l corrections -r -d 'known misprints'
complete -c ehlo -n "$replay" -l map -x -d 'other words: OLD=NEW'
complete -c ehlo -n "$replay" -l codes -d 'only codes are compared'
complete -c ehlo -n "$replay" -l exact -d 'nothing may differ'
complete -c ehlo -n "$replay" -l stop -d 'at the first difference'
complete -c ehlo -n "$replay" -l verbose -d 'the good ones, too'
complete -c ehlo -n __fish_use_subcommand -f -a queue -d 'mail that waits'
complete -c ehlo -n __fish_use_subcommand -f -a status -d 'what ehlod does'
complete -c ehlo -n __fish_use_subcommand -f -a trail -d 'what became of a mail'
complete -c ehlo -n __fish_use_subcommand -f -a trace -d 'a peer, live'
complete -c ehlo -n __fish_use_subcommand -f -a sendmail -d 'as sendmail(8)'
complete -c ehlo -n '__fish_seen_subcommand_from queue' -f \
    -a 'list show hold release retry bounce remove move'
complete -c ehlo -n '__fish_seen_subcommand_from queue' -x -l via
complete -c ehlo -n '__fish_seen_subcommand_from queue' -l back
complete -c ehlo -n __fish_use_subcommand -f -a route -d 'the ways out'
complete -c ehlo -n '__fish_seen_subcommand_from route' -f \
    -a 'list pause resume'
complete -c ehlo -n '__fish_seen_subcommand_from route' -x -l domain
complete -c ehlo -n '__fish_seen_subcommand_from queue' -x -l sender
complete -c ehlo -n '__fish_seen_subcommand_from queue' -x -l rcpt
complete -c ehlo -n '__fish_seen_subcommand_from queue' -x -l domain
complete -c ehlo -n '__fish_seen_subcommand_from queue' -x -l reason
complete -c ehlo -n '__fish_seen_subcommand_from queue' -x -l state \
    -a 'ready waiting held'
complete -c ehlo -n '__fish_seen_subcommand_from queue' -l dry-run
complete -c ehlo -n '__fish_seen_subcommand_from queue' -l yes
complete -c ehlo -n '__fish_seen_subcommand_from queue status trail trace' \
    -l control -r -d 'socket of the daemon'
complete -c ehlo -n '__fish_seen_subcommand_from status' -l live
complete -c ehlo -n '__fish_seen_subcommand_from status' -l tls \
    -d 'what became of TLS'
complete -c ehlo -n '__fish_seen_subcommand_from trail' -x -l since
complete -c ehlo -n '__fish_seen_subcommand_from trail' -l transcript
complete -c ehlo -n '__fish_seen_subcommand_from trace' -x -l peer
