import CommandSupport
import Files
import Glibc

/// A user of this computer, as getpwuid(3) tells.
struct Account {
    let user: uid_t
    private let group: gid_t
    private let name: String?
    private let home: String?

    init(_ user: uid_t) {
        let entry = getpwuid(user)?.pointee
        self.user = user
        // One that is not known here, as in a container, has no groups: with its own number it gets nobody else's rights.
        group = entry?.pw_gid ?? user
        name = entry.map { String(cString: $0.pw_name) }
        home = entry.map { String(cString: $0.pw_dir) }
    }

    static func name(of user: uid_t) -> String { Account(user).name ?? "\(user)" }

    /// Root in another user's folder becomes that user, for good. Else that user, who can exchange whatever is in the
    /// folder at any moment, would have root write and remove elsewhere; and what root makes there the user could not read.
    static func becomeOwner(of folder: String) throws {
        guard geteuid() == 0, let owner = (try? fileStatus(folder, followingLinks: true))?.st_uid, owner != 0 else {
            return
        }
        let account = Account(owner)
        let name = account.name ?? "\(owner)"
        guard account.become() else {
            throw CommandFailure(
                "this folder belongs to \(name)",
                reason: "and root could not work as \(name): \(String(cString: strerror(errno)))",
                hint: "run this as \(name)", exitCode: .configuration)
        }
        CommandOutput.complain("This folder belongs to \(name): working as \(name), not as root.")
    }

    /// `false` with errno(3).
    private func become() -> Bool {
        // The groups first: later there is no right to it.
        if let name {
            guard initgroups(name, group) == 0 else { return false }
        } else {
            guard setgroups(0, nil) == 0 else { return false }
        }
        // As root these set the real and the saved ones too (setuid(2)): there is no way back.
        guard setgid(group) == 0, setuid(user) == 0 else { return false }
        // For ssh, and what that starts.
        if let name, let home {
            setenv("HOME", home, 1)
            setenv("USER", name, 1)
            setenv("LOGNAME", name, 1)
        }
        return true
    }
}
