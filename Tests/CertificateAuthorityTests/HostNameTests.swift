import CertificateAuthority
import Testing

@Suite("A host name")
struct HostNameTests {
    @Test(
        "is a DNS name in lower case",
        arguments: [
            ("localhost", "localhost"), ("Lab-Server.Example", "lab-server.example"), ("a.b.c", "a.b.c"),
            ("lab_server", "lab_server"), ("3com.example", "3com.example"),
            ("xn--bcher-kva.example", "xn--bcher-kva.example"),
        ])
    func names(text: String, name: String) {
        #expect(HostName(text) == .name(name))
    }

    @Test(
        "or an address in its one canonical form",
        arguments: [
            ("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("FD00:0:0:0::2", "fd00::2"),
            ("::ffff:10.0.0.1", "::ffff:10.0.0.1"),
            ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::", "::"),
        ])
    func addresses(text: String, address: String) {
        #expect(HostName(text) == .address(address))
    }

    @Test(
        "is refused where it could say something else in a certificate, or nothing at all",
        arguments: [
            "", " ", ".", "a.", ".a", "a..b", "a b", "a,DNS:evil", "a,URI:spiffe://access-lab/pi/pi-01", "URI:x",
            "DNS:x",
            "IP:127.0.0.1", "critical,DNS:x", "email:copy", "a\nb", "a\tb", "a\0b", "127.0.0.1\0,DNS:evil", "*",
            "*.lab",
            "a*b", "a@b", "a/b", "http://lab", "lab:3500", "[::1]", "[::1]:3500", "fe80::1%eth0", "::1/64",
            "10.0.0.0/8",
            "1.2.3", "1.2.3.4.5", "256.1.1.1", "1.2.3.-4", "0x7f.1", "01.2.3.4", "12345", ":::1", "1::2::3",
            "müller.lab",
            "\u{212A}.lab", "lab\u{202E}", "-lab", "lab-", "a.-b.c",
            String(repeating: "a", count: 64), Array(repeating: "abc", count: 64).joined(separator: "."),
        ])
    func refuses(text: String) {
        #expect(HostName(text) == nil)
    }

    @Test("has labels of up to 63 and at most 253 characters")
    func limits() {
        let label = String(repeating: "a", count: 63)
        #expect(HostName(label) == .name(label))
        let longest = [label, label, label, String(repeating: "a", count: 61)].joined(separator: ".")
        #expect(longest.utf8.count == 253)
        #expect(HostName(longest) == .name(longest))
        #expect(HostName("a" + longest) == nil)
    }
}
