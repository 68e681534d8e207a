#!/bin/bash
# Sends what is in a folder with curl and openssl alone, as secure-sender does, and moves each file to sent_files once
# the receiver's signed receipt for it was verified. For a machine that secure-sender is not built for, such as a Pi with
# a 32-bit system; and docs/protocol.md as a script, for those who write a client.
#
#   upload.sh 192.168.1.20 data_logs
#
#   --port PORT      the port that the receiver listens on (3500)
#   --identity DIR   the folder with secret.py, pi.pem and ca.pem; else the current folder, this script's,
#                    ~/.config/secure-sender or /etc/secure-sender, whichever has a secret.py
#   --sent-dir DIR   where sent files go, on the same disk; else sent_files beside the folder that is sent
#
# Files whose name begins with a dot, links, and files written to within the last 5 seconds are left out. Unlike
# secure-sender it cannot tell that a program has a file open for longer than that, it makes a connection for each file,
# and it begins anew with a large one that was cut off. Needs bash, openssl and curl 7.88 or newer (Debian 12).
#
# Exit codes: 0 all sent, or nothing to send · 64 usage · 66 no such folder · 69 receiver not reached · 73 files cannot be
# moved · 75 some files wait for the next run · 77 authentication failed · 78 no identity
#
# The secret is never an argument of a program, because anybody on the machine can read those: it goes through pipes
# from printf, which is a builtin of bash. Neither is the request's signature: it is computed from a short secret, which
# could be searched for.
set -euo pipefail
umask 022
export LC_ALL=C  # ${text:i:1} is one byte
own_name=${0##*/} own_folder=$(cd "$(dirname "$0")" && pwd)

server_name=secure-receiver  # what the receiver's certificate is checked for, whatever its address
quiet_seconds=5

# --- What people are told ---------------------------------------------------------------------------------------------

# One line, and no control characters of a file's name or of an answer to the terminal.
one_line() { printf '%s' "$1" | tr -c '[:print:]\200-\377' '?'; }
complain() {  # complain WHAT [HINT]
    printf '%s\n' "$(one_line "$1")" >&2
    [[ -z ${2:-} ]] || printf '  hint: %s\n' "$(one_line "$2")" >&2
}
end_run() {  # end_run EXIT-CODE WHAT [HINT]
    local code=$1
    shift
    complain "$@"
    exit "$code"
}
counted() { if (($1 == 1)); then printf '1 %s' "$2"; else printf '%d %ss' "$1" "$2"; fi; }

# --- Small tools ------------------------------------------------------------------------------------------------------

sha256_hex() { openssl dgst -sha256 -r | cut -c 1-64; }                # standard input, as hexadecimal
content_digest() { printf 'sha-256=:%s:' "$(printf '%s' "$1" | from_hex | openssl base64 -A)"; }  # RFC 9530
from_hex() { # shellcheck disable=SC2059  # printf turns each \x.. into its byte
    printf "$(sed 's/../\\x&/g')"
}

# Percent-encodes what is not unreserved (RFC 3986, section 2.3), and leaves the slashes between segments.
encode_path() {
    local path=$1 encoded='' byte code i
    for ((i = 0; i < ${#path}; i++)); do
        byte=${path:i:1}
        case $byte in
            [A-Za-z0-9._~/-]) encoded+=$byte ;;
            *)
                printf -v code '%d' "'$byte"
                printf -v byte '%%%02X' $((code & 255))  # a byte above 127 reads as negative on some processors
                encoded+=$byte
                ;;
        esac
    done
    printf '%s' "$encoded"
}

# HMAC-SHA256 (RFC 2104) of standard input under the text $1, as base64: H(key ^ opad, H(key ^ ipad, message)).
# Not `openssl dgst -hmac` nor `openssl mac -macopt`: they take the key as an argument.
hmac_sha256() {
    local key=$1 block=64 inner='' outer='' byte code i
    local -a codes=()
    if ((${#key} > block)); then
        key=$(printf '%s' "$key" | sha256_hex)
        for ((i = 0; i < ${#key}; i += 2)); do codes+=($((16#${key:i:2}))); done
    else
        for ((i = 0; i < ${#key}; i++)); do
            printf -v code '%d' "'${key:i:1}"
            codes+=("$code")
        done
    fi
    for ((i = 0; i < block; i++)); do
        code=${codes[i]:-0}
        printf -v byte '\\x%02x' $((code ^ 0x36))
        inner+=$byte
        printf -v byte '\\x%02x' $((code ^ 0x5c))
        outer+=$byte
    done
    # The pads are format strings: printf turns each \x.. into its byte, also into a zero byte, which no variable can hold.
    # shellcheck disable=SC2059
    { printf "$inner"; cat; } | openssl dgst -sha256 -binary |
        { printf "$outer"; cat; } | openssl dgst -sha256 -binary | openssl base64 -A
}

# What tells that a file is still the one that was sent: device, inode, size, modification, change of the inode.
fingerprint() { stat -c '%d %i %s %.9Y %.9Z' -- "$1" 2>/dev/null; }

# --- Arguments --------------------------------------------------------------------------------------------------------

port=3500 chosen_identity='' chosen_sent=''
positional=()
while (($# > 0)); do
    case $1 in
        --port | --identity | --sent-dir)
            (($# > 1)) || end_run 64 "Missing arguments: $1 wants a value"
            case $1 in
                --port) port=$2 ;;
                --identity) chosen_identity=$2 ;;
                --sent-dir) chosen_sent=$2 ;;
            esac
            shift 2
            ;;
        --) shift && positional+=("$@") && break ;;
        -*) end_run 64 "There is no option $1" "see the beginning of $0" ;;
        *) positional+=("$1") && shift ;;
    esac
done
((${#positional[@]} == 2)) ||
    end_run 64 "Missing arguments: the receiver's address and the folder to send are needed" \
        "for example: $own_name 192.168.1.20 data_logs"
address=${positional[0]} folder=${positional[1]}
if [[ ! $port =~ ^[1-9][0-9]{0,4}$ ]] || ((port > 65535)); then end_run 64 "Ports are numbers from 1 to 65535."; fi
if [[ $address == *:* ]]; then address="[$address]"; fi
url=https://$address:$port
[[ $address =~ ^(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)$ ]] ||
    end_run 69 "$url could not be reached: that is neither an address nor a host name" \
        "give it alone, such as 192.168.1.20 or lab-server; the port goes to --port"

if [[ ! -d $folder || ! -r $folder || ! -x $folder ]]; then
    end_run 66 "$folder not a valid directory: it is not there, or may not be read" \
        "name the folder that the station writes its files to"
fi
source=$(realpath -e -- "$folder")

# --- Identity ---------------------------------------------------------------------------------------------------------

identity=''
places=(. "$own_folder" ~/.config/secure-sender /etc/secure-sender)
if [[ -n $chosen_identity ]]; then places=("$chosen_identity"); fi
for place in "${places[@]}"; do
    if [[ -e $place/secret.py ]]; then identity=$place && break; fi
done
no_identity() {
    end_run 78 "PI id not found: $1" \
        "put secret.py, pi.pem and ca.pem, as 'provision new-pi' made them, into one folder and name it with --identity"
}
[[ -n $identity ]] || no_identity "there is no secret.py in ${places[*]}"
for needed in pi.pem ca.pem secret.py; do
    [[ -r $identity/$needed ]] || no_identity "$identity/$needed cannot be read"
done
# The HMAC key is the text of the hexadecimal digits, in lower case, not the bytes that they stand for.
[[ $(<"$identity/secret.py") =~ secret=\'([0-9A-Fa-f]{16,128})\' ]] ||
    no_identity "$identity/secret.py has no line secret='…' with 16 to 128 hexadecimal digits between the quotes"
secret=${BASH_REMATCH[1],,}
# The Pi's name is in its certificate, as a URI; the receiver compares it with the signature's keyid.
names=$(openssl x509 -in "$identity/pi.pem" -noout -ext subjectAltName 2>/dev/null) || names=''
[[ $names =~ URI:spiffe://[^/,]+/pi/([a-z0-9-]+) ]] ||
    no_identity "$identity/pi.pem has no name like spiffe://…/pi/pi-01"
pi=${BASH_REMATCH[1]}

# --- The two folders --------------------------------------------------------------------------------------------------

# The same lock as secure-sender's; it ends with this process.
exec 9<"$source"
flock --nonblock 9 || {
    printf 'Another secure-sender is sending from %s: nothing to do\n' "$(one_line "$folder")"
    exit 0
}
sent=${chosen_sent:-$(dirname -- "$source")/sent_files}
no_moving() { end_run 73 "Sent files cannot be moved to $sent: $1" "${2:-nothing has been sent}"; }
mkdir -p -- "$sent" 2>/dev/null || no_moving "it cannot be made"
sent=$(realpath -e -- "$sent")
[[ $sent != "$source" ]] || no_moving "that is the folder that is sent"
[[ $(stat -c %d -- "$sent") == "$(stat -c %d -- "$source")" ]] ||
    no_moving "it is on another disk" "name another folder on the same disk with --sent-dir; nothing has been sent"
[[ -w $sent && -w $source ]] || no_moving "both folders must let this user write to them"

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# --- What is to be sent -----------------------------------------------------------------------------------------------

# Oldest first, each with its time. Hidden names, links and receipts are left out.
find -P "$source" -mindepth 1 \( -name '.*' -o -samefile "$sent" \) -prune -o \
    -type f ! -name '*.sha256' -printf '%T@ %P\0' | sort -z -n >"$work/list"
now=$(date +%s)
files=() waiting=0 still_written=0
while IFS= read -r -d '' line; do
    modified=${line%%.*}
    # A time in the future says nothing: the clock may have been wrong.
    if ((modified > now - quiet_seconds && modified <= now)); then
        still_written=$((still_written + 1))
    else
        files+=("${line#* }")
    fi
done <"$work/list"
if ((still_written > 0)); then
    complain "$(counted "$still_written" file) still being written, left for the next run"
fi
if ((${#files[@]} == 0)); then
    if ((still_written > 0)); then exit 0; fi
    printf 'There is nothing to send in %s\n' "$(one_line "$folder")"
    exit 0
fi
printf 'Sending %s to %s as %s\n' "$(counted ${#files[@]} file)" "$url" "$pi"

# --- The signed request (RFC 9421 over RFC 9530) ----------------------------------------------------------------------

authority=$server_name:$port  # what curl sends as Host, because of the name in its URL
if ((port == 443)); then authority=$server_name; fi  # RFC 9421, section 2.2.3: without the scheme's default port
clock_offset=0  # seconds, once the receiver has said what time it is

# put FILE: sets status, and leaves the answer in $work; curl's exit code if there was none.
put() {
    local parameters signature created
    created=$(($(date +%s) + clock_offset))
    parameters="(\"@method\" \"@authority\" \"@path\" \"content-digest\")"
    parameters+=";created=$created;keyid=\"$pi\";alg=\"hmac-sha256\";tag=\"secure-upload\""
    # One line for each component, the parameters last, and no line end after them.
    signature=$(printf '%s\n' \
        "\"@method\": PUT" \
        "\"@authority\": $authority" \
        "\"@path\": $target" \
        "\"content-digest\": $request_digest" |
        { cat; printf '%s' "\"@signature-params\": $parameters"; } |
        hmac_sha256 "$secret")
    rm -f -- "$work/head.all" "$work/body"
    : >"$work/body"

    # The headers go to curl through its standard input (--config -); -q, first of all, keeps a ~/.curlrc out of this.
    # --connect-to dials the address while TLS asks for, and checks, the receiver's own name.
    # %{certs} writes the certificates that this very handshake showed.
    status=$(
        printf 'header = "%s"\n' \
            "Content-Digest: $request_digest" \
            "Signature-Input: sig=${parameters//\"/\\\"}" \
            "Signature: sig=:$signature:" |
            curl -q --config - --silent --show-error --noproxy '*' --http1.1 --tlsv1.3 \
                --connect-timeout 30 --speed-limit 1 --speed-time 60 \
                --cert "$identity/pi.pem" --cacert "$identity/ca.pem" \
                --connect-to "$server_name:$port:$address:$port" --path-as-is --globoff \
                --upload-file "$1" --dump-header "$work/head.all" --output "$work/body" \
                --write-out '%{stderr}%{certs}%{stdout}%{http_code}' \
                "https://$server_name:$port$target" 2>"$work/stderr"
    ) || return
    # The last head is the answer's; a 100 Continue may stand before it.
    awk '/^HTTP\// { head = "" } { head = head $0 "\n" } END { printf "%s", head }' "$work/head.all" >"$work/head"
}

# The value of field $1 in the answer's head. A receipt's fields appear once; twice is no receipt.
field() {
    local values
    values=$(tr -d '\r' <"$work/head" | sed -n "s/^$1:[[:space:]]*//Ip")
    [[ -n $values && $values != *$'\n'* ]] || return
    printf '%s' "$values"
}
# A member of the answer's problem (RFC 9457), which is a flat object.
problem() { sed -n "s/.*\"$1\"[[:space:]]*:[[:space:]]*\"\([^\"]*\)\".*/\1/p" "$work/body" | head -n 1; }
said() { printf '(%s %s)' "$status" "$(problem detail)"; }

# --- The receipt ------------------------------------------------------------------------------------------------------

# verify_receipt PATH SIZE DIGEST: says what is wrong and fails, or writes the receipt's lines to $work/receipt.
verify_receipt() {
    local fingerprint content_type answer_digest signature_input answer_signature components parameters pattern raw
    local body member json_path
    # The first certificate is the receiver's own; curl has checked that our root issued it to this name.
    sed -n 's/^Cert://; /-----BEGIN CERTIFICATE/,/-----END CERTIFICATE/p; /-----END CERTIFICATE/q' "$work/stderr" \
        >"$work/receiver.pem"
    fingerprint=$(openssl x509 -in "$work/receiver.pem" -outform DER | sha256_hex)
    openssl x509 -in "$work/receiver.pem" -noout -pubkey >"$work/receiver.pub"
    body=$(<"$work/body")
    if ! content_type=$(field content-type) || ! answer_digest=$(field content-digest) ||
        ! signature_input=$(field signature-input) || ! answer_signature=$(field signature); then
        printf 'it has not each of the fields of a receipt once' && return 1
    fi
    [[ $answer_digest == "$(content_digest "$(sha256_hex <"$work/body")")" ]] ||
        { printf 'its Content-Digest is not that of its body' && return 1; }

    # The protocol fixes the receipt's components and their order, so that nobody has to parse structured fields.
    components='("@status" "content-type" "content-digest" "@method";req "@authority";req "@path";req "content-digest";req)'
    parameters=${signature_input#receipt=}
    pattern='^;created=[0-9]+;keyid="([0-9a-f]{64})";alg="ecdsa-p256-sha256";tag="secure-receipt"$'
    if [[ $signature_input != "receipt=$components;"* || ! ${parameters#"$components"} =~ $pattern ]]; then
        printf 'it does not cover what it must' && return 1
    fi
    [[ ${BASH_REMATCH[1]} == "$fingerprint" ]] ||
        { printf "it is signed by another certificate than the receiver's" && return 1; }
    printf '%s' "\"@status\": $status
\"content-type\": $content_type
\"content-digest\": $answer_digest
\"@method\";req: PUT
\"@authority\";req: $authority
\"@path\";req: $target
\"content-digest\";req: $request_digest
\"@signature-params\": $parameters" >"$work/base"

    # RFC 9421 writes an ECDSA signature as r and s, 32 bytes each; openssl wants the DER sequence of these two integers.
    [[ $answer_signature =~ ^receipt=:([A-Za-z0-9+/]{86}==):$ ]] ||
        { printf 'its signature has not 64 bytes' && return 1; }
    raw=$(printf '%s' "${BASH_REMATCH[1]}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
    printf 'asn1 = SEQUENCE:rs\n[rs]\nr = INTEGER:0x%s\ns = INTEGER:0x%s\n' "${raw:0:64}" "${raw:64}" >"$work/rs.conf"
    openssl asn1parse -genconf "$work/rs.conf" -noout -out "$work/signature.der"
    openssl dgst -sha256 -verify "$work/receiver.pub" -signature "$work/signature.der" "$work/base" >/dev/null 2>&1 ||
        { printf 'its signature is wrong' && return 1; }

    # A flat object that is signed by the receiver: looking for the members is enough.
    json_path=${1//\\/\\\\}
    json_path=${json_path//\"/\\\"}
    for member in "\"pi\":\"$pi\"" "\"path\":\"$json_path\"" "\"size\":$2" "\"sha256\":\"$3\""; do
        [[ ${body/#'{'/,} == *",$member"[,'}']* ]] ||
            { printf 'it is for another Pi, path, size or content' && return 1; }
    done
    {
        printf '# secure-upload receipt 1\n# certificate %s\n# json %s\n' "$fingerprint" "$body"
        sed 's/^/# base /' "$work/base"
        printf '\n# signature %s\n' "${answer_signature#receipt=}"
    } >"$work/receipt"
}

# --- Moving -----------------------------------------------------------------------------------------------------------

# move PATH DIGEST FINGERPRINT: with its receipt, under the first name that is free; sets kept_as. Receipt first, and each
# durable before the next: a loss of power never leaves a file in sent_files without its receipt.
move() {
    local parent base stem ending attempt name target_folder
    parent=$(dirname -- "$1") base=$(basename -- "$1")
    target_folder=$sent
    if [[ $parent != . ]]; then target_folder=$sent/$parent && mkdir -p -- "$target_folder" || return; fi
    stem=$base ending=''
    if [[ $base == ?*.* ]]; then stem=${base%.*} ending=.${base##*.}; fi
    for ((attempt = 1; ; attempt++)); do
        name=$base
        if ((attempt > 1)); then name=$stem~$attempt$ending; fi
        # A receipt without its file is what a loss of power leaves.
        if [[ ! -e $target_folder/$name && ! -L $target_folder/$name ]] &&
            { [[ ! -e $target_folder/$name.sha256 ]] || grep -q "^\\\\\?$2 " -- "$target_folder/$name.sha256"; }; then
            break
        fi
    done
    # sha256sum(1) writes a backslash before the sum of a name that it has to escape.
    {
        cat "$work/receipt"
        if [[ $name == *\\* ]]; then printf '\\%s  ./%s\n' "$2" "${name//\\/\\\\}"; else printf '%s  ./%s\n' "$2" "$name"; fi
    } >"$target_folder/.receipt-$$" || return
    sync -- "$target_folder/.receipt-$$" && mv -f -- "$target_folder/.receipt-$$" "$target_folder/$name.sha256" || return
    sync -- "$target_folder" || return
    if [[ $(fingerprint "$source/$1") != "$3" ]]; then
        rm -f -- "$target_folder/$name.sha256"
        return 1
    fi
    # -n: never over another file; it says nothing if it did not move.
    if ! mv -n -- "$source/$1" "$target_folder/$name" || [[ -e $source/$1 ]]; then return 1; fi
    # A writer may have been quicker than we between the last look and the move, which changes the inode alone.
    if [[ $(fingerprint "$target_folder/$name") != "${3% *}"* ]]; then
        rm -f -- "$target_folder/$name.sha256"
        mv -n -- "$target_folder/$name" "$source/$1"
        return 1
    fi
    sync -- "$target_folder" "$source/$parent" || return
    kept_as=''
    if [[ $name != "$base" ]]; then kept_as=", kept as ${name}"; fi
}

# --- One file after the other -----------------------------------------------------------------------------------------

authentication_failed() { end_run 77 "Authentication failed: $1" "$2"; }
not_sent() {
    waiting=$((waiting + 1))
    complain "$path could not be sent: $1" "${2:-}"
}
# What curl(1) says by its exit code, when no answer came.
no_answer() {  # no_answer EXIT-CODE
    local words
    words=$(sed -n 's/^curl: ([0-9]*) //p' "$work/stderr" | head -n 1)
    case $1 in
        60 | 91)
            authentication_failed "what answers at $url is not the receiver that this Pi trusts: $words" \
                "is the address right, is ca.pem the one of this receiver's lab, and is this Pi's clock right? It says: $(date)"
            ;;
        58) no_identity "$identity/pi.pem cannot be used: $words" ;;
        26) not_sent "it cannot be read" && return ;;
    esac
    if [[ $words == *alert* ]]; then
        authentication_failed "the receiver at $url refuses this Pi's certificate: $words" \
            "is it expired, or of another lab? 'provision new-pi' makes a new identity"
    fi
    end_run 69 "$url could not be reached: $words" \
        "is secure-receiver running there, and does its firewall let port $port through?"
}

sent_count=0 looked_at=0
for path in "${files[@]}"; do
    looked_at=$((looked_at + 1))
    before=$(fingerprint "$source/$path") || continue  # gone meanwhile: not ours to send
    size=$(cut -d ' ' -f 3 <<<"$before")
    digest=$( (sha256_hex <"$source/$path") 2>/dev/null) || digest=''
    if [[ ${#digest} -ne 64 ]]; then
        not_sent "it cannot be read"
        continue
    fi
    request_digest=$(content_digest "$digest")
    target=/v1/files/$(encode_path "$path")
    for attempt in 1 2; do
        code=0
        put "$source/$path" || code=$?
        if ((code != 0)) || [[ $status != 401 || $(problem code) != clock-skew ]]; then break; fi
        # The receiver says so only of a good signature; its own time stands in the same answer.
        theirs=$(date --date "$(field date)" +%s) || break
        clock_offset=$((theirs - $(date +%s)))
        ((attempt == 2)) || complain "This Pi's clock is wrong: it is $(date --date "@$theirs"). Going on with the receiver's time" \
            "let the Pi get its time from the network (timedatectl), or give it a battery clock"
    done
    if ((code != 0)); then
        no_answer "$code"
        continue
    fi
    case $status in
        200 | 201) ;;
        401)
            authentication_failed "the receiver does not accept the signature of $pi $(said)" \
                "is the line of $pi in the receiver's ids.txt, with the secret of this Pi's secret.py?"
            ;;
        403) authentication_failed "certificate and signature name different Pis $(said)" "pi.pem and secret.py have to be of one and the same Pi" ;;
        429 | 503)
            complain "The receiver takes no more at the moment $(said)"
            waiting=$((waiting + ${#files[@]} - looked_at + 1))
            break
            ;;
        *) not_sent "the receiver refused it $(said)" && continue ;;
    esac
    if ! wrong=$(verify_receipt "$path" "$size" "$digest"); then
        authentication_failed "the answer for $path is not signed as the receiver signs: $wrong" \
            "nothing was moved; ask who runs the receiver whether something stands between it and this Pi"
    fi
    kept_as=''
    if ! move "$path" "$digest" "$before"; then
        not_sent "it changed while it was being sent, or could not be moved to $sent" "it waits for the next run"
        continue
    fi
    sent_count=$((sent_count + 1))
    printf '  %s  %d bytes  %s%s\n' "$(one_line "$path")" "$size" \
        "$([[ $(<"$work/body") == *'"result":"unchanged"'* ]] && printf 'already there' || printf 'sent')" "$(one_line "$kept_as")"
done

summary="$(counted "$sent_count" file) sent"
if ((sent_count > 0)); then summary+=", moved to $sent"; fi
if ((waiting > 0)); then summary+="; $waiting left for the next run"; fi
printf '%s\n' "$(one_line "$summary")"
if ((waiting > 0)); then exit 75; fi
