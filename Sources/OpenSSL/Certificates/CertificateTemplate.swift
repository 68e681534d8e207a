import COpenSSL

/// A certificate to be made, in the order in which one reads it.
package struct CertificateTemplate {
    /// For people only: nothing ever decides by it.
    package var commonName: String
    /// Seconds since 1970.
    package var notBefore: Int64
    /// Seconds since 1970.
    package var notAfter: Int64
    package var extensions: [CertificateExtension]

    package init(commonName: String, notBefore: Int64, notAfter: Int64, extensions: [CertificateExtension]) {
        self.commonName = commonName
        self.notBefore = notBefore
        self.notAfter = notAfter
        self.extensions = extensions
    }

    package struct Issuer {
        package let certificate: Certificate
        package let key: PrivateKey

        package init(certificate: Certificate, key: PrivateKey) {
            self.certificate = certificate
            self.key = key
        }
    }

    /// A version 3 certificate for `key` with a random serial number, signed with SHA-256 by `issuer`, or by itself.
    package func certificate(for key: PrivateKey, issuer: Issuer?) throws(OpenSSLError) -> Certificate {
        let pointer = try unwrap(X509_new(), "making a certificate")
        let certificate = Certificate(takingOwnershipOf: pointer)
        try check(X509_set_version(pointer, 2), "setting the version")
        try setSerialNumber(of: pointer)
        let name = try unwrap(X509_get_subject_name(pointer), "setting the subject")
        try check(
            X509_NAME_add_entry_by_NID(
                name, NID_commonName, MBSTRING_UTF8, Array(commonName.utf8), Int32(commonName.utf8.count), -1, 0),
            "setting the subject \(commonName)")
        let issuerName = issuer?.certificate.withPointer { X509_get_subject_name($0) } ?? name
        try check(X509_set_issuer_name(pointer, issuerName), "setting the issuer")
        _ = try unwrap(ASN1_TIME_set(X509_getm_notBefore(pointer), Int(notBefore)), "setting the start")
        _ = try unwrap(ASN1_TIME_set(X509_getm_notAfter(pointer), Int(notAfter)), "setting the end")
        try check(key.withPointer { X509_set_pubkey(pointer, $0) }, "setting the public key")
        for wanted in extensions {
            try add(wanted, to: pointer, issuer: issuer)
        }
        let size = (issuer?.key ?? key).withPointer { X509_sign(pointer, $0, EVP_sha256()) }
        guard size > 0 else { throw OpenSSLError.fromQueue("signing the certificate of \(commonName)") }
        return certificate
    }

    /// 128 random bits, of which the first is 0 and the second 1: positive, and always 16 bytes (RFC 5280, section 4.1.2.2).
    private func setSerialNumber(of certificate: OpaquePointer) throws(OpenSSLError) {
        var bytes = try randomBytes(count: 16)
        bytes[0] = bytes[0] & 0x7f | 0x40
        let number = try unwrap(BN_bin2bn(bytes, Int32(bytes.count), nil), "setting the serial number")
        defer { BN_free(number) }
        _ = try unwrap(BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)), "setting the serial number")
    }

    private func add(_ wanted: CertificateExtension, to certificate: OpaquePointer, issuer: Issuer?)
        throws(OpenSSLError)
    {
        let made =
            if let issuer {
                issuer.certificate.withPointer { shim_X509_extension($0, certificate, wanted.identifier, wanted.value) }
            } else {
                shim_X509_extension(certificate, certificate, wanted.identifier, wanted.value)
            }
        let added = try unwrap(made, "making the extension \(wanted.value)")
        defer { X509_EXTENSION_free(added) }
        try check(X509_add_ext(certificate, added, -1), "adding the extension \(wanted.value)")
    }
}

/// One extension, in the notation of x509v3_config(5).
package struct CertificateExtension: Sendable {
    let identifier: Int32
    let value: String

    package static func basicConstraints(_ value: String) -> Self {
        Self(identifier: NID_basic_constraints, value: value)
    }
    package static func keyUsage(_ value: String) -> Self { Self(identifier: NID_key_usage, value: value) }
    package static func extendedKeyUsage(_ value: String) -> Self { Self(identifier: NID_ext_key_usage, value: value) }
    package static var subjectKeyIdentifier: Self { Self(identifier: NID_subject_key_identifier, value: "hash") }
    package static var authorityKeyIdentifier: Self {
        Self(identifier: NID_authority_key_identifier, value: "keyid:always")
    }

    /// The caller vouches that no name holds a comma: names are parsed types above this layer.
    package static func subjectAlternativeNames(_ names: [String]) -> Self {
        Self(identifier: NID_subject_alt_name, value: names.joined(separator: ","))
    }
}
