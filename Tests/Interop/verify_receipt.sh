#!/bin/bash
# Verify the receipt in a file's sidecar with openssl alone, as somebody could years later: docs/protocol.md, "Receipts
# on disk", as a script.
#
#   verify_receipt.sh --certificates certs/receiver received_files/pi-01/station3.json.sha256
#
# --certificates names the folder where every certificate that the receiver ever used is kept, as <fingerprint>.pem.
# That one of the lab's roots issued it is another question:  openssl verify -CAfile certs/ca.pem certs/receiver/….pem
set -euo pipefail

fail() {
    printf 'failed: %s\n' "$*" >&2
    exit 1
}

if [[ $# -ne 3 || $1 != --certificates ]]; then
    printf 'usage: %s --certificates FOLDER SIDECAR\n' "${0##*/}" >&2
    exit 64
fi
certificates=$2 sidecar=$3
[[ -r $sidecar ]] || fail "$sidecar cannot be read"

work=$(mktemp -d)
trap 'rm -rf -- "$work"' EXIT

lines() { sed -n "s/^# $1 //p" "$sidecar"; }
[[ $(head -n 1 "$sidecar") == '# secure-upload receipt 1' ]] || fail "$sidecar holds no receipt"
fingerprint=$(lines certificate)
[[ $fingerprint =~ ^[0-9a-f]{64}$ ]] || fail "$sidecar names no certificate"
certificate=$certificates/$fingerprint.pem
[[ -r $certificate ]] || fail "the certificate $certificate cannot be read"
[[ $(openssl x509 -in "$certificate" -outform DER | openssl dgst -sha256 -r) == "$fingerprint "* ]] ||
    fail "$certificate is not the certificate that its name says"

# The base has no line end behind its last line; $(…) takes it off.
printf '%s' "$(lines base)" >"$work/base"
[[ $(lines signature) =~ ^:([A-Za-z0-9+/]{86}==):$ ]] || fail "$sidecar has no signature of 64 bytes"
raw=$(printf '%s' "${BASH_REMATCH[1]}" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
printf 'asn1 = SEQUENCE:rs\n[rs]\nr = INTEGER:0x%s\ns = INTEGER:0x%s\n' "${raw:0:64}" "${raw:64}" >"$work/rs.conf"
openssl asn1parse -genconf "$work/rs.conf" -noout -out "$work/signature.der"
openssl x509 -in "$certificate" -noout -pubkey >"$work/key.pem"
openssl dgst -sha256 -verify "$work/key.pem" -signature "$work/signature.der" "$work/base" >"$work/verdict" 2>&1 ||
    fail "the receipt's signature is wrong: $(head -n 1 "$work/verdict")"

# What was signed speaks of the JSON and of the content by their digests.
json_digest=$(lines json | head -c -1 | openssl dgst -sha256 -binary | openssl base64 -A)
grep -qxF "\"content-digest\": sha-256=:$json_digest:" "$work/base" || fail "the JSON is not the one that was signed"
shape='^\{"path":"(.*)","pi":"([a-z0-9-]+)","received":"[^"]+","result":"[a-z]+","sha256":"([0-9a-f]{64})","size":([0-9]+)\}$'
[[ $(lines json) =~ $shape ]] || fail "the JSON is no receipt"
pi=${BASH_REMATCH[2]} digest=${BASH_REMATCH[3]} size=${BASH_REMATCH[4]}
path=$(printf '%s' "${BASH_REMATCH[1]}" | sed 's/\\\(["\\]\)/\1/g')
[[ $digest == "$(sed -n '/^#/d; s/^\\//; s/ .*//p' "$sidecar")" ]] || fail "the checksum is not the one that was signed"

# And the request that was answered must have been about this file.
case $(sed -n 's/^"@method";req: //p' "$work/base") in
    PUT)  # Its body was the file.
        body=$(sed -n 's/^"content-digest";req: sha-256=:\(.*\):$/\1/p' "$work/base" | openssl base64 -d -A | od -An -v -tx1 | tr -d ' \n')
        [[ $body == "$digest" ]] || fail "the file is not what the request had"
        ;;
    PATCH)  # Its body was the last part; its path is made of what the file is.
        id=$(printf '%s\n' "$pi" "$path" "$digest" "$size" | openssl dgst -sha256 -r)
        grep -qxF "\"@path\";req: /v1/uploads/${id%% *}" "$work/base" || fail "the request was about another file"
        ;;
    POST) ;;  # It asked for a file that was there; what the JSON says is the answer.
    *) fail "a request of this method gets no receipt" ;;
esac
printf 'ok: %s\n' "$(lines json)"
