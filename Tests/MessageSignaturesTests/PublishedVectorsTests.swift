import MessageSignatures
import OpenSSL
import Testing

@Suite("The published examples")
struct PublishedVectorsTests {
    @Test("RFC 9530, appendix B.1: the SHA-256 of a JSON body")
    func contentDigest() {
        let digest = SHA256.digest(of: Array(#"{"hello": "world"}"#.utf8))
        #expect(ContentDigest.fieldValue(digest) == "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:")
        #expect(ContentDigest.parse(fieldValue: "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:") == digest)
    }

    @Test("RFC 9421, appendix B.2.5: a signature with a shared secret")
    func sharedSecret() throws {
        let secret = try #require(
            ByteSequence.parse(
                ":uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==:"))
        let parameters = SignatureParameters(
            components: [CoveredComponent("date"), .authority, .contentType],
            parameters: [.init("created", .integer(1_618_884_473)), .init("keyid", .string("test-shared-secret"))])
        let values: [CoveredComponent: String] = [
            CoveredComponent("date"): "Tue, 20 Apr 2021 02:07:55 GMT", .authority: "example.com",
            .contentType: "application/json",
        ]
        let base = try SignatureBase(parameters) { values[$0] }
        #expect(
            base.text == """
                "date": Tue, 20 Apr 2021 02:07:55 GMT
                "@authority": example.com
                "content-type": application/json
                "@signature-params": ("date" "@authority" "content-type");created=1618884473;keyid="test-shared-secret"
                """)
        let key = SecureBytes(copyOf: secret)
        let code = HMACSHA256.authenticationCode(for: base.bytes, key: key)
        #expect(ByteSequence.serialize(code) == ":pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=:")
        #expect(HMACSHA256.isValid(code, for: base.bytes, key: key))
        for index in code.indices {
            var forged = code
            forged[index] ^= 1
            #expect(!HMACSHA256.isValid(forged, for: base.bytes, key: key))
        }
        #expect(!HMACSHA256.isValid(Array(code.dropLast()), for: base.bytes, key: key))
    }
}
