import COpenSSL
import Glibc

/// What a certificate says of itself. A field that cannot be read reads as absent, which every profile refuses.
extension Certificate {
    /// 1 or 3.
    package var version: Int { withPointer { Int(X509_get_version($0)) + 1 } }

    /// Seconds since 1970.
    package var notBefore: Int64? { withPointer { seconds(X509_get0_notBefore($0)) } }

    /// Seconds since 1970.
    package var notAfter: Int64? { withPointer { seconds(X509_get0_notAfter($0)) } }

    package enum Authority: Sendable { case certificateAuthority, endEntity, unspecified }

    /// Basic constraints (RFC 5280, section 4.2.1.9).
    package var authority: Authority {
        let flags = withPointer { X509_get_extension_flags($0) }
        guard flags & UInt32(EXFLAG_INVALID) == 0, flags & UInt32(EXFLAG_BCONS) != 0 else { return .unspecified }
        return flags & UInt32(EXFLAG_CA) != 0 ? .certificateAuthority : .endEntity
    }

    package enum AlternativeName: Hashable, Sendable {
        case uri(String)
        case dns(String)
        /// IPv4 or IPv6 as inet_ntop(3) writes it.
        case address(String)
        case other
    }

    /// The subject alternative names (RFC 5280, section 4.2.1.6). A name with a byte that is not printable ASCII is `other`.
    package var subjectAlternativeNames: [AlternativeName] {
        withPointer { certificate in
            guard let names = X509_get_ext_d2i(certificate, NID_subject_alt_name, nil, nil).map({ OpaquePointer($0) })
            else { return [] }
            defer { GENERAL_NAMES_free(names) }
            return (0..<shim_sk_GENERAL_NAME_num(names)).map { index in
                var type: Int32 = 0
                guard let text = shim_GENERAL_NAME_text(names, index, &type) else {
                    return shim_GENERAL_NAME_address(names, index).flatMap(addressText).map { .address($0) } ?? .other
                }
                let bytes = UnsafeBufferPointer(
                    start: ASN1_STRING_get0_data(text), count: Int(ASN1_STRING_length(text)))
                guard bytes.allSatisfy({ (0x21...0x7e).contains($0) }) else { return .other }
                let string = String(decoding: bytes, as: UTF8.self)
                return type == GEN_URI ? .uri(string) : .dns(string)
            }
        }
    }

    /// Whether a subject alternative name is, or by a wildcard covers, this DNS name.
    package func carries(dnsName: String) -> Bool {
        defer { ERR_clear_error() }
        return withPointer {
            X509_check_host($0, dnsName, dnsName.utf8.count, UInt32(X509_CHECK_FLAG_NEVER_CHECK_SUBJECT), nil) == 1
        }
    }

    /// `address`: IPv4 or IPv6 in text.
    package func carries(address: String) -> Bool {
        defer { ERR_clear_error() }
        return withPointer { X509_check_ip_asc($0, address, 0) == 1 }
    }

    package enum Purpose: Hashable, Sendable { case serverAuthentication, clientAuthentication, other }

    /// The extended key usages (RFC 5280, section 4.2.1.12).
    package var extendedKeyUsages: [Purpose] {
        withPointer { certificate in
            guard let usages = X509_get_ext_d2i(certificate, NID_ext_key_usage, nil, nil).map({ OpaquePointer($0) })
            else { return [] }
            defer { EXTENDED_KEY_USAGE_free(usages) }
            return (0..<shim_sk_ASN1_OBJECT_num(usages)).map { index in
                switch shim_EXTENDED_KEY_USAGE_nid(usages, index) {
                case NID_server_auth: .serverAuthentication
                case NID_client_auth: .clientAuthentication
                default: .other
                }
            }
        }
    }

    /// Whether the key usage is digitalSignature and nothing else (RFC 5280, section 4.2.1.3).
    package var isForSignaturesOnly: Bool {
        withPointer { X509_get_key_usage($0) } == UInt32(X509v3_KU_DIGITAL_SIGNATURE)
    }

    package var hasP256Key: Bool {
        withPointer { certificate in
            guard let key = X509_get0_pubkey(certificate), EVP_PKEY_get_base_id(key) == EVP_PKEY_EC else {
                return false
            }
            var name = [CChar](repeating: 0, count: 64)
            var count = 0
            defer { ERR_clear_error() }
            return EVP_PKEY_get_group_name(key, &name, name.count, &count) == 1
                && name[..<count].elementsEqual(SN_X9_62_prime256v1.utf8CString.dropLast())
        }
    }

    package var isSignedWithECDSAAndSHA256: Bool {
        withPointer { X509_get_signature_nid($0) } == NID_ecdsa_with_SHA256
    }
}

/// `nil` unless there are 4 or 16 bytes.
private func addressText(_ bytes: UnsafePointer<ASN1_OCTET_STRING>) -> String? {
    let family: Int32? = [4: AF_INET, 16: AF_INET6][ASN1_STRING_length(bytes)]
    var text = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    guard let family, inet_ntop(family, ASN1_STRING_get0_data(bytes), &text, socklen_t(text.count)) != nil else {
        return nil
    }
    return text.withUnsafeBufferPointer { String(cString: $0.baseAddress!) }
}

private func seconds(_ time: UnsafePointer<ASN1_TIME>?) -> Int64? {
    var fields = tm()
    defer { ERR_clear_error() }
    guard ASN1_TIME_to_tm(time, &fields) == 1 else { return nil }
    return Int64(timegm(&fields))
}
