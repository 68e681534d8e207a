import CommandSupport
import OpenSSL
import UploadProtocol

/// What it is that answers in the receiver's place, as far as it shows: for words and hints alone, nothing of it is proven.
enum Stranger {
    /// `firstBytes`: what came first; `nil` if that could be TLS (RFC 8446, section 5.1), or nothing came.
    static func service(_ firstBytes: [UInt8]) -> String? {
        guard let first = firstBytes.first, !(20...24).contains(first) else { return nil }
        let services = [
            ("SSH-", "an SSH server"), ("HTTP/", "a web server without TLS"), ("220", "a mail or FTP server"),
        ]
        return services.first { firstBytes.starts(with: $0.0.utf8) }?.1 ?? "something that does not speak TLS"
    }

    enum Certificate: Hashable {
        case receiver
        case pi
        /// Of a web server perhaps; the names that it is for, if there are any.
        case other(String)

        init(_ certificate: OpenSSL.Certificate) {
            let names = certificate.subjectAlternativeNames
            let isPi = names.contains { if case .uri(let uri) = $0 { uri.hasPrefix("spiffe://") } else { false } }
            if names.contains(.dns(LeafProfile.receiverName)) {
                self = .receiver
            } else if isPi {
                self = .pi
            } else {
                let texts = names.compactMap { name -> String? in
                    switch name {
                    case .dns(let text), .address(let text), .uri(let text): text
                    case .other: nil
                    }
                }
                self = .other(CommandOutput.oneLine(texts.prefix(3).joined(separator: ", "), limit: 120))
            }
        }

        var words: String {
            switch self {
            case .receiver: "it shows the certificate of a secure-receiver"
            case .pi: "it shows the certificate of a Pi"
            case .other(""): "it shows a certificate without names"
            case .other(let names): "it shows a certificate for \(names)"
            }
        }

        var wayOut: String {
            switch self {
            case .receiver: "is the address right, and is ca.pem the one of this receiver's lab?"
            case .pi: "a receiver has to be started with certs/server.pem, not with a Pi's certificate"
            case .other:
                "is the address right? A network that wants a login first answers in everybody's place: open a web page from there"
            }
        }
    }
}
