import CommandSupport
import Files
import Glibc
import UploadProtocol

/// `provision bundle`: folder and tar of a Pi again, from what is kept, and if wished brought to the Pi.
struct Bundle {
    let deployment: Deployment
    let name: PiName
    let home: RemoteHome?
    /// Seconds since 1970.
    let now: Int64
    let say: (String) -> Void

    func run() throws {
        var written: (tar: FileDescriptor, installation: Installation)?
        try deployment.change(say) { identifiers in
            let kept = try write(identifiers)
            // Opened while nobody else can replace it: what is sent is what was looked at.
            let tar = try FileDescriptor(opening: deployment.bundle(of: name), O_RDONLY)
            written = (tar, Installation(of: kept))
        }
        guard let home, let written else { return explainBundles([name], deployment, say) }
        say("Bringing it to \(home.destination) …")
        // Without the lock, because a person may be asked for a password.
        try RemoteInstallation.run(name, bundle: written.tar, to: home)
        try deployment.withLock(say) { try written.installation.record(for: name, in: deployment) }
    }

    private func write(_ identifiers: IdentifierFile) throws -> KeptIdentity {
        try deployment.refuseUnknown(name, identifiers)
        guard let kept = try deployment.keptIdentity(of: name) else {
            throw CommandFailure(
                "nothing of \(name) is kept here",
                reason: "neither \(deployment.identity(of: name)) nor \(deployment.bundle(of: name)) is there",
                hint: "make a new key, with the same secret: provision renew \(name) --new-key", exitCode: .noInput)
        }
        let roots = try deployment.roots()
        try deployment.replace([kept.identity], roots: roots)
        say("Wrote \(name) again, with a certificate until \(endDate(kept.identity.certificate)):")
        say("  \(deployment.identity(of: name))/  \(PiIdentity.files.joined(separator: ", "))")
        say("  \(deployment.bundle(of: name))  the same, to copy to the Pi")
        if !identifiers.list.secrets(for: name).contains(kept.identity.secret) {
            say("The receiver refuses \(name): \(deployment.identifiers) has no line of it with this secret.")
        }
        if let reason = deployment.whyRefused(kept.identity, at: now) {
            say("The receiver refuses its certificate: \(reason). Make a new one: provision renew \(name)")
        }
        return KeptIdentity(identity: kept.identity, roots: roots)
    }
}
