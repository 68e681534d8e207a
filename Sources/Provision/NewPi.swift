import CertificateAuthority
import CommandSupport
import Files
import UploadProtocol

/// `provision new-pi`: sets the folder up if need be, then makes one Pi or many.
struct NewPi {
    struct Request {
        /// `nil`: the next free ones of `pi-01`, `pi-02`, …. With a count above 1 it is what their names begin with.
        var name: PiName?
        var count = 1
        var secretBits = SecretBits.default
        /// A folder that gets a copy of each tar.
        var out: String?
        var certificates = CertificateWishes()
        /// Seconds since 1970.
        var now: Int64

        /// The name, if it is told in full.
        var wholeName: PiName? { count == 1 ? name : nil }
        /// With what the names begin that are to be found.
        var series: String { name?.text ?? "pi" }
    }

    let deployment: Deployment
    let request: Request
    let say: (String) -> Void

    func run() throws {
        // Once without the lock, so that a mistake in a folder that is no deployment leaves nothing in it.
        let before = try IdentifierFile(reading: deployment.identifiers)
        if let name = request.wholeName, try !deployment.hasInterruptedRun { try refuseIfTaken(name, before) }
        var wishes = request.certificates
        try wishes.passphrase.obtain(for: deployment)
        try deployment.withLock(say) { try runLocked(wishes) }
    }

    private func runLocked(_ wishes: CertificateWishes) throws {
        let state = try deployment.readAuthority(wishes.passphrase)
        let setUp = SetUp(deployment: deployment, wishes: wishes, now: request.now)
        try setUp.check(state)
        let before = try IdentifierFile(reading: deployment.identifiers)
        let finished = try deployment.recover(before)
        tellFinished(finished)
        if let name = request.wholeName {
            if finished.contains(name) { return explain([name]) }
            try refuseIfTaken(name, before)
        }
        // Of many, those count that an interrupted run of the same command had begun.
        let begun = request.count == 1 ? [] : finished.filter { $0.text.hasPrefix("\(request.series)-") }
        guard begun.count < request.count else { return explain(begun) }

        let (authority, outcome) = try setUp.run(state)
        tell(outcome)
        guard let identifiers = try IdentifierFile(reading: deployment.identifiers) else {
            throw CommandFailure("\(deployment.identifiers) disappeared", exitCode: .ioError)
        }
        let names = try request.wholeName.map { [$0] } ?? freeNames(request.count - begun.count, identifiers)
        let copies = try request.out.map { try BundleCopies(in: $0, of: names) }
        let identities = try make(names, authority, identifiers)
        tellMade(identities)
        try copies?.write(from: deployment)
        if request.certificates.days != nil, !outcome.receiverIsNew {
            say("--days counted for the certificates made now alone; the receiver's is as it was.")
        }
        explain(begun + identities.map(\.name))
    }

    private func make(
        _ names: [PiName], _ local: LocalAuthority, _ identifiers: IdentifierFile
    ) throws -> [PiIdentity] {
        let validity = Validity(now: request.now, days: request.certificates.days ?? Lifetime.leafDays)
        var planned = identifiers
        let identities = try names.map { name in
            let secret = try uniqueSecret(in: planned) { try PiSecret(randomBits: request.secretBits.rawValue) }
            planned.append(secret, for: name)
            return try PiIdentity(name: name, secret: secret, authority: local.authority, validity: validity)
        }
        try deployment.closeIdentifiers(say)
        try deployment.make(identities, roots: local.roots) {
            try IdentifierFile.edit(deployment.identifiers) { file in try file.add(identities) }
        }
        return identities
    }

    private func freeNames(_ count: Int, _ identifiers: IdentifierFile) throws -> [PiName] {
        var free = FreeNames(deployment: deployment, identifiers: identifiers, series: request.series)
        return try (0..<count).map { _ in try free.next() }
    }

    /// Also one of which only a part is left: whoever took the rest away had a reason.
    private func refuseIfTaken(_ name: PiName, _ identifiers: IdentifierFile?) throws {
        let places = try deployment.places(of: name, identifiers)
        guard !places.isEmpty else { return }
        let isRevoked = identifiers?.lines.contains { $0.isRevoked(of: name) } == true
        throw CommandFailure(
            "\(name) exists already", reason: "see \(places.joined(separator: ", "))",
            hint: isRevoked
                ? "it was revoked: let it in again with provision restore \(name), or give another name"
                : "give another name, or none for the next free one; \(name) itself is not changed",
            exitCode: .cannotCreate)
    }
}

extension IdentifierFile {
    /// Adds the lines of new Pis; throws if one of their names has come up meanwhile.
    mutating func add(_ identities: [PiIdentity]) throws {
        let names = Set(lines.compactMap { $0.entry?.name })
        for identity in identities {
            guard !names.contains(identity.name) else {
                throw CommandFailure(
                    "\(path) has got a line of \(identity.name) meanwhile", hint: "run this again",
                    exitCode: .temporaryFailure)
            }
            append(identity.secret, for: identity.name)
        }
    }
}

/// A new secret that `identifiers` does not hold yet, not even for a Pi that was shut out.
func uniqueSecret(
    in identifiers: IdentifierFile, draw: () throws -> PiSecret
) throws -> PiSecret {
    while true {
        let secret = try draw()
        if !identifiers.contains(secret) { return secret }
    }
}
