import CertificateAuthority
import UploadProtocol

/// What is said to the person: what was made, and what to type next.
extension NewPi {
    func tell(_ outcome: SetUp.Outcome) {
        if !outcome.made.isEmpty {
            say(outcome.authorityIsNew ? "This folder is used for the first time. Made:" : "Made what was missing:")
            for piece in outcome.made {
                say("  \(piece.path)")
                say("      \(piece.purpose)")
            }
        }
        for note in outcome.notes { say(note) }
        if outcome.receiverIsNew {
            say("")
            say("Start the receiver, in this folder (it keeps running; stop it with Ctrl-C):")
            say("  secure-receiver --cert \(deployment.receiver)")
        }
        if !outcome.made.isEmpty || !outcome.notes.isEmpty { say("") }
    }

    /// The commands to type next, for the Pi `name`.
    func explain(_ name: PiName) {
        let server = request.certificates.hosts.first ?? LocalHost.likelyAddress()
        say("")
        say("Copy it to the Pi, for example:")
        say("  scp \(deployment.bundle(of: name)) pi@\(name).local:")
        say("and there:")
        say("  tar xzf \(name).tar.gz && rm \(name).tar.gz")
        say("  cd \(name)")
        say("  secure-sender \(server?.description ?? "<address of this server>") <folder of the files to send>")
    }
}
