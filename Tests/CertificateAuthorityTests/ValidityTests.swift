import CertificateAuthority
import Testing

@Suite("A validity")
struct ValidityTests {
    @Test("starts two days before it is made, and lasts that many days with them")
    func days() {
        let validity = Validity(now: 1_800_000_000, days: 90)
        #expect(validity.notBefore == 1_800_000_000 - 172_800)
        #expect(validity.notAfter == 1_800_000_000 + 88 * 86_400)
        #expect(Validity.made(notBefore: validity.notBefore) == 1_800_000_000)
    }
}
