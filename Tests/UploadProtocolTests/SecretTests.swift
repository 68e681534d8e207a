import OpenSSL
import Testing
import UploadProtocol

private let digits = "0123456789abcdef"

private func key(_ secret: PiSecret?) -> String? {
    secret.map { $0.key.withUnsafeBytes { String(decoding: $0, as: UTF8.self) } }
}

@Suite("secret.py")
struct SecretFileTests {
    @Test(
        "gives the digits between the quotes",
        arguments: [
            "secret='0123456789abcdef'", "secret='0123456789abcdef'\n", "secret = \"0123456789abcdef\"\r\n",
            "# made by hand\n\nsecret='0123456789ABCDEF'  # of station 3\n", "\tsecret='0123456789abcdef'",
            "port=3500\nsecret='0123456789abcdef'",
        ])
    func reads(text: String) {
        #expect(key(SecretFile.parse(Array(text.utf8))) == digits)
    }

    // Not in the attribute itself: Swift 6.0 cannot compile an interpolation there.
    static let refused = [
        "", "\n", "secret", "secret=", "secret='", "secret=''", "secret=0123456789abcdef",
        "secret='0123456789abcdef",
        "secret='0123456789abcdef\"", "secret='0123456789abcde'", "secret='0123456789abcdeg'",
        "Secret='0123456789abcdef'",
        "secret2='0123456789abcdef'", "secret='0123456789abcdef'+'0123456789abcdef'", "#secret='0123456789abcdef'",
        "secret='\u{ff10}123456789abcdef'", "secret='0123456789abcde\0'",
        "secret='\(String(repeating: "a", count: 129))'",
        "print(1) or secret='0123456789abcdef'",
    ]

    @Test("is refused without a line of the form secret='<16 to 128 hexadecimal digits>'", arguments: refused)
    func refuses(text: String) {
        #expect(SecretFile.parse(Array(text.utf8)) == nil)
    }

    @Test("comes back as it was written, and is shown nowhere else")
    func roundTrip() throws {
        let secret = try PiSecret(randomBits: 128)
        let contents = SecretFile.contents(secret).withUnsafeBytes(Array.init)
        #expect(SecretFile.parse(contents) == secret)
        #expect(key(secret)?.count == 32)
        var dumped = ""
        dump(secret, to: &dumped)
        let shown = "\(secret)" + String(reflecting: secret) + dumped
        #expect(!shown.contains(try #require(key(secret))))
    }
}

@Suite("ids.txt")
struct IdentifierListTests {
    @Test("gives each Pi its secrets, and bare ones to those without a line")
    func reads() throws {
        let text = """
            \u{feff}# the lab's Pis

            \(digits) pi-01
            \t00000000000000aa\tpi-02\r
            00000000000000BB pi-01
            00000000000000cc
            """
        let list = try IdentifierList(parsing: Array(text.utf8))
        let secrets = { (name: String) in list.secrets(for: PiName(name)!).map { key($0) } }
        #expect(secrets("pi-01") == [digits, "00000000000000bb"])
        #expect(secrets("pi-02") == ["00000000000000aa"])
        #expect(secrets("pi-03") == ["00000000000000cc"])
        #expect(try IdentifierList(parsing: []).secrets(for: PiName("pi-01")!).isEmpty)
    }

    @Test(
        "is refused with the line that is wrong, and never with what the line says",
        arguments: [
            ("0123456789abcde pi-01", IdentifierListError.badSecret(line: 1)),
            ("\n0123456789abcdeg", .badSecret(line: 2)), ("pi-01 0123456789abcdef", .badSecret(line: 1)),
            ("0123456789abcdef Pi-01", .badName(line: 1)), ("0123456789abcdef -pi", .badName(line: 1)),
            ("0123456789abcdef pi_1", .badName(line: 1)), ("0123456789abcdef pi-\u{e9}", .badName(line: 1)),
            ("\r\n\n0123456789abcdef pi-01 old", .tooManyWords(line: 3)), ("\0", .badSecret(line: 1)),
        ])
    func refuses(text: String, error: IdentifierListError) {
        #expect(throws: error) { try IdentifierList(parsing: Array(text.utf8)) }
        #expect(!"\(error)".contains("0123456789abcde"))
    }

    @Test("takes 64 bare secrets and not one more")
    func bareSecrets() throws {
        let lines = (0..<65).map { "00000000000000\($0 + 10)\n" }
        #expect(try IdentifierList(parsing: Array(lines.dropLast().joined().utf8)).bare.count == 64)
        #expect(throws: IdentifierListError.tooManyBareSecrets(65)) {
            try IdentifierList(parsing: Array(lines.joined().utf8))
        }
    }
}
