#!/bin/bash
# Upload one file with curl and openssl alone, and verify the receiver's receipt: docs/protocol.md as a script.
# For a machine that our sender is not built for, such as a 32-bit Pi. Needs bash, openssl 1.1.1 and curl 7.88 or newer
# (Debian 12); the file is read twice and must not change meanwhile.
#
#   upload.sh --url https://192.168.1.10:3500 --identity pis/pi-01 station3.json 2026/station3.json
#
# Prints one line for each check; exits 0 only if the receipt is good, so that the file may be moved away.
#
# The secret is never an argument of a program, because anybody on the machine can read those: it goes through pipes
# from printf, which is a builtin of bash. Neither is the request's signature: it is computed from a short secret, which
# could be searched for.
set -euo pipefail
export LC_ALL=C  # ${text:i:1} is one byte

server_name=secure-receiver  # what the receiver's certificate is checked for, whatever its address

fail() {
    printf 'failed: %s\n' "$*" >&2
    exit 1
}

usage() {
    printf 'usage: %s --url https://ADDRESS:PORT --identity FOLDER FILE REMOTE_PATH\n' "${0##*/}" >&2
    exit 64
}

ok() { printf 'ok: %s\n' "$*"; }

# --- Small tools ------------------------------------------------------------------------------------------------------

sha256_hex() { openssl dgst -sha256 -r | cut -c 1-64; }                # standard input, as hexadecimal
content_digest() {                                                     # standard input, as RFC 9530 writes it
    printf 'sha-256=:%s:' "$(openssl dgst -sha256 -binary | openssl base64 -A)"
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

# The value of field $1 in the answer's head. A receipt's fields appear once; twice is no receipt.
field() {
    local values
    values=$(tr -d '\r' <"$work/head" | sed -n "s/^$1:[[:space:]]*//Ip")
    [[ -n $values && $values != *$'\n'* ]] || fail "the answer must have one $1 field, has: ${values:-none}"
    printf '%s' "$values"
}

# --- Arguments and identity -------------------------------------------------------------------------------------------

url='' identity=''
while [[ ${1:-} == --* ]]; do
    case $1 in
        --url) url=${2:-} ;;
        --identity) identity=${2:-} ;;
        *) usage ;;
    esac
    shift 2 || usage
done
[[ $# -eq 2 && -n $url && -n $identity ]] || usage
file=$1 remote_path=$2
[[ $url =~ ^https://(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+):([0-9]+)/?$ ]] ||
    fail "the url must look like https://192.168.1.10:3500 or https://[2001:db8::1]:3500, not '$url'"
address=${BASH_REMATCH[1]} port=${BASH_REMATCH[2]}
[[ -f $file && -r $file ]] || fail "$file cannot be read"
for needed in pi.pem ca.pem secret.py; do
    [[ -r $identity/$needed ]] || fail "$identity/$needed cannot be read: it comes from 'provision new-pi'"
done

# The Pi's name is in its certificate, as a URI; the receiver compares it with the signature's keyid.
names=$(openssl x509 -in "$identity/pi.pem" -noout -ext subjectAltName)
[[ $names =~ URI:spiffe://[^/,]+/pi/([a-z0-9-]+) ]] || fail "$identity/pi.pem has no name like spiffe://…/pi/pi-01"
pi=${BASH_REMATCH[1]}

# The HMAC key is the text of the hexadecimal digits, in lower case, not the bytes that they stand for.
[[ $(<"$identity/secret.py") =~ secret=\'([0-9A-Fa-f]+)\' ]] || fail "$identity/secret.py has no secret='<hex digits>'"
secret=${BASH_REMATCH[1],,}

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

# --- The signed request (RFC 9421 over RFC 9530) ----------------------------------------------------------------------

request_digest=$(content_digest <"$file")
authority=$server_name:$port  # what curl sends as Host, because of the name in its URL
[[ $port == 443 ]] && authority=$server_name  # RFC 9421, section 2.2.3: without the scheme's default port
target=/v1/files/$(encode_path "$remote_path")
parameters="(\"@method\" \"@authority\" \"@path\" \"content-digest\")"
parameters+=";created=$(date +%s);keyid=\"$pi\";alg=\"hmac-sha256\";tag=\"secure-upload\""

# One line for each component, the parameters last, and no line end after them.
signature=$(printf '%s\n' \
    "\"@method\": PUT" \
    "\"@authority\": $authority" \
    "\"@path\": $target" \
    "\"content-digest\": $request_digest" |
    { cat; printf '%s' "\"@signature-params\": $parameters"; } |
    hmac_sha256 "$secret")

# The headers go to curl through its standard input (--config -); -q, first of all, keeps a ~/.curlrc out of this.
# --connect-to dials the address while TLS asks for, and checks, the receiver's own name.
# %{certs} writes the certificates that this very handshake showed.
status=$(
    printf 'header = "%s"\n' \
        "Content-Digest: $request_digest" \
        "Signature-Input: sig=${parameters//\"/\\\"}" \
        "Signature: sig=:$signature:" |
        curl -q --config - --silent --show-error --noproxy '*' --http1.1 --tlsv1.3 --max-time 600 \
            --cert "$identity/pi.pem" --cacert "$identity/ca.pem" \
            --connect-to "$server_name:$port:$address:$port" --path-as-is --globoff \
            --upload-file "$file" --dump-header "$work/head.all" --output "$work/body" \
            --write-out '%{stderr}%{certs}%{stdout}%{http_code}' \
            "https://$server_name:$port$target" 2>"$work/stderr"
) || fail "no answer from $url: $(sed -n '/^curl: /p' "$work/stderr")"
[[ $status == 20[01] ]] || fail "the receiver answered $status: $(head -c 500 "$work/body")"
ok "accepted with $status"

# The last head is the answer's; a 100 Continue may stand before it.
awk '/^HTTP\// { head = "" } { head = head $0 "\n" } END { printf "%s", head }' "$work/head.all" >"$work/head"

# --- The receipt ------------------------------------------------------------------------------------------------------

# The first certificate is the receiver's own; curl has checked that our root issued it to this name.
sed -n 's/^Cert://; /-----BEGIN CERTIFICATE/,/-----END CERTIFICATE/p; /-----END CERTIFICATE/q' "$work/stderr" \
    >"$work/receiver.pem"
fingerprint=$(openssl x509 -in "$work/receiver.pem" -outform DER | sha256_hex)
openssl x509 -in "$work/receiver.pem" -noout -pubkey >"$work/receiver.pub"

content_type=$(field content-type)
answer_digest=$(field content-digest)
signature_input=$(field signature-input)
answer_signature=$(field signature)

[[ $answer_digest == "$(content_digest <"$work/body")" ]] ||
    fail "the answer's Content-Digest $answer_digest is not that of its body"
ok "the answer's Content-Digest is that of its body"

# The protocol fixes the receipt's components and their order, so that nobody has to parse structured fields.
components='("@status" "content-type" "content-digest" "@method";req "@authority";req "@path";req "content-digest";req)'
parameters=${signature_input#receipt=}
[[ $signature_input == "receipt=$components;"* ]] || fail "the receipt does not cover what it must: $signature_input"
pattern='^;created=[0-9]+;keyid="([0-9a-f]{64})";alg="ecdsa-p256-sha256";tag="secure-receipt"$'
[[ ${parameters#"$components"} =~ $pattern ]] ||
    fail "the receipt's parameters are not those of docs/protocol.md: $signature_input"
[[ ${BASH_REMATCH[1]} == "$fingerprint" ]] ||
    fail "the receipt's keyid ${BASH_REMATCH[1]} is not the fingerprint $fingerprint of the receiver's certificate"
ok "keyid is the fingerprint of the receiver's certificate ${fingerprint:0:16}…"

printf '%s' "\"@status\": $status
\"content-type\": $content_type
\"content-digest\": $answer_digest
\"@method\";req: PUT
\"@authority\";req: $authority
\"@path\";req: $target
\"content-digest\";req: $request_digest
\"@signature-params\": $parameters" >"$work/base"

# RFC 9421 writes an ECDSA signature as r and s, 32 bytes each; openssl wants the DER sequence of these two integers.
[[ $answer_signature =~ ^receipt=:([A-Za-z0-9+/=]+):$ ]] ||
    fail "the Signature field is not receipt=:…: but $answer_signature"
raw=$(printf '%s' "${BASH_REMATCH[1]}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
[[ ${#raw} -eq 128 ]] || fail "the receipt's signature has $((${#raw} / 2)) bytes instead of 64"
printf 'asn1 = SEQUENCE:rs\n[rs]\nr = INTEGER:0x%s\ns = INTEGER:0x%s\n' "${raw:0:64}" "${raw:64}" >"$work/rs.conf"
openssl asn1parse -genconf "$work/rs.conf" -noout -out "$work/signature.der"
openssl dgst -sha256 -verify "$work/receiver.pub" -signature "$work/signature.der" "$work/base" >"$work/verdict" 2>&1 ||
    fail "the receipt's signature is wrong: $(head -n 1 "$work/verdict")"
ok "the receipt's signature is good"

# A flat object that is signed by the receiver: looking for the members is enough.
body=$(<"$work/body")
json_path=${remote_path//\\/\\\\}
json_path=${json_path//\"/\\\"}
space='[[:space:]]*'
expect_member() {
    [[ $body =~ [\{,]${space}"\"$1\""${space}:${space}"$2"${space}[,\}] ]] || fail "the receipt's $1 is not $2: $body"
    ok "the receipt's $1 is $2"
}
expect_member pi "\"$pi\""
expect_member path "\"$json_path\""
expect_member size "$(($(wc -c <"$file")))"
expect_member sha256 "\"$(sha256_hex <"$file")\""
