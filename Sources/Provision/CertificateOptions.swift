import ArgumentParser
import CertificateAuthority
import UploadProtocol

/// What a person may wish of the certificates to be made.
struct CertificateOptions: ParsableArguments {
    @Option(
        name: .customLong("host"),
        help: ArgumentHelp(
            """
            On first use: one more name or address of the receiver, for clients other than secure-sender. May be given \
            several times. This host's own name and addresses are always there.
            """, valueName: "name-or-ip"),
        transform: parseHostName)
    var hosts: [HostName] = []

    @Option(
        help: ArgumentHelp(
            """
            How many days the certificates made in this run are valid, \(Lifetime.days.lowerBound) to \
            \(Lifetime.days.upperBound), of which two lie behind, for Pis whose clocks are late; never longer than the \
            authority's. (default: \(Lifetime.leafDays))
            """, valueName: "n"))
    var days: Int?

    @Option(
        help: ArgumentHelp(
            "On first use: the domain in which the Pis' names are unique. (default: \(CertificateWishes.defaultTrustDomain))",
            valueName: "name"),
        transform: parseTrustDomain)
    var trustDomain: TrustDomain?

    @Option(
        help: ArgumentHelp(
            """
            A file whose first line is the passphrase of certs/ca.key. On first use the key gets it; without it the key \
            has none. Where the key has one, it is asked for on the terminal if this is not given.
            """, valueName: "file"),
        completion: .file())
    var caPassphraseFile: String?

    func validate() throws {
        guard let days else { return }
        guard Lifetime.days.contains(days) else {
            throw ValidationError(
                "--days is a number from \(Lifetime.days.lowerBound) to \(Lifetime.days.upperBound), not \(days)")
        }
    }

    var wishes: CertificateWishes {
        CertificateWishes(
            hosts: hosts, days: days, trustDomain: trustDomain, passphrase: AuthorityPassphrase(file: caPassphraseFile))
    }
}

/// The same, checked; what is `nil` was not given.
struct CertificateWishes: Sendable {
    static let defaultTrustDomain = "access-lab"

    var hosts: [HostName] = []
    var days: Int?
    var trustDomain: TrustDomain?
    var passphrase = AuthorityPassphrase()
}

/// A fleet must not go dark because nobody ran a command: what is stolen is shut out by its line in ids.txt, not by an
/// end date, so certificates may outlive the stations that carry them.
enum Lifetime {
    static let authorityDays = 25 * 365
    static let leafDays = 10 * 365
    /// What may be wished. Fewer would end on the day on which they are made.
    static let days = 3...authorityDays
}

@Sendable
func parseHostName(_ text: String) throws -> HostName {
    guard let host = HostName(text) else {
        throw ValidationError(
            "'\(text)' is neither a host name nor an IP address (give one by itself, without port or /)")
    }
    return host
}

@Sendable
private func parseTrustDomain(_ text: String) throws -> TrustDomain {
    guard let domain = TrustDomain(text) else {
        throw ValidationError("'\(text)' is no trust domain: 1 to 255 of a-z, 0-9, '.', '-' and '_'")
    }
    return domain
}
