import CertificateAuthority
import CommandSupport
import Files
import UploadProtocol

/// `provision new-pi`: sets the folder up if need be, then makes one Pi.
struct NewPi {
    struct Request {
        /// `nil`: the next free one.
        var name: PiName?
        var certificates = CertificateWishes()
        /// Seconds since 1970.
        var now: Int64
    }

    let deployment: Deployment
    let request: Request
    let say: (String) -> Void

    func run() throws {
        // Once without the lock, so that a mistake in a folder that is no deployment leaves nothing in it.
        let before = try IdentifierFile(reading: deployment.identifiers)
        if let name = request.name, try !deployment.hasInterruptedRun { try refuseIfTaken(name, before) }

        let lock = try DeploymentLock(deployment) {
            say("Another provision is at work in this folder; waiting for it …")
        }
        try withExtendedLifetime(lock) { try runLocked() }
    }

    private func runLocked() throws {
        let state = try deployment.readAuthority()
        let setUp = SetUp(deployment: deployment, wishes: request.certificates, now: request.now)
        try setUp.check(state)
        let before = try IdentifierFile(reading: deployment.identifiers)
        let finished = try deployment.recover(before)
        for name in finished { say("Finished \(name), which an interrupted run had left half made.") }
        if let name = request.name {
            if finished.contains(name) { return explain(name) }
            try refuseIfTaken(name, before)
        }

        let outcome = try setUp.run(state)
        tell(outcome)
        guard let identifiers = try IdentifierFile(reading: deployment.identifiers) else {
            throw CommandFailure("\(deployment.identifiers) disappeared", exitCode: .ioError)
        }
        let name = try request.name ?? nextFreeName(identifiers)
        let identity = try PiIdentity(
            name: name, secret: try uniqueSecret(in: identifiers), authority: outcome.authority.authority,
            validity: Validity(now: request.now, days: request.certificates.days ?? Lifetime.leafDays))
        try deployment.make(identity, roots: outcome.authority.roots, identifiers: identifiers)
        say("Made \(name), with a certificate until \(endDate(identity.certificate)):")
        say("  \(deployment.identity(of: name))/  \(PiIdentity.files.joined(separator: ", "))")
        say("  \(deployment.bundle(of: name))  the same, to copy to the Pi")
        if request.certificates.days != nil, !outcome.receiverIsNew {
            say("--days counted for this Pi's certificate alone; the receiver's is as it was.")
        }
        explain(name)
    }

    /// Also one of which only a part is left: whoever took the rest away had a reason.
    private func refuseIfTaken(_ name: PiName, _ identifiers: IdentifierFile?) throws {
        let places = try deployment.places(of: name, identifiers)
        guard !places.isEmpty else { return }
        throw CommandFailure(
            "\(name) exists already", reason: "see \(places.joined(separator: ", "))",
            hint: "give another name, or none for the next free one; \(name) itself is not changed",
            exitCode: .cannotCreate)
    }

    private func nextFreeName(_ identifiers: IdentifierFile) throws -> PiName {
        for number in 1... {
            let text = number < 10 ? "pi-0\(number)" : "pi-\(number)"
            if let name = PiName(text), try deployment.places(of: name, identifiers).isEmpty { return name }
        }
        preconditionFailure("no folder holds all numbers")
    }
}

extension Deployment {
    /// Where something of that name is; empty if it is free.
    func places(of name: PiName, _ identifiers: IdentifierFile?) throws -> [String] {
        var places: [String] = []
        if identifiers?.list.named[name] != nil { places.append(self.identifiers) }
        for path in [identity(of: name), bundle(of: name)] where try fileStatus(path) != nil { places.append(path) }
        return places
    }
}
