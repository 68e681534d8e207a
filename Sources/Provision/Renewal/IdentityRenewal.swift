import CertificateAuthority
import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// New certificates for Pis, with folder and tar. A Pi's old certificate goes on to count until its end: nothing is
/// locked out while the new one is on its way.
struct IdentityRenewal {
    let deployment: Deployment
    let setUp: ExistingSetUp
    let request: Renew.Request
    let say: (String) -> Void

    /// Refuses all if one of them cannot be renewed.
    func run(_ names: [PiName]) throws {
        let renewed = try names.compactMap { name -> PiIdentity? in
            try deployment.refuseUnknown(name, setUp.identifiers)
            let kept = try kept(name)
            try refuseIfShutOut(name, kept)
            if let kept, !isDue(kept.identity.certificate) {
                say("\(name) is not due: its certificate counts until \(endDate(kept.identity.certificate)).")
                return nil
            }
            return try renew(name, kept)
        }
        try place(renewed)
    }

    /// Returns the Pis that should have been renewed and could not be. Those that are shut out are left as they are.
    func runAll() throws -> [PiName] {
        var renewed: [PiIdentity] = []
        var failed: [PiName] = []
        for name in try deployment.knownNames(setUp.identifiers) {
            do {
                let kept = try kept(name)
                guard !isShutOut(name, kept) else { continue }
                if let kept, !isDue(kept.identity.certificate) { continue }
                renewed.append(try renew(name, kept))
            } catch let failure as CommandFailure {
                say("\(failure)")
                failed.append(name)
            }
        }
        if renewed.isEmpty { say("No Pi's certificate is due.") }
        try place(renewed)
        return failed
    }

    func isDue(_ certificate: Certificate) -> Bool {
        guard let within = request.within, let end = certificate.notAfter else { return true }
        return end <= request.now + within
    }

    /// A new certificate for the kept key, or for a new one.
    func renew(_ name: PiName, _ kept: KeptIdentity?) throws -> PiIdentity {
        guard let secret = kept?.identity.secret ?? setUp.identifiers.list.named[name]?.last else {
            throw shutOut(name)
        }
        let key: PrivateKey
        if request.hasNewKey {
            key = try PrivateKey()
        } else if let kept {
            key = kept.identity.key
        } else {
            throw CommandFailure(
                "the key of \(name) is not kept here",
                reason: "neither \(deployment.identity(of: name)) nor \(deployment.bundle(of: name)) is there",
                hint: "make a new key, with the same secret: provision renew \(name) --new-key", exitCode: .noInput)
        }
        let certificate = try setUp.authority.authority.certificate(
            for: key, pi: name, validity: Validity(now: request.now, days: request.days ?? Lifetime.leafDays))
        return PiIdentity(name: name, secret: secret, key: key, certificate: certificate)
    }

    private func kept(_ name: PiName) throws -> KeptIdentity? {
        do {
            return try deployment.keptIdentity(of: name)
        } catch let failure as CommandFailure
            where request.hasNewKey && setUp.identifiers.list.named[name] != nil
        {
            say("\(failure.message): its secret is taken from \(deployment.identifiers).")
            return nil
        }
    }

    private func isShutOut(_ name: PiName, _ kept: KeptIdentity?) -> Bool {
        let secrets = setUp.identifiers.list.secrets(for: name)
        return kept.map { !secrets.contains($0.identity.secret) } ?? (setUp.identifiers.list.named[name] == nil)
    }

    private func refuseIfShutOut(_ name: PiName, _ kept: KeptIdentity?) throws {
        if isShutOut(name, kept) { throw shutOut(name) }
    }

    private func shutOut(_ name: PiName) -> CommandFailure {
        let isListed = setUp.identifiers.list.named[name] != nil
        return CommandFailure(
            "\(name) is shut out",
            reason: isListed
                ? "\(deployment.identifiers) has another secret for it than its kept files"
                : "\(deployment.identifiers) has no line of it",
            hint: isListed
                ? "put the right secret back, or give it a new one: provision rotate \(name)"
                : "let it in again first: provision restore \(name)",
            exitCode: .dataError)
    }

    private func place(_ renewed: [PiIdentity]) throws {
        guard !renewed.isEmpty else { return }
        try deployment.replace(renewed, roots: setUp.authority.roots)
        for identity in renewed {
            say("Renewed \(identity.name), until \(endDate(identity.certificate)), with \(keyWords):")
            say("  \(deployment.identity(of: identity.name))/  \(PiIdentity.files.joined(separator: ", "))")
            say("  \(deployment.bundle(of: identity.name))  the same, to copy to the Pi")
        }
        explainBundles(renewed.map(\.name), deployment, say)
        say("Until then its old certificate goes on to count, until its end.")
        if request.hasNewKey {
            say("So a key that was stolen still counts: the thief is shut out by a new secret, not by a new key.")
        }
    }

    private var keyWords: String { request.hasNewKey ? "a new key" : "the same key" }
}

/// How bundles come to their Pis.
func explainBundles(_ names: [PiName], _ deployment: Deployment, _ say: (String) -> Void) {
    guard let first = names.first else { return }
    say("")
    say(
        names.count == 1
            ? "Bring it to the Pi, in place of the old one:" : "Bring each to its Pi, in place of the old one:")
    for name in names { say("  provision bundle \(name) --install pi@\(name).local") }
    say("or by hand:")
    say("  scp \(deployment.bundle(of: first)) pi@\(first).local:")
    say("and there, where the folder \(first) is:")
    say("  tar xzf \(first).tar.gz && rm \(first).tar.gz")
}
