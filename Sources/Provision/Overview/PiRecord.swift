import CertificateAuthority
import Files
import OpenSSL
import UploadProtocol

/// What the folder knows of one Pi.
struct PiRecord {
    let name: PiName
    let hasFolder: Bool
    /// `nil` where there is none that can be read.
    let certificate: Certificate?
    /// How many of its lines in `ids.txt` count.
    let secrets: Int
    /// As `2026-07-31`; `nil` unless it is shut out by `revoke`.
    let revoked: String?

    /// Days before its end from which a certificate stands out.
    static let warningDays: Int64 = 30

    enum State: Equatable {
        case ok
        case revoked(String)
        case expired
        /// In so many whole days.
        case expiring(Int64)
        /// It has no line, although nobody revoked it.
        case notListed
        case noFolder
        case noCertificate
        case severalSecrets(Int)
    }

    /// The one thing that most wants to be known. `now`: seconds since 1970.
    func state(now: Int64) -> State {
        if secrets == 0 { return revoked.map(State.revoked) ?? .notListed }
        guard hasFolder else { return .noFolder }
        guard let end = certificate?.notAfter else { return .noCertificate }
        if end <= now { return .expired }
        if end - now < Self.warningDays * 86_400 { return .expiring((end - now) / 86_400) }
        return secrets > 1 ? .severalSecrets(secrets) : .ok
    }
}

extension PiRecord {
    /// Every Pi of `deployment`, sorted by name.
    static func all(in deployment: Deployment, _ identifiers: IdentifierFile) throws -> [PiRecord] {
        var revoked: [PiName: String] = [:]
        for line in identifiers.lines {
            if case .revoked(let entry, let day) = line.meaning, let name = entry.name { revoked[name] = day }
        }
        return try deployment.knownNames(identifiers).map { name in
            let folder = deployment.identity(of: name)
            let text = try? readFile("\(folder)/\(PiIdentity.certificateFile)", limit: 1 << 20)
            return PiRecord(
                name: name, hasFolder: try fileStatus(folder) != nil,
                certificate: text.flatMap { try? Certificate.all(inPEM: $0).first },
                secrets: identifiers.list.named[name]?.count ?? 0, revoked: revoked[name])
        }
    }
}

extension PiRecord.State {
    /// In a word or a few; `nil` where all is as it should be.
    var words: String? {
        switch self {
        case .ok: nil
        case .revoked(let day): "revoked on \(day)"
        case .expired: "EXPIRED"
        case .expiring(0): "EXPIRES TODAY"
        case .expiring(1): "EXPIRES in 1 day"
        case .expiring(let days): "EXPIRES in \(days) days"
        case .notListed: "NOT IN ids.txt"
        case .noFolder: "no folder in pis/"
        case .noCertificate: "NO CERTIFICATE in its folder"
        case .severalSecrets(let count): "\(count) secrets count"
        }
    }

    /// Fixed, for scripts.
    var code: String {
        switch self {
        case .ok: "ok"
        case .revoked: "revoked"
        case .expired: "expired"
        case .expiring: "expiring"
        case .notListed: "not-listed"
        case .noFolder: "no-folder"
        case .noCertificate: "no-certificate"
        case .severalSecrets: "several-secrets"
        }
    }
}
