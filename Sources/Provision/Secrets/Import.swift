import CertificateAuthority
import CommandSupport
import Files
import Glibc
import OpenSSL
import UploadProtocol

/// `provision import`: all ids of a file become Pis at once, or none does.
struct Import {
    struct Request {
        var file: String
        var keepsSecrets = false
        var secretBits = SecretBits.default
        var certificates = CertificateWishes()
        /// Seconds since 1970.
        var now: Int64
    }

    let deployment: Deployment
    let request: Request
    let say: (String) -> Void

    func run() throws {
        // Once without the lock, so that a mistake leaves nothing in a folder that is no deployment.
        _ = try old()
        _ = try IdentifierFile(reading: deployment.identifiers, mostBareSecrets: .max)
        var wishes = request.certificates
        try wishes.passphrase.obtain(for: deployment)
        try deployment.withLock(say) { try runLocked(wishes) }
    }

    /// The old file may be this deployment's own.
    private func old() throws -> OldIdentifiers {
        try OldIdentifiers(reading: request.file, allowsNames: isOwn())
    }

    private func isOwn() throws -> Bool {
        guard let file = try fileStatus(request.file, followingLinks: true),
            let own = try fileStatus(deployment.identifiers)
        else { return false }
        return (file.st_dev, file.st_ino) == (own.st_dev, own.st_ino)
    }

    private func runLocked(_ wishes: CertificateWishes) throws {
        let state = try deployment.readAuthority(wishes.passphrase)
        let setUp = SetUp(deployment: deployment, wishes: wishes, now: request.now)
        try setUp.check(state)
        let finished = try deployment.recover(
            try IdentifierFile(reading: deployment.identifiers, mostBareSecrets: .max))
        for line in Deployment.finished(finished) { say(line) }
        let old = try old()
        let (authority, outcome) = try setUp.run(state)
        outcome.tell(say, deployment)
        if !outcome.made.isEmpty { say("") }

        let identifiers = try deployment.existingIdentifiers()
        // By its line's secret, or by its folder's, where somebody cut the name off the line.
        let named =
            identifiers.lines.compactMap { $0.entry?.name == nil ? nil : $0.entry?.secret }
            + deployment.keptSecrets().map(\.secret)
        let known = old.entries.filter { named.contains($0.secret) }
        let new = old.entries.filter { !named.contains($0.secret) }
        try tellKnown(known, old.repeated)
        guard !new.isEmpty else { return say("There is nothing to import in \(request.file).") }
        let identities = try make(new, authority, identifiers)
        tellMade(Array(zip(new, identities)))
    }

    private func make(
        _ new: [OldIdentifiers.Entry], _ local: LocalAuthority, _ identifiers: IdentifierFile
    ) throws -> [PiIdentity] {
        var names = FreeNames(deployment: deployment, identifiers: identifiers, series: "pi")
        let validity = Validity(now: request.now, days: request.certificates.days ?? Lifetime.leafDays)
        var planned = identifiers
        let identities = try new.map { entry in
            let name = try names.next()
            let secret =
                if request.keepsSecrets {
                    entry.secret
                } else {
                    try uniqueSecret(in: planned) { try PiSecret(randomBits: request.secretBits.rawValue) }
                }
            planned.append(secret, for: name)
            return try PiIdentity(name: name, secret: secret, authority: local.authority, validity: validity)
        }
        try deployment.closeIdentifiers(say)
        try deployment.make(identities, roots: local.roots) {
            try IdentifierFile.edit(deployment.identifiers) { file in
                try file.add(identities)
                file.rememberImported(Array(zip(new.map(\.secret), identities)), on: date(request.now))
            }
        }
        return identities
    }

    private func tellKnown(_ known: [OldIdentifiers.Entry], _ repeated: [Int]) throws {
        if !known.isEmpty {
            say("Passed over \(known.count) that have a name already: \(lines(known.map(\.line))).")
        }
        if !repeated.isEmpty { say("Passed over what stands there twice: \(lines(repeated)).") }
    }

    private func lines(_ numbers: [Int]) -> String {
        let shown = numbers.prefix(10).map(String.init).joined(separator: ", ")
        return "line\(numbers.count == 1 ? "" : "s") \(shown)\(numbers.count > 10 ? ", …" : "")"
    }

    private func tellMade(_ pairs: [(OldIdentifiers.Entry, PiIdentity)]) {
        guard let first = pairs.first?.1 else { return }
        let count = pairs.count == 1 ? "1 Pi of the id" : "\(pairs.count) Pis of the \(pairs.count) ids"
        say("Made \(count) in \(request.file), with certificates until \(endDate(first.certificate)):")
        for (entry, identity) in pairs {
            // Of a secret that goes on to count nothing is shown; of an old one, what tells the Pis apart.
            let end = request.keepsSecrets ? "" : "…\(entry.secret.lastDigits)  "
            say("  line \(entry.line)  \(end)\(identity.name)")
        }
        let place =
            request.keepsSecrets
            ? "whose old secret.py has the id of that line" : "where the old secret.py ends in those digits"
        say("Copy each \(deployment.identities)/<name>.tar.gz to its Pi, \(place).")
        if request.keepsSecrets {
            say(
                """
                warning: the old secrets went over the network in clear and into files' names: whoever kept one needs only \
                the Pi's certificate to be that Pi. Change them once the Pis are moved: provision rotate <name>
                """)
        } else {
            say("The old ids no longer count in this folder.")
        }
    }
}

extension IdentifierFile {
    /// Takes the old ids' lines without a name out of force, and remembers what became of each, so that the same file may
    /// be imported again.
    mutating func rememberImported(_ pairs: [(old: PiSecret, new: PiIdentity)], on day: String) {
        for (old, new) in pairs {
            var isThere = old == new.secret
            replace { line in
                guard case .active(let entry) = line.meaning, entry.name == nil, entry.secret == old else { return nil }
                isThere = true
                return line.imported(as: new.name, on: day)
            }
            if !isThere { appendComment(IdentifierFileLine.imported(old, as: new.name, on: day)) }
        }
    }
}

extension PiSecret {
    fileprivate var lastDigits: String {
        key.withUnsafeBytes { String(decoding: $0.suffix(4), as: UTF8.self) }
    }
}
