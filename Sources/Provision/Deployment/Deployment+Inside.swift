import CommandSupport
import Files

extension Deployment {
    /// A second authority by mistake, made in `pis/` for example, would make Pis that the receiver refuses.
    func refuseInsideAnother() throws {
        guard try fileStatus(certificates) == nil else { return }
        for above in ["..", "../.."] where try fileStatus(path("\(above)/certs/ca.pem")) != nil {
            throw CommandFailure(
                "this folder lies inside of a deployment", reason: "\(above)/certs/ca.pem is there",
                hint: "change to the deployment's own folder: cd \(above)", exitCode: .configuration)
        }
    }
}
