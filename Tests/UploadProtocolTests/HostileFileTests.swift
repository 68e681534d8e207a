import OpenSSL
import Testing
import UploadProtocol

/// A short relative of `scripts/fuzz`, with the same inputs at each run.
@Suite("Hostile ids.txt and secret.py")
struct HostileFileTests {
    private static let inputs = 10_000

    @Test("are refused, or understood with whole secrets and names")
    func identifiers() {
        var random = SplitMix(state: 1)
        var accepted = 0
        for _ in 0..<Self.inputs {
            let text = random.text(of: [
                "0123456789abcdef", "FEDCBA9876543210", " pi-01", "\tnorth", "\n", "\r\n", "# ", " ", "\u{FEFF}", "0",
                "é",
                String(repeating: "ab", count: 64),
            ])
            guard let list = try? IdentifierList(parsing: text) else { continue }
            accepted += 1
            for secret in list.bare + list.named.values.joined() { expectWhole(secret) }
            for name in list.named.keys { #expect(PiName(name.text) == name) }
            #expect(list.bare.count <= IdentifierList.mostBareSecrets)
        }
        #expect((1..<Self.inputs).contains(accepted), "both kinds are tried")
    }

    @Test("hold no secret, or one that is read again as it is written")
    func secret() {
        var random = SplitMix(state: 1)
        var accepted = 0
        for _ in 0..<Self.inputs {
            let text = random.text(of: [
                "secret=", "secret = ", "'", "\"", "0123456789abcdef", "ABCDEF", "\n", "\r\n", "# ", " ", "import os",
            ])
            guard let secret = SecretFile.parse(text) else { continue }
            accepted += 1
            expectWhole(secret)
            #expect(SecretFile.contents(secret).withUnsafeBytes { SecretFile.parse(Array($0)) } == secret)
        }
        #expect((1..<Self.inputs).contains(accepted), "both kinds are tried")
    }

    private func expectWhole(_ secret: PiSecret) {
        secret.key.withUnsafeBytes { digits in
            let isWhole =
                PiSecret.digitCounts.contains(digits.count)
                && digits.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
            #expect(isWhole)
        }
    }
}

/// A small generator that gives the same numbers for the same seed (Steele, Lea and Flood, 2014).
private struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }

    /// Some of `pieces` in a row, here and there with a byte that is wrong.
    mutating func text(of pieces: [String]) -> [UInt8] {
        var text: [UInt8] = []
        for _ in 0..<Int.random(in: 0...10, using: &self) {
            text += Array((pieces.randomElement(using: &self) ?? "").utf8)
        }
        if !text.isEmpty, Int.random(in: 0..<4, using: &self) == 0 {
            text[Int.random(in: 0..<text.count, using: &self)] = UInt8.random(in: 0...255, using: &self)
        }
        return text
    }
}
