import CommandSupport
import Files
import Glibc

extension Deployment {
    /// A second authority by mistake, made in `pis/` for example, would make Pis that the receiver refuses.
    func refuseInsideAnother() throws {
        guard try fileStatus(certificates) == nil else { return }
        for above in ["..", "../.."] {
            // A folder above into which we may not look holds no deployment of ours.
            guard case .some(.some) = try? fileStatus(path("\(above)/certs/ca.pem")) else { continue }
            throw CommandFailure(
                "this folder lies inside of a deployment", reason: "\(above)/certs/ca.pem is there",
                hint: "change to the deployment's own folder: cd \(above)", exitCode: .configuration)
        }
    }

    /// Who may put a link into a folder that others can write to would else choose where keys are written, and what is
    /// removed. Root's are as good as our own.
    func refuseForeignLinks() throws {
        for path in [certificates, identities] {
            guard let status = try fileStatus(path), status.st_mode & S_IFMT == S_IFLNK,
                ![0, geteuid()].contains(status.st_uid)
            else { continue }
            throw CommandFailure(
                "\(path) is a link of somebody else's", reason: "it belongs to \(Account.name(of: status.st_uid))",
                hint: "see where it leads: ls -ld \(path); if that is right, make it yourself", exitCode: .configuration
            )
        }
    }
}
