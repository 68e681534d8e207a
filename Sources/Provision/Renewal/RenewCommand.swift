import ArgumentParser
import CertificateAuthority
import CommandSupport
import Glibc
import UploadProtocol

struct RenewCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "renew",
        abstract: "Makes new certificates for Pis, the receiver or the authority, and says what to copy where.",
        discussion: """
            Keys stay the same unless --new-key is given, secrets always. Old certificates count until their end, so \
            nobody is locked out while the new ones are on their way. The receiver takes up what is renewed by itself.

            An example, some weeks before certificates end:

              $ provision renew --all --within 60d
              $ provision bundle greenhouse --install pi@greenhouse.local

            A new authority (every 20 years, or when its key may have been stolen) takes over in two steps:

              $ provision renew --ca
              $ provision bundle greenhouse --install pi@greenhouse.local   (and so on, for each Pi)
              $ provision renew --ca --finish
            """)

    @Argument(help: ArgumentHelp("The Pis to renew.", valueName: "name"), transform: parsePiName)
    var names: [PiName] = []

    @Flag(
        help: """
            Renews the receiver's certificate. It keeps its names, and gets those that this host has today.
            """)
    var server = false

    @Flag(help: "Renews every Pi and the receiver.")
    var all = false

    @Flag(help: "Makes a new authority beside the old one; repeat it to see how far the change is.")
    var ca = false

    @Flag(help: "With --ca: every Pi has its new bundle, the old root is dropped.")
    var finish = false

    @Flag(help: "With --finish: bundles that this folder knows nothing of were copied by hand.")
    var copied = false

    @Option(
        help: ArgumentHelp("Only what ends within this time, such as 30d or 8w.", valueName: "time"),
        transform: parseDuration)
    var within: Int64?

    @Flag(help: "Makes new keys too.")
    var newKey = false

    @Option(
        help: ArgumentHelp(
            """
            How many days the new certificates are valid, \(Lifetime.days.lowerBound) to \(Lifetime.days.upperBound), \
            of which two lie behind; never longer than the authority's. (default: \(Lifetime.leafDays), for --ca \
            \(Lifetime.authorityDays))
            """, valueName: "n"))
    var days: Int?

    @Option(
        name: .customLong("host"),
        help: ArgumentHelp(
            "With --server: one more name or address of the receiver. May be given several times.",
            valueName: "name-or-ip"),
        transform: parseHostName)
    var hosts: [HostName] = []

    @Option(
        help: ArgumentHelp(
            "A file whose first line is the passphrase of certs/ca.key, if it has one. Else it is asked for.",
            valueName: "file"),
        completion: .file())
    var caPassphraseFile: String?

    func validate() throws {
        guard ca || !finish else { throw ValidationError("--finish goes with --ca: provision renew --ca --finish") }
        guard finish || !copied else {
            throw ValidationError("--copied goes with --ca --finish: provision renew --ca --finish --copied")
        }
        try validateSubject()
        guard !finish || days == nil else { throw ValidationError("--days goes with --ca, not with --finish") }
        guard server || all || hosts.isEmpty else { throw ValidationError("--host goes with --server") }
        guard !ca || (within == nil && !newKey) else {
            throw ValidationError("--within and --new-key do not go with --ca, which always makes a new key")
        }
        if let days, !Lifetime.days.contains(days) {
            throw ValidationError(
                "--days is a number from \(Lifetime.days.lowerBound) to \(Lifetime.days.upperBound), not \(days)")
        }
    }

    private func validateSubject() throws {
        let subjects = [
            names.first.map { "the Pi \($0)" }, server ? "--server" : nil, all ? "--all" : nil, ca ? "--ca" : nil,
        ].compactMap { $0 }
        guard let subject = subjects.first, let last = subjects.last else {
            throw ValidationError("Say what to renew: the names of Pis, or --server, or --all, or --ca")
        }
        guard subjects.count > 1 else { return }
        guard !ca else {
            throw ValidationError(
                "--ca does not go with \(subject): it makes new certificates for every Pi, and --finish for the receiver"
            )
        }
        throw ValidationError(
            all
                ? "--all renews every Pi and the receiver: leave \(subject == "--all" ? last : subject) out"
                : "\(subject) and \(last) are renewed one after the other: give one of them, then the other")
    }

    func run() throws {
        let deployment = Deployment()
        try reportingFailures {
            for warning in try deployment.warnings() { CommandOutput.complain(warning) }
            try Renew(deployment: deployment, request: request, say: CommandOutput.say).run()
        }
    }

    private var request: Renew.Request {
        let subject: Renew.Subject =
            if ca { finish ? .authorityFinish(isCopied: copied) : .authority } else if all { .all } else if server {
                .receiver
            } else { .pis(unique(names)) }
        return Renew.Request(
            subject: subject, within: within, hasNewKey: newKey, days: days, hosts: hosts,
            passphrase: AuthorityPassphrase(file: caPassphraseFile), now: Int64(time(nil)))
    }
}

/// Each name once, in the order given.
private func unique(_ names: [PiName]) -> [PiName] {
    names.enumerated().filter { names.firstIndex(of: $1) == $0 }.map(\.element)
}

/// `30d` or `8w`, in seconds.
@Sendable
func parseDuration(_ text: String) throws -> Int64 {
    let days: [Character: Int64] = ["d": 1, "w": 7]
    guard let unit = text.last.flatMap({ days[$0] }), let number = Int64(text.dropLast()), (0...36_500).contains(number)
    else { throw ValidationError("'\(text)' is no time such as 30d (days) or 8w (weeks)") }
    return number * unit * 86_400
}
