import CommandSupport
import Files
import OpenSSL
import UploadProtocol

/// `provision revoke` and `provision restore`.
struct Revocation {
    let deployment: Deployment
    /// Seconds since 1970.
    let now: Int64
    let say: (String) -> Void

    func revoke(_ name: PiName) throws {
        try deployment.change(say) { identifiers in
            try deployment.refuseUnknown(name, identifiers)
            guard identifiers.list.named[name] != nil else {
                if let day = identifiers.dayOfRevocation(of: name) {
                    say("\(name) was revoked already, on \(day).")
                } else {
                    try noteRevocation(of: name)
                    say("\(name) has no line in \(deployment.identifiers): it is shut out already.")
                }
                return warnOfBareLines(identifiers, name)
            }
            do {
                try IdentifierFile.edit(deployment.identifiers) { file in
                    file.replace { $0.isActive(of: name) ? $0.revoked(on: date(now)) : nil }
                }
            } catch let error as SystemCallError {
                throw CommandFailure(
                    "\(name) is not revoked", reason: error.description,
                    hint: """
                        stop the receiver if it is urgent: nobody gets in then. Mend that, and run this again: \
                        \(hint(for: error) ?? "see provision check")
                        """, exitCode: .ioError)
            }
            say("Revoked \(name): the receiver refuses it from its next request on.")
            say("A receiver that runs on another computer has an ids.txt of its own: take the line out there too.")
            say("To undo it: provision restore \(name)")
            warnOfBareLines(identifiers, name)
        }
    }

    /// For a line that somebody took out by hand: says that it was meant, for `check` and `restore`.
    private func noteRevocation(of name: PiName) throws {
        guard let secret = try? PiIdentity(reading: deployment.identity(of: name), name: name).secret else { return }
        try IdentifierFile.edit(deployment.identifiers) { file in
            guard file.list.named[name] == nil, !file.contains(secret) else { return }
            file.append(secret, for: name)
            file.replace { $0.isActive(of: name) ? $0.revoked(on: date(now)) : nil }
        }
    }

    func restore(_ name: PiName) throws {
        try deployment.change(say) { identifiers in
            try deployment.refuseUnknown(name, identifiers)
            guard identifiers.list.named[name] == nil else {
                return say("\(name) is in \(deployment.identifiers) and counts; there is nothing to restore.")
            }
            if identifiers.dayOfRevocation(of: name) != nil {
                try IdentifierFile.edit(deployment.identifiers) { file in
                    file.replace { $0.isRevoked(of: name) ? $0.restored() : nil }
                }
            } else {
                let secret = try PiIdentity(reading: deployment.identity(of: name), name: name).secret
                try deployment.closeIdentifiers(say)
                try IdentifierFile.edit(deployment.identifiers) { file in
                    let isAnothers =
                        file.list.bare.contains(secret)
                        || file.list.named.contains { $0.key != name && $0.value.contains(secret) }
                    guard !isAnothers else { throw secretIsAnothers(name) }
                    file.append(secret, for: name)
                }
            }
            tellWhetherAccepted(name)
        }
    }

    /// Its certificate may have ended meanwhile, or come from a root that was dropped.
    private func tellWhetherAccepted(_ name: PiName) {
        let reason: String?
        do {
            reason = deployment.whyRefused(try PiIdentity(reading: deployment.identity(of: name), name: name), at: now)
        } catch {
            reason = words(error)
        }
        guard let reason else { return say("Restored \(name): the receiver accepts it again.") }
        say("Restored the line of \(name). But its certificate, as far as it is kept here, does not count: \(reason).")
        say("Make a new one: provision renew \(name)")
    }

    private func secretIsAnothers(_ name: PiName) -> CommandFailure {
        CommandFailure(
            "\(name) cannot be restored",
            reason: "its secret stands in \(deployment.identifiers) for another Pi, or without a name",
            hint: "make a new Pi instead: provision new-pi", exitCode: .dataError)
    }

    /// A line without a name serves every Pi that has none of its own: so also one that was just shut out.
    private func warnOfBareLines(_ identifiers: IdentifierFile, _ name: PiName) {
        let count = identifiers.list.bare.count
        guard count > 0 else { return }
        say(
            """
            warning: \(deployment.identifiers) has \(count) line\(count == 1 ? "" : "s") without a name. Whoever has the \
            certificate of \(name) and one of those secrets is still accepted. Give them names: provision import ids.txt
            """)
    }
}

extension Deployment {
    /// What the receiver would have against a Pi's certificate at `time`, in seconds since 1970; `nil` if nothing.
    func whyRefused(_ identity: PiIdentity, at time: Int64) -> String? {
        do {
            let chain = try VerifiedChain(
                verifying: identity.certificate, roots: Certificate.all(inPEM: roots()),
                purpose: .clientAuthentication, at: time)
            _ = try LeafProfile.piName(of: chain)
            return nil
        } catch let error as OpenSSLError {
            return error.reasons.joined(separator: "; ")
        } catch {
            return words(error)
        }
    }
}

extension IdentifierFile {
    /// `nil` unless it is revoked.
    func dayOfRevocation(of name: PiName) -> String? {
        for line in lines.reversed() {
            if case .revoked(let entry, let day) = line.meaning, entry.name == name { return day }
        }
        return nil
    }
}
