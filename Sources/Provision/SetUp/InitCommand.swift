import ArgumentParser
import CommandSupport
import Files
import Glibc
import UploadProtocol

struct InitCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "init",
        abstract: "Makes the lab's certificate authority and the receiver's certificate, without a Pi.",
        discussion: """
            provision new-pi does the same on first use. By itself it is of use where the authority's key is to have a \
            passphrase, or to put right what an interrupted run left. What is there stays as it is.

            An example:

              $ provision init --host uploads.lab.example --ca-passphrase
              A passphrase for certs/ca.key:
            """)

    @OptionGroup var certificates: CertificateOptions

    @Flag(help: "Asks on the terminal for a passphrase that certs/ca.key is to have.")
    var caPassphrase = false

    func validate() throws {
        guard !caPassphrase || certificates.caPassphraseFile == nil else {
            throw ValidationError("give --ca-passphrase or --ca-passphrase-file, not both")
        }
    }

    func run() throws {
        let deployment = Deployment()
        var wishes = certificates.wishes
        wishes.passphrase.isAskedForNewKey = caPassphrase
        try reportingFailures {
            for warning in try deployment.warnings() { CommandOutput.complain(warning) }
            try Initialization(deployment: deployment, wishes: wishes, now: Int64(time(nil)), say: CommandOutput.say)
                .run()
        }
    }
}

/// `provision init`.
struct Initialization {
    let deployment: Deployment
    let wishes: CertificateWishes
    /// Seconds since 1970.
    let now: Int64
    let say: (String) -> Void

    func run() throws {
        // Once without the lock, so that an ids.txt with an error, or a passphrase, leaves nothing in a new folder.
        _ = try IdentifierFile(reading: deployment.identifiers)
        var wishes = wishes
        if try !isWithoutKey(wishes) { try wishes.passphrase.obtain(for: deployment) }
        try deployment.withLock(say) {
            // Needs no key, so no passphrase either.
            let finished = try deployment.recover(try IdentifierFile(reading: deployment.identifiers))
            for line in Deployment.finished(finished) { say(line) }
            tell(try setUp(wishes))
        }
    }

    /// Whether whatever is missing can be made without the authority's key.
    private func isWithoutKey(_ wishes: CertificateWishes) throws -> Bool {
        let certificates = [deployment.authorityCertificate, deployment.receiver]
        return try wishes.isEmpty && certificates.allSatisfy { try fileStatus($0) != nil }
    }

    private func setUp(_ wishes: CertificateWishes) throws -> SetUp.Outcome {
        let setUp = SetUp(deployment: deployment, wishes: wishes, now: now)
        if try isWithoutKey(wishes) {
            try setUp.refuseLostIdentifiers()
            var outcome = SetUp.Outcome()
            try setUp.withoutKey(&outcome)
            return outcome
        }
        let state = try deployment.readAuthority(wishes.passphrase)
        try setUp.check(state)
        return try setUp.run(state).outcome
    }

    private func tell(_ outcome: SetUp.Outcome) {
        outcome.tell(say, deployment)
        guard !outcome.made.isEmpty else {
            return say("This folder is set up already. A Pi is made by: provision new-pi")
        }
        say("")
        say("A Pi is made by:")
        say("  provision new-pi")
    }
}

extension CertificateWishes {
    var isEmpty: Bool {
        hosts.isEmpty && days == nil && trustDomain == nil && passphrase.file == nil && !passphrase.isAskedForNewKey
    }
}
