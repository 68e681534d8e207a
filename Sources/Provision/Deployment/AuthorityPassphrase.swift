import CommandSupport
import Files
import Glibc
import OpenSSL

/// Where the passphrase of the authority's key comes from. Never an argument nor the environment, which other users of
/// the computer may read.
struct AuthorityPassphrase: Sendable {
    /// Its first line is the passphrase.
    var file: String?
    /// A key that is made now gets a passphrase that is asked for on the terminal.
    var isAskedForNewKey = false
    /// For a key that is made now; read or asked for already.
    private var newKeys: SecureBytes?
    /// Those of the keys that are there.
    private var existingKeys: [SecureBytes] = []

    init(file: String? = nil, isAskedForNewKey: Bool = false) {
        self.file = file
        self.isAskedForNewKey = isAskedForNewKey
    }

    /// Fewer characters would be guessed from a stolen key in hours.
    static let fewestBytes = 8
    private static let mostBytes = 1024

    /// Reads or asks for whatever the keys in the folder want, or the one that is to be made.
    ///
    /// Before the lock is taken: a question that nobody answers would keep everybody from shutting a stolen Pi out. And
    /// before anything is made, so that a mistake leaves nothing in the folder.
    mutating func obtain(for deployment: Deployment) throws {
        if try fileStatus(deployment.authorityCertificate) == nil {
            try deployment.refuseLostAuthority()
            if try fileStatus(deployment.authorityKey) == nil {
                newKeys = try askForNewKey(deployment.authorityKey)
                return
            }
        }
        for path in [deployment.authorityKey, deployment.nextAuthorityKey] where try fileStatus(path) != nil {
            let text = try readFile(path, limit: 1 << 16)
            // A person is asked once where both have the same.
            guard PrivateKey.isEncrypted(pem: text), open(text) == nil else { continue }
            existingKeys.append(try askForExistingKey(path))
            guard open(text) != nil else {
                throw CommandFailure(
                    "\(path) cannot be opened",
                    reason: "the passphrase is not the right one, or the file is damaged",
                    hint: "try again; nothing has been changed", exitCode: .authenticationFailed)
            }
        }
    }

    /// The key in `text`, if one of the passphrases that `obtain` got opens it.
    func open(_ text: [UInt8]) -> (key: PrivateKey, passphrase: SecureBytes)? {
        for phrase in existingKeys + [newKeys].compactMap({ $0 }) {
            if let key = try? PrivateKey(pem: SecureBytes(copyOf: text), passphrase: phrase) { return (key, phrase) }
        }
        return nil
    }

    /// For the key in `path`, which is to be made; `nil` if it is to have none.
    func forNewKey(_ path: String) throws -> SecureBytes? {
        guard newKeys != nil || (file == nil && !isAskedForNewKey) else { throw Self.changedMeanwhile(path) }
        return newKeys
    }

    /// Under the lock nobody is asked.
    static func changedMeanwhile(_ path: String) -> CommandFailure {
        CommandFailure(
            "\(path) has changed meanwhile", reason: "it wants another passphrase than a moment ago",
            hint: "run this again; nothing has been changed", exitCode: .temporaryFailure)
    }

    private func askForNewKey(_ path: String) throws -> SecureBytes? {
        let passphrase: SecureBytes
        if let file {
            passphrase = try read(file)
        } else if isAskedForNewKey {
            passphrase = try terminal(for: path).ask("A passphrase for \(path): ")
            guard try terminal(for: path).ask("The same again: ") == passphrase else {
                throw CommandFailure(
                    "the two passphrases differ", hint: "run this again; nothing has been made", exitCode: .usage)
            }
        } else {
            return nil
        }
        guard passphrase.count >= Self.fewestBytes else {
            throw CommandFailure(
                "the passphrase is too short",
                reason: "it has \(passphrase.count) of at least \(Self.fewestBytes) bytes",
                hint: "take a sentence, or four words", exitCode: .usage)
        }
        return passphrase
    }

    private func askForExistingKey(_ path: String) throws -> SecureBytes {
        if let file { return try read(file) }
        return try terminal(for: path).ask("The passphrase of \(path): ")
    }

    private func terminal(for path: String) throws -> PassphraseTerminal {
        guard isatty(STDIN_FILENO) == 1 else {
            throw CommandFailure(
                "\(path) needs a passphrase", reason: "and standard input is no terminal on which to ask for it",
                hint: "put it into a file that only you can read, and give --ca-passphrase-file <file>",
                exitCode: .configuration)
        }
        return PassphraseTerminal(input: STDIN_FILENO, output: STDERR_FILENO)
    }

    private func read(_ file: String) throws -> SecureBytes {
        if let status = try fileStatus(file, followingLinks: true), status.permissions & 0o007 != 0 {
            throw CommandFailure(
                "\(file) is open to everyone on this computer", reason: "it holds the passphrase",
                hint: "chmod o= \(quoted(file)) # and think of another passphrase", exitCode: .configuration)
        }
        let text = try readFile(file, limit: Self.mostBytes)
        let line = text.prefix { $0 != UInt8(ascii: "\n") && $0 != UInt8(ascii: "\r") }
        guard !line.isEmpty else {
            throw CommandFailure(
                "\(file) holds no passphrase", reason: "its first line is empty", hint: "write it into the first line",
                exitCode: .dataError)
        }
        return SecureBytes(copyOf: line)
    }
}
