import MessageSignatures
import Testing

@Suite("What is signed")
struct SignatureBaseTests {
    private func parameters(_ components: [CoveredComponent]) -> SignatureParameters {
        SignatureParameters(components: components, parameters: [.init("tag", .string("t"))])
    }

    @Test("marks what comes from the request")
    func fromRequest() throws {
        let base = try SignatureBase(parameters([.status, .method.fromRequest])) { $0 == .status ? "201" : "PUT" }
        #expect(
            base.lines == [
                #""@status": 201"#, #""@method";req: PUT"#, #""@signature-params": ("@status" "@method";req);tag="t""#,
            ])
    }

    @Test("is refused where one text could stand for two messages")
    func refusals() {
        #expect(throws: SignatureBaseError.coveredTwice(.method)) {
            try SignatureBase(parameters([.method, .path, .method])) { _ in "x" }
        }
        #expect(throws: SignatureBaseError.missing(.path)) {
            try SignatureBase(parameters([.method, .path])) { $0 == .path ? nil : "x" }
        }
        #expect(throws: SignatureBaseError.holdsNewline(.method)) {
            try SignatureBase(parameters([.method])) { _ in "PUT\n\"@path\": /" }
        }
    }

    @Test("escapes strings, and writes each kind of parameter as structured fields do")
    func parameterValues() {
        let parameters = SignatureParameters(
            components: [],
            parameters: [
                .init("a", .string(#"quote " and \"#)), .init("b", .boolean(true)), .init("c", .boolean(false)),
                .init("d", .token("tok/en")), .init("e", .integer(-7)),
            ])
        #expect(parameters.serialized == #"();a="quote \" and \\";b;c=?0;d=tok/en;e=-7"#)
        #expect(parameters.created == nil)
    }
}

@Suite("A byte sequence and a digest")
struct ByteSequenceTests {
    @Test(
        "are refused in any but their one form",
        arguments: [
            "", ":", "AQ==", ":AQ==", "AQ==:", ":AQ=:", ":AQ:", ":AR==:", ":A Q==:", ":AQ==\n:", ":AQ==:AQ==:",
            ":_-==:", "::A",
        ])
    func refuses(text: String) {
        #expect(ByteSequence.parse(text) == nil)
    }

    @Test("come back as they went")
    func roundTrip() {
        for count in 0..<70 {
            let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 * 37) }
            #expect(ByteSequence.parse(ByteSequence.serialize(bytes)) == bytes)
        }
    }

    @Test(
        "are no digest with another algorithm, a second one, or another length",
        arguments: [
            "md5=:X48E9qOokqqrvdts8nOJRA==:", "sha-256=:X48E9qOokqqrvdts8nOJRA==:",
            "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=",
            "SHA-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
            " sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:",
            "sha-256=:X48E9qOokqqrvdts8nOJRJN3OWDUoyWxBf7kbu9DBPE=:, md5=:X48E9qOokqqrvdts8nOJRA==:", "",
        ])
    func digests(text: String) {
        #expect(ContentDigest.parse(fieldValue: text) == nil)
    }
}
