import Testing
import UploadProtocol

@Suite("Names")
struct NameTests {
    @Test("of Pis are DNS labels", arguments: ["a", "pi-01", "0", String(repeating: "a", count: 63)])
    func piNames(text: String) {
        #expect(PiName(text)?.text == text)
    }

    @Test(
        "of Pis are refused in any other form",
        arguments: [
            "", "-a", "a-", "A", "a.b", "a_b", "a b", "a/b", "..", "ä", "a\0", String(repeating: "a", count: 64),
        ])
    func badPiNames(text: String) {
        #expect(PiName(text) == nil)
    }

    @Test("stand in certificates below their trust domain, and nowhere else")
    func uris() throws {
        let domain = try #require(TrustDomain("access-lab"))
        let name = try #require(PiName("pi-01"))
        #expect(domain.uri(of: name) == "spiffe://access-lab/pi/pi-01")
        #expect(domain.piName(uri: "spiffe://access-lab/pi/pi-01") == name)
        #expect(TrustDomain(uri: "spiffe://access-lab") == domain)
        for uri in [
            "spiffe://access-lab/pi/", "spiffe://access-lab/pi/pi-01/", "spiffe://access-lab/pi/a/pi-01",
            "spiffe://other/pi/pi-01",
            "spiffe://access-lab/receiver", "SPIFFE://access-lab/pi/pi-01", "https://access-lab/pi/pi-01",
            "spiffe://access-lab/pi/PI-01",
            "spiffe://access-lab.evil/pi/pi-01", "spiffe://access-lab", "",
        ] {
            #expect(domain.piName(uri: uri) == nil, "\(uri)")
        }
        for uri in [
            "spiffe://", "spiffe://access-lab/", "spiffe://Access", "access-lab", "spiffe://a:1", "spiffe://a@b",
        ] {
            #expect(TrustDomain(uri: uri) == nil, "\(uri)")
        }
    }
}
