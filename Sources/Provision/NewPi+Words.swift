import CertificateAuthority
import UploadProtocol

/// What is said to the person: what was made, and what to type next.
extension NewPi {
    func tell(_ outcome: SetUp.Outcome) {
        outcome.tell(say, deployment)
        if !outcome.made.isEmpty || !outcome.notes.isEmpty { say("") }
    }

    func tellFinished(_ names: [PiName]) {
        for line in Deployment.finished(names) { say(line) }
    }

    func tellMade(_ identities: [PiIdentity]) {
        guard let first = identities.first, let last = identities.last else { return }
        let end = endDate(first.certificate)
        if identities.count == 1 {
            say("Made \(first.name), with a certificate until \(end):")
            say("  \(deployment.identity(of: first.name))/  \(PiIdentity.files.joined(separator: ", "))")
            say("  \(deployment.bundle(of: first.name))  the same, to copy to the Pi")
        } else {
            say(
                "Made \(identities.count) Pis, \(first.name) to \(last.name), with certificates until \(end); for each:"
            )
            say("  \(deployment.identities)/<name>/  \(PiIdentity.files.joined(separator: ", "))")
            say("  \(deployment.identities)/<name>.tar.gz  the same, to copy to the Pi")
        }
        if let out = request.out {
            say("  \(out)/\(identities.count == 1 ? first.name.text : "<name>").tar.gz  a copy")
        }
    }

    /// The commands to type next, for the Pis `names`.
    func explain(_ names: [PiName]) {
        guard let name = names.first else { return }
        let server = request.certificates.hosts.first ?? LocalHost.likelyAddress()
        say("")
        say(names.count == 1 ? "Copy it to the Pi, for example:" : "Copy each to its Pi, for example the first:")
        say("  scp \(deployment.bundle(of: name)) pi@\(name).local:")
        say("and there:")
        say("  tar xzf \(name).tar.gz && rm \(name).tar.gz")
        say("  cd \(name)")
        say("  secure-sender \(server?.description ?? "<address of this server>") <folder of the files to send>")
    }
}

extension SetUp.Outcome {
    func tell(_ say: (String) -> Void, _ deployment: Deployment) {
        if !made.isEmpty {
            say(authorityIsNew ? "This folder is used for the first time. Made:" : "Made what was missing:")
            for piece in made {
                say("  \(piece.path)")
                say("      \(piece.purpose)")
            }
        }
        for note in notes { say(note) }
        if receiverIsNew {
            say("")
            say("Start the receiver, in this folder (it keeps running; stop it with Ctrl-C):")
            say("  secure-receiver --cert \(deployment.receiver)")
        }
    }
}

extension Deployment {
    /// What is said of Pis that `recover` finished.
    static func finished(_ names: [PiName]) -> [String] {
        guard let first = names.first, let last = names.last else { return [] }
        return names.count <= 3
            ? names.map { "Finished \($0), which an interrupted run had left half made." }
            : ["Finished \(names.count) Pis, \(first) to \(last), which an interrupted run had left half made."]
    }
}
